import type { LinkRow } from "../../db/link-row";
import { findLink, revokeLink as revokeRow } from "../../db/links.store";
import { cancelQueuedMails } from "../../db/mails.store";
import type { PermittedInitiator } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import { type Vault, VaultError } from "../vault/vault.server";
import type { LinkContext } from "./link-context.server";
import { openUnsettled } from "./sealed-fields.server";

export type RevokeResult =
  /** `unsettled`: an answer of Keystone's was lost; whether a password came into force is found out. */
  | { ok: true; unsettled: boolean }
  /** Completed or revoked before. */
  | { ok: false; reason: "not-pending" }
  /** Somebody typed the right PIN, and Keystone may be setting their password: nothing was changed. */
  | { ok: false; reason: "in-progress" };

/**
 * Ends a pending link for good and erases its secrets; its mail, if still queued, is not sent. Its initial
 * password is kept until it is replaced in Keystone, where the configuration says so. A password that the user sent before, and whose answer was lost, is kept until it is known whether it
 * came into force: the worker then says so.
 *
 * @param request.endsRedemption Keystone has just taken another password by the administrator's rights:
 *   nobody is waited for
 */
export async function revokeLink(
  context: LinkContext,
  request: { linkId: string; endsRedemption?: boolean },
  initiator: PermittedInitiator,
): Promise<RevokeResult> {
  const result = await context.db.transaction(async (tx) => {
    const pending = await findLink(tx, request.linkId, { lock: true });
    if (pending?.state !== "pending") return "not-pending";
    const link = await revokeRow(tx, {
      id: pending.id,
      sealedUnsettled: unsettledToKeep(context.vault, pending),
      endsRedemption: request.endsRedemption === true,
      parksPassword:
        request.endsRedemption !== true && context.config.links.scramble.includes("revoked"),
    });
    if (!link) return "in-progress";
    // Not the others: the user is still to hear of a password that was set by an earlier link.
    await cancelQueuedMails(tx, { linkId: link.id, template: "link" });
    const about = { userId: link.userId, linkId: link.id, outcome: "ok" };
    await record(tx, initiator, { action: "link.revoked", ...about });
    return link;
  });
  if (typeof result === "string") return { ok: false, reason: result };
  context.log.info("link.revoked", {
    linkId: result.id,
    userId: result.userId,
    actorId: initiator.actor.userId,
    requestId: initiator.requestId,
  });
  return { ok: true, unsettled: result.sealedUnsettled !== null };
}

/** Random passwords that administrators set are nobody's: alone, they are forgotten with the link. */
function unsettledToKeep(vault: Vault, { userId, sealedUnsettled }: LinkRow): Buffer | null {
  try {
    const unsettled = openUnsettled(vault, userId, sealedUnsettled);
    return unsettled.some(({ by }) => by === "user") ? sealedUnsettled : null;
  } catch (error) {
    // Sealed with a key that is missing: no reason to leave the link alive.
    if (error instanceof VaultError) return sealedUnsettled;
    throw error;
  }
}
