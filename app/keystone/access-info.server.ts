import { z } from "zod";
import { invalidResponse } from "./errors.server";
import { parseKeystoneTime } from "./keystone-time.server";
import type { KeystoneResponse } from "./request.server";

const timestamp = z.string().transform((text, context): Date => {
  const date = parseKeystoneTime(text);
  if (date !== undefined) return date;
  context.addIssue({ code: "custom", message: "not a date" });
  return z.NEVER;
});
const optionalTimestamp = timestamp.nullish().transform((date) => date ?? null);
const named = z.object({ id: z.string(), name: z.string() });
const namedInDomain = named.extend({ domain: named });

const tokenFields = z
  .object({
    // `null` is Keystone's "does not expire".
    expires_at: optionalTimestamp,
    issued_at: optionalTimestamp,
    /** How it was come by: `password`, `token`, `totp`, `application_credential`, … */
    methods: z.array(z.string()).default([]),
    user: namedInDomain.extend({ password_expires_at: optionalTimestamp }),
    project: namedInDomain.optional(),
    domain: named.optional(),
    system: z
      .object({ all: z.boolean().optional() })
      .transform(({ all }) => all === true)
      .optional(),
    roles: z.array(named).default([]),
  })
  .transform(({ expires_at, issued_at, user: { password_expires_at, ...user }, ...token }) => ({
    ...token,
    user,
    expiresAt: expires_at,
    issuedAt: issued_at,
    passwordExpiresAt: password_expires_at,
  }));

const tokenAnswer = z.object({ token: tokenFields });

/** What Keystone says of a token. Dates are null where Keystone gave none (`expires_at: null`). */
export type AccessInfo = z.output<typeof tokenFields> & { token: string };

/**
 * Reads the answer to `POST` or `GET /v3/auth/tokens`.
 *
 * @param onMissingExpiry told where there is no `expires_at`, which is then taken as null; when left out,
 *   such an answer is a broken one. It hears the names of the fields there were
 * @throws KeystoneError of kind `invalid-response` where the header or a field is missing
 */
export function readAccessInfo(
  response: KeystoneResponse,
  call: { authUrl: string; method: string; path: string },
  onMissingExpiry?: (fields: string[]) => void,
): AccessInfo {
  const { status, keystoneRequestId } = response;
  const invalid = (problem: string) =>
    invalidResponse({ ...call, problem, status, keystoneRequestId });

  const token = response.headers.get("x-subject-token");
  if (token === undefined || token === "") {
    const names = response.headers.names().join(", ") || "none";
    throw invalid(`Keystone's answer has no X-Subject-Token header (the headers were: ${names})`);
  }
  const parsed = tokenAnswer.safeParse(response.json);
  if (!parsed.success) {
    const fields = parsed.error.issues.map((issue) => issue.path.join(".") || "the body");
    throw invalid(unreadable(fields));
  }
  const fields = namesOfFields(response.json);
  if (!fields.includes("expires_at")) {
    if (onMissingExpiry === undefined) throw invalid(unreadable(["token.expires_at"]));
    onMissingExpiry(fields);
  }
  return { ...parsed.data.token, token };
}

const unreadable = (fields: string[]) =>
  `Keystone's answer is not a token (unreadable: ${fields.join(", ")})`;

const MOST_FIELDS = 40;

/** Of the token: names alone, which whoever answers in Keystone's place does not choose freely either. */
const namesOfFields = (json: unknown): string[] =>
  Object.keys((json as { token: object }).token)
    .map((name) => (/^[\w:.-]{1,60}$/.test(name) ? name : "…"))
    .slice(0, MOST_FIELDS);

/**
 * Whether the token expires within so many seconds of `now`, or has expired. A token without an
 * expiry never does.
 */
export function willExpireSoon(
  access: Pick<AccessInfo, "expiresAt">,
  options: { withinSeconds: number; now: Date },
): boolean {
  if (access.expiresAt === null) return false;
  return access.expiresAt.getTime() - options.now.getTime() <= options.withinSeconds * 1000;
}
