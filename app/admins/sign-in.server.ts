import { randomBytes } from "node:crypto";
import { insertSession } from "../../db/admin-sessions.store";
import type { AnonymousEvents } from "../../db/anonymous-events.store";
import type { Database } from "../../db/client";
import { findKnownAdmins, rememberAdmin } from "../../db/known-admins.store";
import { type Admin, type Claimant, partyOf, type Visitor } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import type { Config } from "../config/config.server";
import type { AccessInfo } from "../keystone/access-info.server";
import { authenticate, passwordAuth } from "../keystone/auth.server";
import { isKeystoneError } from "../keystone/errors.server";
import type { SharedKeystone } from "../keystone/shared-session.server";
import { getUser } from "../keystone/users.server";
import type { Log } from "../telemetry/log.server";
import { hashToken, type SealedFor, type Vault } from "../vault/vault.server";
import { type AccountName, accountKeyOf } from "./account-key.server";
import { holdsAdminRole, mayAdminister, type TokenAuthorizer } from "./authorize-token.server";

/** What the use cases of administrators work with; `services.server.ts` wires it. */
export interface AdminContext {
  readonly config: Pick<Config, "admin">;
  readonly db: Database;
  readonly anonymousEvents: AnonymousEvents;
  readonly vault: Vault;
  readonly keystone: SharedKeystone;
  readonly tokenAuthorizer: TokenAuthorizer;
  readonly log: Log;
}

export interface Credentials extends AccountName {
  password: string;
  /** A one-time code (TOTP), for accounts that have one. */
  passcode?: string;
}

/** The secret in the session cookie: 256 random bits, base64url. */
export type SessionId = string & { readonly __brand: "SessionId" };

export type SignInResult =
  | { ok: true; sessionId: SessionId; expiresAt: Date }
  /** Wrong name, password, domain or code, no role in the admin project: Keystone does not tell. */
  | { ok: false; reason: "refused" }
  /** The password was right; the account asks for a one-time code as well. */
  | { ok: false; reason: "passcode-needed" }
  | { ok: false; reason: "keystone-unavailable"; retryAfterSeconds: number };

/** In hex: enough to tell one name that is tried from another, too little to find one out. */
const FINGERPRINT_LENGTH = 6;

export const sealedTokenOf = (idHash: Buffer): SealedFor => ({
  column: "admin_sessions.sealed_token",
  row: idHash.toString("hex"),
});

/**
 * Signs an administrator in with Keystone, straight into the admin project: one call tells both who it
 * is and whether they may. There is no session row before that, and its id is always a new one.
 */
export async function signIn(
  context: AdminContext,
  credentials: Credentials,
  visitor: Visitor,
): Promise<SignInResult> {
  const { config, keystone } = context;
  let access: AccessInfo;
  try {
    access = await authenticate(
      keystone.as({ rank: "strangers", party: partyOf(visitor) }),
      passwordAuth({
        userName: credentials.userName,
        userDomainName: credentials.domainName,
        password: credentials.password,
        ...(credentials.passcode && { passcode: credentials.passcode }),
      }),
      {
        scope: {
          projectName: config.admin.projectName,
          projectDomainId: config.admin.projectDomainId,
        },
        requestId: visitor.requestId,
      },
    );
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    switch (error.kind) {
      case "mfa-required":
        return { ok: false, reason: "passcode-needed" };
      case "unauthorized":
      case "forbidden":
      case "not-found":
      case "bad-request":
        return refuse(context, visitor, { reason: "refused", named: credentials });
      default:
        return {
          ok: false,
          reason: "keystone-unavailable",
          retryAfterSeconds: error.retryAfterSeconds ?? 10,
        };
    }
  }
  if (!mayAdminister(access, config.admin))
    return refuse(context, visitor, { reason: "role-missing", access });
  return startSession(context, access, visitor);
}

/**
 * Records a refused sign-in. With the right password it is known who that is. Otherwise the name is only
 * what somebody typed, and people type passwords into that field: it is recorded if an account of that name
 * has signed in here before, else as a fingerprint, which shows repeated tries.
 */
async function refuse(
  context: AdminContext,
  visitor: Visitor,
  refusal:
    | { reason: "refused"; named: AccountName }
    | { reason: "role-missing"; access: AccessInfo },
): Promise<SignInResult> {
  const refused = { ok: false, reason: "refused" } as const;
  const act = { action: "admin.sign-in-refused", outcome: refusal.reason } as const;
  if (refusal.reason === "role-missing") {
    await record(context.db, { ...visitor, actor: adminOf(refusal.access) }, act);
    return refused;
  }
  const { clientAddress, requestId } = visitor;
  if (!(await context.anonymousEvents.admit(clientAddress))) {
    context.log.warn("audit.left-out", { reason: act.action, clientAddress, requestId });
    return refused;
  }
  const { actor, userId } = await claimedAccount(context, refusal.named);
  await record(context.db, { ...visitor, actor }, { ...act, userId });
  return refused;
}

/** @returns the account that somebody claims to be: it is what the event is about, and nobody's act yet */
async function claimedAccount(
  { db, vault }: Pick<AdminContext, "db" | "vault">,
  named: AccountName,
): Promise<{ actor: Claimant; userId?: string }> {
  const account = accountKeyOf(named);
  const known = await findKnownAdmins(db, account);
  const claimed =
    known.find((one) => one.name === named.userName && one.domainName === named.domainName) ??
    (known.length === 1 ? known[0] : undefined);
  if (claimed)
    return { actor: { kind: "claimant", userName: claimed.name }, userId: claimed.userId };
  const fingerprint = vault.fingerprint("account", account).slice(0, FINGERPRINT_LENGTH);
  return { actor: { kind: "claimant", userName: `unknown account #${fingerprint}` } };
}

const adminOf = ({ user }: AccessInfo): Admin => ({
  kind: "admin",
  userId: user.id,
  userName: user.name,
});

async function startSession(
  { config, db, vault, keystone, tokenAuthorizer, log }: AdminContext,
  access: AccessInfo,
  visitor: Visitor,
): Promise<SignInResult> {
  const sessionId = randomBytes(32).toString("base64url") as SessionId;
  const idHash = hashToken(sessionId);
  const ownEnd = new Date(Date.now() + config.admin.sessionMaxSeconds * 1000);
  const expiresAt = access.expiresAt && access.expiresAt < ownEnd ? access.expiresAt : ownEnd;
  // Where a user's problem is mailed to. An administrator without an address is no reason to refuse.
  const self = await getUser(keystone, {
    token: access.token,
    userId: access.user.id,
    requestId: visitor.requestId,
  }).catch(() => undefined);
  const { id: userId, name: userName } = access.user;
  const domainName = access.user.domain.name;
  const account = accountKeyOf({ userName, domainName });
  await db.transaction(async (tx) => {
    await rememberAdmin(tx, { userId, name: userName, domainName, account });
    await insertSession(tx, {
      idHash,
      userId,
      userName,
      userDomainName: domainName,
      userEmail: self?.email,
      holdsAdminRole: holdsAdminRole(access),
      sealedToken: vault.seal(access.token, sealedTokenOf(idHash)),
      expiresAt,
    });
    const initiator = { ...visitor, actor: adminOf(access) };
    await record(tx, initiator, { action: "admin.signed-in", outcome: "ok" });
  });
  // The pages that come next need not ask again.
  tokenAuthorizer.remember(access);
  log.info("admin.signed-in", { actorId: access.user.id, requestId: visitor.requestId });
  return { ok: true, sessionId, expiresAt };
}
