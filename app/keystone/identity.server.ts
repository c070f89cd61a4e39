import { z } from "zod";
import { type AccessInfo, readAccessInfo } from "./access-info.server";
import { authenticate, passwordAuth } from "./auth.server";
import { invalidResponse, isKeystoneError, isKeystoneOutage, KeystoneError } from "./errors.server";
import { parseKeystoneTime } from "./keystone-time.server";
import { isPlainText } from "./plain-text.server";
import type { KeystoneRequest, KeystoneSession } from "./session.server";

export interface KeystoneUser {
  id: string;
  name: string;
  domainId: string;
  /** Absent where nobody gave one, and with many LDAP backends. */
  email?: string;
  enabled: boolean;
  description?: string;
  passwordExpiresAt: Date | null;
  /** Keystone's option that forbids users to change their own password. */
  lockPassword?: boolean;
}

const text = z
  .string()
  .nullish()
  .transform((value) => (value ? value : undefined));

const userFields = z
  .object({
    id: z.string(),
    name: z.string(),
    domain_id: z.string(),
    email: text,
    enabled: z.boolean().default(true),
    description: text,
    password_expires_at: z.string().nullish(),
    options: z.object({ lock_password: z.boolean().nullish() }).optional(),
  })
  .transform((user): KeystoneUser => {
    return {
      id: user.id,
      name: user.name,
      domainId: user.domain_id,
      ...(user.email !== undefined && { email: user.email }),
      enabled: user.enabled,
      ...(user.description !== undefined && { description: user.description }),
      passwordExpiresAt: parseKeystoneTime(user.password_expires_at ?? "") ?? null,
      ...(user.options?.lock_password != null && { lockPassword: user.options.lock_password }),
    };
  });

const usersAnswer = z.object({
  users: z.array(userFields),
  truncated: z.boolean().nullish(),
  links: z.object({ next: z.string().nullish() }).optional(),
});
const userAnswer = z.object({ user: userFields });
const domainFields = z.object({
  id: z.string(),
  name: z.string(),
  enabled: z.boolean().default(true),
});
const domainsAnswer = z.object({ domains: z.array(domainFields) });
const domainAnswer = z.object({ domain: domainFields });
const idsAnswer = (collection: "roles" | "projects") =>
  z.object({ [collection]: z.array(z.object({ id: z.string() })) });
const withId = z.object({ id: z.string() });
const assignmentsAnswer = z.object({
  role_assignments: z.array(
    z.object({ role: withId, scope: z.object({ project: withId.optional() }) }),
  ),
});
const policyAnswer = z.object({
  config: z.object({
    security_compliance: z.object({
      password_regex: text,
      password_regex_description: text,
    }),
  }),
});

/** One call whose answer must be of this shape. */
async function ask<Shape extends z.ZodType>(
  session: KeystoneSession,
  request: KeystoneRequest,
  shape: Shape,
): Promise<z.output<Shape>> {
  return session.request(request, (response) => {
    const parsed = shape.safeParse(response.json);
    if (parsed.success) return parsed.data;
    const fields = parsed.error.issues.slice(0, 5).map((issue) => issue.path.join("."));
    throw invalidResponse({
      problem: `Keystone's answer is unreadable in ${fields.map((name) => name || "the body").join(", ")}`,
      authUrl: session.authUrl,
      method: request.method,
      path: request.path,
      status: response.status,
      keystoneRequestId: response.keystoneRequestId,
    });
  });
}

async function undefinedIfNotFound<T>(asking: () => Promise<T>): Promise<T | undefined> {
  try {
    return await asking();
  } catch (error) {
    if (isKeystoneError(error) && error.kind === "not-found") return undefined;
    throw error;
  }
}

/**
 * The path below a collection of what has this id.
 * @throws KeystoneError `not-found`, without asking, for an id that no path can name: an empty one
 *   would name the collection, `..` something else, a slash never reaches Keystone as one, and
 *   control characters and halves of characters make it fail
 */
