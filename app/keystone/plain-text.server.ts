/**
 * Whether a text can be sent to Keystone as a name or an id: no control characters (its database
 * fails at a NUL) and no halves of characters (its Python fails at them). Keystone answers such a
 * text with a dropped connection or a 500, which would look like an outage.
 */
export function isPlainText(text: string): boolean {
  return !/\p{Cc}|\p{Cs}/u.test(text);
}
