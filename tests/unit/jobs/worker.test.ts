import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  createWorker,
  type ObservedRun,
  type Piece,
  type Queue,
  type Worker,
} from "../../../app/jobs/worker.server";

interface Line {
  readonly level: string;
  readonly event: string;
  readonly kind?: string;
}

let lines: Line[];
let observed: ObservedRun[];
let worker: Worker;
/** Ends what a test left under way. */
let endings: (() => void)[];

const at =
  (level: string) =>
  (event: string, fields = {}) =>
    void lines.push({ level, event, ...fields });
const log = { info: at("info"), warn: at("warn"), error: at("error"), debug: at("debug") };

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  observed = [];
  endings = [];
  worker = createWorker({ log, observe: (run) => observed.push(run) });
});
afterEach(async () => {
  for (const end of endings) end();
  const stopped = worker.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  await stopped;
  vi.useRealTimers();
});

const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1000);
const named = (event: string) => lines.filter((line) => line.event === event);

/** Work that is under way until it is told to end. */
function held() {
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  endings.push(end);
  const piece: Piece = {
    async run() {
      await ended;
      return "done";
    },
  };
  return { piece, end };
}

/** @returns a queue over what is waiting, and when it was looked into */
function queueOf(waiting: Piece[], options: Partial<Queue> = {}) {
  const looks: number[] = [];
  const queue: Queue = {
    kind: "things",
    concurrency: 2,
    everySeconds: 8,
    take: async (limit) => {
      looks.push(Date.now());
      return waiting.splice(0, limit);
    },
    ...options,
  };
  return { queue, looks };
}

describe("a queue", () => {
  it("is looked into at once when it is called for", async () => {
    const { queue, looks } = queueOf([], { everySeconds: 600 });
    worker.start(queue);
    await seconds(1);
    worker.wake("other things");
    await seconds(0);
    expect(looks).toHaveLength(1);
    worker.wake("things");
    await seconds(0);
    expect(looks).toHaveLength(2);
  });

  it("is only looked into when it is called for, where it says no more", async () => {
    const { queue, looks } = queueOf([], { everySeconds: undefined });
    worker.start(queue);
    await seconds(100_000);
    expect(looks).toHaveLength(1);
    worker.wake("things");
    await seconds(0);
    expect(looks).toHaveLength(2);
  });

  it("has no more under way than it allows, and the next is begun as soon as one ends", async () => {
    const pieces = Array.from({ length: 5 }, held);
    const limits: number[] = [];
    const waiting = pieces.map(({ piece }) => piece);
    const take = async (limit: number) => {
      limits.push(limit);
      return waiting.splice(0, limit);
    };
    worker.start(queueOf([], { take, everySeconds: 600 }).queue);
    await seconds(1);
    expect(worker.underWay()).toEqual({ things: 2 });
    expect(waiting).toHaveLength(3);
    pieces[0]?.end();
    await seconds(0);
    expect(worker.underWay()).toEqual({ things: 2 });
    expect(waiting).toHaveLength(2);
    for (const { end } of pieces) end();
    await seconds(0);
    expect(worker.underWay()).toEqual({ things: 0 });
    expect(observed.map(({ kind, outcome }) => [kind, outcome])).toEqual(
      Array(5).fill(["things", "done"]),
    );
    expect(Math.max(...limits)).toBe(2);
  });

  it("does not wait for another kind that hangs", async () => {
    worker.start(queueOf([held().piece], { kind: "hanging", concurrency: 1 }).queue);
    const { piece, end } = held();
    worker.start(queueOf([piece]).queue);
    end();
    await seconds(1);
    expect(worker.underWay()).toEqual({ hanging: 1, things: 0 });
  });

  it("goes on after work that throws, and says which kind it was", async () => {
    const waiting: Piece[] = [{ run: () => Promise.reject(new Error("no such thing")) }];
    worker.start(queueOf(waiting, { concurrency: 1 }).queue);
    await seconds(1);
    expect(named("jobs.run-failed")).toMatchObject([
      { level: "error", kind: "things", error: { message: "no such thing" } },
    ]);
    expect(observed).toMatchObject([{ kind: "things", outcome: "error" }]);
    const { piece, end } = held();
    waiting.push(piece);
    end();
    await seconds(11);
    expect(observed).toHaveLength(2);
  });
});

describe("draining", () => {
  it("ends what is under way, takes no more, and tells the work", async () => {
    const { piece, end } = held();
    const told = vi.fn();
    const waiting: Piece[] = [
      {
        run(run) {
          run.signal.addEventListener("abort", told);
          return piece.run(run);
        },
      },
      held().piece,
    ];
    const { queue, looks } = queueOf(waiting, { concurrency: 1 });
    worker.start(queue);
    await seconds(1);
    const looked = looks.length;
    let isStopped = false;
    const stopping = worker.stop().then(() => {
      isStopped = true;
    });
    expect(told).toHaveBeenCalledOnce();
    worker.wake("things");
    await seconds(30);
    expect(isStopped).toBe(false);
    end();
    await seconds(0);
    await stopping;
    expect(isStopped).toBe(true);
    expect(looks).toHaveLength(looked);
    expect(waiting).toHaveLength(1);
  });

  it("hands back what came just then, unbegun", async () => {
    let answer: (pieces: Piece[]) => void = () => {};
    const take = () =>
      new Promise<Piece[]>((resolve) => {
        answer = resolve;
      });
    worker.start(queueOf([], { take }).queue);
    const stopping = worker.stop();
    const run = vi.fn<Piece["run"]>();
    const giveBack = vi.fn(async () => {});
    answer([{ run, giveBack }]);
    await stopping;
    expect(giveBack).toHaveBeenCalledOnce();
    expect(run).not.toHaveBeenCalled();
  });
});

describe("a round", () => {
  it("that fails is told of and made again; an outage of the database is told of once", async () => {
    const failures: Error[] = [
      new Error("odd"),
      Object.assign(new Error("away"), { code: "ECONNRESET" }),
      Object.assign(new Error("away"), { code: "ECONNRESET" }),
    ];
    const run = vi.fn(async () => {
      const failure = failures.shift();
      if (failure) throw failure;
      return "done" as const;
    });
    worker.start({ kind: "erasing", everySeconds: 60, run });
    await seconds(76 * 4);
    expect(run.mock.calls.length).toBeGreaterThanOrEqual(4);
    expect(lines.map(({ event }) => event)).toEqual([
      "jobs.run-failed",
      "jobs.database-lost",
      "jobs.database-back",
    ]);
  });
});
