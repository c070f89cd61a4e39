import { replaceToken } from "../../db/issue-link.store";
import { findLink } from "../../db/links.store";
import type { PermittedInitiator } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import { hashToken } from "../vault/vault.server";
import type { LinkContext } from "./link-context.server";
import { isClaimed } from "./link-status";
import { createLinkToken, type LinkToken, linkUrl } from "./link-token.server";
import { mailLink } from "./mail-link.server";
import { openKeptPinKey, sealPinKey } from "./pin.server";
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
  const { vault, config } = context;
  const { linkId, mailTo } = request;
  const token = createLinkToken();
  const tokenHash = hashToken(token);
  const result = await context.db.transaction(async (tx) => {
    const former = await findLink(tx, linkId, { lock: true });
    if (!former?.sealedPinKey || !former.tokenHash) return "not-pending";
    const { userId } = former;
    const pinKey = openKeptPinKey(vault, former.sealedPinKey, {
      userId,
      tokenHash: former.tokenHash,
    });
    if (!pinKey) {
      context.log.error("link.seal-broken", { linkId, userId, requestId: initiator.requestId });
      return "not-pending";
    }
    const sealedPinKey = sealPinKey(vault, pinKey, { userId, tokenHash });
    const link = await replaceToken(
      tx,
      { id: linkId, tokenHash, sealedPinKey, mailTo },
      config.links,
    );
    if (!link) return isClaimed(former, new Date()) ? "in-progress" : "not-pending";
    const about = { userId: link.userId, linkId: link.id, outcome: "ok" };
    await record(tx, initiator, { action: "link.resent", ...about });
    for (const change of link.lastChanges)
      await record(tx, initiator, { action: `link.${change}`, ...about });
    await mailLink(context, tx, { ...link, token, mailTo });
    await tellOwner(context, tx, link.id, { address: "as-kept" });
    return link;
  });
  if (typeof result === "string") return { ok: false, reason: result };
  context.outbox.wake();
  context.log.info("link.resent", {
    linkId: result.id,
    userId: result.userId,
    actorId: initiator.actor.userId,
    requestId: initiator.requestId,
  });
  return {
    ok: true,
    token,
    url: linkUrl(config.publicUrl, token),
    userId: result.userId,
    ownerUntold: result.ownerUntold !== null && result.userEmail === null,
  };
}
