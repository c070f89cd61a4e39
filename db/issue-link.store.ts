import { and, eq, gt, isNotNull, lt, type SQL, sql } from "drizzle-orm";
import { linkEventsInsert, type NewAuditEvent } from "./audit-events.store";
import type { Queryable } from "./client";
import { type LinkRow, unclaimed } from "./link-row";
import { linkMailsCancelled } from "./mails.store";
import { foldedCase, links } from "./schema";

/** What issuing writes, whichever way. Secrets come sealed or hashed. */
export interface IssuedLink {
  userId: string;
  tokenHash: Buffer;
  expiresAt: Date;
  issuedById: string;
  issuedByName: string;
  issuedByEmail: string | null;
  issuedVia: LinkRow["issuedVia"];
  /** Null: what the row has is kept. */
  mailTo: string | null;
  /** A language's tag. Null: what the row has is kept. */
  language: string | null;
  /**
   * Whether the new password ends what is under way, because Keystone has just taken it with the
   * administrator's rights. Otherwise nothing is written while a redemption is under way.
   */
  endsRedemption: boolean;
  /** No password typed before can be in force, nor come into force: they are forgotten. */
  voidsUnsettled: boolean;
  /** The row's, where the password that is given is the one sealed in it; else null. */
  sameSealedPassword: Buffer | null;
  /** What the row must still keep, for that and the PIN were compared with it. */
  known: KeptSecrets;
  event: NewAuditEvent;
}

/** What is kept of a PIN. Neither part lets anybody test a guess without SECRET_KEYS. */
export interface IssuedPin {
  /** A random MAC key, sealed. */
  sealedPinKey: Buffer;
  /** HMAC-SHA-256 of the PIN under that key. */
  pinMac: Buffer;
  /** How many digits: PIN_LENGTH may be another by the time it is asked for. */
  pinLength: number;
}

/** The PIN the row has goes on: its key, sealed for the new token. */
export type KeptPin = Pick<IssuedPin, "sealedPinKey">;

/** Of a user's row, what a new link may keep: nulls where there is nothing, or no row. */
export type KeptSecrets = Pick<LinkRow, "sealedPinKey" | "tokenHash" | "sealedPassword">;

export type WriteResult =
  | { ok: true; link: WrittenLink }
  /** With what the row kept when it was not written; none: there is no row. */
  | { ok: false; kept: KeptSecrets | undefined };

/** Of the row that was written, what the caller goes on with. */
export interface WrittenLink
  extends Pick<
    LinkRow,
    "id" | "expiresAt" | "pinLength" | "userName" | "userDomainName" | "language" | "userCheckedAt"
  > {
  /** Whether the owner is still to be told of something. */
  ownerUntold: boolean;
}

/**
 * Sets what a statement that writes over a link `link` changes of it. Here, because the row as it was is
 * known for certain only where it is written over: whoever reads it before has not locked it, and whoever
 * looks at it in the same statement sees it as it was when the statement began.
 *
 * @param changed for each part, whether it is another than the row's
 */
function noteChanges(changed: { pin: SQL; password: SQL; recipient: SQL }): SQL {
  const isKept = sql`link.pin_mac is not null`;
  const pin = sql`case when ${isKept} and ${changed.pin} then 'pin-replaced' end`;
  const password = sql`case when ${isKept} and ${changed.password} then 'password-replaced' end`;
  const recipient = sql`case when ${isKept} and ${changed.recipient} then 'recipient-changed' end`;
  return sql`,
    last_changes = array_remove(array[${pin}, ${password}, ${recipient}]::text[], null),
    owner_untold = nullif(
      coalesce(link.owner_untold, '{}') || array_remove(array[${pin}, ${recipient}]::text[], null), '{}'),
    previous_mail_to = case when ${recipient} is null then link.previous_mail_to
      else coalesce(link.previous_mail_to, link.mail_to) end`;
}

/** Whether a link `link` is mailed to another address than it was, or would have been. */
const recipientChanges = (mailTo: string | null) =>
  mailTo === null
    ? sql`false`
    : sql`${foldedCase(sql`coalesce(link.mail_to, link.user_email)`)} is distinct from ${foldedCase(sql`${mailTo}`)}`;

/**
 * Wraps a statement that writes a link: its audit rows are written with it, and a mail still in the
 * outbox, whose token no longer works, is dropped. One round trip, all or nothing; and where nothing was
 * written, it tells what the next try needs to know. By hand, because scripts issue links by the hundred
 * and Drizzle's builder takes longer to write so wide an upsert than PostgreSQL to run it.
 */
