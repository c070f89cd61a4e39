import { completeLink } from "../../../db/link-claims.store";
import type { LinkRow } from "../../../db/link-row";
import { findLink } from "../../../db/links.store";
import { type MailToSend, sealMail } from "../../../emails/outbox";
import type { Visitor } from "../../audit/initiator.server";
import { eventOf, record } from "../../audit/record.server";
import { isPasswordAccepted } from "../../keystone/passwords.server";
import type { KeystoneSession } from "../../keystone/session.server";
import type { LinkContext } from "../link-context.server";
import { addressesOnce } from "../tell-owner.server";
import type { Claim } from "./lease.server";

/** What follows the PIN works with: its turn has come, so that none of its calls waits for another. */
export type RedeemContext = Omit<LinkContext, "keystone"> & { readonly keystone: KeystoneSession };

export type CompleteResult =
  | { ok: true; userName: string | null; domainName: string | null }
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
  read: LinkRow,
  password: string,
  visitor: Visitor,
): Promise<CompleteResult> {
  const held = await finishLink(context, claim, read, visitor);
  if (held) return done(held);

  const { db, keystone, log } = context;
  const { id, userId } = claim;
  const { requestId } = visitor;
  const before = await findLink(db, id);
  let answer = await isPasswordAccepted(keystone, { userId, password, requestId });
  if (answer === "accepted" && before) {
    const completed = await finishLink(context, { before }, before, visitor);
    if (completed) return done(completed);
    // Another password may have been set since Keystone said so.
    if ((await findLink(db, id))?.state !== "completed") answer = "unknown";
  }
  // Unknown: it is still among the unsettled, and the worker asks after it.
  const outcome = { accepted: "already-completed", refused: "superseded", unknown: "unknown" }[
    answer
  ];
  await record(db, visitor, { action: "link.redeemed", userId, linkId: id, outcome });
  log.info("link.redeemed", { linkId: id, userId, reason: outcome, requestId });
  if (answer !== "accepted") return { ok: false, reason: "superseded" };
  return done((await findLink(db, id)) ?? read);
}

const done = ({ userName, userDomainName }: LinkRow): CompleteResult => ({
  ok: true,
  userName,
  domainName: userDomainName,
});

/**
 * Completes the row, erases its secrets and tells the user by mail, all or nothing.
 *
 * @param claim what must still hold: this claim, or the link as it was before Keystone was asked
 * @returns the completed link, or undefined where the claim no longer held or it was completed before
 */
export async function finishLink(
  { db, vault, outbox, log }: RedeemContext,
  claim: { claimId: string } | { before: LinkRow },
  read: LinkRow,
  visitor: Visitor,
): Promise<LinkRow | undefined> {
  let row: LinkRow | undefined = read;
  // Once more where what the mails say has changed since it was read: a look-up came in between.
  for (let tries = 0; tries < 3 && row; tries++) {
    const { id, userId } = row;
    const outcome = row.revokedAt ? "after-revocation" : "ok";
    const event = eventOf(visitor, { action: "link.redeemed", userId, linkId: id, outcome });
    const mails = passwordSetMails(row).map((mail) => sealMail(vault, mail));
    if (await completeLink(db, { claim, read: row, event, mails })) {
      outbox.wake();
      const reason = row.revokedAt ? outcome : undefined;
      log.info("link.redeemed", { linkId: id, userId, reason, requestId: visitor.requestId });
      return row;
    }
    row = await findLink(db, id);
  }
  return undefined;
}

const passwordSetMails = (row: LinkRow): MailToSend[] =>
  addressesOnce([row.mailTo, row.userEmail]).map((recipient) => ({
    template: "password-set",
    recipient,
    linkId: row.id,
    language: row.language,
    props: {
      userName: row.userName ?? undefined,
      domainName: row.userDomainName ?? undefined,
      at: new Date().toISOString(),
    },
  }));
