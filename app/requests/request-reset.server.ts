import { randomUUID } from "node:crypto";
import { recordEvent } from "../../db/audit-events.store";
import { countOpenRequests, saveResetRequest } from "../../db/reset-requests.store";
import { enqueueMail } from "../../emails/outbox";
import type { LinkContext, Origin } from "../links/link-context.server";
import type { SealedFor } from "../vault/vault.server";

/** So many open requests are a flood, not a queue: nobody anonymous may fill the database. */
const MAX_OPEN_REQUESTS = 1000;

export const requestPinOf = (requestId: string): SealedFor => ({
  column: "reset_requests.sealed_pin",
  row: requestId,
});

/**
 * Takes a user's "I need a new link" for the administrators to act on, and tells the helpdesk. The PIN
 * is kept sealed for the new link and goes into no mail. Asking again replaces the open request of the
 * same address, and the helpdesk, who know of it, are not mailed again: nobody anonymous may fill their
 * mailbox. Nothing is looked up in Keystone, so the answer cannot tell whether an account exists.
 *
 * @param request.pin well-formed: see `isPin`
 */
export async function requestReset(
  context: LinkContext,
  request: { name: string; email: string; pin: string },
  origin: Origin,
): Promise<{ ok: true } | { ok: false; reason: "too-many" }> {
  const { config, db, vault, log, outbox } = context;
  if ((await countOpenRequests(db)) >= MAX_OPEN_REQUESTS) {
    log.warn("reset.refused", { reason: "too-many", requestId: origin.requestId });
    return { ok: false, reason: "too-many" };
  }
  const id = randomUUID();
  const isRecorded = await context.anonymousEvents.admit(origin.clientAddress);
  if (!isRecorded) log.warn("audit.left-out", { reason: "reset.requested", ...origin });
  await db.transaction(async (tx) => {
    const { isNew } = await saveResetRequest(tx, {
      id,
      name: request.name,
      email: request.email,
      sealedPin: vault.seal(request.pin, requestPinOf(id)),
    });
    if (isRecorded)
      await recordEvent(tx, {
        action: "reset.requested",
        actorKind: "user",
        outcome: "ok",
        clientAddress: origin.clientAddress,
        requestId: origin.requestId,
      });
    if (config.mail.helpdesk && isNew)
      await enqueueMail(tx, vault, {
        template: "reset-request",
        recipient: config.mail.helpdesk,
        props: {
          name: request.name,
          email: request.email,
          at: new Date().toISOString(),
          consoleUrl: new URL("/admin/requests", config.publicUrl).href,
        },
      });
  });
  outbox.wake();
  log.info("reset.requested", { requestedResetId: id, requestId: origin.requestId });
  return { ok: true };
}
