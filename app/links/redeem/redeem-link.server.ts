import { randomUUID } from "node:crypto";
import { recordEvent } from "../../../db/audit-events.store";
import {
  claimLink,
  completeLink,
  countAttempt,
  giveAttemptBack,
  noteUnsettled,
  releaseClaim,
} from "../../../db/link-claims.store";
import type { LinkRow } from "../../../db/link-row";
import { findLink, findLinkByToken } from "../../../db/links.store";
import { cancelQueuedMails } from "../../../db/mails.store";
import { enqueueMail } from "../../../emails/outbox";
import { isKeystoneError } from "../../keystone/errors.server";
import {
  type ChangePasswordOutcome,
  changePassword,
  isPasswordAccepted,
} from "../../keystone/passwords.server";
import type { KeystoneSession } from "../../keystone/session.server";
import { describeError } from "../../telemetry/log.server";
import { hashToken, type Vault, VaultError } from "../../vault/vault.server";
import { type LinkContext, type Origin, partyOf } from "../link-context.server";
import { attemptsLeft } from "../link-status";
import type { LinkToken } from "../link-token.server";
import { findPasswordProblem, type PasswordProblem } from "../password-rules";
import { isPin, matchesPin } from "../pin.server";
import {
  KEPT_UNSETTLED,
  openPassword,
  openUnsettled,
  sealPassword,
  sealUnsettled,
  type UnsettledPassword,
} from "../sealed-fields.server";
import { addressesOnce } from "../tell-owner.server";

export interface RedeemRequest {
  token: LinkToken;
  pin: string;
  password: string;
}

/** Why an administrator has to help; kept with the link and told to its issuer. */
export type LinkProblem =
  | "initial-password-stale"
  | "account-disabled"
  | "account-locked"
  | "password-locked"
  | "read-only-account"
  /** Made by a release whose PINs are not bound to their link: see `matchesPin`. */
  | "link-outdated";

export type RedeemResult =
  | { ok: true; userName: string | null }
  /** Unknown, replaced or used. */
  | { ok: false; reason: "unknown-link" }
  | { ok: false; reason: "malformed-pin"; pinLength: number }
  | { ok: false; reason: "wrong-pin"; attemptsLeft: number }
  | { ok: false; reason: "locked" }
  | { ok: false; reason: "expired" }
  /** Another redemption of the same link is under way. */
  | { ok: false; reason: "in-progress" }
  /** The administrator ended it by another password while Keystone was setting this one. */
  | { ok: false; reason: "superseded" }
  | { ok: false; reason: "password-problem"; problem: PasswordProblem; description: string | null }
  /** Keystone's password rules, in its own words. */
  | { ok: false; reason: "password-refused"; message: string }
  | { ok: false; reason: "needs-administrator"; problem: LinkProblem }
  | { ok: false; reason: "keystone-unavailable"; retryAfterSeconds: number };

/**
 * Six calls can follow one another: set, ask about each of three earlier passwords, set, ask. After that
 * this process is taken for dead.
 */
export const leaseSecondsFor = (keystoneTimeoutSeconds: number) =>
  Math.max(60, 6 * keystoneTimeoutSeconds);

const RETRY_AFTER_SECONDS = 10;

/** A row claimed for one redemption, with what was found in it. */
interface Claim {
  readonly id: string;
  readonly claimId: string;
  readonly userId: string;
  readonly initialPassword: string;
  /** Passwords sent before, whose answers were lost; oldest first. */
  readonly unsettled: readonly UnsettledPassword[];
  /** What the row was last given: those, and what is being sent. */
  sealedUnsettled: Buffer | null;
}

/**
 * Sets the user's own password in Keystone, once. The procedure is in docs/contract.md: count before
 * comparing, claim before acting, complete with the audit row and the mail, erase when done.
 *
 * @param request.pin and `password` as typed
 * @returns every outcome as a value; throws only where the database fails
 */
