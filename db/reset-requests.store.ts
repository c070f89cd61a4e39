import { and, asc, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import { changeRow } from "./change-row";
import type { Queryable } from "./client";
import { foldedCase, resetRequests } from "./schema";

export type ResetRequestRow = typeof resetRequests.$inferSelect;

/** A row, and whether its time to be confirmed is over by the database's clock. */
export type FoundRequest = ResetRequestRow & { readonly isOver: boolean };

/** Any number will do, as long as every replica takes the same one. */
const DIGEST_LOCK = 7_377_003;

const now = sql`clock_timestamp()`;
const inSeconds = (seconds: number) => sql`clock_timestamp() + make_interval(secs => ${seconds})`;
const ofMailbox = (email: string) =>
  sql`${foldedCase(resetRequests.email)} = ${foldedCase(sql`${email}`)}`;

/**
 * Writes a request that its mailbox has to confirm, beside whatever else was asked.
 *
 * @returns until when it can be confirmed
 */
export async function saveResetRequest(
  db: Queryable,
  request: {
    id: string;
    name: string;
    email: string;
    language: string;
    confirmTokenHash: Buffer;
    sealedPin: Buffer;
    confirmWithinSeconds: number;
  },
): Promise<{ confirmBefore: Date }> {
  const { confirmWithinSeconds, ...values } = request;
  const [row] = await db
    .insert(resetRequests)
    .values({ ...values, createdAt: now, confirmBefore: inSeconds(confirmWithinSeconds) })
    .returning({ confirmBefore: resetRequests.confirmBefore });
  if (!row?.confirmBefore) throw new Error("the request was not written");
  return { confirmBefore: row.confirmBefore };
}

const withIsOver = {
  row: resetRequests,
  isOver: sql<boolean>`coalesce(${resetRequests.confirmBefore} <= clock_timestamp(), true)`,
};

const flat = (found: { row: ResetRequestRow; isOver: boolean } | undefined) =>
  found && { ...found.row, isOver: found.isOver };

/** @param tokenHash the SHA-256 of a confirm token */
export async function findRequestByToken(
  db: Queryable,
  tokenHash: Buffer,
): Promise<FoundRequest | undefined> {
  const [found] = await db
    .select(withIsOver)
    .from(resetRequests)
    .where(eq(resetRequests.confirmTokenHash, tokenHash));
  return flat(found);
}

/**
 * The newest request of a mailbox, waiting or confirmed, whose id lies within a code's range. Locked:
 * who confirms it at the same time waits, and then finds it confirmed.
 */
export async function findRequestOfMailbox(
  tx: Queryable,
  { email, lowestId, highestId }: { email: string; lowestId: string; highestId: string },
): Promise<FoundRequest | undefined> {
  const [found] = await tx
    .select(withIsOver)
    .from(resetRequests)
    .where(
      and(
        sql`${resetRequests.id} between ${lowestId} and ${highestId}`,
        ofMailbox(email),
        inArray(resetRequests.state, ["unconfirmed", "open"]),
      ),
    )
    .orderBy(desc(resetRequests.createdAt))
    .limit(1)
    .for("update");
  return flat(found);
}

/**
 * @param request.sealedPin sealed anew as a confirmed one's
 * @returns whether it waited to be confirmed, and was in time
 */
export function confirmResetRequest(
  db: Queryable,
  { id, sealedPin }: { id: string; sealedPin: Buffer },
): Promise<boolean> {
  const isInTime = and(
    eq(resetRequests.id, id),
    eq(resetRequests.state, "unconfirmed"),
    sql`${resetRequests.confirmBefore} > clock_timestamp()`,
  );
  return changeRow(db, resetRequests, isInTime, { state: "open", sealedPin, confirmedAt: now });
}

/**
 * Takes the open requests the helpdesk was not told of, and marks them as told. Commits or not with the
 * mail that tells of them. One caller at a time: others get none, and so does everybody within
 * `everySeconds` of the last time.
 *
 * @returns in the order they came to count
 */
export async function takeUntoldRequests(
  tx: Queryable,
  { everySeconds }: { everySeconds: number },
): Promise<Pick<ResetRequestRow, "id" | "name" | "email" | "createdAt" | "confirmedAt">[]> {
  const [lock] = await tx.execute<{ mine: boolean }>(
    sql`select pg_try_advisory_xact_lock(${DIGEST_LOCK}) as mine`,
  );
  if (!lock?.mine) return [];
  const [last] = await tx
    .select({
      isRecent: sql<boolean>`coalesce(max(${resetRequests.helpdeskToldAt})
        > clock_timestamp() - make_interval(secs => ${everySeconds}), false)`,
    })
    .from(resetRequests);
  if (last?.isRecent) return [];
  const rows = await tx
    .update(resetRequests)
    .set({ helpdeskToldAt: now })
    .where(and(eq(resetRequests.state, "open"), isNull(resetRequests.helpdeskToldAt)))
    .returning({
      id: resetRequests.id,
      name: resetRequests.name,
      email: resetRequests.email,
      createdAt: resetRequests.createdAt,
      confirmedAt: resetRequests.confirmedAt,
    });
  const instant = (row: (typeof rows)[number]) => (row.confirmedAt ?? row.createdAt).getTime();
  return rows.sort((one, other) => instant(one) - instant(other));
}

/** @returns those there are of these ids that were ever confirmed or asked before, oldest first */
export async function findResetRequests(
  db: Queryable,
  ids: readonly string[],
): Promise<ResetRequestRow[]> {
  return db
    .select()
    .from(resetRequests)
    .where(and(inArray(resetRequests.id, [...ids]), sql`${resetRequests.state} <> 'unconfirmed'`))
    .orderBy(asc(resetRequests.createdAt), asc(resetRequests.id));
}

/**
 * Holds an open request while it is being answered.
 *
 * @returns whether nobody else holds it; a hold that was not given back ends by itself
 */
export function holdResetRequest(
  db: Queryable,
  { id, holdSeconds }: { id: string; holdSeconds: number },
): Promise<boolean> {
  const isFree = and(
    isOpen(id),
    sql`coalesce(${resetRequests.answeringUntil} <= clock_timestamp(), true)`,
  );
  return changeRow(db, resetRequests, isFree, { answeringUntil: inSeconds(holdSeconds) });
}

/** Gives a hold back: the request was not answered. */
export async function releaseResetRequest(db: Queryable, id: string): Promise<void> {
  await db.update(resetRequests).set({ answeringUntil: null }).where(eq(resetRequests.id, id));
}

/**
 * Closes an open request and erases its PIN and its token.
 *
 * @param request.answeredUserId whose link answers it; null: it is closed without one
 * @returns whether it was open
 */
export function closeResetRequest(
  db: Queryable,
  request: {
    id: string;
    closedById: string;
    closedByName: string;
    answeredUserId: string | null;
  },
): Promise<boolean> {
  const { id, ...how } = request;
  const erased = { sealedPin: null, confirmTokenHash: null, answeringUntil: null };
  const closed = { state: "closed", closedAt: now } as const;
  return changeRow(db, resetRequests, isOpen(id), { ...how, ...closed, ...erased });
}

const isOpen = (id: string) => and(eq(resetRequests.id, id), eq(resetRequests.state, "open"));

/** Deletes what nobody confirmed in time. */
export async function deleteUnconfirmedRequests(db: Queryable): Promise<void> {
  await db.execute(sql`
    delete from ${resetRequests} where state = 'unconfirmed' and confirm_before <= clock_timestamp()`);
}

/** Deletes old requests, open or closed, by the database's clock. */
export async function deleteOldRequests(
  db: Queryable,
  { olderThanDays }: { olderThanDays: number },
): Promise<void> {
  await db.execute(sql`
    delete from ${resetRequests}
    where state in ('open', 'closed') and created_at < now() - make_interval(days => ${olderThanDays})`);
}
