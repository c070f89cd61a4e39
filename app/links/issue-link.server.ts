import type { Queryable, Transaction } from "../../db/client";
import {
  findKeptSecrets,
  type IssuedLink,
  type IssuedPin,
  type KeptPin,
  type KeptSecrets,
  renewLink,
  upsertLink,
  type WrittenLink,
} from "../../db/issue-link.store";
import type { LinkRow } from "../../db/link-row";
import { findLinkOfUser, type LinkUser, saveLinkUser } from "../../db/links.store";
import { type PermittedInitiator, requirePermit } from "../audit/initiator.server";
import { eventOf } from "../audit/record.server";
import { isLinkLifetime } from "../config/link-lifetime";
import { hashToken } from "../vault/vault.server";
import type { LinkContext } from "./link-context.server";
import { createLinkToken, type LinkToken, linkUrl } from "./link-token.server";
import { mailLink } from "./mail-link.server";
import { openKeptPinKey, sealPin, sealPinKey } from "./pin.server";
import { openUnsettled, sealPassword, sealsPassword } from "./sealed-fields.server";
import { tellOwner } from "./tell-owner.server";

export interface IssueRequest {
  userId: string;
  /** Left out: the PIN of the user's pending link is kept. Well-formed: see `isPin`. */
  pin?: string;
  /** Left out: the initial password of the user's pending link is kept. */
  initialPassword?: string;
  /**
   * Keystone has just taken the initial password, by the administrator's rights: that ends a redemption
   * under way. Else somebody says that it is in force.
   */
  initialPasswordIsSet?: boolean;
  via: LinkRow["issuedVia"];
  /** Where to mail the link. Left out: it is not mailed, the caller hands it over. */
  mailTo?: string;
  /** The user's, by its tag. Left out: the one their link had before, if any. */
  language?: string;
  /** How long the link lasts; 1 to LONGEST_LIFETIME_SECONDS. Left out: TOKEN_EXPIRATION. */
  expiresInSeconds?: number;
  /** What Keystone says of the user, where the caller knows it already. */
  user?: LinkUser;
}

/** Of a user who has never had a link: nothing can be kept. */
export interface FirstIssueRequest extends IssueRequest {
  pin: string;
  initialPassword: string;
}

export interface IssuedLinkAnswer extends WrittenLink {
  userId: string;
  token: LinkToken;
  url: string;
}

export type IssueResult =
  | { ok: true; link: IssuedLinkAnswer }
  /** There is no pending link to take the missing parts from. */
  | { ok: false; reason: "incomplete"; missing: ("pin" | "password")[] }
  /** The link's initial password is not in force any more: setpass has replaced it, or is about to. */
  | { ok: false; reason: "scrambled" }
  /** This PIN was guessed wrong too often: it takes a new one. */
  | { ok: false; reason: "pin-exhausted" }
  /** A redemption of the user's link is under way: nothing was changed. */
  | { ok: false; reason: "in-progress" };

interface IssueAct {
  readonly request: IssueRequest;
  readonly initiator: PermittedInitiator;
  readonly token: LinkToken;
}

/**
 * Issues a link, or renews the user's: a new link token, a new lifetime, the old token cancelled. The
 * row, its audit row and the mail are written together or not at all.
 *
 * @param andThen what else is written with it, in the same transaction
 */
export async function issueLink(
  context: LinkContext,
  request: IssueRequest,
  initiator: PermittedInitiator,
  andThen?: (tx: Transaction, link: IssuedLinkAnswer) => Promise<void>,
): Promise<IssueResult> {
  requirePermit(initiator, request.userId);
  const act: IssueAct = { request, initiator, token: createLinkToken() };
  const { mailTo } = request;
  let result: IssueResult | undefined;
  // The link and its audit rows are one statement: where nobody else acts on it, no lock is needed.
  if (mailTo === undefined && !request.initialPasswordIsSet && !andThen) {
    result = await issueUnlocked(context, act);
    if (result?.ok && result.link.ownerUntold) {
      const { link } = result;
      // Should this process die before that, the row still has it: see `tellUntoldOwners`.
      await context.db.transaction((tx) => tellOfChanges(context, tx, request, link));
    }
  }
  result ??= await context.db.transaction(async (tx) => {
    const issued = await issueLocked(context, tx, act);
    if (issued.ok) await andThen?.(tx, issued.link);
    return issued;
  });
  if (mailTo !== undefined || (result.ok && result.link.ownerUntold)) context.outbox.wake();
  if (result.ok) logIssued(context, result.link, initiator);
  return result;
}

