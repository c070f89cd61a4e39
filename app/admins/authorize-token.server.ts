import { LRUCache } from "lru-cache";
import { limitKeyOf } from "../../db/limit-key";
import type { Config } from "../config/config.server";
import type { AccessInfo } from "../keystone/access-info.server";
import { authenticate, tokenAuth } from "../keystone/auth.server";
import { isKeystoneError, type KeystoneError } from "../keystone/errors.server";
import type { KeystoneSession } from "../keystone/session.server";
import type { SharedKeystone } from "../keystone/shared-session.server";
import { validateToken } from "../keystone/tokens.server";
import { hashToken } from "../vault/vault.server";
import type { Caller } from "./permit-caller.server";
import type { RefusedTokens } from "./refused-tokens.server";

export type Authorization =
  | { ok: true; caller: Caller }
  /** Keystone does not know the token: garbage, expired or revoked. */
  | { ok: false; reason: "unknown-token" }
  /** A good token that cannot be scoped to the admin project, or lacks the role. */
  | { ok: false; reason: "not-admin" }
  /** Not asked about: too many from the same address were refused. */
  | { ok: false; reason: "too-many-refused"; retryAfterSeconds: number }
  | { ok: false; reason: "keystone-unavailable"; retryAfterSeconds: number };

export interface TokenAuthorizer {
  /**
   * @param options.clientAddress who sent it; left out for a session's own, which is known to be a token
   */
  authorize(
    token: string,
    options: { requestId: string; clientAddress?: string },
  ): Promise<Authorization>;
  /** Remembers a token that Keystone has just given for the admin project, to one who has the role. */
  remember(access: AccessInfo): void;
}

const MAX_CACHED = 1000;
/** Tokens that were good once, whether or not that is still believed, and for how long. */
const MAX_VOUCHED = 10_000;
const VOUCHED_MS = 86_400_000;
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
  refusedTokens,
}: {
  config: Pick<Config, "admin">;
  keystone: SharedKeystone;
  refusedTokens: RefusedTokens;
}): TokenAuthorizer {
  const { authCacheSeconds } = config.admin;
  const remembered = new LRUCache<string, Caller>({ max: MAX_CACHED });
  /** Asked about again, these are no stranger's: a flood from the same address is not to hold them up. */
  const vouched = new LRUCache<string, true>({ max: MAX_VOUCHED });
  const asking = new Map<string, Promise<Authorization>>();

  function admit(key: string, access: AccessInfo): Caller {
    const caller: Caller = {
      kind: "admin",
      userId: access.user.id,
      userName: access.user.name,
      keystoneToken: access.token,
      holdsAdminRole: holdsAdminRole(access),
    };
    const lifetimeMs = access.expiresAt ? access.expiresAt.getTime() - Date.now() : Infinity;
    const ttl = Math.min(authCacheSeconds * 1000, lifetimeMs);
    if (ttl > 0) remembered.set(key, caller, { ttl });
    const vouchedMs = Math.min(VOUCHED_MS, lifetimeMs);
    if (vouchedMs > 0) vouched.set(key, true, { ttl: vouchedMs });
    return caller;
  }

  async function ask(token: string, key: string, from: Sender): Promise<Authorization> {
    const { requestId, clientAddress } = from;
    const stranger = vouched.has(key) ? undefined : clientAddress;
    const begins = { method: "POST", path: "/auth/tokens", requestId } as const;
    try {
      if (stranger === undefined)
        return await keystone.inOneTurn({ rank: "people", party: key }, begins, (session) =>
          decide(session, token, key, from),
        );
      const heldBack = await refuseToAsk(stranger);
      if (heldBack) return heldBack;
      const caller = { rank: "strangers", party: limitKeyOf(stranger) } as const;
      // Looked at again when its turn has come: those before it may all have been refused.
      return await keystone.inOneTurn(
        caller,
        begins,
        async (session) =>
          (await refuseToAsk(stranger)) ?? (await decide(session, token, key, from)),
      );
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      return refusalFor(error);
    }
  }

  async function refuseToAsk(clientAddress: string): Promise<Authorization | undefined> {
    const room = await refusedTokens.mayAsk(clientAddress);
    return room.ok ? undefined : { ...room, reason: "too-many-refused" };
  }

  /** Asks Keystone, and notes a refusal before the next one's turn. */
  async function decide(
    session: KeystoneSession,
    token: string,
    key: string,
    { requestId, clientAddress }: Sender,
  ): Promise<Authorization> {
    let answer: Authorization;
    let owner: AccessInfo["user"] | undefined;
    try {
      const access = await scopeToAdminProject({ keystone: session, config, token, requestId });
      if (access && mayAdminister(access, config.admin))
        return { ok: true, caller: admit(key, access) };
      answer = { ok: false, reason: "not-admin" };
      owner = access?.user;
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      answer = refusalFor(error);
      if (answer.ok || answer.reason === "keystone-unavailable") return answer;
    }
    vouched.delete(key);
    const { reason } = answer;
    if (clientAddress !== undefined && (reason === "unknown-token" || reason === "not-admin")) {
      if (reason === "not-admin") owner ??= await ownerOf(session, token, requestId);
      await refusedTokens.note({ reason, owner, clientAddress, requestId });
    }
    return answer;
  }

  return {
    remember: (access) => {
      admit(keyOf(access.token), access);
    },
    async authorize(token, from) {
      if (token.length > MAX_TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(token))
        return { ok: false, reason: "unknown-token" };
      const key = keyOf(token);
      const caller = remembered.get(key);
      if (caller) return { ok: true, caller };
      const asked = asking.get(key) ?? ask(token, key, from).finally(() => asking.delete(key));
      asking.set(key, asked);
      return asked;
    },
  };
}

interface Sender {
  readonly requestId: string;
  readonly clientAddress?: string;
}

/** Whose token it is, for the trail. @returns undefined where Keystone does not say */
async function ownerOf(
  session: KeystoneSession,
  token: string,
  requestId: string,
): Promise<AccessInfo["user"] | undefined> {
  const asked = validateToken(session, { token, subjectToken: token, requestId });
  return (await asked.catch(() => undefined))?.user;
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

/**
 * Of the token, not of its owner: an application credential or a trust may have been narrowed.
 *
 * @returns whether the token's roles hold one of ADMIN_ROLES, or any role where any will do
 */
export function mayAdminister(
  access: Pick<AccessInfo, "roles">,
  { roles }: Pick<Config["admin"], "roles">,
): boolean {
  if (roles === "any") return access.roles.length > 0;
  return access.roles.some((role) => roles.includes(role.name));
}

export const holdsAdminRole = (access: Pick<AccessInfo, "roles">): boolean =>
  access.roles.some((role) => role.name === "admin");

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
