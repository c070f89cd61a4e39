import { and, eq, isNotNull, lt, lte, ne, or, type SQL, sql } from "drizzle-orm";
import type { AnyPgColumn } from "drizzle-orm/pg-core";
import { eventInsert, type NewAuditEvent } from "./audit-events.store";
import { changeRow } from "./change-row";
import type { Queryable } from "./client";
import { erased, type LinkRow, nothingScrambled, nothingUnsettled, unclaimed } from "./link-row";
import { linkMailsCancelled, mailOf, type NewMail } from "./mails.store";
import { links } from "./schema";

/** What was made of a PIN. */
export type PinTried = {
  readonly isRight: boolean;
  /** The link is the caller's for this redemption. */
  readonly isClaimed: boolean;
  /** Another has it. */
  readonly isHeld: boolean;
  /** Wrong ones, this one among them. */
  readonly attempts: number;
  readonly pinGuesses: number;
};

/**
 * Counts a PIN, compares it and claims the link, in one statement: it holds the row's lock, so that however
 * many come at once, they are compared one after the other, and no more wrong ones than the limits ever
 * are. A right one counts nothing. The trail is written with it.
 *
 * @param tried.pinMac of the PIN that was typed, under the row's key
 * @param tried.read what was opened; where the row has others by now, nothing is claimed
 * @param tried.isExpired then a right PIN claims nothing
 * @param tried.sealedUnsettled what the row has from then on
 * @returns undefined where the link takes no more PINs or is gone: nothing was compared
 */
export async function tryPin(
  db: Queryable,
  tried: {
    tokenHash: Buffer;
    pinMac: Buffer;
    maxAttempts: number;
    maxPinGuesses: number;
    isExpired: boolean;
    read: { sealedPassword: Buffer; sealedUnsettled: Buffer | null };
    claimId: string;
    leaseSeconds: number;
    sealedUnsettled: Buffer | null;
    events: { wrong: NewAuditEvent; expired: NewAuditEvent };
  },
): Promise<PinTried | undefined> {
  const { read, events } = tried;
  const isRight = sql`${links.pinMac} = ${tried.pinMac}`;
  // One time for all of them, or a lease that ends this very moment would be claimed by half.
  const isHeld = sql`coalesce(${links.claimedUntil} > statement_timestamp(), false)`;
  const claims = sql`${isRight} and not ${tried.isExpired}::boolean and not ${isHeld}
    and ${links.sealedPassword} = ${read.sealedPassword}
    and ${links.sealedUnsettled} is not distinct from ${read.sealedUnsettled}::bytea`;
  const wrong = sql`case when ${isRight} then 0 else 1 end`;
  const ifClaimed = (value: SQL, column: AnyPgColumn) =>
    sql`case when ${claims} then ${value} else ${column} end`;
  const update = db
    .update(links)
    .set({
      attempts: sql`${links.attempts} + ${wrong}`,
      pinGuesses: sql`${links.pinGuesses} + ${wrong}`,
      claimId: ifClaimed(sql`${tried.claimId}::uuid`, links.claimId),
      claimedUntil: ifClaimed(inSeconds(tried.leaseSeconds), links.claimedUntil),
      sealedUnsettled: ifClaimed(sql`${tried.sealedUnsettled}::bytea`, links.sealedUnsettled),
      attemptedAt: ifClaimed(sql`clock_timestamp()`, links.attemptedAt),
      settleAskedAt: ifClaimed(sql`null`, links.settleAskedAt),
    })
    .where(
      and(
        eq(links.tokenHash, tried.tokenHash),
        lt(links.attempts, tried.maxAttempts),
        lt(links.pinGuesses, tried.maxPinGuesses),
      ),
    )
    .returning({
      attempts: links.attempts,
      pinGuesses: links.pinGuesses,
      isRight: sql`${isRight}`.as("is_right"),
      isClaimed: sql`coalesce(${links.claimId} = ${tried.claimId}, false)`.as("is_claimed"),
      isHeld: sql`${isHeld}`.as("is_held"),
    });
  const [row] = await db.execute<PinTried>(sql`
    with tried as ${update},
      refused as (${eventInsert(events.wrong, sql`tried where not is_right`)}),
      expired as (${eventInsert(events.expired, sql`tried where is_right and ${tried.isExpired}::boolean`)})
    select attempts, pin_guesses as "pinGuesses", is_right as "isRight", is_claimed as "isClaimed",
      is_held as "isHeld" from tried`);
  return row;
}

const inSeconds = (seconds: number) => sql`clock_timestamp() + make_interval(secs => ${seconds})`;

/**
 * Claims the link to find out what became of it.
 *
 * @param claim.leaseSeconds after that another may claim it: this process is taken for dead
 * @returns the row, or undefined where another has it
 */
export async function claimLink(
  db: Queryable,
  claim: { id: string; claimId: string; leaseSeconds: number },
): Promise<LinkRow | undefined> {
  const [row] = await db
    .update(links)
    .set({ claimId: claim.claimId, claimedUntil: inSeconds(claim.leaseSeconds) })
    .where(and(eq(links.id, claim.id), unclaimed))
    .returning();
  return row;
}

/**
 * Gives a claim back.
 *
 * @param change.unsettled what becomes of the passwords whose outcome is still unknown (null: none).
 *   Where others were noted meanwhile, by whom no claim holds off, theirs stay. Left out: as they are
 * @param change.parkedWasRefused Keystone said that the parked initial password is a wrong one
 * @param change.forgetsParked it was replaced, or never will be
 * @param change.sealedPassword a password that was found to be the current one
 * @returns the row, or undefined where the claim was no longer this caller's
 */
