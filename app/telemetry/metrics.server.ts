import { setTimeout as sleep } from "node:timers/promises";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { ObservedRun } from "../jobs/worker.server";
import { patternOfPath } from "../keystone/path-pattern.server";
import type { KeystoneCall } from "../keystone/session.server";
import type { RedeemResult } from "../links/redeem/redeem-link.server";

/** Less than Prometheus has for a scrape. */
const PATIENCE_MS = 2_000;

/** What Prometheus may know: counts and times. Labels come from fixed lists, never from a request. */
export interface Metrics {
  readonly registry: Registry;
  observeRequest(request: {
    route: string;
    method: string;
    status: number;
    durationSeconds: number;
  }): void;
  observeKeystone(call: KeystoneCall): void;
  countRedemption(outcome: RedemptionOutcome): void;
  observeJob(run: ObservedRun): void;
}

type RedemptionOutcome = "ok" | Exclude<RedeemResult, { ok: true }>["reason"];

/** @param read asked at each scrape */
export function createMetrics(read: {
  mailsByState(): Promise<Record<string, number>>;
  jobsByState(): Promise<{ kind: string; state: string; count: number }[]>;
  keystoneLoad(): { underWay: number; waiting: number };
  jobsUnderWay(): Record<string, number>;
  /** Null where there is none, or Keystone has not said yet. */
  isServiceCredentialAccepted(): boolean | null;
}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: "setpass_http_request_duration_seconds",
    help: "Time from the request's last header to the answer's last byte.",
    labelNames: ["route", "method", "status"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  const keystoneCalls = new Histogram({
    name: "setpass_keystone_call_duration_seconds",
    help: "Time a call to Keystone took, without the wait for its turn, by call and by how it ended.",
    labelNames: ["method", "path", "outcome"],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers: [registry],
  });
  const redemptions = new Counter({
    name: "setpass_redemptions_total",
    help: "Links redeemed, and redemptions refused, by outcome.",
    labelNames: ["outcome"],
    registers: [registry],
  });
  new Gauge({
    name: "setpass_keystone_calls",
    help: "Turns at Keystone under way, at most KEYSTONE_CONCURRENCY, and calls that wait for one.",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      const { underWay, waiting } = read.keystoneLoad();
      this.set({ state: "under-way" }, underWay);
      this.set({ state: "waiting" }, waiting);
    },
  });
  new Gauge({
    name: "setpass_service_credential_accepted",
    help: "Whether Keystone took the service credential when it was asked last: 1 or 0; nothing where there is none.",
    registers: [registry],
    collect() {
      const accepted = read.isServiceCredentialAccepted();
      if (accepted === null) this.remove();
      else this.set(accepted ? 1 : 0);
    },
  });
  const jobs = new Histogram({
    name: "setpass_job_duration_seconds",
    help: "Time that work took which nobody waits for, by kind and by how it ended.",
    labelNames: ["kind", "outcome"],
    buckets: [0.01, 0.1, 1, 10, 60, 600],
    registers: [registry],
  });
  new Gauge({
    name: "setpass_jobs_under_way",
    help: "Work under way that nobody waits for, by kind.",
    labelNames: ["kind"],
    registers: [registry],
    collect() {
      for (const [kind, count] of Object.entries(read.jobsUnderWay())) this.set({ kind }, count);
    },
  });
  const ofDatabase = (
    gauge: { name: string; help: string; labelNames: string[] },
    count: () => Promise<readonly (readonly [labels: Record<string, string>, count: number])[]>,
  ) =>
    new Gauge({
      ...gauge,
      registers: [registry],
      async collect() {
        this.reset();
        // Of all times, the metrics must be there when the database is not: then this one is missing.
        const late = sleep(PATIENCE_MS, [], { ref: false });
        for (const [labels, value] of await Promise.race([count().catch(() => []), late]))
          this.set(labels, value);
      },
    });
  ofDatabase(
    { name: "setpass_mails", help: "Mails in the outbox, by state.", labelNames: ["state"] },
    async () =>
      Object.entries(await read.mailsByState()).map(([state, count]) => [{ state }, count]),
  );
  ofDatabase(
    { name: "setpass_jobs", help: "Jobs, by kind and state.", labelNames: ["kind", "state"] },
    async () => (await read.jobsByState()).map(({ count, ...labels }) => [labels, count]),
  );
  return {
    registry,
    observeRequest: ({ durationSeconds, ...labels }) =>
      requests.observe({ ...labels, status: String(labels.status) }, durationSeconds),
    observeKeystone: ({ method, path, durationMs, errorKind }) =>
      keystoneCalls.observe(
        { method, path: patternOfPath(path), outcome: errorKind ?? "ok" },
        durationMs / 1000,
      ),
    countRedemption: (outcome) => redemptions.inc({ outcome }),
    observeJob: ({ durationSeconds, ...labels }) => jobs.observe(labels, durationSeconds),
  };
}
