import { z } from "zod";
import { type Asker, ask, optionalText, pathOf, send, undefinedIfNotFound } from "./ask.server";
import { invalidResponse, isKeystoneError, type KeystoneError } from "./errors.server";
import { parseKeystoneTime } from "./keystone-time.server";
import { wordsOfRefusedPassword } from "./passwords.server";
import { isPlainText } from "./plain-text.server";
import type { KeystoneSession } from "./session.server";

const userFields = z
  .object({
    id: z.string(),
    name: z.string(),
    domain_id: z.string(),
    // Absent where nobody gave one, and with many LDAP backends.
    email: optionalText,
    enabled: z.boolean().default(true),
    description: optionalText,
    password_expires_at: z.string().nullish(),
    options: z.object({ lock_password: z.boolean().nullish() }).optional(),
    setpass_account: optionalText,
  })
  .transform(({ domain_id: domainId, password_expires_at: expiresAt, options, ...fields }) => {
    const { setpass_account: accountMark, ...user } = fields;
    return {
      ...user,
      domainId,
      /** What setpass gave the account when it made it: see `createUser`. */
      accountMark,
      passwordExpiresAt: parseKeystoneTime(expiresAt ?? "") ?? null,
      /** Keystone's option that forbids users to change their own password. */
      lockPassword: options?.lock_password ?? undefined,
    };
  });

export type KeystoneUser = z.output<typeof userFields>;

const usersAnswer = z.object({
  users: z.array(userFields),
  truncated: z.boolean().nullish(),
  links: z.object({ next: z.string().nullish() }).optional(),
});

const userAnswer = z.object({ user: userFields });

/**
 * Users by part of their name (upper and lower case alike) and by domain. Keystone cannot filter by
 * e-mail. `truncated`: there are more than these. Keystone API: GET /v3/users?name__icontains=…
 *
 * `name__contains` would be case-sensitive, and filtered in Keystone's memory instead of in its
 * database.
 *
 * @throws KeystoneError
 */
export async function listUsers(
  session: KeystoneSession,
  options: Asker & {
    nameContains?: string;
    domainId?: string;
    enabled?: boolean;
    limit?: number;
  },
): Promise<{ users: KeystoneUser[]; truncated: boolean }> {
  const { limit, nameContains = "" } = options;
  // Nobody is called this, and Keystone's database fails at it.
  if (!isPlainText(nameContains)) return { users: [], truncated: false };
  const query = {
    name__icontains: nameContains || undefined,
    domain_id: options.domainId,
    enabled: options.enabled?.toString(),
    // Keystone before 2025 does not know it; the list is cut here all the same.
    limit: limit?.toString(),
  };
  const answer = await ask(session, options, { path: "/users", query }, usersAnswer);
  // To Keystone's database `_` and `%` are wildcards.
  const wanted = nameContains.toLowerCase();
  const users = answer.users.filter((user) => user.name.toLowerCase().includes(wanted));
  const tooMany = limit !== undefined && users.length > limit;
  return {
    users: tooMany ? users.slice(0, limit) : users,
    truncated: tooMany || answer.truncated === true || Boolean(answer.links?.next),
  };
}

/**
 * The users of exactly this name, one at most in each domain. Keystone API: GET /v3/users?name=…
 *
 * @param options.domainId in this domain alone
 * @throws KeystoneError
 */
export async function findUsersNamed(
  session: KeystoneSession,
  options: Asker & { name: string; domainId?: string },
): Promise<KeystoneUser[]> {
  const { name, domainId } = options;
  // Nobody is called this, and Keystone's database fails at it.
  if (name === "" || !isPlainText(name)) return [];
  const query = { name, domain_id: domainId };
  const answer = await ask(session, options, { path: "/users", query }, usersAnswer);
  // On MySQL, names know no case and no accents.
  return answer.users.filter((user) => user.name === name);
}

/**
 * One user; undefined where Keystone knows none of that id. Keystone API: GET /v3/users/{id}.
 * @throws KeystoneError
 */
export async function getUser(
  session: KeystoneSession,
  options: Asker & { userId: string },
): Promise<KeystoneUser | undefined> {
  const answer = await undefinedIfNotFound(() =>
    ask(session, options, { path: pathOf(session, "users", options.userId) }, userAnswer),
  );
  return answer?.user;
}

export type CreateUserOutcome =
  | { ok: true; user: KeystoneUser }
  /** The domain has a user of this name already. */
  | { ok: false; reason: "name-taken" }
  /** Keystone's password rules, in its own words. */
  | { ok: false; reason: "password-refused"; message: string }
  /** The domain's users are in a directory that Keystone does not write to (LDAP). */
  | { ok: false; reason: "read-only-domain" }
  | { ok: false; reason: "unknown-domain" }
  /** Keystone's policy does not let the token's holder create users there. */
  | { ok: false; reason: "forbidden" }
  /** In Keystone's own words: a name that is too long, say. */
  | { ok: false; reason: "bad-request"; message: string };

