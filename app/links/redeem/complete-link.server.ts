import { recordEvent } from "../../../db/audit-events.store";
import { completeLink } from "../../../db/link-claims.store";
import type { LinkRow } from "../../../db/link-row";
import { findLink } from "../../../db/links.store";
import { cancelQueuedMails } from "../../../db/mails.store";
import { enqueueMail } from "../../../emails/outbox";
import { isPasswordAccepted } from "../../keystone/passwords.server";
import type { KeystoneSession } from "../../keystone/session.server";
import type { LinkContext, Origin } from "../link-context.server";
import { addressesOnce } from "../tell-owner.server";
import type { Claim } from "./lease.server";
import { userEvent } from "./user-event.server";

/** What follows the PIN works with: its turn has come, so that none of its calls waits for another. */
export type RedeemContext = Omit<LinkContext, "keystone"> & { readonly keystone: KeystoneSession };

export type CompleteResult =
  | { ok: true; userName: string | null }
  /** The administrator ended it by another password while Keystone was setting this one. */
  | { ok: false; reason: "superseded" };

/**
 * Keystone has set the typed password. Where the claim was lost meanwhile (its lease was over, or a
 * random password was to end it), that may have been undone since: Keystone is asked, and what it says
 * is what the list, the trail and the mail say.
 */
export async function completeRedemption(
  context: RedeemContext,
  claim: Claim,
  password: string,
  origin: Origin,
): Promise<CompleteResult> {
  const held = await finishLink(context, claim, origin);
  if (held) return { ok: true, userName: held.userName };

  const { db, keystone, log } = context;
  const { id, userId } = claim;
  const { requestId } = origin;
  const before = await findLink(db, id);
  let answer = await isPasswordAccepted(keystone, { userId, password, requestId });
  if (answer === "accepted" && before) {
    const completed = await finishLink(context, { id, userId, before }, origin);
    if (completed) return { ok: true, userName: completed.userName };
    // Another password may have been set since Keystone said so.
    if ((await findLink(db, id))?.state !== "completed") answer = "unknown";
  }
  // Unknown: it is still among the unsettled, and the worker asks after it.
  const outcome = { accepted: "already-completed", refused: "superseded", unknown: "unknown" }[
    answer
  ];
  await recordEvent(db, userEvent(claim, origin, "link.redeemed", outcome));
  log.info("link.redeemed", { linkId: id, userId, reason: outcome, requestId });
  if (answer !== "accepted") return { ok: false, reason: "superseded" };
  return { ok: true, userName: (await findLink(db, id))?.userName ?? null };
}

/**
 * Completes the row, erases its secrets and tells the user by mail, all or nothing.
 *
 * @param claim what must still hold: this claim, or the link as it was before Keystone was asked
 * @returns the completed link, or undefined where the claim no longer held or it was completed before
 */
export async function finishLink(
  context: RedeemContext,
  claim: Pick<Claim, "id" | "userId"> & ({ claimId: string } | { before: LinkRow }),
  origin: Origin,
): Promise<LinkRow | undefined> {
  const row = await context.db.transaction(async (tx) => {
    const completed = await completeLink(tx, claim);
    if (!completed) return undefined;
    const outcome = completed.revokedAt ? "after-revocation" : "ok";
    await recordEvent(tx, userEvent(claim, origin, "link.redeemed", outcome));
    // A link still in the outbox no longer works.
    await cancelQueuedMails(tx, { linkId: claim.id, template: "link" });
    for (const recipient of addressesOnce([completed.mailTo, completed.userEmail]))
      await enqueueMail(tx, context.vault, {
        template: "password-set",
        recipient,
        linkId: completed.id,
        props: {
          userName: completed.userName ?? undefined,
          domainName: completed.userDomainName ?? undefined,
          at: new Date().toISOString(),
        },
      });
    return completed;
  });
  if (!row) return undefined;
  context.outbox.wake();
  context.log.info("link.redeemed", {
    linkId: claim.id,
    userId: claim.userId,
    reason: row.revokedAt ? "after-revocation" : undefined,
    requestId: origin.requestId,
  });
  return row;
}
