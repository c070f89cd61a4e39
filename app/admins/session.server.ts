import {
  deleteSession,
  findSession as findRow,
  noteAdminRole,
  touchSession,
} from "../../db/admin-sessions.store";
import type { Visitor } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import { revokeToken } from "../keystone/tokens.server";
import { describeError } from "../telemetry/log.server";
import { hashToken, VaultError } from "../vault/vault.server";
import type { Caller } from "./permit-caller.server";
import { type AdminContext, sealedTokenOf } from "./sign-in.server";

export interface AdminSession extends Caller {
  readonly userDomainName: string;
  /** By Keystone's last answer. */
  readonly holdsAdminRole: boolean;
  /** Keystone has not said in time whether the session's token still holds. */
  readonly unanswered?: boolean;
  readonly expiresAt: Date;
}

/**
 * Writing it on every request would make every page view a write. A session in use can end this much
 * before its idle limit, so it is small beside that.
 */
const touchAfterMs = (idleSeconds: number) => Math.min(60_000, idleSeconds * 100);

/**
 * @param sessionId what the cookie holds, unchecked
 * @returns undefined where there is no such session any more: signed out, idle too long, or past the
 *   end of its Keystone token; nor where what is sealed of it cannot be opened
 */
export async function findSession(
  { config, db, vault, log }: Pick<AdminContext, "config" | "db" | "vault" | "log">,
  sessionId: string,
): Promise<AdminSession | undefined> {
  const idHash = hashToken(sessionId);
  const idleSeconds = config.admin.sessionIdleSeconds;
  const row = await findRow(db, { idHash, idleSeconds });
  if (!row) return undefined;
  let keystoneToken: string;
  try {
    keystoneToken = vault.open(row.sealedToken, sealedTokenOf(idHash)).toString("utf8");
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    // Its key is gone, or somebody wrote there: signing in again makes a new one.
    log.error("admin.session-unreadable", { actorId: row.userId, error: describeError(error) });
    return undefined;
  }
  const unseenMs = Date.now() - row.lastSeenAt.getTime();
  if (unseenMs > touchAfterMs(idleSeconds)) await touchSession(db, idHash);
  return {
    kind: "admin",
    userId: row.userId,
    userName: row.userName,
    userDomainName: row.userDomainName,
    ...(row.userEmail !== null && { userEmail: row.userEmail }),
    keystoneToken,
    holdsAdminRole: row.holdsAdminRole,
    expiresAt: row.expiresAt,
  };
}

/**
 * Takes Keystone's answer of now into the session: while it gives none, the last one counts.
 *
 * @returns the session as it is from now on
 */
export async function keepAdminRole(
  { db }: Pick<AdminContext, "db">,
  sessionId: string,
  session: AdminSession,
  now: { holdsAdminRole: boolean },
): Promise<AdminSession> {
  const { holdsAdminRole } = now;
  if (holdsAdminRole === session.holdsAdminRole) return session;
  await noteAdminRole(db, { idHash: hashToken(sessionId), holdsAdminRole });
  return { ...session, holdsAdminRole };
}

/**
 * Ends the session here, and its token in Keystone as far as Keystone can be reached. Of several at the
 * same time, one does it.
 *
 * @param options.outcome for the trail: `ok` is the administrator's own wish; `token-ended` where
 *   Keystone takes the token no more
 */
export async function signOut(
  { db, vault, keystone, log }: AdminContext,
  sessionId: string,
  visitor: Visitor,
  { outcome = "ok" }: { outcome?: "ok" | "token-ended" } = {},
): Promise<void> {
  const idHash = hashToken(sessionId);
  const row = await db.transaction(async (tx) => {
    const deleted = await deleteSession(tx, idHash);
    if (deleted) {
      const { userId, userName } = deleted;
      const initiator = { ...visitor, actor: { kind: "admin", userId, userName } as const };
      await record(tx, initiator, { action: "admin.signed-out", outcome });
    }
    return deleted;
  });
  if (!row) return;
  try {
    const token = vault.open(row.sealedToken, sealedTokenOf(idHash)).toString("utf8");
    await revokeToken(keystone, { token, requestId: visitor.requestId });
  } catch (error) {
    // The row is gone, so the token is out of reach from here; it ends by itself in Keystone.
    log.warn("admin.token-not-revoked", {
      actorId: row.userId,
      requestId: visitor.requestId,
      error: describeError(error),
    });
  }
}
