import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { enqueueJob } from "../../app/jobs/enqueue-job.server";
import { jobQueue } from "../../app/jobs/job-queue.server";
import type { RowOutcome, RowRun } from "../../app/jobs/leased-rows.server";
import { createLog } from "../../app/telemetry/log.server";
import { createVault } from "../../app/vault/vault.server";
import { openDatabase } from "../../db/client";
import {
  type ClaimedJob,
  cancelJob,
  claimDueJobs,
  countJobs,
  deleteOldJobs,
  endJob,
  findJob,
  finishJob,
  postponeJob,
  releaseJob,
  renewJob,
} from "../../db/jobs.store";
import { createTestDatabase, type TestDatabase } from "../support/database";
import { type Moment, type PostgresProxy, startPostgresProxy } from "../support/postgres-proxy";
import { type StartedQueue, startQueue } from "../support/worker";

/** Checks until it holds; the machine may be busy with other tests. */
const eventually = <Value>(read: () => Value) => expect.poll(read, { timeout: 20_000 });

const key = randomBytes(32);
const vault = createVault([key]);
let database: TestDatabase;
let proxy: PostgresProxy;
let workers: StartedQueue[];
let events: { event: string; [field: string]: unknown }[];
const log = createLog({ level: "debug" }, { write: (line) => void events.push(JSON.parse(line)) });
const named = (name: string) => events.filter(({ event }) => event === name);

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startPostgresProxy({ target: database.url });
});
afterAll(async () => {
  await proxy?.stop();
  await database?.close();
});
beforeEach(() => {
  workers = [];
  events = [];
});
afterEach(async () => {
  proxy.heal();
  await Promise.all(workers.map((worker) => worker.stop()));
  await database.sql`delete from jobs`;
});

const done: RowOutcome = { is: "done" };
type Handle = (payload: unknown, run: RowRun) => Promise<RowOutcome>;

function work(handle: Handle, options: Partial<Parameters<typeof jobQueue>[0]> = {}): StartedQueue {
  const { db } = database;
  const queue = jobQueue({
    ...{ kind: "things", db, vault, log, handle, pollSeconds: 0.05 },
    ...{ retryDelaySeconds: () => 0.05, ...options },
  });
  const worker = startQueue(queue, log);
  workers.push(worker);
  return worker;
}

async function enqueue(payload: unknown = { for: "a test" }, kind = "things"): Promise<string> {
  const id = await enqueueJob(database.db, vault, { kind, payload });
  if (!id) throw new Error("it was not queued");
  return id;
}
const rowOf = async (id: string) => (await database.sql`select * from jobs where id = ${id}`)[0];
const stateOf = async (id: string) => (await rowOf(id))?.state;

/** Under way until its run is told to end. */
const untilTold: Handle = (_, { signal }) =>
  new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve({ is: "released" }));
  });

