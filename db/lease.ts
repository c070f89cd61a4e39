import { and, eq, isNull, lte, or, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import type { jobs, mails } from "./schema";

/** A table whose rows are work. Whoever took a row holds it until its lease ends. */
type LeasedTable = typeof mails | typeof jobs;

/** What tells a claim: a later one of the same row has another number. */
export interface LeaseClaim {
  readonly id: string;
  /** The number of this try, from 1. */
  readonly attempt: number;
}

// Every instant is the database's own: replicas whose clocks differ still agree on who holds a lease.
export const inSeconds = (seconds: number): SQL => sql`now() + make_interval(secs => ${seconds})`;

const isQueued = (table: LeasedTable) => sql`${table.state} = 'queued'`;

/**
 * The rows that are due, the longest waiting first, for the update that takes them. A row is due again
 * when its lease ran out: whoever held it is gone. No two transactions ever get the same one.
 */
export function dueRows(
  db: Queryable,
  table: LeasedTable,
  { limit, where }: { limit: number; where?: SQL },
): SQL {
  const due = db
    .select({ id: table.id })
    .from(table)
    .where(
      and(
        isQueued(table),
        lte(table.nextAttemptAt, sql`now()`),
        or(isNull(table.leasedUntil), lte(table.leasedUntil, sql`now()`)),
        where,
      ),
    )
    .orderBy(table.nextAttemptAt)
    .limit(limit)
    .for("update", { skipLocked: true });
  // As an array it is asked once: joined, PostgreSQL may ask again for each row and pass the limit.
  return sql`${table.id} = any(array(${due}))`;
}

/** Only the holder of the newest claim may decide what becomes of work that was not done. */
export const heldBy = (table: LeasedTable, claim: LeaseClaim): SQL | undefined =>
  and(eq(table.id, claim.id), eq(table.attempts, claim.attempt), isQueued(table));