async function writeWithEvent(
  db: Queryable,
  write: SQL,
  { userId, event }: IssuedLink,
): Promise<WriteResult> {
  const [row] = await db.execute<KeptSecrets & Written>(sql`
    with written as (
      ${write}
      returning link.id, link.user_id, link.expires_at, link.pin_length, link.user_name,
        link.user_domain_name, link.language, link.user_checked_at, link.last_changes,
        link.owner_untold is not null as owner_untold
    ), event as (
      ${linkEventsInsert(event, sql`written`)}
    ), cancelled as (${linkMailsCancelled(sql`written`)})
    select id, expires_at as "expiresAt", pin_length as "pinLength", user_name as "userName",
      user_domain_name as "userDomainName", language, user_checked_at as "userCheckedAt",
      owner_untold as "ownerUntold",
      null as "sealedPinKey", null as "tokenHash", null as "sealedPassword"
    from written
    union all
    select null, null, null, null, null, null, null, null, sealed_pin_key, token_hash, sealed_password
    from links where user_id = ${userId} and not exists (select from written)`);
  if (!row) return { ok: false, kept: undefined };
  const { sealedPinKey, tokenHash, sealedPassword, ...link } = row;
  if (link.id === null) return { ok: false, kept: { sealedPinKey, tokenHash, sealedPassword } };
  const { id, expiresAt, userCheckedAt } = link;
  return {
    ok: true,
    link: {
      ...link,
      id,
      expiresAt: new Date(expiresAt),
      userCheckedAt: userCheckedAt === null ? null : new Date(userCheckedAt),
    },
  };
}

/** As it comes: instants are text, and of a row that was not written all is null. */
type Written = Omit<WrittenLink, "id" | "expiresAt" | "userCheckedAt"> & {
  id: string | null;
  expiresAt: string;
  userCheckedAt: string | null;
};

/** A row `link` that another has written meanwhile, or sealed anew, is not what the caller compared with. */
const isAsKnown = ({ known }: IssuedLink) =>
  sql`link.token_hash is not distinct from ${known.tokenHash}
      and link.sealed_pin_key is not distinct from ${known.sealedPinKey}
      and link.sealed_password is not distinct from ${known.sealedPassword}`;

const unsettledVoided = (link: IssuedLink) =>
  link.voidsUnsettled
    ? sql`, sealed_attempts = null, attempted_at = null, settle_asked_at = null`
    : sql``;

/** The new password is in force: neither is it to be replaced, nor another. */
const notScrambled = sql`sealed_parked = null, scrambled_at = null, scramble_asked_at = null`;

const unlessClaimed = (link: IssuedLink) =>
  link.endsRedemption
    ? sql``
    : sql` and (link.claimed_until is null or link.claimed_until <= clock_timestamp())`;

/**
 * Writes a link with a PIN and a password of its own, over the user's row if there is one, and the
 * audit row. The guesses made of a PIN count on where it is the same again.
 *
 * @returns not ok where the row keeps something else than `link.known`, a redemption is under way, or the
 *   PIN is the one the row had and its guesses are used up
 */
export async function upsertLink(
  db: Queryable,
  link: IssuedLink & IssuedPin & { sealedPassword: Buffer },
  limits: { maxPinGuesses: number },
): Promise<WriteResult> {
  const changes = noteChanges({
    pin: sql`link.pin_mac <> excluded.pin_mac`,
    password: sql`link.sealed_password is distinct from ${link.sameSealedPassword}`,
    recipient: recipientChanges(link.mailTo),
  });
  const write = sql`
    insert into links as link (
      user_id, token_hash, sealed_pin_key, pin_mac, pin_length, sealed_password, expires_at, mail_to,
      language, issued_by_id, issued_by_name, issued_by_email, issued_via, issued_at
    ) values (
      ${link.userId}, ${link.tokenHash}, ${link.sealedPinKey}, ${link.pinMac},
      ${link.pinLength}, ${link.sealedPassword}, ${link.expiresAt.toISOString()}, ${link.mailTo},
      ${link.language}, ${link.issuedById}, ${link.issuedByName}, ${link.issuedByEmail}, ${link.issuedVia}, now()
    )
    on conflict (user_id) do update set
      state = 'pending', lapsed = false, attempts = 0, problem = null, completed_at = null, revoked_at = null,
      claim_id = null, claimed_until = null, ${notScrambled}${unsettledVoided(link)}${changes},
      token_hash = excluded.token_hash, sealed_pin_key = excluded.sealed_pin_key,
      pin_mac = excluded.pin_mac, pin_length = excluded.pin_length,
      sealed_password = excluded.sealed_password,
      expires_at = excluded.expires_at, mail_to = coalesce(excluded.mail_to, link.mail_to),
      language = coalesce(excluded.language, link.language),
      issued_by_id = excluded.issued_by_id, issued_by_name = excluded.issued_by_name,
      issued_by_email = excluded.issued_by_email, issued_via = excluded.issued_via,
      issued_at = excluded.issued_at,
      pin_guesses = case when link.pin_mac = excluded.pin_mac then link.pin_guesses else 0 end
    where ${isAsKnown(link)} and (link.pin_mac is distinct from excluded.pin_mac
      or link.pin_guesses < ${limits.maxPinGuesses})${unlessClaimed(link)}`;
  return writeWithEvent(db, write, link);
}

