import { recordEvent } from "../../db/audit-events.store";
import { replaceToken } from "../../db/links.store";
import { hashToken } from "../vault/vault.server";
import { mailLink } from "./issue-link.server";
import type { LinkContext, Origin } from "./link-context.server";
import { createLinkToken, type LinkToken, linkUrl } from "./link-token.server";
import { adminEvent, type PermittedAdmin } from "./permitted-admin.server";
import { tellOwner } from "./tell-owner.server";

export type ResendResult =
  /** `ownerUntold`: the owner is to be told of another recipient, once Keystone's address is known. */
  | { ok: true; token: LinkToken; url: string; userId: string; ownerUntold: boolean }
  /** Done, or expired or locked: such a link takes a renewal, which gives back time and attempts. */
  | { ok: false; reason: "not-pending" };

/**
 * Mails a pending link again, to the same or to another address. Only a token's hash is kept, so the
 * mail brings a new one; lifetime and attempts stay as they are, and a mail that went astray opens
 * nothing.
 */
export async function resendLink(
  context: LinkContext,
  admin: PermittedAdmin,
  request: { linkId: string; mailTo: string },
  origin: Origin,
): Promise<ResendResult> {
  const token = createLinkToken();
  const row = await context.db.transaction(async (tx) => {
    const link = await replaceToken(
      tx,
      { id: request.linkId, tokenHash: hashToken(token), mailTo: request.mailTo },
      context.config.links,
    );
    if (!link) return undefined;
    const about = { userId: link.userId, linkId: link.id, outcome: "ok" };
    await recordEvent(tx, adminEvent(admin, origin, { action: "link.resent", ...about }));
    for (const change of link.lastChanges)
      await recordEvent(tx, adminEvent(admin, origin, { action: `link.${change}`, ...about }));
    await mailLink(context, tx, { ...link, token, mailTo: request.mailTo });
    await tellOwner(context, tx, link.id, { address: "as-kept" });
    return link;
  });
  if (!row) return { ok: false, reason: "not-pending" };
  context.outbox.wake();
  context.log.info("link.resent", {
    linkId: row.id,
    userId: row.userId,
    actorId: admin.userId,
    requestId: origin.requestId,
  });
  return {
    ok: true,
    token,
    url: linkUrl(context.config.publicUrl, token),
    userId: row.userId,
    ownerUntold: row.ownerUntold !== null && row.userEmail === null,
  };
}
