import { randomUUID } from "node:crypto";
import { recordEvent } from "../../db/audit-events.store";
import {
  claimLink,
  completeLink,
  countAttempt,
  findLink,
  findLinkByToken,
  giveAttemptBack,
  noteAttempts,
  releaseClaim,
} from "../../db/links.store";
import { cancelQueuedMails } from "../../db/mails.store";
import { enqueueMail } from "../../emails/outbox";
import { isKeystoneError } from "../keystone/errors.server";
import {
  type ChangePasswordOutcome,
  changePassword,
  isPasswordAccepted,
} from "../keystone/identity.server";
import type { KeystoneSession } from "../keystone/session.server";
import { hashToken, type Vault } from "../vault/vault.server";
import { type LinkContext, type Origin, partyOf } from "./link-context.server";
import { attemptsLeft } from "./link-status";
import type { LinkToken } from "./link-token.server";
import { findPasswordProblem, type PasswordProblem } from "./password-rules";
import { isPin, matchesPin } from "./pin.server";
import {
  KEPT_ATTEMPTS,
  openAttempts,
  openPassword,
  type PasswordAttempt,
  sealAttempts,
  sealPassword,
} from "./sealed-fields.server";
import { addressesOnce } from "./tell-owner.server";

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
  | "read-only-account";

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
  /** The administrator renewed or revoked the link while Keystone was setting the password. */
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
  readonly unsettled: readonly PasswordAttempt[];
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
    const opened = await openWithPin(context, request, origin);
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

/**
 * Counts, compares, and claims, in one short transaction. The counting UPDATE holds the row's lock, so
 * that however many come at once, they are compared one after the other and no more than the limit
 * ever is; a right PIN's attempt is given back before the next in line is counted.
 */
async function openWithPin(
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
    if (!matchesPin(vault, { pin: request.pin, userId: row.userId, stored })) {
      await recordEvent(tx, userEvent(row, origin, "link.pin-refused", "wrong-pin"));
      return { ok: false, reason: "wrong-pin", attemptsLeft: attemptsLeft(row, config.links) };
    }

    await giveAttemptBack(tx, row.id);
    if (row.expiresAt <= new Date()) {
      await recordEvent(tx, userEvent(row, origin, "link.redeem-refused", "expired"));
      return { ok: false, reason: "expired" };
    }
    const unsettled = openAttempts(vault, row.userId, row.sealedAttempts);
    const claim: Claim = {
      id: row.id,
      claimId: randomUUID(),
      userId: row.userId,
      initialPassword: openPassword(vault, row.userId, sealedPassword),
      unsettled,
    };
    const claimed = await claimLink(tx, {
      id: claim.id,
      claimId: claim.claimId,
      leaseSeconds: leaseSecondsFor(config.keystone.timeoutSeconds),
      // Where there is no room for it, it is not sent before there is: see `settle`.
      sealedAttempts: hasRoomFor(unsettled, request.password)
        ? sealAttempts(vault, row.userId, withAttempt(unsettled, request.password))
        : row.sealedAttempts,
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
      inForce: PasswordAttempt | undefined;
    }
  /** `unsettled`: the passwords that may be in force, or come into force. */
  | { is: "unknown"; retryAfterSeconds: number; unsettled: readonly PasswordAttempt[] }
  /** The claim was lost before anything was sent. */
  | { is: "superseded" };

const hasRoomFor = (unsettled: readonly PasswordAttempt[], password: string) =>
  unsettled.length < KEPT_ATTEMPTS || unsettled.some((one) => one.password === password);

const withAttempt = (unsettled: readonly PasswordAttempt[], password: string) => [
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
  if (settled.is === "set") return completeRedemption(context, claim, origin);

  if (settled.is === "superseded") return { ok: false, reason: "superseded" };

  const { vault } = context;
  if (settled.is === "unknown") {
    // The claim goes back, so that the user can try again at once; the typed password stays, sealed,
    // because Keystone may still carry the change out.
    const left = { sealedAttempts: sealAttempts(vault, claim.userId, settled.unsettled) };
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
function leftBehind(vault: Vault, claim: Claim, inForce: PasswordAttempt | undefined) {
  const { userId, unsettled } = claim;
  if (inForce?.by === "admin")
    return { sealedAttempts: null, sealedPassword: sealPassword(vault, userId, inForce.password) };
  return { sealedAttempts: sealAttempts(vault, userId, inForce ? [inForce] : unsettled) };
}

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
  let inForce: PasswordAttempt | undefined;
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
      const sealedAttempts = sealAttempts(vault, userId, withAttempt(unsettled, password));
      if (!(await noteAttempts(db, { ...claim, sealedAttempts }))) return { is: "superseded" };
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

/** Completes the row, erases its secrets and tells the user by mail, all or nothing. */
export async function completeRedemption(
  context: RedeemContext,
  claim: Pick<Claim, "id" | "claimId" | "userId">,
  origin: Origin,
): Promise<RedeemResult> {
  const row = await context.db.transaction(async (tx) => {
    const completed = await completeLink(tx, claim);
    const about = { id: claim.id, userId: claim.userId };
    await recordEvent(
      tx,
      userEvent(about, origin, "link.redeemed", completed ? "ok" : "superseded"),
    );
    if (!completed) return undefined;
    // A link still in the outbox opens nothing any more.
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
  context.outbox.wake();
  context.log.info("link.redeemed", {
    linkId: claim.id,
    userId: claim.userId,
    reason: row ? undefined : "superseded",
    requestId: origin.requestId,
  });
  return row ? { ok: true, userName: row.userName } : { ok: false, reason: "superseded" };
}

/** A definite refusal: the claim goes back, and where only an administrator can help, they are told. */
async function giveUp(
  context: RedeemContext,
  claim: Claim,
  origin: Origin,
  end: {
    left: { sealedAttempts: Buffer | null; sealedPassword?: Buffer };
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
    left: { sealedAttempts: Buffer | null; sealedPassword?: Buffer };
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