export async function redeemLink(
  context: LinkContext,
  request: RedeemRequest,
  origin: Origin,
): Promise<RedeemResult> {
  const row = await findLinkByToken(context.db, hashToken(request.token));
  if (!row) return { ok: false, reason: "unknown-link" };

  const description = row.policyDescription;
  const problem = findPasswordProblem(request.password);
  if (problem) return { ok: false, reason: "password-problem", problem, description };
  const pinLength = row.pinLength ?? context.config.links.pinLength;
  if (!isPin(request.pin, pinLength)) return { ok: false, reason: "malformed-pin", pinLength };

  return inOneTurn(context, row.userId, origin, async (keystone) => {
    const opened = await openWithPin(context, request, row, origin);
    if (!opened.ok) {
      context.log.info("link.redeem-refused", {
        linkId: row.id,
        userId: row.userId,
        reason: opened.reason,
        requestId: origin.requestId,
      });
      return opened;
    }
    const { claim } = opened;
    // The operator's expression is work for us, so only whoever knows the PIN can ask for it.
    if (
      row.policyRegex &&
      (await context.policyCheck.check(row.policyRegex, request.password)) === "breaks"
    ) {
      const left = leftBehind(context.vault, claim, undefined);
      await giveUp(context, claim, origin, { left, reason: "password-problem" });
      return { ok: false, reason: "password-problem", problem: "policy", description };
    }
    return setPassword({ ...context, keystone }, claim, request.password, origin);
  });
}

/** What follows the PIN works with: its turn has come, so that none of its calls waits for another. */
export type RedeemContext = Omit<LinkContext, "keystone"> & { readonly keystone: KeystoneSession };

/**
 * Waits for Keystone before the PIN is looked at: the claim's lease is for the calls alone, and whoever
 * waits in vain has spent nothing and can try again at once.
 */
async function inOneTurn(
  { keystone }: LinkContext,
  userId: string,
  origin: Origin,
  redeem: (keystone: KeystoneSession) => Promise<RedeemResult>,
): Promise<RedeemResult> {
  const caller = { rank: "people", party: partyOf(origin) } as const;
  const path = `/users/${encodeURIComponent(userId)}/password`;
  const begins = { method: "POST", path, requestId: origin.requestId } as const;
  try {
    return await keystone.inOneTurn(caller, begins, redeem);
  } catch (error) {
    if (!isKeystoneError(error) || error.kind !== "busy") throw error;
    const { retryAfterSeconds = RETRY_AFTER_SECONDS } = error;
    return { ok: false, reason: "keystone-unavailable", retryAfterSeconds };
  }
}

type OpenResult = { ok: true; claim: Claim } | Exclude<RedeemResult, { ok: true }>;

/** A seal that does not fit is no link: somebody wrote to the database. Nothing was compared, nor counted. */
async function openWithPin(
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
    const unsettled = openUnsettled(vault, row.userId, row.sealedUnsettled);
    // Where there is no room for it, it is not sent before there is: see `settle`.
    const sealedUnsettled = hasRoomFor(unsettled, request.password)
      ? sealUnsettled(vault, row.userId, withAttempt(unsettled, request.password))
      : row.sealedUnsettled;
    const claim: Claim = {
      id: row.id,
      claimId: randomUUID(),
      userId: row.userId,
      initialPassword: openPassword(vault, row.userId, sealedPassword),
      unsettled,
      sealedUnsettled,
    };
    const claimed = await claimLink(tx, {
      id: claim.id,
      claimId: claim.claimId,
      leaseSeconds: leaseSecondsFor(config.keystone.timeoutSeconds),
      sealedUnsettled,
    });
    return claimed ? { ok: true, claim } : { ok: false, reason: "in-progress" };
  });
}

/** What Keystone made of the typed password, after every question that had to be asked. */
type Settled =
  | { is: "set" }
  /** `inForce`: the earlier password that was found to be, where it is not the initial one. */
  | {
      is: "refused";
      outcome: Exclude<ChangePasswordOutcome, { ok: true }>;
      inForce: UnsettledPassword | undefined;
    }
  /** `unsettled`: the passwords that may be in force, or come into force. */
  | { is: "unknown"; retryAfterSeconds: number; unsettled: readonly UnsettledPassword[] }
  /** The claim was lost before anything was sent. */
  | { is: "superseded" };

