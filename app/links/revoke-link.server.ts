import { recordEvent } from "../../db/audit-events.store";
import { revokeLink as revokeRow } from "../../db/links.store";
import { cancelQueuedMails } from "../../db/mails.store";
import type { LinkContext, Origin } from "./link-context.server";
import { adminEvent, type PermittedAdmin } from "./permitted-admin.server";

/**
 * Ends a pending link for good and erases its secrets; its mail, if still queued, is not sent.
 *
 * @returns `not-pending` where it was completed or revoked before
 */
export async function revokeLink(
  context: LinkContext,
  admin: PermittedAdmin,
  request: { linkId: string },
  origin: Origin,
): Promise<{ ok: true } | { ok: false; reason: "not-pending" }> {
  const row = await context.db.transaction(async (tx) => {
    const link = await revokeRow(tx, request.linkId);
    if (!link) return undefined;
    // Not the others: the user is still to hear of a password that was set by an earlier link.
    await cancelQueuedMails(tx, { linkId: link.id, template: "link" });
    const about = { userId: link.userId, linkId: link.id, outcome: "ok" };
    await recordEvent(tx, adminEvent(admin, origin, { action: "link.revoked", ...about }));
    return link;
  });
  if (!row) return { ok: false, reason: "not-pending" };
  context.log.info("link.revoked", {
    linkId: row.id,
    userId: row.userId,
    actorId: admin.userId,
    requestId: origin.requestId,
  });
  return { ok: true };
}