function pathOf(session: KeystoneSession, collection: "users" | "domains", id: string): string {
  if (id === "" || id === "." || id === ".." || id.includes("/") || !isPlainText(id)) {
    throw new KeystoneError({
      kind: "not-found",
      message: `Not sent, no id in Keystone's ${collection} can be like this`,
      method: "GET",
      path: `${new URL(session.authUrl).pathname}/${collection}`,
      mayHaveHappened: false,
    });
  }
  return `/${collection}/${encodeURIComponent(id)}`;
}

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
  options: {
    token: string;
    nameContains?: string;
    domainId?: string;
    enabled?: boolean;
    limit?: number;
    requestId?: string;
    signal?: AbortSignal;
  },
): Promise<{ users: KeystoneUser[]; truncated: boolean }> {
  const { limit, nameContains = "" } = options;
  // Nobody is called this, and Keystone's database fails at it.
  if (!isPlainText(nameContains)) return { users: [], truncated: false };
  const answer = await ask(
    session,
    {
      method: "GET",
      path: "/users",
      query: {
        name__icontains: nameContains || undefined,
        domain_id: options.domainId,
        enabled: options.enabled === undefined ? undefined : String(options.enabled),
        // Keystone before 2025 does not know it; the list is cut here all the same.
        limit: limit === undefined ? undefined : String(limit),
      },
      token: options.token,
      requestId: options.requestId,
      signal: options.signal,
    },
    usersAnswer,
  );
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
  options: { token: string; name: string; requestId?: string },
): Promise<KeystoneUser[]> {
  const { name } = options;
  // Nobody is called this, and Keystone's database fails at it.
  if (name === "" || !isPlainText(name)) return [];
  const answer = await ask(
    session,
    {
      method: "GET",
      path: "/users",
      query: { name },
      token: options.token,
      requestId: options.requestId,
    },
    usersAnswer,
  );
  // On MySQL, names know no case and no accents.
  return answer.users.filter((user) => user.name === name);
}

/**
 * One user; undefined where Keystone knows none of that id. Keystone API: GET /v3/users/{id}.
 * @throws KeystoneError
 */
export async function getUser(
  session: KeystoneSession,
  options: { token: string; userId: string; requestId?: string },
): Promise<KeystoneUser | undefined> {
  const answer = await undefinedIfNotFound(() =>
    ask(
      session,
      {
        method: "GET",
        path: pathOf(session, "users", options.userId),
        token: options.token,
        requestId: options.requestId,
      },
      userAnswer,
    ),
  );
  return answer?.user;
}

/** All domains. Keystone API: GET /v3/domains. @throws KeystoneError */
export async function listDomains(
  session: KeystoneSession,
  options: { token: string; requestId?: string },
): Promise<{ id: string; name: string; enabled: boolean }[]> {
  const { domains } = await ask(
    session,
    { method: "GET", path: "/domains", token: options.token, requestId: options.requestId },
    domainsAnswer,
  );
  return domains;
}

/**
 * One domain; undefined where there is none of that id. Keystone API: GET /v3/domains/{id}.
 * @throws KeystoneError
 */
export async function getDomain(
  session: KeystoneSession,
  options: { token: string; domainId: string; requestId?: string },
): Promise<{ id: string; name: string } | undefined> {
  const answer = await undefinedIfNotFound(() =>
    ask(
      session,
      {
        method: "GET",
        path: pathOf(session, "domains", options.domainId),
        token: options.token,
        requestId: options.requestId,
      },
      domainAnswer,
    ),
  );
  return answer && { id: answer.domain.id, name: answer.domain.name };
}

/**
 * The roles a user has: on projects and domains, also through groups, inheritance and other roles; and on
 * the system, where they are the user's own. By their ids, because Keystone takes seconds to look many
 * names up. Keystone API: GET /v3/role_assignments?user.id=…
 *
 * @throws KeystoneError. `forbidden`: the token may not read them
 */
