/**
 * One line of text as a form sent it: trimmed, without control characters and those that turn the
 * direction of what follows, and no longer than it may be. Not for secrets, which are taken as they are.
 */
export function readLine(form: URLSearchParams, name: string, maxLength = 255): string {
  return (form.get(name) ?? "")
    .replace(/[\p{Cc}\p{Surrogate}\p{Bidi_Control}]/gu, " ")
    .trim()
    .slice(0, maxLength);
}
