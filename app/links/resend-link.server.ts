import { findLink } from "../../db/links.store";
import type { PermittedInitiator } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import type { LinkContext } from "./link-context.server";
import { isClaimed } from "./link-status";
import { type LinkToken, linkUrl } from "./link-token.server";
import { mailLink } from "./mail-link.server";
import { giveNewToken } from "./new-token.server";
import { tellOwner } from "./tell-owner.server";

export type ResendResult =
  /** `ownerUntold`: the owner is to be told of another recipient, once Keystone's address is known. */
  | { ok: true; token: LinkToken; url: string; userId: string; ownerUntold: boolean }
  /** Done, or expired or locked: such a link takes a renewal, which gives back time and attempts. */
  | { ok: false; reason: "not-pending" }
  /** A redemption is under way: nothing was changed. */
  | { ok: false; reason: "in-progress" };

/**
 * Mails a pending link again, to the same or to another address. Only a token's hash is kept, so the
 * mail brings a new one; lifetime and attempts stay as they are, and a mail that went astray no longer
 * works.
 */
export async function resendLink(
  context: LinkContext,
  request: { linkId: string; mailTo: string },
  initiator: PermittedInitiator,
): Promise<ResendResult> {
  const { linkId, mailTo } = request;
  const result = await context.db.transaction(async (tx) => {
    const former = await findLink(tx, linkId, { lock: true });
    if (!former) return "not-pending";
    const given = await giveNewToken(context, tx, former, mailTo, initiator);
    if (!given) return isClaimed(former, new Date()) ? "in-progress" : "not-pending";
    const { link, token } = given;
    const about = { userId: link.userId, linkId: link.id, outcome: "ok" };
    await record(tx, initiator, { action: "link.resent", ...about });
    for (const change of link.lastChanges)
      await record(tx, initiator, { action: `link.${change}`, ...about });
    await mailLink(context, tx, { ...link, token, mailTo });
    await tellOwner(context, tx, link.id, { address: "as-kept" });
    return given;
  });
  if (typeof result === "string") return { ok: false, reason: result };
  const { link, token } = result;
  context.outbox.wake();
  context.log.info("link.resent", {
    linkId: link.id,
    userId: link.userId,
    actorId: initiator.actor.userId,
    requestId: initiator.requestId,
  });
  return {
    ok: true,
    token,
    url: linkUrl(context.config.publicUrl, token),
    userId: link.userId,
    ownerUntold: link.ownerUntold !== null && link.userEmail === null,
  };
}