const hasRoomFor = (unsettled: readonly UnsettledPassword[], password: string) =>
  unsettled.length < KEPT_UNSETTLED || unsettled.some((one) => one.password === password);

const withAttempt = (unsettled: readonly UnsettledPassword[], password: string) => [
  ...unsettled.filter((one) => one.password !== password),
  { by: "user", password } as const,
];

async function setPassword(
  context: RedeemContext,
  claim: Claim,
  password: string,
  origin: Origin,
): Promise<RedeemResult> {
  const settled = await settle(context, claim, password, origin);
  if (settled.is === "set") return completeRedemption(context, claim, password, origin);

  if (settled.is === "superseded") return { ok: false, reason: "superseded" };

  const { vault } = context;
  if (settled.is === "unknown") {
    // The claim goes back, so that the user can try again at once; the typed password stays, sealed,
    // because Keystone may still carry the change out.
    const left = leave(claim, sealUnsettled(vault, claim.userId, settled.unsettled));
    return putOff(context, claim, origin, { left, retryAfterSeconds: settled.retryAfterSeconds });
  }

  const { outcome, inForce } = settled;
  const left = leftBehind(vault, claim, inForce);
  switch (outcome.reason) {
    case "unavailable": {
      const retryAfterSeconds = outcome.retryAfterSeconds ?? RETRY_AFTER_SECONDS;
      return putOff(context, claim, origin, { left, retryAfterSeconds });
    }
    case "refused":
      await giveUp(context, claim, origin, { left, reason: "password-refused" });
      return { ok: false, reason: "password-refused", message: outcome.message };
    default: {
      const problem = problemOf[outcome.reason];
      await giveUp(context, claim, origin, { left, reason: problem, problem });
      return { ok: false, reason: "needs-administrator", problem };
    }
  }
}

/**
 * What the link keeps when a change was refused. A random password of an administrator's is the initial
 * one from then on. One that the user typed stays among the unsettled: if nobody comes back, the worker
 * completes the link with it.
 */
function leftBehind(vault: Vault, claim: Claim, inForce: UnsettledPassword | undefined): Left {
  const { userId, unsettled } = claim;
  if (inForce?.by === "admin")
    return { ...leave(claim, null), sealedPassword: sealPassword(vault, userId, inForce.password) };
  return leave(claim, sealUnsettled(vault, userId, inForce ? [inForce] : [...unsettled]));
}

/** What a redemption that set no password leaves in the row. */
interface Left {
  attempts: { before: Buffer | null; after: Buffer | null };
  sealedPassword?: Buffer;
}

const leave = (claim: Claim, after: Buffer | null): Left => ({
  attempts: { before: claim.sealedUnsettled, after },
});

const problemOf = {
  "wrong-original": "initial-password-stale",
  disabled: "account-disabled",
  "account-locked": "account-locked",
  "password-locked": "password-locked",
  "read-only": "read-only-account",
} as const satisfies Record<string, LinkProblem>;

/**
 * One call where all is well. A lost answer is followed by one question: is the typed password in
 * force? And where the initial password is refused while an earlier answer was lost, the earlier
 * passwords are asked about, because one of them may be in force, however late it got there. Where one
 * more lost answer would push out the oldest of them, they are asked about first.
 */