export async function listRolesOfUser(
  session: KeystoneSession,
  options: { token: string; userId: string; requestId?: string },
): Promise<{ roleId: string; projectId: string | undefined }[]> {
  const { token, requestId } = options;
  const list = (query: Record<string, string>) =>
    ask(
      session,
      {
        method: "GET",
        path: "/role_assignments",
        query: { "user.id": options.userId, ...query },
        token,
        requestId,
      },
      assignmentsAnswer,
    );
  // Those on the system Keystone leaves out of the effective ones.
  const answers = await Promise.all([list({ effective: "" }), list({ "scope.system": "all" })]);
  return answers.flatMap(({ role_assignments: assignments }) =>
    assignments.map(({ role, scope }) => ({ roleId: role.id, projectId: scope.project?.id })),
  );
}

/** Ids of the roles of this name. Keystone API: GET /v3/roles?name=… @throws KeystoneError */
export async function findRoleIds(
  session: KeystoneSession,
  options: { token: string; name: string; requestId?: string },
): Promise<string[]> {
  const { token, name, requestId } = options;
  const request = { method: "GET", path: "/roles", query: { name }, token, requestId } as const;
  const { roles = [] } = await ask(session, request, idsAnswer("roles"));
  return roles.map(({ id }) => id);
}

/** Ids of the projects of this name, one at most. Keystone API: GET /v3/projects. @throws KeystoneError */
export async function findProjectIds(
  session: KeystoneSession,
  options: { token: string; name: string; domainId: string; requestId?: string },
): Promise<string[]> {
  const { token, name, domainId, requestId } = options;
  const query = { name, domain_id: domainId };
  const request = { method: "GET", path: "/projects", query, token, requestId } as const;
  const { projects = [] } = await ask(session, request, idsAnswer("projects"));
  return projects.map(({ id }) => id);
}

export interface PasswordPolicy {
  /** In Python's dialect, as Keystone's operator wrote it. */
  regex?: string;
  /** The operator's words for it. */
  description?: string;
}

const defaultDomainId = "default";

/**
 * The password rules for the users of a domain, which any valid token may read; empty where there
 * are none or they are not told. Keystone API: GET /v3/domains/{id}/config/security_compliance.
 *
 * Keystone has one set of rules for all domains, and tells it under the default domain only (403
 * for any other): so that one is asked in that case.
 *
 * @throws KeystoneError
 */
export async function getPasswordPolicy(
  session: KeystoneSession,
  options: { token: string; domainId: string; requestId?: string },
): Promise<PasswordPolicy> {
  try {
    const { config } = await ask(
      session,
      {
        method: "GET",
        path: `${pathOf(session, "domains", options.domainId)}/config/security_compliance`,
        token: options.token,
        requestId: options.requestId,
      },
      policyAnswer,
    );
    const { password_regex: regex, password_regex_description: description } =
      config.security_compliance;
    return {
      ...(regex !== undefined && { regex }),
      ...(description !== undefined && { description }),
    };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (error.kind === "forbidden" && options.domainId !== defaultDomainId) {
      return getPasswordPolicy(session, { ...options, domainId: defaultDomainId });
    }
    if (error.kind === "not-found" || error.kind === "forbidden") return {};
    throw error;
  }
}

/**
 * What Keystone says of another's token; undefined where it is unknown, expired or revoked. A token
 * may be asked about with itself. Keystone API: GET /v3/auth/tokens.
 *
 * @throws KeystoneError. `unauthorized`: `token` itself is not good
 */
export async function validateToken(
  session: KeystoneSession,
  options: { token: string; subjectToken: string; requestId?: string },
): Promise<AccessInfo | undefined> {
  const request: KeystoneRequest = {
    method: "GET",
    path: "/auth/tokens",
    query: { nocatalog: "" },
    token: options.token,
    subjectToken: options.subjectToken,
    requestId: options.requestId,
  };
  try {
    const { authUrl } = session;
    const { method, path } = request;
    return await session.request(request, (response) =>
      readAccessInfo(response, { authUrl, method, path }),
    );
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (error.kind === "not-found") return undefined;
    // Asked with itself, a bad token is refused as the asker's before it is looked at.
    if (error.kind === "unauthorized" && options.token === options.subjectToken) return undefined;
    throw error;
  }
}

