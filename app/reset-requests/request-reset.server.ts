import { randomUUID } from "node:crypto";
import type { AnonymousEvents } from "../../db/anonymous-events.store";
import { saveResetRequest } from "../../db/reset-requests.store";
import { enqueueMail } from "../../emails/outbox";
import type { Visitor } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import type { LinkContext } from "../links/link-context.server";
import { canonicalAddress } from "../links/same-mailbox";
import type { Language } from "../messages/languages";
import { hashToken } from "../vault/vault.server";
import { confirmUrl, createConfirmToken } from "./confirm-token.server";
import { codeOfRequest } from "./request-code";
import type { RequestLimits } from "./request-limits.server";
import { sealRequest } from "./sealed-request.server";

/** What the use cases of requests work with. */
export interface RequestContext extends LinkContext {
  readonly requestLimits: RequestLimits;
  /** Room in the trail for what is asked: apart from refused sign-ins, which it must not silence. */
  readonly requestEvents: AnonymousEvents;
}

/** So long its mailbox can confirm a request. */
export const CONFIRM_WITHIN_SECONDS = 86_400;

export type RequestResetResult =
  | { ok: true; code: string }
  /** Of one sender; nothing is kept of it. */
  | { ok: false; reason: "too-many"; retryAfterSeconds: number };

/**
 * Takes a user's "I need a new link", and asks its mailbox to confirm it: before that nobody hears of it.
 * It stands beside whatever else was asked for the same address. The PIN is kept sealed for the new link
 * and goes into no mail, nor does the name: a stranger must not write to others through us.
 *
 * Nothing is looked up in Keystone, so the answer cannot tell whether an account exists. Nor does it tell
 * whether the mailbox has had its mails for this hour: the request is kept all the same, and the link in
 * any of those mails confirms it, by its code.
 *
 * @param request.pin well-formed: see `isPin`
 * @param request.language of its page: of the mail, and of the link that answers it
 */
export async function requestReset(
  context: RequestContext,
  request: { name: string; email: string; pin: string; language: Language },
  visitor: Visitor,
): Promise<RequestResetResult> {
  const { config, db, vault, log } = context;
  const { name, pin, language } = request;
  const { clientAddress, requestId } = visitor;
  // Kept and mailed in one form, so that what is counted, compared and reached is the same mailbox.
  const email = canonicalAddress(request.email) ?? request.email;
  const admitted = await context.requestLimits.admit({ email, clientAddress });
  if (!admitted.ok) {
    log.warn("reset.refused", { reason: "too-many", clientAddress, requestId });
    const { retryAfterSeconds } = admitted;
    return { ok: false, reason: "too-many", retryAfterSeconds };
  }
  const id = randomUUID();
  const token = createConfirmToken();
  const confirmTokenHash = hashToken(token);
  const isRecorded = await context.requestEvents.admit(clientAddress);
  if (!isRecorded)
    log.warn("audit.left-out", { reason: "reset.requested", clientAddress, requestId });
  const code = codeOfRequest(id);
  await db.transaction(async (tx) => {
    const { confirmBefore } = await saveResetRequest(tx, {
      id,
      name,
      email,
      language,
      confirmTokenHash,
      sealedPin: sealRequest(vault, id, {
        pin,
        name,
        email,
        confirmTokenHash: confirmTokenHash.toString("hex"),
        confirmed: false,
      }),
      confirmWithinSeconds: CONFIRM_WITHIN_SECONDS,
    });
    if (isRecorded)
      await record(tx, visitor, {
        action: "reset.requested",
        resetRequestId: id,
        outcome: admitted.mayMail ? "ok" : "not-mailed",
      });
    if (admitted.mayMail)
      await enqueueMail(tx, vault, {
        template: "reset-confirm",
        recipient: email,
        language,
        props: {
          code,
          url: confirmUrl(config.publicUrl, token),
          expiresAt: confirmBefore.toISOString(),
        },
      });
  });
  if (admitted.mayMail) context.outbox.wake();
  log.info("reset.requested", {
    requestedResetId: id,
    requestId,
    ...(admitted.mayMail ? {} : { reason: "not-mailed" }),
  });
  return { ok: true, code };
}