async function settle(
  context: RedeemContext,
  claim: Claim,
  password: string,
  origin: Origin,
): Promise<Settled> {
  const { db, vault, keystone } = context;
  const { userId } = claim;
  const requestId = origin.requestId;
  const change = (originalPassword: string) =>
    changePassword(keystone, { userId, originalPassword, password, requestId });
  const ask = (typed: string) =>
    isPasswordAccepted(keystone, { userId, password: typed, requestId });

  let { unsettled } = claim;
  let inForce: UnsettledPassword | undefined;
  let outcome = hasRoomFor(unsettled, password) ? await change(claim.initialPassword) : undefined;
  if (!outcome || (!outcome.ok && outcome.reason === "wrong-original")) {
    for (const earlier of [...claim.unsettled].reverse()) {
      const answer = await ask(earlier.password);
      if (answer === "unknown")
        return { is: "unknown", retryAfterSeconds: RETRY_AFTER_SECONDS, unsettled };
      if (answer === "refused") continue;
      if (earlier.password === password) return { is: "set" };
      inForce = earlier;
      unsettled = [earlier];
      outcome = undefined;
      break;
    }
    if (!outcome) {
      // Not in force, the oldest cannot be on its way any more.
      if (!hasRoomFor(unsettled, password)) unsettled = unsettled.slice(1);
      const sealedUnsettled = sealUnsettled(vault, userId, withAttempt(unsettled, password));
      if (!(await noteUnsettled(db, { id: claim.id, held: claim, sealedUnsettled })))
        return { is: "superseded" };
      claim.sealedUnsettled = sealedUnsettled;
      outcome = await change(inForce?.password ?? claim.initialPassword);
    }
  }
  if (outcome.ok) return { is: "set" };
  if (outcome.reason !== "unavailable" || !outcome.mayHaveHappened)
    return { is: "refused", outcome, inForce };

  const answer = await ask(password);
  if (answer === "accepted") return { is: "set" };
  const retryAfterSeconds = outcome.retryAfterSeconds ?? RETRY_AFTER_SECONDS;
  return { is: "unknown", retryAfterSeconds, unsettled: withAttempt(unsettled, password) };
}

type LinkClaim = Pick<Claim, "id" | "claimId" | "userId">;

/**
 * Keystone has set the typed password. Where the claim was lost meanwhile (its lease was over, or a
 * random password was to end it), that may have been undone since: Keystone is asked, and what it says
 * is what the list, the trail and the mail say.
 */
async function completeRedemption(
  context: RedeemContext,
  claim: LinkClaim,
  password: string,
  origin: Origin,
): Promise<RedeemResult> {
  const held = await finishLink(context, claim, origin);
  if (held) return { ok: true, userName: held.userName };

  const { db, keystone, log } = context;
  const { id, userId } = claim;
  const { requestId } = origin;
  const before = await findLink(db, id);
  let answer = await isPasswordAccepted(keystone, { userId, password, requestId });
  if (answer === "accepted" && before) {
    const completed = await finishLink(context, { id, userId, before }, origin);
    if (completed) return { ok: true, userName: completed.userName };
    // Another password may have been set since Keystone said so.
    if ((await findLink(db, id))?.state !== "completed") answer = "unknown";
  }
  // Unknown: it is still among the attempts, and the worker asks after it.
  const outcome = { accepted: "already-completed", refused: "superseded", unknown: "unknown" }[
    answer
  ];
  await recordEvent(db, userEvent(claim, origin, "link.redeemed", outcome));
  log.info("link.redeemed", { linkId: id, userId, reason: outcome, requestId });
  if (answer !== "accepted") return { ok: false, reason: "superseded" };
  return { ok: true, userName: (await findLink(db, id))?.userName ?? null };
}

/**
 * Completes the row, erases its secrets and tells the user by mail, all or nothing.
 *
 * @param claim what must still hold: this claim, or the link as it was before Keystone was asked
 * @returns the completed link, or undefined where the claim no longer held or it was completed before
 */
export async function finishLink(
  context: RedeemContext,
  claim: Pick<LinkClaim, "id" | "userId"> & ({ claimId: string } | { before: LinkRow }),
  origin: Origin,
): Promise<LinkRow | undefined> {
  const row = await context.db.transaction(async (tx) => {
    const completed = await completeLink(tx, claim);
    if (!completed) return undefined;
    const outcome = completed.revokedAt ? "after-revocation" : "ok";
    await recordEvent(tx, userEvent(claim, origin, "link.redeemed", outcome));
    // A link still in the outbox no longer works.
    await cancelQueuedMails(tx, { linkId: claim.id, template: "link" });
    for (const recipient of addressesOnce([completed.mailTo, completed.userEmail]))
      await enqueueMail(tx, context.vault, {
        template: "password-set",
        recipient,
        linkId: completed.id,
        props: {
          userName: completed.userName ?? undefined,
          domainName: completed.userDomainName ?? undefined,
          at: new Date().toISOString(),
        },
      });
    return completed;
  });
  if (!row) return undefined;
  context.outbox.wake();
  context.log.info("link.redeemed", {
    linkId: claim.id,
    userId: claim.userId,
    reason: row.revokedAt ? "after-revocation" : undefined,
    requestId: origin.requestId,
  });
  return row;
}