export async function releaseClaim(
  db: Queryable,
  { id, claimId }: { id: string; claimId: string },
  {
    unsettled,
    parkedWasRefused,
    forgetsParked,
    ...change
  }: {
    unsettled?: { before: Buffer | null; after: Buffer | null };
    sealedPassword?: Buffer;
    problem?: LinkRow["problem"];
    settleAskedAt?: Date;
    parkedWasRefused?: true;
    forgetsParked?: true;
  },
): Promise<LinkRow | undefined> {
  const [row] = await db
    .update(links)
    .set({
      ...change,
      ...(unsettled && {
        sealedUnsettled: sql`case when ${links.sealedUnsettled} is not distinct from ${unsettled.before}::bytea then ${unsettled.after}::bytea else ${links.sealedUnsettled} end`,
      }),
      ...(parkedWasRefused && { scrambleAskedAt: sql`clock_timestamp()` }),
      ...(forgetsParked && { sealedParked: null, scrambleAskedAt: null }),
      claimId: null,
      claimedUntil: null,
    })
    .where(and(eq(links.id, id), eq(links.claimId, claimId)))
    .returning();
  return row;
}

/**
 * The user's own password is in force: the link is done, also one that was revoked meanwhile. Where
 * Keystone was not asked about the user yet, the notice to the owner is owed until it was. The trail and
 * the mails are written with it, and a mail that brings the link is not sent any more.
 *
 * @param done.claim what must still hold: the caller's claim, or where that was lost, the token and what was
 *   to be settled: a link that was issued since is another, and knows another password
 * @param done.read the row as the event and the mails tell of it: by now it must tell the same
 * @returns whether it was done; not where that no longer held or the link was completed before
 */
export async function completeLink(
  db: Queryable,
  done: {
    claim: { claimId: string } | { before: Pick<LinkRow, "tokenHash" | "sealedUnsettled"> };
    read: LinkRow;
    event: NewAuditEvent;
    mails: readonly NewMail[];
  },
): Promise<boolean> {
  const { claim, read } = done;
  const same = (column: AnyPgColumn, value: unknown) =>
    sql`${column} is not distinct from ${value}`;
  const stillHolds =
    "claimId" in claim
      ? eq(links.claimId, claim.claimId)
      : and(
          same(links.tokenHash, claim.before.tokenHash),
          same(links.sealedUnsettled, claim.before.sealedUnsettled),
        );
  const update = db
    .update(links)
    .set({
      ...erased,
      ...nothingUnsettled,
      ...nothingScrambled,
      state: "completed",
      problem: null,
      completedAt: sql`clock_timestamp()`,
      ownerUntold: sql`case when ${links.userCheckedAt} is null then array_append(${links.ownerUntold}, 'password-set') else ${links.ownerUntold} end`,
    })
    .where(
      and(
        eq(links.id, read.id),
        ne(links.state, "completed"),
        eq(links.state, read.state),
        stillHolds,
        same(links.mailTo, read.mailTo),
        same(links.userEmail, read.userEmail),
        same(links.userName, read.userName),
        same(links.userDomainName, read.userDomainName),
      ),
    )
    .returning({ id: links.id });
  const told = done.mails.map(
    (mail, index) => sql`, ${sql.raw(`told_${index}`)} as (${mailOf(mail, sql`completed`)})`,
  );
  const rows = await db.execute(sql`
    with completed as ${update},
      recorded as (${eventInsert(done.event, sql`completed`)}),
      cancelled as (${linkMailsCancelled(sql`completed`)})${sql.join(told)}
    select id from completed`);
  return rows.length === 1;
}

/**
 * Before a password is sent that may come into force: what is known of it must survive a crash.
 *
 * @param note.held only as long as this claim holds, and nobody has noted others meanwhile; any time
 *   when left out
 * @returns whether it was written
 */
export function noteUnsettled(
  db: Queryable,
  note: {
    id: string;
    held?: { claimId: string; sealedUnsettled: Buffer | null };
    sealedUnsettled: Buffer | null;
  },
): Promise<boolean> {
  const { held } = note;
  const stillHolds = and(
    eq(links.id, note.id),
    ne(links.state, "completed"),
    held && eq(links.claimId, held.claimId),
    held && sql`${links.sealedUnsettled} is not distinct from ${held.sealedUnsettled}::bytea`,
  );
  return changeRow(db, links, stillHolds, {
    sealedUnsettled: note.sealedUnsettled,
    attemptedAt: sql`clock_timestamp()`,
    // Of this one Keystone was never asked: an earlier refusal does not count.
    settleAskedAt: null,
  });
}

/**
 * @param options.olderThanSeconds since the last was noted
 * @param options.askAgainAfterSeconds since Keystone was last asked in vain
 * @returns links with a password whose outcome nobody learned, and nobody is asking after
 */
export async function findUnsettledLinks(
  db: Queryable,
  options: { olderThanSeconds: number; askAgainAfterSeconds: number; limit: number },
): Promise<{ id: string }[]> {
  const ago = (seconds: number) => sql`clock_timestamp() - make_interval(secs => ${seconds})`;
  return db
    .select({ id: links.id })
    .from(links)
    .where(
      and(
        isNotNull(links.sealedUnsettled),
        lte(links.attemptedAt, ago(options.olderThanSeconds)),
        or(
          sql`${links.settleAskedAt} is null`,
          lte(links.settleAskedAt, ago(options.askAgainAfterSeconds)),
        ),
        unclaimed,
      ),
    )
    .orderBy(links.attemptedAt)
    .limit(options.limit);
}