/**
 * Makes a token useless at once. One that is useless already is no error.
 * Keystone API: DELETE /v3/auth/tokens.
 *
 * @throws KeystoneError
 */
export async function revokeToken(
  session: KeystoneSession,
  options: { token: string; requestId?: string },
): Promise<void> {
  try {
    await session.request({
      method: "DELETE",
      path: "/auth/tokens",
      token: options.token,
      subjectToken: options.token,
      requestId: options.requestId,
    });
  } catch (error) {
    const gone =
      isKeystoneError(error) && (error.kind === "unauthorized" || error.kind === "not-found");
    if (!gone) throw error;
  }
}

/** Words of Keystone's (server/flask/common.py, identity/core.py) that come after its policy was asked. */
const CANNOT_CHANGE_ID = /cannot change (user )?id/i;

/**
 * Whether the token's holder may change this user, by Keystone's own policy. Asks for a change that
 * Keystone cannot make, of the user's id: it asks its policy before it says so, and nothing happens to the
 * user. Any other change that is no change would unlock an account that is locked. An empty one will not
 * do: newer Keystones refuse it before they ask their policy.
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

export type SetUserPasswordOutcome =
  | { ok: true }
  /** Keystone's password rules, in its own words. */
  | { ok: false; reason: "refused"; message: string }
  /** The token has no right to it, or the user lives in a read-only backend (LDAP). */
  | { ok: false; reason: "forbidden" }
  | { ok: false; reason: "unknown-user" };

/**
 * Sets another's password with administrator's rights. Keystone API: PATCH /v3/users/{id}.
 * @throws KeystoneError for an outage and for a token that is not good (`unauthorized`)
 */
export async function setUserPassword(
  session: KeystoneSession,
  options: { token: string; userId: string; password: string; requestId?: string },
): Promise<SetUserPasswordOutcome> {
  try {
    await session.request({
      method: "PATCH",
      path: pathOf(session, "users", options.userId),
      token: options.token,
      json: { user: { password: options.password } },
      requestId: options.requestId,
    });
    return { ok: true };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (error.kind === "bad-request" || error.kind === "conflict") {
      return refusedInWords(error);
    }
    if (error.kind === "forbidden") {
      if (isPasswordTooLong(error.detail)) return refusedInWords(error);
      return { ok: false, reason: "forbidden" };
    }
    if (error.kind === "not-found") return { ok: false, reason: "unknown-user" };
    throw error;
  }
}

function refusedInWords(error: KeystoneError): { ok: false; reason: "refused"; message: string } {
  const message = error.detail ?? "Keystone refused the password without saying why.";
  return { ok: false, reason: "refused", message };
}

export type ChangePasswordOutcome =
  | { ok: true }
  /** Keystone's password rules (too weak, used before), in its own words. */
  | { ok: false; reason: "refused"; message: string }
  /**
   * The original password is wrong, or there is no such user, or too many sign-ins failed and the
   * account is locked for a while: since CVE-2021-38155 Keystone does not tell which. So it may be
   * right again later.
   */
  | { ok: false; reason: "wrong-original" }
  | { ok: false; reason: "disabled" }
  /** Too many failed sign-ins; Keystone unlocks it after a while. Only older Keystones tell. */
  | { ok: false; reason: "account-locked" }
  /** Keystone's option `lock_password`: the user may not change it. */
  | { ok: false; reason: "password-locked" }
  /** The user's backend cannot be written to (LDAP). */
  | { ok: false; reason: "read-only" }
  /** No answer one could go by. `mayHaveHappened`: the password may have been changed all the same. */
  | {
      ok: false;
      reason: "unavailable";
      mayHaveHappened: boolean;
      error: KeystoneError;
      retryAfterSeconds?: number;
    };

/**
 * Changes a user's own password, the original one being the proof. Sends no token, so it works on a
 * password that has expired or must be changed at first use, and needs no second factor.
 * Keystone API: POST /v3/users/{id}/password.
 *
 * @returns every outcome as a value, outages too; does not throw for anything Keystone does
 */
