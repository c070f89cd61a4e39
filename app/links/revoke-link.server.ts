import { recordEvent } from "../../db/audit-events.store";
import { revokeLink as revokeRow } from "../../db/links.store";
import { cancelQueuedMails } from "../../db/mails.store";
import type { Admin, LinkContext, Origin } from "./link-context.server";

/**
 * Ends a pending link for good and erases its secrets; its mail, if still queued, is not sent.
 *
 * @returns `not-pending` where it was completed or revoked before
 */
export async function revokeLink(
  context: LinkContext,
  admin: Admin,
  request: { linkId: string },
  origin: Origin,
): Promise<{ ok: true } | { ok: false; reason: "not-pending" }> {
  const row = await context.db.transaction(async (tx) => {
    const link = await revokeRow(tx, request.linkId);
    if (!link) return undefined;
    // Not the others: the user is still to hear of a password that was set by an earlier link.
    await cancelQueuedMails(tx, { linkId: link.id, template: "link" });
    await recordEvent(tx, {
      action: "link.revoked",
      actorKind: "admin",
      actorId: admin.userId,
      actorName: admin.userName,
      userId: link.userId,
      linkId: link.id,
      outcome: "ok",
      clientAddress: origin.clientAddress,
      requestId: origin.requestId,
    });
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
