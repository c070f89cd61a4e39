import type { KeystoneRequest } from "./request.server";

const longestDetail = 1000;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keystone's own words: one bounded line, without what it was sent. */
export function detailOf(json: unknown, request: KeystoneRequest): string | undefined {
  if (!isObject(json) || !isObject(json.error)) return undefined;
  const { message } = json.error;
  if (typeof message !== "string") return undefined;
  let words = message;
  // Keystone's schema errors quote the value: "Invalid input for field 'user/password': 'abc' is …".
  const field = /^Invalid input for field '[^']*'/.exec(words);
  if (field) words = field[0];
  for (const secret of secretsIn(request)) {
    for (const quote of ["'", '"'])
      words = words.replaceAll(`${quote}${secret}${quote}`, `${quote}…${quote}`);
    // Long enough not to be an ordinary word of the message.
    if (secret.length >= 16) words = words.replaceAll(secret, "…");
  }
  const line = words
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, " ")
    .trim()
    .slice(0, longestDetail);
  return line === "" ? undefined : line;
}

const secretFields = new Set(["password", "original_password", "secret", "passcode"]);

function secretsIn(request: KeystoneRequest): string[] {
  const found: string[] = [];
  if (request.token) found.push(request.token);
  if (request.subjectToken) found.push(request.subjectToken);
  const walk = (value: unknown, name: string, parent: string) => {
    if (typeof value === "string") {
      if (value !== "" && (secretFields.has(name) || (name === "id" && parent === "token")))
        found.push(value);
    } else if (isObject(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, key, name);
    }
  };
  walk(request.json, "", "");
  return found;
}

/** Our own log must not be written by whoever answers in Keystone's place. */
export function plainRequestId(value: string | undefined): string | undefined {
  return value !== undefined && /^[\w-]{1,64}$/.test(value) ? value : undefined;
}
