/**
 * The rules a new password is held to before Keystone is asked. Shared by the server and the portal's
 * script, so that the browser never promises what the server refuses.
 */

/** bcrypt, which Keystone uses, silently ignores what comes after this many bytes. */
export const MAX_PASSWORD_BYTES = 72;

export type PasswordProblem = "empty" | "too-long" | "control-characters" | "policy";

export interface PasswordPolicyText {
  /** Keystone's `password_regex`, in Python's dialect. */
  readonly regex: string | null;
  readonly description: string | null;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: finding control characters is the point; a NUL makes Keystone drop the connection.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/**
 * What can be told at once, without the operator's own rules: those take a regular expression, which
 * may take for ever (see `translatePolicy`).
 *
 * @returns the first rule it breaks, or undefined. Lone surrogates count as control characters: they
 *   have no UTF-8 form, so Keystone would store something else than was typed.
 */
export function findPasswordProblem(
  password: string,
): Exclude<PasswordProblem, "policy"> | undefined {
  if (password === "") return "empty";
  if (CONTROL.test(password) || /\p{Surrogate}/u.test(password)) return "control-characters";
  if (new TextEncoder().encode(password).length > MAX_PASSWORD_BYTES) return "too-long";
  return undefined;
}

/** For `new RegExp(source, flags)`, which may throw: only a compiler knows all that is none. */
export interface TranslatedPolicy {
  readonly source: string;
  readonly flags: string;
}

/** Far more than people write. */
const MAX_POLICY_LENGTH = 1000;

/**
 * Keystone matches with Python's `re.match`: anchored at the start alone.
 *
 * The result is the operator's, not ours: compiled and matched, it may take minutes. So that happens in
 * a worker that can be ended, on the server as in the browser. Translating takes no longer than reading.
 *
 * @returns the same expression for JavaScript, or undefined where the dialects differ in something it
 *   uses, and where it is too long. Then nothing is checked here: refusing what Keystone takes would
 *   lock somebody out, and Keystone checks in any case.
 */
export function translatePolicy(pythonRegex: string): TranslatedPolicy | undefined {
  if (pythonRegex.length > MAX_POLICY_LENGTH) return undefined;
  // `[]` and `[^]` are classes by themselves here; in Python the bracket is their first member.
  const pythonOnly = /\(\?[P#aiLmsux(-]|\{,|\[\[|\[\^?\]|[*+?}]\+/;
  if (pythonOnly.test(pythonRegex)) return undefined;
  let insideClass = false;
  try {
    const translated = pythonRegex.replace(/\\([\s\S])|[[\]]/g, (whole, escaped?: string) => {
      if (escaped !== undefined) return translateEscape(escaped, { insideClass });
      insideClass = whole === "[";
      return whole;
    });
    // "s", because Python's dot takes the line separators of Unicode, which a password may hold.
    return { source: `^(?:${translated})`, flags: "su" };
  } catch {
    return undefined;
  }
}

/** Python's `\s`: JavaScript's has U+FEFF besides. */
const SPACE =
  " \\t-\\r\\x1c-\\x1f\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
/** Python's `\w` and `\d` take every script's letters and digits, JavaScript's ASCII alone. */
const WORD = "\\p{L}\\p{N}_";

/** @throws {RangeError} where JavaScript has no equal */
function translateEscape(escaped: string, { insideClass }: { insideClass: boolean }): string {
  switch (escaped) {
    case "d":
      return "\\p{Nd}";
    case "D":
      return "\\P{Nd}";
    case "w":
      return insideClass ? WORD : `[${WORD}]`;
    case "s":
      return insideClass ? SPACE : `[${SPACE}]`;
    case "S":
      return insideClass ? "\\S\\ufeff" : `[^${SPACE}]`;
    case "W":
      if (!insideClass) return `[^${WORD}]`;
  }
  // Left over: what has another meaning in the other dialect, such as \Z, and \b, whose words are ASCII.
  if (/[A-Za-z0-9]/.test(escaped)) throw new RangeError(`\\${escaped} means something else here`);
  // By its number, so that it stays a character: `{1\,2}` is no count.
  const code = escaped.charCodeAt(0);
  return code < 128 ? `\\x${code.toString(16).padStart(2, "0")}` : escaped;
}
