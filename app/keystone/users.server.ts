import { z } from "zod";
import { type Asker, ask, optionalText, pathOf, undefinedIfNotFound } from "./ask.server";
import { invalidResponse, isKeystoneError } from "./errors.server";
import { parseKeystoneTime } from "./keystone-time.server";
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
  })
  .transform(({ domain_id: domainId, password_expires_at: expiresAt, options, ...user }) => ({
    ...user,
    domainId,
    passwordExpiresAt: parseKeystoneTime(expiresAt ?? "") ?? null,
    /** Keystone's option that forbids users to change their own password. */
    lockPassword: options?.lock_password ?? undefined,
  }));

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
 * @throws KeystoneError
 */
export async function findUsersNamed(
  session: KeystoneSession,
  options: Asker & { name: string },
): Promise<KeystoneUser[]> {
  const { name } = options;
  // Nobody is called this, and Keystone's database fails at it.
  if (name === "" || !isPlainText(name)) return [];
  const answer = await ask(session, options, { path: "/users", query: { name } }, usersAnswer);
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