/**
 * Issues a user's first link, or none: a row of theirs, of whatever state, is left as it is. The row, its
 * audit row, the mail and what is written with it are written together or not at all.
 *
 * @param andThen what else is written with it, in the same transaction
 */
export async function issueFirstLink(
  context: LinkContext,
  request: FirstIssueRequest,
  initiator: PermittedInitiator,
  andThen?: (tx: Transaction, link: IssuedLinkAnswer) => Promise<void>,
): Promise<{ ok: true; link: IssuedLinkAnswer } | { ok: false; reason: "already-issued" }> {
  const { userId, mailTo } = request;
  requirePermit(initiator, userId);
  const act: IssueAct = { request, initiator, token: createLinkToken() };
  const result = await context.db.transaction(async (tx) => {
    const issued = (await findLinkOfUser(tx, userId))
      ? undefined
      : await writeLink(context, tx, act, { row: undefined, voidsUnsettled: true });
    if (!issued?.ok) return { ok: false, reason: "already-issued" } as const;
    const { link } = issued;
    if (mailTo !== undefined) await mailLink(context, tx, { ...link, mailTo });
    await andThen?.(tx, link);
    return issued;
  });
  if (!result.ok) return result;
  if (mailTo !== undefined) context.outbox.wake();
  logIssued(context, result.link, initiator);
  return result;
}

function logIssued(
  { log }: LinkContext,
  link: IssuedLinkAnswer,
  { actor, requestId }: PermittedInitiator,
): void {
  log.info("link.issued", {
    linkId: link.id,
    userId: link.userId,
    actorId: actor.userId,
    requestId,
  });
}

/**
 * In one statement, as a rule: this process remembers what it last wrote to the user's row, and else assumes
 * that there is none. A statement that finds otherwise says what the row has, for one more try.
 *
 * @returns undefined where it takes the row's lock to do it, or to say why not
 */
async function issueUnlocked(
  context: LinkContext,
  act: IssueAct,
): Promise<Extract<IssueResult, { ok: true }> | undefined> {
  const { db, keptSecrets } = context;
  const { userId, pin, initialPassword } = act.request;
  const isWhole = pin !== undefined && initialPassword !== undefined;
  const row = keptSecrets.get(userId) ?? (isWhole ? undefined : await findKeptSecrets(db, userId));
  const first = await writeLink(context, db, act, { row, voidsUnsettled: false });
  if (first.ok || !first.kept) return first.ok ? first : undefined;
  const second = await writeLink(context, db, act, { row: first.kept, voidsUnsettled: false });
  return second.ok ? second : undefined;
}

/** With the user's row held: nobody comes in between, and a refusal's reason is the one it had. */
async function issueLocked(
  context: LinkContext,
  tx: Transaction,
  act: IssueAct,
): Promise<IssueResult> {
  const { request } = act;
  const row = await findLinkOfUser(tx, request.userId, { lock: true });
  // Keystone may yet carry out a redemption that it had let in before it took the initial password, and
  // nobody may have heard of one before: the worker finds out (see `settleLinks`).
  const voidsUnsettled =
    request.initialPasswordIsSet === true &&
    !openUnsettled(context.vault, request.userId, row?.sealedUnsettled ?? null).some(
      ({ by }) => by === "user",
    );
  const written = await writeLink(context, tx, act, { row, voidsUnsettled });
  if (!written.ok) return whyNotWritten(context, act, row);
  if (request.mailTo !== undefined)
    await mailLink(context, tx, { ...written.link, mailTo: request.mailTo });
  await tellOfChanges(context, tx, request, written.link);
  return written;
}

async function tellOfChanges(
  context: LinkContext,
  tx: Transaction,
  request: IssueRequest,
  { id, ownerUntold }: WrittenLink,
): Promise<void> {
  if (ownerUntold)
    await tellOwner(context, tx, id, { address: request.user ? "asked" : "as-kept" });
}

/**
 * @param known.row what is kept in the user's row, read before
 * @returns not ok where it was not written, with what the row keeps where that was asked
 */
