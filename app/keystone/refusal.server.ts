import type { KeystoneError, KeystoneErrorFields, KeystoneErrorKind } from "./errors.server";
import { parseJson } from "./read-answer.server";
import { detailOf, isObject } from "./redact.server";
import type { KeystoneRequest, KeystoneResponseHeaders } from "./request.server";

const longestRetryAfterSeconds = 3600;

interface Refused {
  status: number;
  headers: KeystoneResponseHeaders;
  text: string;
  request: KeystoneRequest;
  fail: (
    kind: KeystoneErrorKind,
    message: string,
    more?: Partial<KeystoneErrorFields>,
  ) => KeystoneError;
}

const kindOfStatus: Readonly<Record<number, KeystoneErrorKind>> = {
  400: "bad-request",
  401: "unauthorized",
  403: "forbidden",
  404: "not-found",
  409: "conflict",
};

/** Turns an answer of 4xx or 5xx (or stranger) into the error that says what it was. */
export function refusal({ status, headers, text, request, fail }: Refused): KeystoneError {
  const json = parseJson(text);
  const detail = detailOf(json, request);
  const retryAfterSeconds = parseRetryAfter(headers.get("retry-after"), Date.now());
  const more = { detail, retryAfterSeconds };

  if (status === 429) return fail("rate-limited", "Keystone asks for fewer calls (429)", more);
  if (status >= 500) return fail("server-error", `Keystone failed (${status})`, more);

  if (status === 401 && headers.get("openstack-auth-receipt") !== undefined) {
    return fail("mfa-required", "Keystone asks for another method of authentication (401)", {
      ...more,
      requiredAuthMethods: requiredAuthMethodsOf(json),
    });
  }
  const kind = kindOfStatus[status];
  if (kind === undefined) return fail("unexpected-status", `Keystone answered ${status}`, more);

  // Keystone explains each of these in JSON. A proxy's page, or another service at a mistyped
  // address, must not pass for "no such user" or "wrong password".
  if (request.method !== "HEAD" && !(isObject(json) && isObject(json.error)))
    return fail("invalid-response", `The answer (${status}) is not Keystone's JSON`);
  if (kind === "not-found" && request.token !== undefined && isOfDeletedCredential(detail))
    return fail("unauthorized", `Keystone answered ${status} for the token`, more);
  return fail(kind, `Keystone answered ${status}`, more);
}

/**
 * A token of an application credential that was deleted: whatever it asks for, a user, a domain, gets this
 * 404 in place of a 401. It must not pass for "no such user".
 */
const isOfDeletedCredential = (detail: string | undefined): boolean =>
  /^could not find application credential\b/i.test(detail ?? "");

function requiredAuthMethodsOf(json: unknown): string[][] {
  const sets = isObject(json) ? json.required_auth_methods : undefined;
  if (!Array.isArray(sets)) return [];
  return sets
    .filter((set) => Array.isArray(set))
    .map((set: unknown[]) => set.filter((method) => typeof method === "string"));
}

/** `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); undefined where it is neither. */
function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  const trimmed = value.trim();
  let seconds: number;
  if (/^\d{1,10}$/.test(trimmed)) seconds = Number(trimmed);
  else if (/^[A-Z][a-z]/.test(trimmed)) seconds = Math.ceil((Date.parse(trimmed) - nowMs) / 1000);
  else return undefined; // JavaScript reads a date into almost anything: "-5" is one
  if (Number.isNaN(seconds)) return undefined;
  return Math.min(Math.max(seconds, 0), longestRetryAfterSeconds);
}