/**
 * Makes a new link from the user's pending one, with a new PIN, a new password, or neither, and the
 * audit row.
 *
 * @param link.pin a PIN that was given, or the one the row has: its key is sealed for the new token's
 *   hash
 * @returns not ok where there is no pending link whose other half is still there and not replaced in
 *   Keystone (see `scrambledAt`), where it keeps something
 *   else than `link.known`, a redemption is under way, or the PIN stays the same and its guesses are used
 *   up
 */
export async function renewLink(
  db: Queryable,
  link: IssuedLink & { pin: IssuedPin | KeptPin; sealedPassword?: Buffer },
  limits: { maxPinGuesses: number },
): Promise<WriteResult> {
  const { pin } = link;
  const given = "pinMac" in pin;
  const samePin = given ? sql`link.pin_mac = ${pin.pinMac}` : sql`true`;
  const newPin = given
    ? sql`, pin_mac = ${pin.pinMac}, pin_length = ${pin.pinLength},
        pin_guesses = case when ${samePin} then link.pin_guesses else 0 end`
    : sql``;
  const newPassword = link.sealedPassword
    ? sql`, sealed_password = ${link.sealedPassword}, claim_id = null, claimed_until = null, ${notScrambled}`
    : sql``;
  const changes = noteChanges({
    pin: sql`not (${samePin})`,
    password: link.sealedPassword
      ? sql`link.sealed_password is distinct from ${link.sameSealedPassword}`
      : sql`false`,
    recipient: recipientChanges(link.mailTo),
  });
  const write = sql`
    update links as link set
      lapsed = false, attempts = 0, problem = null, token_hash = ${link.tokenHash},
      sealed_pin_key = ${pin.sealedPinKey}, expires_at = ${link.expiresAt.toISOString()}, mail_to = coalesce(${link.mailTo}, link.mail_to),
      language = coalesce(${link.language}, link.language),
      issued_by_id = ${link.issuedById}, issued_by_name = ${link.issuedByName},
      issued_by_email = ${link.issuedByEmail}, issued_via = ${link.issuedVia},
      issued_at = now()${newPin}${newPassword}${unsettledVoided(link)}${changes}
    where link.user_id = ${link.userId} and link.pin_mac is not null
      and (${link.sealedPassword !== undefined}::boolean or link.scrambled_at is null)
      and not (${samePin} and link.pin_guesses >= ${limits.maxPinGuesses})
      and ${isAsKnown(link)}${unlessClaimed(link)}`;
  return writeWithEvent(db, write, link);
}

/**
 * Gives a link a new token, and its PIN's key sealed for that one; the old token no longer works.
 *
 * @returns undefined for a link that could not be redeemed by it: done, expired or locked; and while a
 *   redemption is under way
 */
export async function replaceToken(
  db: Queryable,
  change: { id: string; tokenHash: Buffer; sealedPinKey: Buffer; mailTo: string },
  limits: { maxAttempts: number; maxPinGuesses: number },
): Promise<LinkRow | undefined> {
  const isAnother = sql`${foldedCase(sql`coalesce(${links.mailTo}, ${links.userEmail})`)} is distinct from ${foldedCase(sql`${change.mailTo}`)}`;
  const [row] = await db
    .update(links)
    .set({
      tokenHash: change.tokenHash,
      sealedPinKey: change.sealedPinKey,
      mailTo: change.mailTo,
      lastChanges: sql`case when ${isAnother} then array['recipient-changed'] else '{}' end`,
      ownerUntold: sql`case when ${isAnother} then array_append(${links.ownerUntold}, 'recipient-changed') else ${links.ownerUntold} end`,
      previousMailTo: sql`case when ${isAnother} then coalesce(${links.previousMailTo}, ${links.mailTo}) else ${links.previousMailTo} end`,
    })
    .where(
      and(
        eq(links.id, change.id),
        unclaimed,
        isNotNull(links.pinMac),
        gt(links.expiresAt, sql`clock_timestamp()`),
        lt(links.attempts, limits.maxAttempts),
        lt(links.pinGuesses, limits.maxPinGuesses),
      ),
    )
    .returning();
  return row;
}

/** @returns undefined where there is no row */
export async function findKeptSecrets(
  db: Queryable,
  userId: string,
): Promise<KeptSecrets | undefined> {
  const { sealedPinKey, tokenHash, sealedPassword } = links;
  const [row] = await db
    .select({ sealedPinKey, tokenHash, sealedPassword })
    .from(links)
    .where(eq(links.userId, userId));
  return row;
}