describe("a job", () => {
  it("is sealed while it waits, opened for its handler, and erased when it is done", async () => {
    const secret = randomUUID();
    const id = await enqueue({ secret });
    const waiting = await rowOf(id);
    expect(JSON.stringify({ ...waiting, sealed_payload: null })).not.toContain(secret);
    expect(waiting?.sealed_payload.toString("latin1")).not.toContain(secret);
    const payloads: unknown[] = [];
    work(async (payload) => {
      payloads.push(payload);
      return done;
    });
    await eventually(() => stateOf(id)).toBe("done");
    expect(payloads).toEqual([{ secret }]);
    expect(await rowOf(id)).toMatchObject({
      ...{ sealed_payload: null, leased_until: null, attempts: 1, ended_at: expect.any(Date) },
    });
    expect(JSON.stringify(events)).not.toContain(secret);
  });

  it("is never run when the act it belongs to did not happen", async () => {
    await expect(
      database.db.transaction(async (tx) => {
        await enqueueJob(tx, vault, { kind: "things", payload: "never" });
        throw new Error("the act failed");
      }),
    ).rejects.toThrow("the act failed");
    expect(await countJobs(database.db)).toEqual([]);
  });

  it("is queued once for its key, by one of sixteen at the same time, until it is over", async () => {
    const queue = () =>
      enqueueJob(database.db, vault, { kind: "things", key: "import-1", payload: 1 });
    const ids = await Promise.all(Array.from({ length: 16 }, queue));
    const [id, ...others] = ids.filter((one) => one !== undefined);
    expect(others).toEqual([]);
    work(async () => done);
    await eventually(() => stateOf(id ?? "")).toBe("done");
    expect(await queue()).toEqual(expect.any(String));
  });

  it("is run by one of sixteen workers, and by each kind's handler alone", async () => {
    const ids: string[] = [];
    for (let index = 0; index < 40; index++) ids.push(await enqueue(index));
    const other = await enqueue("other", "other things");
    const runs: unknown[] = [];
    const clients = Array.from({ length: 4 }, () =>
      openDatabase({ url: database.url, poolSize: 4 }),
    );
    for (let index = 0; index < 16; index++)
      work(
        async (payload) => {
          runs.push(payload);
          await sleep(5);
          return done;
        },
        { db: clients[index % 4]?.db ?? database.db, pollSeconds: 0.01 },
      );
    await eventually(() => countJobs(database.db).then((rows) => rows.length)).toBe(2);
    await eventually(async () => (await countJobs(database.db)).map(({ count }) => count)).toEqual(
      expect.arrayContaining([40, 1]),
    );
    await eventually(async () => (await Promise.all(ids.map(stateOf))).join()).toBe(
      Array(40).fill("done").join(),
    );
    expect((runs as number[]).sort((a, b) => a - b)).toEqual([...Array(40).keys()]);
    expect(await stateOf(other)).toBe("queued");
    const [most] = await database.sql`select max(attempts)::int as tries from jobs`;
    expect(most?.tries, "none was claimed twice").toBe(1);
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
    await Promise.all(clients.map((client) => client.close({ timeoutSeconds: 5 })));
  });

  it("that failed for now is tried again, and has failed at its last try, in words", async () => {
    const outcome: RowOutcome = { is: "retry", why: "Not now.", fields: { reason: "busy" } };
    const id = await enqueue();
    work(async () => outcome, { maxAttempts: 3 });
    await eventually(() => stateOf(id)).toBe("failed");
    expect(await findJob(database.db, id)).toMatchObject({ attempts: 3, lastError: "Not now." });
    expect(named("job.retry")).toHaveLength(2);
    expect(named("job.failed")).toMatchObject([
      { jobId: id, kind: "things", attempt: 3, reason: "busy" },
    ]);
  });

  it.each([
    [
      "another kind's payload",
      async (id: string) => {
        const other = await enqueue("other", "other things");
        await database.sql`update jobs set sealed_payload =
        (select sealed_payload from jobs where id = ${other}) where id = ${id}`;
      },
    ],
    [
      "another kind",
      async (id: string) => {
        await database.sql`update jobs set kind = 'other things' where id = ${id}`;
      },
    ],
    [
      "nothing in it",
      async (id: string) => {
        await database.sql`update jobs set sealed_payload = null where id = ${id}`;
      },
    ],
  ])("that was changed, with %s, is not run", async (_, change) => {
    const id = await enqueue();
    await change(id);
    const { kind } = (await rowOf(id)) ?? {};
    let isRun = false;
    work(
      async () => {
        isRun = true;
        return done;
      },
      { kind },
    );
    await eventually(() => stateOf(id)).toBe("failed");
    expect(isRun).toBe(false);
    expect((await rowOf(id))?.last_error).toMatch(/^The job could not be opened: /);
  });

  it("is deleted long after it ended, and not while it waits", async () => {
    const [old, young, waiting] = [await enqueue(), await enqueue(), await enqueue()];
    await database.sql`update jobs set created_at = now() - interval '99 days'`;
    for (const [id, days] of [
      [old, 31],
      [young, 29],
    ] as const)
      await database.sql`
        update jobs set state = 'done', sealed_payload = null, ended_at = now() - make_interval(days => ${days})
        where id = ${id}`;
    await deleteOldJobs(database.db, { olderThanDays: 30 });
    const left = await database.sql`select id from jobs`;
    expect(left.map(({ id }) => id).sort()).toEqual([young, waiting].sort());
  });
});

