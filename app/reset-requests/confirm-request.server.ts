import type { Queryable } from "../../db/client";
import {
  confirmResetRequest,
  type FoundRequest,
  findRequestByToken,
  findRequestOfMailbox,
} from "../../db/reset-requests.store";
import type { Visitor } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import { describeError } from "../telemetry/log.server";
import { hashToken } from "../vault/vault.server";
import type { ConfirmToken } from "./confirm-token.server";
import { codeOfRequest, parseRequestCode } from "./request-code";
import type { RequestContext } from "./request-reset.server";
import { openRequest, sealRequest } from "./sealed-request.server";
import { tellHelpdesk } from "./tell-helpdesk.server";

/** What its mailbox is shown of a request before it confirms it. */
export interface ConfirmView {
  readonly code: string;
  readonly name: string;
  readonly email: string;
  readonly askedAt: Date;
  readonly confirmBefore: Date | null;
  readonly state: "waiting" | "confirmed";
}

export type ConfirmRefusal =
  /** No such token, or its request is closed or deleted. */
  | "unknown-token"
  /** Not confirmed in time. */
  | "expired"
  /** No request of this mailbox has the code that was typed. */
  | "unknown-code";

/**
 * What a mailed link is about. Changes nothing: mail scanners open links.
 *
 * @returns or why it is about nothing any more
 */
export async function viewConfirmation(
  context: RequestContext,
  token: ConfirmToken,
): Promise<{ ok: true; request: ConfirmView } | { ok: false; reason: ConfirmRefusal }> {
  const found = await requestOfToken(context, context.db, token);
  return found.ok ? { ok: true, request: viewOf(found.row) } : found;
}

/**
 * Confirms a request: from here on it counts. Once: whoever comes later, or at the same time, is told
 * that it is confirmed.
 *
 * @param given.code where the request is another one of the same mailbox: that has been mailed enough
 *   this hour to have no link of its own, or a later request has pushed its mail out of sight
 */
export async function confirmRequest(
  context: RequestContext,
  given: { token: ConfirmToken; code: string },
  visitor: Visitor,
): Promise<
  { ok: true; request: ConfirmView; confirmedNow: boolean } | { ok: false; reason: ConfirmRefusal }
> {
  const { db, vault, log } = context;
  const result = await db.transaction(async (tx) => {
    const byToken = await requestOfToken(context, tx, given.token);
    if (!byToken.ok) return byToken;
    const row = await requestMeant(tx, byToken.row, given.code);
    if (!row) return { ok: false, reason: "unknown-code" } as const;
    // A mail that is known longer than its link works says nothing of who reads that mailbox now.
    if (byToken.row.isOver && row.id !== byToken.row.id)
      return { ok: false, reason: "expired" } as const;
    if (row.state === "open") return { ok: true, row, confirmedNow: false } as const;
    if (row.isOver) return { ok: false, reason: "expired" } as const;
    const sealed = openRequest(context, row);
    if (!sealed || sealed.before) return { ok: false, reason: "unknown-token" } as const;
    const { before: _, ...request } = sealed;
    const sealedPin = sealRequest(vault, row.id, { ...request, confirmed: true });
    // The row is held: only its time can have ended since.
    if (!(await confirmResetRequest(tx, { id: row.id, sealedPin })))
      return { ok: false, reason: "expired" } as const;
    // Whoever reads the mailbox is no stranger, and each request is confirmed once: this is always told.
    await record(tx, visitor, { action: "reset.confirmed", resetRequestId: row.id, outcome: "ok" });
    return { ok: true, row: { ...row, state: "open" }, confirmedNow: true } as const;
  });
  if (!result.ok) return result;
  const { row, confirmedNow } = result;
  if (confirmedNow) {
    log.info("reset.confirmed", { requestedResetId: row.id, requestId: visitor.requestId });
    // Not a part of confirming: what fails here is done a minute later.
    await tellHelpdesk(context).catch((error: unknown) =>
      log.error("reset.digest-failed", { error: describeError(error) }),
    );
  }
  return { ok: true, request: viewOf(row), confirmedNow };
}

/** The seal has the last word on whose token it is: a hash can be planted in the row. */
async function requestOfToken(
  context: RequestContext,
  db: Queryable,
  token: ConfirmToken,
): Promise<{ ok: true; row: FoundRequest } | { ok: false; reason: ConfirmRefusal }> {
  const hash = hashToken(token);
  const row = await findRequestByToken(db, hash);
  // One that is closed has no token any more.
  if (!row) return { ok: false, reason: "unknown-token" };
  const sealed = openRequest(context, row);
  if (!sealed || sealed.before) return { ok: false, reason: "unknown-token" };
  if (sealed.confirmTokenHash !== hash.toString("hex")) {
    context.log.error("reset.changed", { requestedResetId: row.id });
    return { ok: false, reason: "unknown-token" };
  }
  if (row.state === "unconfirmed" && row.isOver) return { ok: false, reason: "expired" };
  return { ok: true, row };
}

/** @returns the request to confirm, locked; undefined where this mailbox has none of that code */
async function requestMeant(
  tx: Queryable,
  byToken: FoundRequest,
  code: string,
): Promise<FoundRequest | undefined> {
  const { id } = byToken;
  const range = code === "" ? { lowestId: id, highestId: id } : parseRequestCode(code);
  if (!range) return undefined;
  return findRequestOfMailbox(tx, { email: byToken.email, ...range });
}

const viewOf = (row: FoundRequest): ConfirmView => ({
  code: codeOfRequest(row.id),
  name: row.name,
  email: row.email,
  askedAt: row.createdAt,
  confirmBefore: row.confirmBefore,
  state: row.state === "open" ? "confirmed" : "waiting",
});
