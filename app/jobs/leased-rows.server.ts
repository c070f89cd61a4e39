import type { Progress } from "../../db/jobs.store";
import { describeError, type Log, type LogFields } from "../telemetry/log.server";
import { DEFAULT_MAX_ATTEMPTS, retryDelaySeconds } from "./retry-delay.server";
import type { Queue, RunOutcome } from "./worker.server";

/** A row that this process holds until its lease ends. */
export interface LeasedRow {
  readonly id: string;
  /** The number of this try, from 1. It tells this claim from a later one of the same row. */
  readonly attempt: number;
}

/** The rows of a table that are work. What a claim that no longer holds would write, they do not write. */
export interface LeasedRows<Row extends LeasedRow> {
  claim(options: { limit: number; leaseSeconds: number }): Promise<Row[]>;
  /** The try does not count, and the row is due at once. */
  release(row: Row): Promise<unknown>;
  finish(row: Row): Promise<unknown>;
  retry(row: Row, later: { delaySeconds: number; lastError: string }): Promise<unknown>;
  fail(row: Row, lastError: string): Promise<unknown>;
  cancel(row: Row, reason: string): Promise<unknown>;
  /**
   * Holds on to it, and says how far it is. Left out where a row is done within one lease.
   *
   * @returns whether the claim still held
   */
  renew?(row: Row, options: { leaseSeconds: number; progress?: Progress }): Promise<boolean>;
}

export interface RowRun {
  /** Without renewals: within so long it is to be done. */
  readonly timeoutSeconds: number;
  /** Aborted when the process drains, and when the row is no longer this process's: called off, or lost. */
  readonly signal: AbortSignal;
  /** Written down with the next renewal. */
  progress(progress: Progress): void;
}

/**
 * What became of a row. `released`: told to stop, it is left to whoever comes next; `retry`: not done,
 * and it may be another time; `failed`: it never will be; `cancelled`: nobody needs it now. Why is kept
 * with the row, a code or words without a secret; fields are for the log.
 */
export type RowOutcome =
  | { readonly is: "done" }
  | { readonly is: "released" }
  | {
      readonly is: "retry" | "failed" | "cancelled";
      readonly why: string;
      readonly fields: LogFields;
    };

export interface LeasedRowsTiming {
  /** How often to look for rows that nobody called `wake` for. */
  readonly pollSeconds?: number;
  readonly leaseSeconds?: number;
  readonly concurrency?: number;
  readonly maxAttempts?: number;
  /** @param attempt the number of the try that failed, from 1 */
  readonly retryDelaySeconds?: (attempt: number) => number;
}

/**
 * Work that waits in rows, for any number of processes: a claimed row is skipped by all others until its
 * lease ends. It is done at least once; twice only where a process died between doing it and recording it.
 *
 * @param options.noun what a row is, in the names of events: `mail` makes `mail.failed`
 * @param options.handle does it, within three quarters of the lease, or renewing it; where it throws, it
 *   is called again when the lease has ended
 */
export function queueOfRows<Row extends LeasedRow>(
  options: {
    kind: string;
    noun: string;
    rows: LeasedRows<Row>;
    handle: (row: Row, run: RowRun) => Promise<RowOutcome>;
    /** @returns what names the row in the log */
    describe: (row: Row) => LogFields;
    log: Log;
  } & LeasedRowsTiming,
): Queue {
  const { kind, noun, rows, handle, describe, log } = options;
  const leaseSeconds = options.leaseSeconds ?? 120;
  const renewEveryMs = leaseSeconds * 250;
  const maxAttempts = options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
  const delayAfter = options.retryDelaySeconds ?? retryDelaySeconds;
  /** Done, but the database could not be told yet: not to be done again from here. */
  const doneUnrecorded = new Set<string>();

  const tryOnce = async (row: Row, signal: AbortSignal): Promise<RowOutcome> => {
    if (row.attempt > maxAttempts)
      return { is: "failed", why: "given-up", fields: { reason: "given-up" } };
    const outcome = await holding(row, signal);
    return outcome.is === "retry" && row.attempt >= maxAttempts
      ? { ...outcome, is: "failed" }
      : outcome;
  };

  /** Handles a row, and holds on to it meanwhile where its table knows how. */
  const holding = async (row: Row, draining: AbortSignal): Promise<RowOutcome> => {
    const ending = new AbortController();
    const end = () => ending.abort();
    draining.addEventListener("abort", end);
    const { renew } = rows;
    let progress: Progress | undefined;
    let heldUntil = performance.now() + leaseSeconds * 1000;
    const hold = async () => {
      const askedAt = performance.now();
      // Before asking: a silent database gives no answer to judge by. The next time might be too late.
      if (askedAt + 1.5 * renewEveryMs >= heldUntil) end();
      const isHeld = await renew?.(row, { leaseSeconds, progress }).catch(() => undefined);
      if (isHeld) heldUntil = askedAt + leaseSeconds * 1000;
      else if (isHeld === false) end();
    };
    const timer = renew && setInterval(hold, renewEveryMs);
    try {
      return await handle(row, {
        timeoutSeconds: leaseSeconds * 0.75,
        signal: ending.signal,
        progress: (now) => {
          progress = now;
        },
      });
    } finally {
      clearInterval(timer);
      draining.removeEventListener("abort", end);
    }
  };

  const write = (row: Row, outcome: RowOutcome): Promise<unknown> => {
    switch (outcome.is) {
      case "done":
        return rows.finish(row);
      case "released":
        return rows.release(row);
      case "retry":
        return rows.retry(row, {
          delaySeconds: delayAfter(row.attempt),
          lastError: outcome.why,
        });
      case "failed":
        return rows.fail(row, outcome.why);
      case "cancelled":
        return rows.cancel(row, outcome.why);
    }
  };

  const tell = (row: Row, outcome: RowOutcome) => {
    if (outcome.is === "done" || outcome.is === "released") return;
    const level = ({ retry: "warn", failed: "error", cancelled: "info" } as const)[outcome.is];
    log[level](`${noun}.${outcome.is}`, { ...describe(row), ...outcome.fields });
  };

  return {
    kind,
    concurrency: options.concurrency ?? 5,
    everySeconds: options.pollSeconds ?? 5,
    take: async (limit) =>
      (await rows.claim({ limit, leaseSeconds })).map((row) => ({
        giveBack: () => rows.release(row),
        async run({ record, signal }): Promise<RunOutcome> {
          if (doneUnrecorded.has(row.id)) return "released";
          const outcome = await tryOnce(row, signal).catch((error: unknown) => {
            log.error(`${noun}.not-handled`, { ...describe(row), error: describeError(error) });
            return undefined;
          });
          // Nothing is written down then: the lease ends, and it is tried again.
          if (!outcome) return "released";
          if (outcome.is === "done") doneUnrecorded.add(row.id);
          await record(() => write(row, outcome));
          doneUnrecorded.delete(row.id);
          tell(row, outcome);
          return outcome.is;
        },
      })),
  };
}