describe("a job under way", () => {
  it("is held for longer than its lease, and shows how far it is", async () => {
    const id = await enqueue();
    let runs = 0;
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const handle: Handle = async (_, { progress }) => {
      runs += 1;
      progress({ done: 7, total: 300 });
      await ended;
      return done;
    };
    work(handle, { leaseSeconds: 0.8 });
    work(handle, { leaseSeconds: 0.8 });
    await eventually(async () => (await findJob(database.db, id))?.progress).toEqual({
      ...{ done: 7, total: 300 },
    });
    await sleep(2_000);
    expect(runs).toBe(1);
    end();
    await eventually(() => stateOf(id)).toBe("done");
    expect(await rowOf(id)).toMatchObject({ attempts: 1, progress_done: 7 });
  });

  it("is told when it is called off, and stays called off", async () => {
    const id = await enqueue();
    let told = 0;
    work(
      async (payload, run) => {
        await untilTold(payload, run);
        told += 1;
        return done;
      },
      { leaseSeconds: 0.8 },
    );
    await eventually(async () => (await rowOf(id))?.attempts).toBe(1);
    expect(await cancelJob(database.db, id)).toBe(true);
    expect(await cancelJob(database.db, id)).toBe(false);
    await eventually(() => told).toBe(1);
    await Promise.all(workers.splice(0).map((worker) => worker.stop()));
    expect(await rowOf(id)).toMatchObject({ state: "cancelled", sealed_payload: null });
  });

  it("is handed back when its process drains, and another goes on at once", async () => {
    const id = await enqueue();
    const worker = work(untilTold, { leaseSeconds: 600 });
    await eventually(async () => (await rowOf(id))?.attempts).toBe(1);
    await worker.stop();
    expect(await rowOf(id)).toMatchObject({ state: "queued", attempts: 0, leased_until: null });
    work(async () => done);
    await eventually(() => stateOf(id)).toBe("done");
  });

  it.each<[string, { begin: () => unknown; end: () => unknown }]>([
    ["refuses", { begin: () => proxy.goAway(), end: () => proxy.comeBack() }],
    ["is silent", { begin: () => proxy.fallSilent(), end: () => proxy.speak() }],
  ])("is told to end before its lease is over where the database %s", async (_, outage) => {
    const client = openDatabase({ url: proxy.through(database.url), poolSize: 2 });
    try {
      const id = await enqueue();
      let toldAt = 0;
      work(
        async (payload, run) => {
          const outcome = await untilTold(payload, run);
          toldAt = Date.now();
          return outcome;
        },
        { db: client.db, leaseSeconds: 4 },
      );
      await eventually(async () => (await rowOf(id))?.attempts).toBe(1);
      await outage.begin();
      const leaseEndsAt = (await rowOf(id))?.leased_until.getTime();
      await eventually(() => toldAt).toBeGreaterThan(0);
      expect(toldAt).toBeLessThan(leaseEndsAt);
    } finally {
      await outage.end();
      await Promise.all(workers.splice(0).map((worker) => worker.stop()));
      await client.close({ timeoutSeconds: 1 });
    }
  });

  it("that is done while the database is away, for longer than its lease, is not run again", async () => {
    const client = openDatabase({ url: proxy.through(database.url), poolSize: 2 });
    try {
      const id = await enqueue();
      let runs = 0;
      work(
        async () => {
          runs += 1;
          await proxy.goAway();
          return done;
        },
        { db: client.db, leaseSeconds: 1 },
      );
      await eventually(() => runs).toBe(1);
      // By the row alone, the job is anybody's again.
      await eventually(async () => (await rowOf(id))?.leased_until.getTime() < Date.now()).toBe(
        true,
      );
      await proxy.comeBack();
      await eventually(() => stateOf(id)).toBe("done");
      expect(runs).toBe(1);
    } finally {
      await Promise.all(workers.splice(0).map((worker) => worker.stop()));
      await client.close({ timeoutSeconds: 1 });
    }
  });
});

