import { and, count, eq, lt, ne, sql } from "drizzle-orm";
import { changeRow } from "./change-row";
import type { Queryable } from "./client";
import { dueRows, heldBy, inSeconds, type LeaseClaim } from "./lease";
import { pickColumns } from "./pick-columns";
import { type JOB_STATES, jobs } from "./schema";

export type JobState = (typeof JOB_STATES)[number];

/** A job that a worker took, and ends or renews before the lease runs out. */
export interface ClaimedJob extends LeaseClaim {
  readonly kind: string;
  readonly sealedPayload: Buffer | null;
}

/** So many of so many: accounts of an import, say. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

const SHOWN = ["id", "state", "attempts", "lastError", "createdAt", "endedAt"] as const;

/** How a job stands. */
export interface JobStatus extends Pick<typeof jobs.$inferSelect, (typeof SHOWN)[number]> {
  readonly progress: Progress | undefined;
}

/**
 * Queues a job, due at once.
 *
 * @param job.id made beforehand, because the seal is bound to it
 * @param job.key of one kind and key, one job at a time waits or is under way
 * @returns whether it was queued; if not, one of its key was already
 */
export async function insertJob(
  db: Queryable,
  job: { id: string; kind: string; key: string | undefined; sealedPayload: Buffer },
): Promise<boolean> {
  const inserted = await db
    .insert(jobs)
    .values(job)
    .onConflictDoNothing({ target: [jobs.kind, jobs.key], where: sql`state = 'queued'` })
    .returning({ id: jobs.id });
  return inserted.length === 1;
}

/** Takes jobs of a kind that are due, and counts the try: see `dueRows`. */
export async function claimDueJobs(
  db: Queryable,
  options: { kind: string; limit: number; leaseSeconds: number },
): Promise<ClaimedJob[]> {
  const { kind, limit, leaseSeconds } = options;
  return db
    .update(jobs)
    .set({ leasedUntil: inSeconds(leaseSeconds), attempts: sql`${jobs.attempts} + 1` })
    .where(dueRows(db, jobs, { limit, where: eq(jobs.kind, kind) }))
    .returning({
      id: jobs.id,
      kind: jobs.kind,
      sealedPayload: jobs.sealedPayload,
      attempt: jobs.attempts,
    });
}

/** Writes down how far it is, and holds on to it. @returns whether the claim still held; if not, let go */
export const renewJob = (
  db: Queryable,
  claim: LeaseClaim,
  { leaseSeconds, progress }: { leaseSeconds: number; progress?: Progress },
): Promise<boolean> =>
  changeRow(db, jobs, heldBy(jobs, claim), {
    leasedUntil: inSeconds(leaseSeconds),
    ...(progress && { progressDone: progress.done, progressTotal: progress.total }),
  });

/** @returns whether the claim still held; if not, somebody else has decided */
export const postponeJob = (
  db: Queryable,
  claim: LeaseClaim,
  { delaySeconds, lastError }: { delaySeconds: number; lastError: string },
): Promise<boolean> =>
  changeRow(db, jobs, heldBy(jobs, claim), {
    nextAttemptAt: inSeconds(delaySeconds),
    lastError,
    leasedUntil: null,
  });

/** Hands back a claim: the try does not count, and the job is due at once. */
export const releaseJob = (db: Queryable, claim: LeaseClaim): Promise<boolean> =>
  changeRow(db, jobs, heldBy(jobs, claim), {
    attempts: sql`${jobs.attempts} - 1`,
    leasedUntil: null,
  });

const over = (state: JobState) =>
  ({ state, sealedPayload: null, leasedUntil: null, endedAt: sql`now()` }) as const;

/** Ends a job that was not done, and erases its payload. @returns whether the claim still held */
export const endJob = (
  db: Queryable,
  claim: LeaseClaim,
  { state, lastError }: { state: "failed" | "cancelled"; lastError: string },
): Promise<boolean> => changeRow(db, jobs, heldBy(jobs, claim), { ...over(state), lastError });

const stillQueued = (id: string) => and(eq(jobs.id, id), eq(jobs.state, "queued"));

/**
 * Writes down that a job is done, and erases its payload. That is true whoever says it: also where the
 * lease ran out meanwhile, and another, who learns it at the next renewal, is doing it again.
 */
export const finishJob = (db: Queryable, id: string): Promise<boolean> =>
  changeRow(db, jobs, stillQueued(id), { ...over("done"), lastError: null });

/**
 * Calls a job off, and erases its payload. Where it is under way, its run learns it at its next renewal,
 * and what it says afterwards is not written.
 *
 * @returns whether there was something to call off
 */
export const cancelJob = (db: Queryable, id: string): Promise<boolean> =>
  changeRow(db, jobs, stillQueued(id), over("cancelled"));

/** @returns how a job stands; undefined where there is none */
export async function findJob(db: Queryable, id: string): Promise<JobStatus | undefined> {
  const [row] = await db.select().from(jobs).where(eq(jobs.id, id));
  if (!row) return undefined;
  const { progressDone: done, progressTotal: total } = row;
  const progress = done === null || total === null ? undefined : { done, total };
  return { ...pickColumns(row, SHOWN), progress };
}

/** @returns how many jobs of each kind are in each state: for the metrics */
export async function countJobs(
  db: Queryable,
): Promise<{ kind: string; state: JobState; count: number }[]> {
  return db
    .select({ kind: jobs.kind, state: jobs.state, count: count() })
    .from(jobs)
    .groupBy(jobs.kind, jobs.state);
}

/** Deletes jobs that ended long ago. */
export async function deleteOldJobs(
  db: Queryable,
  options: { olderThanDays: number },
): Promise<void> {
  const longAgo = sql`now() - make_interval(days => ${options.olderThanDays})`;
  await db.delete(jobs).where(and(ne(jobs.state, "queued"), lt(jobs.endedAt, longAgo)));
}
