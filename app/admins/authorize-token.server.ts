import { LRUCache } from "lru-cache";
import type { Config } from "../config.server";
import type { AccessInfo } from "../keystone/access-info.server";
import { authenticate, tokenAuth } from "../keystone/auth.server";
import { isKeystoneError, type KeystoneError } from "../keystone/errors.server";
import { validateToken } from "../keystone/identity.server";
import type { KeystoneSession } from "../keystone/session.server";
import { hashToken } from "../vault/vault.server";

/** A caller who may issue links. */
export interface AuthorizedCaller {
  readonly userId: string;
  readonly userName: string;
  /** A Keystone token scoped to the admin project. In memory alone. */
  readonly token: string;
}

export type Authorization =
  | { ok: true; caller: AuthorizedCaller }
  /** Keystone does not know the token: garbage, expired or revoked. */
  | { ok: false; reason: "unknown-token" }
  /** A good token that cannot be scoped to the admin project, or lacks the role. */
  | { ok: false; reason: "not-admin" }
  | { ok: false; reason: "keystone-unavailable"; retryAfterSeconds: number };

export interface TokenAuthorizer {
  /** @param token an `X-Auth-Token` as it came */
  authorize(token: string, options: { requestId: string }): Promise<Authorization>;
  /** Remembers a token that Keystone has just given for the admin project, to one who has the role. */
  remember(access: AccessInfo): void;
}

const MAX_CACHED = 1000;
/** Keystone's own tokens are far shorter; a longer header is not asked about. */
const MAX_TOKEN_LENGTH = 4096;

const keyOf = (token: string) => hashToken(token).toString("base64");

/**
 * Authorizes by a Keystone token, a script's or a session's: it is an administrator's if it can be
 * scoped to the admin project.
 * A positive answer is remembered, under the token's hash, for `authCacheSeconds` and never past the
 * token's expiry, as keystonemiddleware does; a refusal is not. Calls with the same token at the same
 * time share one question.
 */
export function createTokenAuthorizer({
  config,
  keystone,
}: {
  config: Pick<Config, "admin">;
  keystone: KeystoneSession;
}): TokenAuthorizer {
  const { authCacheSeconds } = config.admin;
  const remembered = new LRUCache<string, AuthorizedCaller>({ max: MAX_CACHED });
  const asking = new Map<string, Promise<Authorization>>();

  function admit(key: string, access: AccessInfo): AuthorizedCaller {
    const caller = { userId: access.user.id, userName: access.user.name, token: access.token };
    const lifetimeMs = access.expiresAt ? access.expiresAt.getTime() - Date.now() : Infinity;
    const ttl = Math.min(authCacheSeconds * 1000, lifetimeMs);
    if (ttl >= 1) remembered.set(key, caller, { ttl });
    return caller;
  }

  async function ask(token: string, key: string, requestId: string): Promise<Authorization> {
    let access: AccessInfo | undefined;
    try {
      access = await scopeToAdminProject({ keystone, config, token, requestId });
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      return refusalFor(error);
    }
    if (!access || !mayAdminister(access, config.admin)) return { ok: false, reason: "not-admin" };
    return { ok: true, caller: admit(key, access) };
  }

  return {
    remember: (access) => {
      admit(keyOf(access.token), access);
    },
    async authorize(token, { requestId }) {
      if (token.length > MAX_TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(token))
        return { ok: false, reason: "unknown-token" };
      const key = keyOf(token);
      const caller = remembered.get(key);
      if (caller) return { ok: true, caller };
      const asked = asking.get(key) ?? ask(token, key, requestId).finally(() => asking.delete(key));
      asking.set(key, asked);
      return asked;
    },
  };
}

/**
 * Where Keystone forbids rescoping a scoped token ([token] allow_rescope_scoped_token), the token's own
 * scope is looked at instead.
 *
 * @returns undefined where the token is scoped elsewhere
 * @throws {KeystoneError} `not-found` for a token it does not know
 */
async function scopeToAdminProject({
  keystone,
  config,
  token,
  requestId,
}: {
  keystone: KeystoneSession;
  config: Pick<Config, "admin">;
  token: string;
  requestId: string;
}): Promise<AccessInfo | undefined> {
  const { projectName, projectDomainId } = config.admin;
  try {
    return await authenticate(keystone, tokenAuth({ token }), {
      scope: { projectName, projectDomainId },
      requestId,
    });
  } catch (error) {
    if (!isKeystoneError(error) || error.kind !== "forbidden") throw error;
    const access = await validateToken(keystone, { token, subjectToken: token, requestId });
    const project = access?.project;
    return project?.name === projectName && project.domain.id === projectDomainId
      ? access
      : undefined;
  }
}

/** @returns whether the token's roles hold one of ADMIN_ROLES, or any role where none is named */
export function mayAdminister(access: AccessInfo, admin: Pick<Config["admin"], "roles">): boolean {
  return admin.roles.length === 0 || access.roles.some((role) => admin.roles.includes(role.name));
}

function refusalFor(error: KeystoneError): Authorization {
  switch (error.kind) {
    case "not-found":
      return { ok: false, reason: "unknown-token" };
    case "unauthorized":
    case "forbidden":
    case "mfa-required":
      return { ok: false, reason: "not-admin" };
    default:
      return {
        ok: false,
        reason: "keystone-unavailable",
        retryAfterSeconds: error.retryAfterSeconds ?? 10,
      };
  }
}
