import { tryPin } from "../../../db/link-claims.store";
import type { LinkRow } from "../../../db/link-row";
import { findLinkByToken } from "../../../db/links.store";
import type { Visitor } from "../../audit/initiator.server";
import { eventOf } from "../../audit/record.server";
import { describeError } from "../../telemetry/log.server";
import { hashToken, VaultError } from "../../vault/vault.server";
import type { LinkContext } from "../link-context.server";
import { attemptsLeft, linkStatus } from "../link-status";
import type { LinkToken } from "../link-token.server";
import { macOfPin } from "../pin.server";
import { openPassword, openUnsettled, sealUnsettled } from "../sealed-fields.server";
import { type Claim, newLease } from "./lease.server";
import { type Known, notedWithClaim } from "./set-password-once";

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
  /** Made by a release whose PINs are not bound to their link: see `macOfPin`. */
  | { ok: false; reason: "needs-administrator"; problem: "link-outdated" };

/**
 * Counts the PIN, compares it, and claims the link: see `tryPin`. What is needed for either outcome is made
 * ready before, so that how long it takes tells nothing where no more PINs are compared. A seal that does
 * not fit is no link: somebody wrote to the database. Nothing is compared then, nor counted.
 */
export async function openWithPin(
  context: LinkContext,
  request: RedeemRequest,
  row: LinkRow,
  visitor: Visitor,
): Promise<OpenResult> {
  const tokenHash = hashToken(request.token);
  let read: LinkRow | undefined = row;
  try {
    // Once more where somebody wrote to it since it was read.
    for (let tries = 0; tries < 5 && read; tries++) {
      const opened = await tryRow(context, request, read, visitor);
      if (opened) return opened;
      read = await findLinkByToken(context.db, tokenHash);
    }
    return { ok: false, reason: read ? "in-progress" : "unknown-link" };
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    context.log.error("link.seal-broken", {
      linkId: row.id,
      userId: row.userId,
      requestId: visitor.requestId,
      error: describeError(error),
    });
    return { ok: false, reason: "unknown-link" };
  }
}

/** @returns undefined where nothing was compared, or the PIN is right and the row was written to meanwhile */
async function tryRow(
  { config, db, vault }: LinkContext,
  { token, pin, password }: RedeemRequest,
  row: LinkRow,
  visitor: Visitor,
): Promise<OpenResult | undefined> {
  const { id, userId, sealedPinKey, sealedPassword } = row;
  if (linkStatus(row, config.links, new Date()) === "locked")
    return { ok: false, reason: "locked" };
  if (!sealedPinKey || !sealedPassword) return { ok: false, reason: "unknown-link" };

  const tokenHash = hashToken(token);
  const pinMac = macOfPin(vault, { pin, owner: { userId, tokenHash }, sealedPinKey });
  if (pinMac === "outdated")
    return { ok: false, reason: "needs-administrator", problem: "link-outdated" };
  const unsettled = openUnsettled(vault, userId, row.sealedUnsettled);
  const initialPassword = openPassword(vault, userId, sealedPassword);
  const noted = notedWithClaim(unsettled, password);
  const sealedUnsettled =
    noted === unsettled ? row.sealedUnsettled : sealUnsettled(vault, userId, noted);
  const isExpired = row.expiresAt <= new Date();
  const lease = newLease(config);
  const about = { userId, linkId: id };
  const tried = await tryPin(db, {
    tokenHash,
    pinMac,
    isExpired,
    ...config.links,
    ...lease,
    sealedUnsettled,
    read: { sealedPassword, sealedUnsettled: row.sealedUnsettled },
    events: {
      wrong: eventOf(visitor, { action: "link.pin-refused", outcome: "wrong-pin", ...about }),
      expired: eventOf(visitor, { action: "link.redeem-refused", outcome: "expired", ...about }),
    },
  });
  if (!tried) return undefined;
  if (!tried.isRight)
    return {
      ok: false,
      reason: "wrong-pin",
      attemptsLeft: attemptsLeft({ ...row, ...tried }, config.links),
    };
  if (isExpired) return { ok: false, reason: "expired" };
  if (tried.isClaimed) {
    const claim = { id, userId, claimId: lease.claimId, sealedUnsettled };
    return { ok: true, claim, known: { initialPassword, unsettled } };
  }
  return tried.isHeld ? { ok: false, reason: "in-progress" } : undefined;
}