/**
 * Creates a user with a password: half of what creating one and then setting it costs Keystone. The mark
 * is an attribute of our own, `setpass_account`, which Keystone keeps and shows to whoever may read the
 * user; users cannot change it. Keystone API: POST /v3/users.
 *
 * @param options.description for people: the full name
 * @param options.accountMark another one for each call: it tells what became of a call whose answer was lost
 * @throws KeystoneError for an outage and for a token that is not good (`unauthorized`)
 */
export async function createUser(
  session: KeystoneSession,
  options: Asker & {
    name: string;
    domainId: string;
    password: string;
    accountMark: string;
    email?: string;
    description?: string;
  },
): Promise<CreateUserOutcome> {
  const { name, domainId, password, accountMark, email, description } = options;
  const fields = { name, domain_id: domainId, password, email, description };
  const json = { user: { ...fields, enabled: true, setpass_account: accountMark } };
  // Its answer to those is a 500 or none at all.
  if (![name, domainId, description ?? ""].every(isPlainText))
    return { ok: false, reason: "bad-request", message: "A name has no control characters." };
  try {
    const request = { method: "POST", path: "/users", json } as const;
    const { user } = await send(session, options, request, userAnswer);
    return { ok: true, user };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    return whyNotCreated(error);
  }
}

function whyNotCreated(error: KeystoneError): Exclude<CreateUserOutcome, { ok: true }> {
  const { kind, status, detail = "Keystone did not say why." } = error;
  if (kind === "conflict") return { ok: false, reason: "name-taken" };
  if (kind === "not-found") return { ok: false, reason: "unknown-domain" };
  // What a driver that cannot write says where it knows no better words.
  if (status === 501) return { ok: false, reason: "read-only-domain" };
  if (kind !== "bad-request" && kind !== "forbidden") throw error;
  const message = wordsOfRefusedPassword(error);
  if (message !== undefined) return { ok: false, reason: "password-refused", message };
  if (kind === "bad-request") return { ok: false, reason: "bad-request", message: detail };
  const isReadOnly = CANNOT_WRITE.test(detail);
  return { ok: false, reason: isReadOnly ? "read-only-domain" : "forbidden" };
}

/** Words of Keystone's (identity/backends/ldap/core.py): a 403, as its policy's. */
const CANNOT_WRITE = /does not support write/i;

export type EnableUserOutcome =
  | { ok: true }
  /** The token has no right to it, or the user lives in a backend that cannot be written to (LDAP). */
  | { ok: false; reason: "forbidden" }
  | { ok: false; reason: "unknown-user" };

/**
 * Enables a user; one that is enabled stays so. As any change of a user it ends a lock-out as well.
 * Keystone API: PATCH /v3/users/{id}.
 *
 * @throws KeystoneError for an outage and for a token that is not good (`unauthorized`)
 */
export async function enableUser(
  session: KeystoneSession,
  options: Asker & { userId: string },
): Promise<EnableUserOutcome> {
  try {
    const path = pathOf(session, "users", options.userId);
    const json = { user: { enabled: true } };
    await send(session, options, { method: "PATCH", path, json }, userAnswer);
    return { ok: true };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (error.kind === "forbidden") return { ok: false, reason: "forbidden" };
    if (error.kind === "not-found") return { ok: false, reason: "unknown-user" };
    throw error;
  }
}

/** Words of Keystone's (server/flask/common.py, identity/core.py) that come after its policy was asked. */
const CANNOT_CHANGE_ID = /cannot change (user )?id/i;

/**
 * Whether the token's holder may change this user, by Keystone's own policy. Asks for a change that
 * Keystone cannot make, of the user's id: it checks its policy before it says so. Any other idle change
 * would unlock a locked account, and newer Keystones refuse an empty one before they check their policy.
 * Keystone API: PATCH /v3/users/{id}.
 *
 * @returns `unknown-user` to those alone who may change every user; `no` to the others
 * @throws KeystoneError where that was not answered; `unauthorized` where the token is not good
 */
export async function mayChangeUser(
  session: KeystoneSession,
  options: { token: string; userId: string; requestId?: string },
): Promise<"yes" | "no" | "unknown-user"> {
  let status: number;
  try {
    const answer = await session.request({
      method: "PATCH",
      path: pathOf(session, "users", options.userId),
      token: options.token,
      // Any id but the user's own.
      json: { user: { id: options.userId === "0" ? "1" : "0" } },
      requestId: options.requestId,
    });
    status = answer.status;
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (error.kind === "bad-request" && CANNOT_CHANGE_ID.test(error.detail ?? "")) return "yes";
    if (error.kind === "forbidden") return "no";
    if (error.kind === "not-found") return "unknown-user";
    if (error.kind !== "bad-request") throw error;
    status = 400;
  }
  throw invalidResponse({
    problem: "Keystone's answer does not tell whether the caller may change the user",
    authUrl: session.authUrl,
    method: "PATCH",
    path: "/users/…",
    status,
  });
}
