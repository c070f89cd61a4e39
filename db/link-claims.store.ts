import { and, eq, isNotNull, lt, lte, ne, or, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import { erased, type LinkRow, nothingUnsettled, unclaimed } from "./link-row";
import { links } from "./schema";

/**
 * Counts an attempt, before anything is compared, and locks the row until the transaction ends.
 *
 * @returns the row with the attempt counted, or undefined where the link takes no more attempts or is
 *   gone
 */
export async function countAttempt(
  db: Queryable,
  {
    tokenHash,
    maxAttempts,
    maxPinGuesses,
  }: { tokenHash: Buffer; maxAttempts: number; maxPinGuesses: number },
): Promise<LinkRow | undefined> {
  const [row] = await db
    .update(links)
    .set({ attempts: sql`${links.attempts} + 1`, pinGuesses: sql`${links.pinGuesses} + 1` })
    .where(
      and(
        eq(links.tokenHash, tokenHash),
        lt(links.attempts, maxAttempts),
        lt(links.pinGuesses, maxPinGuesses),
      ),
    )
    .returning();
  return row;
}

/** The PIN was right: the attempt that was counted for it does not count. */
export async function giveAttemptBack(db: Queryable, id: string): Promise<void> {
  await db
    .update(links)
    .set({ attempts: sql`${links.attempts} - 1`, pinGuesses: sql`${links.pinGuesses} - 1` })
    .where(eq(links.id, id));
}

/**
 * Claims the link for one redemption.
 *
 * @param claim.leaseSeconds after that another may claim it: this process is taken for dead
 * @returns the row, or undefined where another has it
 */
export async function claimLink(
  db: Queryable,
  claim: { id: string; claimId: string; leaseSeconds: number; sealedUnsettled?: Buffer | null },
): Promise<LinkRow | undefined> {
  const [row] = await db
    .update(links)
    .set({
      claimId: claim.claimId,
      claimedUntil: sql`clock_timestamp() + make_interval(secs => ${claim.leaseSeconds})`,
      ...(claim.sealedUnsettled && {
        sealedUnsettled: claim.sealedUnsettled,
        attemptedAt: sql`clock_timestamp()`,
        settleAskedAt: null,
      }),
    })
    .where(and(eq(links.id, claim.id), unclaimed))
    .returning();
  return row;
}

/**
 * Gives a claim back.
 *
 * @param change.unsettled what becomes of the passwords whose outcome is still unknown (null: none).
 *   Where others were noted meanwhile, by whom no claim holds off, theirs stay. Left out: as they are
 * @param change.sealedPassword a password that was found to be the current one
 * @returns the row, or undefined where the claim was no longer this caller's
 */
export async function releaseClaim(
  db: Queryable,
  { id, claimId }: { id: string; claimId: string },
  {
    unsettled,
    ...change
  }: {
    unsettled?: { before: Buffer | null; after: Buffer | null };
    sealedPassword?: Buffer;
    problem?: LinkRow["problem"];
    settleAskedAt?: Date;
  },
): Promise<LinkRow | undefined> {
  const [row] = await db
    .update(links)
    .set({
      ...change,
      ...(unsettled && {
        sealedUnsettled: sql`case when ${links.sealedUnsettled} is not distinct from ${unsettled.before}::bytea then ${unsettled.after}::bytea else ${links.sealedUnsettled} end`,
      }),
      claimId: null,
      claimedUntil: null,
    })
    .where(and(eq(links.id, id), eq(links.claimId, claimId)))
    .returning();
  return row;
}

/**
 * The user's own password is in force: the link is done, also one that was revoked meanwhile. Where
 * Keystone was not asked about the user yet, the notice to the owner is owed until it was.
 *
 * @param claim what must still hold: the caller's claim, or where that was lost, the token and what was to be
 *   settled: a link that was issued since is another, and knows another password
 * @returns the completed row, or undefined where that no longer held or the link was completed before
 */
export async function completeLink(
  db: Queryable,
  claim: { id: string } & (
    | { claimId: string }
    | { before: Pick<LinkRow, "tokenHash" | "sealedUnsettled"> }
  ),
): Promise<LinkRow | undefined> {
  const stillHolds =
    "claimId" in claim
      ? eq(links.claimId, claim.claimId)
      : sql`${links.tokenHash} is not distinct from ${claim.before.tokenHash}::bytea
          and ${links.sealedUnsettled} is not distinct from ${claim.before.sealedUnsettled}::bytea`;
  const [row] = await db
    .update(links)
    .set({
      ...erased,
      ...nothingUnsettled,
      state: "completed",
      problem: null,
      completedAt: sql`clock_timestamp()`,
      ownerUntold: sql`case when ${links.userCheckedAt} is null then array_append(${links.ownerUntold}, 'password-set') else ${links.ownerUntold} end`,
    })
    .where(and(eq(links.id, claim.id), ne(links.state, "completed"), stillHolds))
    .returning();
  return row;
}

/**
 * Before a password is sent that may come into force: what is known of it must survive a crash.
 *
 * @param note.held only as long as this claim holds, and nobody has noted others meanwhile; any time
 *   when left out
 * @returns whether it was written
 */
export async function noteUnsettled(
  db: Queryable,
  note: {
    id: string;
    held?: { claimId: string; sealedUnsettled: Buffer | null };
    sealedUnsettled: Buffer | null;
  },
): Promise<boolean> {
  const { held } = note;
  const rows = await db
    .update(links)
    .set({
      sealedUnsettled: note.sealedUnsettled,
      attemptedAt: sql`clock_timestamp()`,
      // Of this one Keystone was never asked: a refusal from before is none of it.
      settleAskedAt: null,
    })
    .where(
      and(
        eq(links.id, note.id),
        ne(links.state, "completed"),
        held &&
          and(
            eq(links.claimId, held.claimId),
            sql`${links.sealedUnsettled} is not distinct from ${held.sealedUnsettled}::bytea`,
          ),
      ),
    )
    .returning({ id: links.id });
  return rows.length === 1;
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