export async function changePassword(
  session: KeystoneSession,
  options: { userId: string; originalPassword: string; password: string; requestId?: string },
): Promise<ChangePasswordOutcome> {
  try {
    await session.request({
      method: "POST",
      path: `${pathOf(session, "users", options.userId)}/password`,
      json: {
        user: { password: options.password, original_password: options.originalPassword },
      },
      requestId: options.requestId,
    });
    return { ok: true };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    return changeRefused(error);
  }
}

function changeRefused(error: KeystoneError): ChangePasswordOutcome {
  const { detail } = error;
  switch (error.kind) {
    case "bad-request":
    case "conflict":
      if (isPasswordLocked(detail)) return { ok: false, reason: "password-locked" };
      return refusedInWords(error);
    case "unauthorized":
    case "mfa-required":
    case "not-found":
      if (isAccountDisabled(detail)) return { ok: false, reason: "disabled" };
      if (isAccountLocked(detail)) return { ok: false, reason: "account-locked" };
      return { ok: false, reason: "wrong-original" };
    case "forbidden":
      if (isPasswordTooLong(detail)) return refusedInWords(error);
      return { ok: false, reason: "read-only" };
    default:
      return {
        ok: false,
        reason: "unavailable",
        mayHaveHappened: error.mayHaveHappened,
        error,
        ...(error.retryAfterSeconds !== undefined && {
          retryAfterSeconds: error.retryAfterSeconds,
        }),
      };
  }
}

// Keystone tells these apart only by its words (the class names in its exception.py are given). It
// says them in the language asked for, and the session asks for English.
const words = {
  /** UserDisabled */
  accountDisabled: /account is disabled/i,
  /** AccountLocked; since CVE-2021-38155 Keystone no longer says it */
  accountLocked: /account is locked/i,
  /** PasswordExpired */
  passwordExpired: /password is expired/i,
  /** PasswordSelfServiceDisabled: the user's option `lock_password` */
  passwordLocked: /disallowing password changes/i,
  /** PasswordVerificationError: a 403, of all things, with strict_password_check */
  passwordTooLong: /password length must be/i,
};

function isAccountDisabled(detail = ""): boolean {
  return words.accountDisabled.test(detail);
}

function isAccountLocked(detail = ""): boolean {
  return words.accountLocked.test(detail);
}

function isPasswordExpired(detail = ""): boolean {
  return words.passwordExpired.test(detail);
}

function isPasswordLocked(detail = ""): boolean {
  return words.passwordLocked.test(detail);
}

function isPasswordTooLong(detail = ""): boolean {
  return words.passwordTooLong.test(detail);
}

/**
 * Whether this is the user's password, as far as Keystone can be made to say so: asks for an
 * unscoped token. A refusal counts as a failed sign-in towards Keystone's own lockout, so ask only
 * where the answer is needed. Keystone API: POST /v3/auth/tokens.
 *
 * Of a disabled account, and of one locked after too many failed sign-ins, Keystone 22 says a plain
 * 401 whatever the password, without looking at it: that cannot but read as `refused` here. An
 * answer that names the account as disabled comes from one that has looked at the password.
 *
 * @returns `unknown` where Keystone does not answer or will not say (account locked); does not throw
 *   for anything Keystone does
 */
export async function isPasswordAccepted(
  session: KeystoneSession,
  options: { userId: string; password: string; requestId?: string },
): Promise<"accepted" | "refused" | "unknown"> {
  try {
    await authenticate(
      session,
      passwordAuth({ userId: options.userId, password: options.password }),
      { scope: "unscoped", requestId: options.requestId },
    );
    return "accepted";
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (isKeystoneOutage(error)) return "unknown";
    // Another method is asked for only after the password was found right.
    if (error.kind === "mfa-required") return "accepted";
    if (error.kind !== "unauthorized") return "unknown";
    const { detail } = error;
    if (isAccountLocked(detail)) return "unknown";
    if (isPasswordExpired(detail) || isAccountDisabled(detail)) return "accepted";
    return "refused";
  }
}
