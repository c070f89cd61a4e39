import { randomUUID } from "node:crypto";
import { recordEvent } from "../../../db/audit-events.store";
import { claimLink, findUnsettledLinks, releaseClaim } from "../../../db/link-claims.store";
import type { LinkRow } from "../../../db/link-row";
import { findLink } from "../../../db/links.store";
import { isKeystoneError } from "../../keystone/errors.server";
import { isPasswordAccepted } from "../../keystone/passwords.server";
import { describeError } from "../../telemetry/log.server";
import { VaultError } from "../../vault/vault.server";
import type { LinkContext } from "../link-context.server";
import { openUnsettled, sealPassword } from "../sealed-fields.server";
import { finishLink, leaseSecondsFor, type RedeemContext } from "./redeem-link.server";

/** By then Keystone has carried a change out or never will. */
const SETTLE_AFTER_SECONDS = 180;
/**
 * A locked account refuses the right password too, in the words of a wrong one (Keystone since
 * CVE-2021-38155), so the first refusal is not believed. Its lock lasts half an hour by default.
 */
const ASK_AGAIN_AFTER_SECONDS = 35 * 60;
const IN_TURN = { rank: "background", party: "settling" } as const;
const FIRST_CALL = { method: "POST", path: "/auth/tokens" } as const;

/**
 * Finds out how redemptions ended whose answer was lost, by a crash of this server or of Keystone, and
 * whose user did not come back. A password that Keystone accepts completes its link, also one that was
 * revoked or purged since; where it accepts none, twice, they are forgotten and the link stays as it is.
 * No more than twice, because each refusal counts towards Keystone's lockout.
 *
 * @returns how many links were looked at, and how many of them completed
 */
export async function settleLinks(
  context: LinkContext,
  options: { olderThanSeconds?: number; limit?: number } = {},
): Promise<{ asked: number; completed: number }> {
  const { db, config } = context;
  const unsettled = await findUnsettledLinks(db, {
    olderThanSeconds: options.olderThanSeconds ?? SETTLE_AFTER_SECONDS,
    askAgainAfterSeconds: ASK_AGAIN_AFTER_SECONDS,
    limit: options.limit ?? 20,
  });
  let completed = 0;
  for (const { id } of unsettled) {
    const claimId = randomUUID();
    const leaseSeconds = leaseSecondsFor(config.keystone.timeoutSeconds);
    try {
      // Its turn first: the lease is for the calls alone.
      const isCompleted = await context.keystone.inOneTurn(
        IN_TURN,
        FIRST_CALL,
        async (keystone) => {
          if (!(await claimLink(db, { id, claimId, leaseSeconds }))) return false;
          return settleLink({ ...context, keystone }, { id, claimId });
        },
      );
      if (isCompleted) completed++;
    } catch (error) {
      // In the log already. Next minute is soon enough.
      if (isKeystoneError(error) && error.kind === "busy") break;
      if (!(error instanceof VaultError)) throw error;
      // Sealed with a key that is missing: no reason to leave the others waiting, nor the administrator.
      await releaseClaim(db, { id, claimId }, {});
      context.log.error("link.settle-failed", { linkId: id, error: describeError(error) });
    }
  }
  return { asked: unsettled.length, completed };
}

/** @returns whether the link was completed */
async function settleLink(
  context: RedeemContext,
  claim: { id: string; claimId: string },
): Promise<boolean> {
  const { db, vault, keystone } = context;
  const row = await findLink(db, claim.id);
  if (row?.claimId !== claim.claimId) return false;
  const origin = { requestId: `req-${randomUUID()}` };
  const { userId, sealedUnsettled } = row;
  const attempts = openUnsettled(vault, userId, sealedUnsettled).reverse();
  for (const attempt of attempts) {
    const answer = await isPasswordAccepted(keystone, {
      userId,
      password: attempt.password,
      requestId: origin.requestId,
    });
    if (answer === "unknown") {
      await releaseClaim(db, claim, {});
      return false;
    }
    if (answer === "refused") continue;
    if (attempt.by === "user")
      return (await finishLink(context, { ...claim, userId }, origin)) !== undefined;
    await forgetAttempts(context, row, origin, {
      // The random password of an administrator's is in force: a link that lives works with this one.
      ...(row.sealedPassword && { sealedPassword: sealPassword(vault, userId, attempt.password) }),
    });
    return false;
  }
  if (row.settleAskedAt) await forgetAttempts(context, row, origin);
  else await releaseClaim(db, claim, attempts.length > 0 ? { settleAskedAt: new Date() } : {});
  return false;
}

/** None of the user's passwords came into force. The trail says so, for it has said that one might. */
async function forgetAttempts(
  { db, vault, log }: RedeemContext,
  row: LinkRow,
  { requestId }: { requestId: string },
  found: { sealedPassword?: Buffer } = {},
): Promise<void> {
  const { id, userId, claimId, sealedUnsettled } = row;
  if (!claimId) return;
  const byUser = openUnsettled(vault, userId, sealedUnsettled).some(({ by }) => by === "user");
  const change = { ...found, attempts: { before: sealedUnsettled, after: null } };
  await db.transaction(async (tx) => {
    const released = await releaseClaim(tx, { id, claimId }, change);
    // Where others were noted meanwhile, nothing is settled yet.
    if (!released || released.sealedUnsettled || !byUser) return;
    await recordEvent(tx, {
      action: "link.redeem-refused",
      actorKind: "system",
      userId,
      linkId: id,
      outcome: "not-in-force",
      requestId,
    });
    log.info("link.redeem-refused", { linkId: id, userId, reason: "not-in-force", requestId });
  });
}
