import { recordEvent } from "../../../db/audit-events.store";
import { claimLink, countAttempt, giveAttemptBack } from "../../../db/link-claims.store";
import type { LinkRow } from "../../../db/link-row";
import { findLinkByToken } from "../../../db/links.store";
import { describeError } from "../../telemetry/log.server";
import { hashToken, VaultError } from "../../vault/vault.server";
import type { LinkContext, Origin } from "../link-context.server";
import { attemptsLeft } from "../link-status";
import type { LinkToken } from "../link-token.server";
import { matchesPin } from "../pin.server";
import { openPassword, openUnsettled, sealUnsettled } from "../sealed-fields.server";
import { type Claim, newLease } from "./lease.server";
import { type Known, notedWithClaim } from "./set-password-once";
import { userEvent } from "./user-event.server";

export interface RedeemRequest {
  token: LinkToken;
  pin: string;
  password: string;
}

export type OpenResult =
  | { ok: true; claim: Claim; known: Known }
  /** Unknown, replaced or used. */
  | { ok: false; reason: "unknown-link" }
  | { ok: false; reason: "wrong-pin"; attemptsLeft: number }
  | { ok: false; reason: "locked" }
  | { ok: false; reason: "expired" }
  /** Another redemption of the same link is under way. */
  | { ok: false; reason: "in-progress" }
  /** Made by a release whose PINs are not bound to their link: see `matchesPin`. */
  | { ok: false; reason: "needs-administrator"; problem: "link-outdated" };

/** A seal that does not fit is no link: somebody wrote to the database. Nothing was compared, nor counted. */
export async function openWithPin(
  context: LinkContext,
  request: RedeemRequest,
  row: LinkRow,
  origin: Origin,
): Promise<OpenResult> {
  try {
    return await claimWithPin(context, request, origin);
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    context.log.error("link.seal-broken", {
      linkId: row.id,
      userId: row.userId,
      requestId: origin.requestId,
      error: describeError(error),
    });
    return { ok: false, reason: "unknown-link" };
  }
}

/**
 * Counts, compares, and claims, in one short transaction. The counting UPDATE holds the row's lock, so
 * that however many come at once, they are compared one after the other and no more than the limit
 * ever is; a right PIN's attempt is given back before the next in line is counted.
 */
async function claimWithPin(
  context: LinkContext,
  request: RedeemRequest,
  origin: Origin,
): Promise<OpenResult> {
  const { config, vault } = context;
  const tokenHash = hashToken(request.token);
  return context.db.transaction(async (tx): Promise<OpenResult> => {
    const row = await countAttempt(tx, { tokenHash, ...config.links });
    if (!row) {
      const known = await findLinkByToken(tx, tokenHash);
      return { ok: false, reason: known ? "locked" : "unknown-link" };
    }
    const { sealedPinKey, pinMac, sealedPassword } = row;
    if (!sealedPinKey || !pinMac || !sealedPassword) return { ok: false, reason: "unknown-link" };

    const stored = { sealedPinKey, pinMac };
    const owner = { userId: row.userId, tokenHash };
    const match = matchesPin(vault, { pin: request.pin, owner, stored });
    if (match === "outdated") {
      await giveAttemptBack(tx, row.id);
      return { ok: false, reason: "needs-administrator", problem: "link-outdated" };
    }
    if (match === "wrong") {
      await recordEvent(tx, userEvent(row, origin, "link.pin-refused", "wrong-pin"));
      return { ok: false, reason: "wrong-pin", attemptsLeft: attemptsLeft(row, config.links) };
    }

    await giveAttemptBack(tx, row.id);
    if (row.expiresAt <= new Date()) {
      await recordEvent(tx, userEvent(row, origin, "link.redeem-refused", "expired"));
      return { ok: false, reason: "expired" };
    }
    const { id, userId } = row;
    const unsettled = openUnsettled(vault, userId, row.sealedUnsettled);
    const initialPassword = openPassword(vault, userId, sealedPassword);
    const noted = notedWithClaim(unsettled, request.password);
    const sealedUnsettled =
      noted === unsettled ? row.sealedUnsettled : sealUnsettled(vault, userId, noted);
    const lease = newLease(config);
    if (!(await claimLink(tx, { id, ...lease, sealedUnsettled })))
      return { ok: false, reason: "in-progress" };
    const claim = { id, userId, claimId: lease.claimId, sealedUnsettled };
    return { ok: true, claim, known: { initialPassword, unsettled } };
  });
}
