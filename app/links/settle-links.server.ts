import { randomUUID } from "node:crypto";
import { claimLink, findLink, findUnsettledLinks, releaseClaim } from "../../db/links.store";
import { isKeystoneError } from "../keystone/errors.server";
import { isPasswordAccepted } from "../keystone/identity.server";
import { describeError } from "../log.server";
import { VaultError } from "../vault/vault.server";
import type { LinkContext } from "./link-context.server";
import { completeRedemption, leaseSecondsFor, type RedeemContext } from "./redeem-link.server";
import { openAttempts, sealPassword } from "./sealed-fields.server";

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
 * whose user did not come back. A password that Keystone accepts completes its link; where it accepts
 * none, twice, they are forgotten and the link lives on. No more than twice, because each refusal counts
 * towards Keystone's lockout.
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
      // Sealed with a key that is missing: no reason to leave the others waiting.
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
  const { userId } = row;
  for (const attempt of openAttempts(vault, userId, row.sealedAttempts).reverse()) {
    const answer = await isPasswordAccepted(keystone, {
      userId,
      password: attempt.password,
      requestId: origin.requestId,
    });
    if (answer === "unknown") {
      await releaseClaim(db, claim, { sealedAttempts: row.sealedAttempts });
      return false;
    }
    if (answer === "refused") continue;
    if (attempt.by === "user") {
      const result = await completeRedemption(context, { ...claim, userId }, origin);
      return result.ok;
    }
    // A random password that an administrator had set: the link works, now with this one.
    await releaseClaim(db, claim, {
      sealedAttempts: null,
      sealedPassword: sealPassword(vault, userId, attempt.password),
    });
    return false;
  }
  const believed = row.settleAskedAt !== null;
  await releaseClaim(
    db,
    claim,
    believed
      ? { sealedAttempts: null }
      : { sealedAttempts: row.sealedAttempts, settleAskedAt: new Date() },
  );
  return false;
}
