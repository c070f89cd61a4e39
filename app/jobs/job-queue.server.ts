import type { Database } from "../../db/client";
import {
  type ClaimedJob,
  claimDueJobs,
  endJob,
  finishJob,
  postponeJob,
  releaseJob,
  renewJob,
} from "../../db/jobs.store";
import { describeError, type Log, type LogFields } from "../telemetry/log.server";
import { type Vault, VaultError } from "../vault/vault.server";
import { openJob } from "./enqueue-job.server";
import {
  type LeasedRowsTiming,
  queueOfRows,
  type RowOutcome,
  type RowRun,
} from "./leased-rows.server";
import type { Queue } from "./worker.server";

/**
 * Jobs of one kind. A run can be long: its lease is renewed, its progress written down, and a job that
 * was called off aborts its signal. It may be run again after a crash at any point, so that whatever it
 * does must see by itself what is done already.
 *
 * @param options.handle is given the payload as it was queued; parses it
 */
export function jobQueue(
  options: {
    kind: string;
    db: Database;
    vault: Vault;
    log: Log;
    handle: (payload: unknown, run: RowRun) => Promise<RowOutcome>;
  } & LeasedRowsTiming,
): Queue {
  const { kind, db, vault, log } = options;
  return queueOfRows<ClaimedJob>({
    ...options,
    noun: "job",
    rows: {
      claim: (limits) => claimDueJobs(db, { kind, ...limits }),
      release: (job) => releaseJob(db, job),
      renew: (job, hold) => renewJob(db, job, hold),
      // Whoever holds the claim by now: it is true.
      finish: ({ id }) => finishJob(db, id),
      retry: (job, later) => postponeJob(db, job, later),
      fail: (job, lastError) => endJob(db, job, { state: "failed", lastError }),
      cancel: (job, lastError) => endJob(db, job, { state: "cancelled", lastError }),
    },
    async handle(job, run) {
      let payload: unknown;
      try {
        payload = openJob(vault, job);
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
        log.error("job.unreadable", { ...named(job), error: describeError(error) });
        const why = `The job could not be opened: ${error.message}.`;
        return { is: "failed", why, fields: { reason: "unreadable" } };
      }
      return options.handle(payload, run);
    },
    describe: named,
  });
}

const named = ({ id, kind, attempt }: ClaimedJob): LogFields => ({ jobId: id, kind, attempt });