async function writeLink(
  context: LinkContext,
  db: Queryable,
  act: IssueAct,
  known: { row: KeptSecrets | undefined; voidsUnsettled: boolean },
): Promise<Extract<IssueResult, { ok: true }> | { ok: false; kept?: KeptSecrets }> {
  const { config, vault, keptSecrets } = context;
  const { request, initiator, token } = act;
  const { actor } = initiator;
  const { userId, initialPassword } = request;
  const pin = pinToWrite(context, act, known.row);
  if (!pin) return { ok: false };
  const tokenHash = hashToken(token);
  const kept = known.row ?? { tokenHash: null, sealedPinKey: null, sealedPassword: null };
  const keptPassword = kept.sealedPassword;
  const issued: Omit<IssuedLink, "event"> = {
    userId,
    tokenHash,
    expiresAt: new Date(Date.now() + lifetimeSecondsOf(request, config.links) * 1000),
    issuedById: actor.userId,
    issuedByName: actor.userName,
    issuedByEmail: actor.userEmail ?? null,
    issuedVia: request.via,
    mailTo: request.mailTo ?? null,
    language: request.language ?? null,
    endsRedemption: request.initialPasswordIsSet === true,
    voidsUnsettled: known.voidsUnsettled,
    sameSealedPassword:
      initialPassword !== undefined &&
      keptPassword &&
      sealsPassword(vault, userId, { sealed: keptPassword, password: initialPassword })
        ? keptPassword
        : null,
    known: kept,
  };
  const sealedPassword =
    initialPassword === undefined ? undefined : sealPassword(vault, userId, initialPassword);

  const event = (action: "link.issued" | "link.renewed") =>
    eventOf(initiator, { action, userId, outcome: "ok" });
  const written =
    "pinMac" in pin && sealedPassword
      ? await upsertLink(
          db,
          { ...issued, ...pin, sealedPassword, event: event("link.issued") },
          config.links,
        )
      : await renewLink(
          db,
          { ...issued, pin, sealedPassword, event: event("link.renewed") },
          config.links,
        );
  // In a transaction, this is believed before it is committed: then it is wrong, and the row says so.
  if (written.ok)
    keptSecrets.set(userId, {
      tokenHash,
      sealedPinKey: pin.sealedPinKey,
      sealedPassword: sealedPassword ?? keptPassword,
    });
  else {
    keptSecrets.delete(userId);
    return { ok: false, kept: written.kept };
  }
  if (request.user) await saveLinkUser(db, userId, request.user);
  return {
    ok: true,
    link: {
      ...written.link,
      ...(request.user && {
        userName: request.user.name,
        userDomainName: request.user.domainName,
      }),
      userId,
      token,
      url: linkUrl(config.publicUrl, token),
    },
  };
}

/** @throws RangeError for one that no link may have: a mistake of ours, as whoever asks is told before */
function lifetimeSecondsOf(
  { expiresInSeconds: asked }: IssueRequest,
  { lifetimeSeconds }: { lifetimeSeconds: number },
): number {
  if (asked === undefined) return lifetimeSeconds;
  if (!isLinkLifetime(asked)) throw new RangeError(`No link lasts ${asked} s`);
  return asked;
}

/**
 * The PIN for the new token: a new one under the key the row has, so that one that stays the same shows
 * as the same; or the row's own.
 *
 * @returns undefined where there is none to keep
 */
function pinToWrite(
  { vault }: LinkContext,
  { request, token }: IssueAct,
  row: KeptSecrets | undefined,
): IssuedPin | KeptPin | undefined {
  const { userId, pin } = request;
  const owner = { userId, tokenHash: hashToken(token) };
  const formerTokenHash = row?.tokenHash;
  const keptKey =
    row?.sealedPinKey && formerTokenHash
      ? openKeptPinKey(vault, row.sealedPinKey, { userId, tokenHash: formerTokenHash })
      : undefined;
  if (pin !== undefined) return sealPin(vault, { pin, owner, keptKey });
  return keptKey && { sealedPinKey: sealPinKey(vault, keptKey, owner) };
}

/** @param row as it was when nothing was written, and locked since */
function whyNotWritten(
  context: LinkContext,
  act: IssueAct,
  row: LinkRow | undefined,
): Exclude<IssueResult, { ok: true }> {
  const { request } = act;
  const pin = pinToWrite(context, act, row);
  const whole = row !== undefined && row.pinMac !== null;
  const missing: ("pin" | "password")[] = [];
  if (request.pin === undefined && !(whole && pin)) missing.push("pin");
  if (request.initialPassword === undefined && !whole) missing.push("password");
  if (missing.length > 0) return { ok: false, reason: "incomplete", missing };
  if (request.initialPassword === undefined && row?.scrambledAt)
    return { ok: false, reason: "scrambled" };
  const samePin = pin && (!("pinMac" in pin) || (row?.pinMac?.equals(pin.pinMac) ?? false));
  const exhausted = samePin && (row?.pinGuesses ?? 0) >= context.config.links.maxPinGuesses;
  return { ok: false, reason: exhausted ? "pin-exhausted" : "in-progress" };
}