describe("a claim that another worker's took the place of", () => {
  /** The first claim of a job that is claimed a second time by now. */
  async function overtaken() {
    await enqueue();
    const claim = async () => {
      const [job] = await claimDueJobs(database.db, { kind: "things", limit: 1, leaseSeconds: 60 });
      await database.sql`update jobs set leased_until = now()`;
      return job as ClaimedJob;
    };
    return { stale: await claim(), current: await claim() };
  }

  it("neither renews, postpones, releases nor fails it: only the newer one does", async () => {
    const { stale, current } = await overtaken();
    const { db } = database;
    const { id } = stale;
    const held = await rowOf(id);
    const later = { delaySeconds: 60, lastError: "Late." };
    expect([
      await renewJob(db, stale, { leaseSeconds: 60 }),
      await postponeJob(db, stale, later),
      await releaseJob(db, stale),
      await endJob(db, stale, { state: "failed", lastError: "Late." }),
    ]).toEqual([false, false, false, false]);
    expect(await rowOf(id)).toEqual(held);
    expect(await endJob(db, current, { state: "failed", lastError: "Broken." })).toBe(true);
    expect(await rowOf(id)).toMatchObject({ state: "failed", last_error: "Broken." });
  });

  it("still says that the job is done, which is true whoever says it, and the newer one lets go", async () => {
    const { stale, current } = await overtaken();
    const other = await enqueue();
    await finishJob(database.db, stale.id);
    expect(await rowOf(stale.id)).toMatchObject({ state: "done", sealed_payload: null });
    expect(await renewJob(database.db, current, { leaseSeconds: 60 })).toBe(false);
    await finishJob(database.db, stale.id);
    expect(await cancelJob(database.db, stale.id)).toBe(false);
    expect(await stateOf(other)).toBe("queued");
  });
});

describe("kill -9", () => {
  const CLAIMS = /^update "jobs" set .*"attempts" = "jobs"."attempts" \+ 1/;
  const RENEWS = /^update "jobs" set "leased_until" = now\(\) \+ .*"progress_done"/;
  const ENDS = /^update "jobs" set .*"ended_at" = now\(\)/;

  it.each<[string, RegExp, Moment, number[]]>([
    ["before it is claimed", CLAIMS, "before", [1]],
    ["after it is claimed", CLAIMS, "after", [1]],
    ["before its progress is written", RENEWS, "before", [2]],
    ["after its progress is written", RENEWS, "after", [2]],
    ["before it is written down as done", ENDS, "before", [2]],
    ["after it is written down as done", ENDS, "after", [1]],
  ])("%s loses no job, and runs none again that was written down", async (_, sql, moment, runs) => {
    const id = await enqueue();
    await database.sql`create table if not exists runs (job uuid)`;
    const child = startWorkerProcess();
    try {
      const killed = new Promise<void>((resolve) => {
        proxy.inject(
          { sql },
          moment,
          async () => {
            child.kill("SIGKILL");
            await once(child, "exit");
            resolve();
            return "cut" as const;
          },
          { times: 1 },
        );
      });
      await killed;
    } finally {
      child.kill("SIGKILL");
    }
    proxy.heal();
    // Its lease ends: ten minutes pass.
    await database.sql`update jobs set leased_until = now() where leased_until is not null`;
    work(async () => {
      await database.sql`insert into runs values (${id})`;
      return done;
    });
    await eventually(() => stateOf(id)).toBe("done");
    const [counted] = await database.sql`select count(*)::int as n from runs where job = ${id}`;
    expect(runs).toContain(counted?.n);
  });

  /** A worker in a process of its own, to be killed. It writes each run into a table. */
  function startWorkerProcess(): ChildProcess {
    const script = `
      import { setTimeout as sleep } from "node:timers/promises";
      import postgres from "postgres";
      import { createVault } from "./app/vault/vault.server.ts";
      import { openDatabase } from "./db/client.ts";
      import { jobQueue } from "./app/jobs/job-queue.server.ts";
      import { createWorker } from "./app/jobs/worker.server.ts";
      const sql = postgres(process.env.TEST_DIRECT_URL, { max: 1 });
      const silent = () => {};
      const log = { info: silent, warn: silent, error: silent, debug: silent };
      createWorker({ log }).start(jobQueue({
        kind: "things",
        db: openDatabase({ url: process.env.TEST_DATABASE_URL, poolSize: 2 }).db,
        vault: createVault([Buffer.from(process.env.TEST_KEY, "base64")]),
        log,
        leaseSeconds: 2,
        handle: async (payload, { progress }) => {
          await sql\`insert into runs select id from jobs where state = 'queued'\`;
          progress({ done: 1, total: 2 });
          await sleep(700);
          return { is: "done" };
        },
      }));
    `;
    return spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        ...process.env,
        TEST_DATABASE_URL: proxy.through(database.url),
        TEST_DIRECT_URL: database.url,
        TEST_KEY: key.toString("base64"),
      },
    });
  }
});
