import { randomUUID } from "node:crypto";
import type { Queryable } from "../../db/client";
import { type ClaimedJob, insertJob } from "../../db/jobs.store";
import { type Vault, VaultError } from "../vault/vault.server";

/** The kind is in the seal, so that no payload comes before another kind's handler. */
interface SealedJob {
  readonly kind: string;
  readonly payload: unknown;
}

const sealFor = (jobId: string) => ({ column: "jobs.sealed_payload", row: jobId });

/**
 * Queues a job; call the worker's `wake` with its kind once the transaction has committed.
 *
 * @param tx the transaction of the act it belongs to: both happen, or neither
 * @param vault seals the payload, which can hold secrets
 * @param job.key of one kind and key, one job at a time waits or is under way
 * @returns the job's id; undefined where one of its key was queued already
 */
export async function enqueueJob(
  tx: Queryable,
  vault: Vault,
  job: { kind: string; payload: unknown; key?: string },
): Promise<string | undefined> {
  const { kind, key, payload } = job;
  const id = randomUUID();
  const sealedPayload = vault.seal(JSON.stringify({ kind, payload }), sealFor(id));
  return (await insertJob(tx, { id, kind, key, sealedPayload })) ? id : undefined;
}

/**
 * @returns a claimed job's payload, as it was queued: to be parsed by whoever handles it
 * @throws {VaultError} the seal cannot be opened, or was another kind's
 */
export function openJob(vault: Vault, job: ClaimedJob): unknown {
  const bytes = vault.open(job.sealedPayload ?? Buffer.alloc(0), sealFor(job.id));
  const sealed: SealedJob = JSON.parse(bytes.toString("utf8"));
  if (sealed.kind !== job.kind)
    throw new VaultError("the job's kind was changed after it was queued");
  return sealed.payload;
}