/** A definite refusal: the claim goes back, and where only an administrator can help, they are told. */
async function giveUp(
  context: RedeemContext,
  claim: Claim,
  origin: Origin,
  end: {
    left: Left;
    reason: string;
    problem?: LinkProblem;
  },
): Promise<void> {
  await context.db.transaction(async (tx) => {
    const before = await findLink(tx, claim.id, { lock: true });
    const released = await releaseClaim(tx, claim, {
      ...end.left,
      ...(end.problem && { problem: end.problem }),
    });
    const about = { id: claim.id, userId: claim.userId };
    await recordEvent(tx, userEvent(about, origin, "link.redeem-refused", end.reason));
    const recipient = released?.issuedByEmail ?? context.config.mail.helpdesk;
    // Once for each problem: a user who keeps trying must not flood the administrator.
    if (!released || !end.problem || before?.problem === end.problem || !recipient) return;
    await enqueueMail(tx, context.vault, {
      template: "link-problem",
      recipient,
      linkId: claim.id,
      props: {
        userId: claim.userId,
        userName: released.userName ?? undefined,
        problem: describeProblem(end.problem),
        consoleUrl: new URL(`/admin/links/${claim.id}`, context.config.publicUrl).href,
      },
    });
  });
  context.outbox.wake();
  context.log.warn("link.redeem-refused", {
    linkId: claim.id,
    userId: claim.userId,
    reason: end.reason,
    requestId: origin.requestId,
  });
}

/** @returns what the issuer is told, a sentence or two: what happened and what to do */
export function describeProblem(problem: LinkProblem): string {
  return problemSentences[problem];
}

const problemSentences: Record<LinkProblem, string> = {
  "initial-password-stale":
    "Keystone does not take the initial password kept with the link: it was changed, the user is gone, or the account is locked for a while after too many failed sign-ins. Unless the lock passes, issue a new link and let setpass set a random password.",
  "account-disabled":
    "The account is disabled in Keystone. Enable it, then tell the user to open the same link again.",
  "account-locked":
    "Keystone has locked the account after too many failed sign-ins. It unlocks by itself after a while; the same link then works.",
  "password-locked":
    "Keystone forbids this user to change the password (option lock_password). Take the option away, then tell the user to open the same link again.",
  "link-outdated":
    "The link was made by an earlier release, whose PINs are kept less safely. Renew it or mail it again: the PIN stays the same.",
  "read-only-account":
    "The user lives in a directory that Keystone cannot write to (such as LDAP). The password has to be set there.",
};

/**
 * Keystone did not answer: the claim goes back. The trail has it, because a worker may find out later
 * that the password was set, and cannot know from where.
 */
async function putOff(
  context: RedeemContext,
  claim: Claim,
  origin: Origin,
  end: {
    left: Left;
    retryAfterSeconds: number;
  },
): Promise<RedeemResult> {
  const { retryAfterSeconds } = end;
  await context.db.transaction(async (tx) => {
    await releaseClaim(tx, claim, end.left);
    const about = { id: claim.id, userId: claim.userId };
    await recordEvent(tx, userEvent(about, origin, "link.redeem-refused", "keystone-unavailable"));
  });
  context.log.warn("link.redeem-refused", {
    linkId: claim.id,
    userId: claim.userId,
    reason: "keystone-unavailable",
    requestId: origin.requestId,
  });
  return { ok: false, reason: "keystone-unavailable", retryAfterSeconds };
}

const userEvent = (
  link: { id: string; userId: string },
  origin: Origin,
  action: "link.pin-refused" | "link.redeem-refused" | "link.redeemed",
  outcome: string,
) => ({
  action,
  actorKind: "user" as const,
  userId: link.userId,
  linkId: link.id,
  outcome,
  clientAddress: origin.clientAddress,
  requestId: origin.requestId,
});
