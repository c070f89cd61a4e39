import { randomUUID } from "node:crypto";
import { claimLink, findUnsettledLinks } from "../../../db/link-claims.store";
import type { LinkRow } from "../../../db/link-row";
import { record } from "../../audit/record.server";
import { isKeystoneError } from "../../keystone/errors.server";
import { isPasswordAccepted } from "../../keystone/passwords.server";
import { describeError } from "../../telemetry/log.server";
import { VaultError } from "../../vault/vault.server";
import type { LinkContext } from "../link-context.server";
import { openUnsettled } from "../sealed-fields.server";
import { finishLink, type RedeemContext } from "./complete-link.server";
import { type Claim, giveBack, newLease } from "./lease.server";
import { type Left, settleUnsettled } from "./set-password-once";
import type { UnsettledPassword } from "./unsettled";

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
 * Finds out how redemptions ended whose answer was lost, in a crash of this server or of Keystone, and whose
 * user did not come back. A password that Keystone accepts completes its link, even one revoked or purged
 * since. Where Keystone refuses all of them twice they are forgotten, and the link stays as it is; no more
 * than twice, because each refusal counts towards Keystone's lockout.
 *
 * @param options.signal leaves the rest to the next round once aborted
 * @returns how many links were looked at, and how many of them completed
 */
export async function settleLinks(
  context: LinkContext,
  options: { olderThanSeconds?: number; limit?: number; signal?: AbortSignal } = {},
): Promise<{ asked: number; completed: number }> {
  const { db, config } = context;
  const unsettled = await findUnsettledLinks(db, {
    olderThanSeconds: options.olderThanSeconds ?? SETTLE_AFTER_SECONDS,
    askAgainAfterSeconds: ASK_AGAIN_AFTER_SECONDS,
    limit: options.limit ?? 20,
  });
  let completed = 0;
  for (const { id } of unsettled) {
    if (options.signal?.aborted) break;
    let claim: Claim | undefined;
    try {
      // Its turn first: the lease is for the calls alone.
      const isCompleted = await context.keystone.inOneTurn(
        IN_TURN,
        FIRST_CALL,
        async (keystone) => {
          const lease = newLease(config);
          const row = await claimLink(db, { id, ...lease });
          if (!row) return false;
          claim = { ...row, claimId: lease.claimId };
          return settleLink({ ...context, keystone }, row, claim);
        },
      );
      if (isCompleted) completed++;
    } catch (error) {
      // In the log already. Next minute is soon enough.
      if (isKeystoneError(error) && error.kind === "busy") break;
      if (!claim || !(error instanceof VaultError)) throw error;
      // Sealed with a key that is missing: no reason to leave the others waiting, nor the administrator.
      await giveBack(db, context.vault, claim);
      context.log.error("link.settle-failed", { linkId: id, error: describeError(error) });
    }
  }
  return { asked: unsettled.length, completed };
}

/** @returns whether the link was completed */
async function settleLink(context: RedeemContext, row: LinkRow, claim: Claim): Promise<boolean> {
  const { db, vault, keystone } = context;
  const { userId } = claim;
  const visitor = { actor: { kind: "user" }, requestId: `req-${randomUUID()}` } as const;
  const unsettled = openUnsettled(vault, userId, claim.sealedUnsettled);
  const result = await settleUnsettled(
    {
      ask: (password) =>
        isPasswordAccepted(keystone, { userId, password, requestId: visitor.requestId }),
    },
    { unsettled, refusedBefore: row.settleAskedAt !== null },
  );
  switch (result.is) {
    case "set":
      return (await finishLink(context, claim, row, visitor)) !== undefined;
    case "unavailable":
      await giveBack(db, vault, claim);
      return false;
    case "ask-again":
      await giveBack(db, vault, claim, { settleAskedAt: new Date() });
      return false;
    case "settled": {
      // A link that is done works with no password.
      const { initialPassword } = result.left;
      const left = { unsettled: [], ...(row.sealedPassword && { initialPassword }) };
      await forgetUnsettled(context, claim, { left, byUser: unsettled.some(isUsers) }, visitor);
      return false;
    }
  }
}

const isUsers = ({ by }: UnsettledPassword) => by === "user";

/** The trail says that none of the user's passwords came into force, for it has said that one might. */
async function forgetUnsettled(
  { db, vault, log }: RedeemContext,
  claim: Claim,
  { left, byUser }: { left: Left; byUser: boolean },
  { requestId }: { requestId: string },
): Promise<void> {
  const { id: linkId, userId } = claim;
  await db.transaction(async (tx) => {
    const released = await giveBack(tx, vault, claim, { left });
    // Where others were noted meanwhile, nothing is settled yet.
    if (!released || released.sealedUnsettled || !byUser) return;
    const act = { action: "link.redeem-refused", userId, linkId, outcome: "not-in-force" } as const;
    await record(tx, { actor: { kind: "system" }, requestId }, act);
    log.info("link.redeem-refused", { linkId, userId, reason: "not-in-force", requestId });
  });
}
