import { isDatabaseOutage } from "../../db/outage";
import { describeError, type Log } from "../telemetry/log.server";

/** How one run ended. `released`: it was not begun, or is another process's to end. */
export type RunOutcome = "done" | "retry" | "failed" | "cancelled" | "released";

export interface Run {
  /** Aborted when the process drains: end soon, and leave the rest to whoever comes next. */
  readonly signal: AbortSignal;
  /** Writes down what became of the work, for as long as it takes; while draining, in three tries. */
  record(write: () => Promise<unknown>): Promise<void>;
}

/** One thing to do, which is this process's by now. */
export interface Piece {
  run(run: Run): Promise<RunOutcome>;
  /** Hands it back unbegun, where it came as the process began to drain. */
  giveBack?(): Promise<unknown>;
}

/** Work that waits somewhere: in rows, or in memory. */
export interface Queue {
  readonly kind: string;
  /** The most pieces under way at once, in this process. */
  readonly concurrency: number;
  /** How often to look for what nobody called `wake` for; never, when left out. */
  readonly everySeconds?: number;
  /** Takes what is due, and nobody else's. Fewer pieces than `limit` say that no more wait for now. */
  take(limit: number): Promise<Piece[]>;
}

/** Work that follows from the state of things. Replicas may do it at the same time. */
export interface Round {
  readonly kind: string;
  /** From the end of one to the next, give or take a quarter: replicas do not stay in step. */
  readonly everySeconds: number;
  run(run: Run): Promise<RunOutcome>;
}

/** A run that ended, for the metrics. `error`: it threw. */
export interface ObservedRun {
  readonly kind: string;
  readonly outcome: RunOutcome | "error";
  readonly durationSeconds: number;
}

export interface Worker {
  /** Does this kind of work from now on. */
  start(work: Queue | Round): void;
  /** Looks at once: call it when a transaction that wrote work of this kind has committed. */
  wake(kind: string): void;
  underWay(): Record<string, number>;
  /** Takes no more, and resolves when what is under way has ended, and it is written down. */
  stop(): Promise<void>;
}

/** Longer than connecting and the statement timeout together: no answer will come after that. */
const DATABASE_ANSWER_MS = 20_000;
const SHORTEST_OUTAGE_WAIT_MS = 500;
const LONGEST_OUTAGE_WAIT_MS = 30_000;
const TRIES_WHILE_DRAINING = 3;

const outageWaitMs = (failures: number) =>
  Math.min(SHORTEST_OUTAGE_WAIT_MS * 2 ** (failures - 1), LONGEST_OUTAGE_WAIT_MS);

/** Everything that runs later, in this process, each kind in a line of its own, until stopped. */
export function createWorker(options: { log: Log; observe?: (run: ObservedRun) => void }): Worker {
  const lines = new Map<string, Line>();
  const draining = new AbortController();
  return {
    start(work) {
      lines.set(work.kind, startLine(work, { ...options, signal: draining.signal }));
    },
    wake: (kind) => lines.get(kind)?.wake(),
    underWay: () => Object.fromEntries([...lines].map(([kind, line]) => [kind, line.underWay()])),
    async stop() {
      draining.abort();
      await Promise.all([...lines.values()].map((line) => line.ended));
    },
  };
}

interface Line {
  wake(): void;
  underWay(): number;
  readonly ended: Promise<void>;
}

function startLine(
  work: Queue | Round,
  context: { log: Log; observe?: (run: ObservedRun) => void; signal: AbortSignal },
): Line {
  const { kind, everySeconds } = work;
  const { log, observe, signal } = context;
  const queue = "take" in work ? work : undefined;
  const everyMs = () =>
    everySeconds && everySeconds * 1000 * (queue ? 1 : 0.75 + Math.random() / 2);
  const underWay = new Set<Promise<void>>();
  let databaseIsAway = false;
  let lookAgain = false;
  let interrupt: () => void = () => {};

  /** Waits, but not past a wake or the end. */
  const idle = async (ms?: number) => {
    if (!lookAgain && !signal.aborted)
      await new Promise<void>((resolve) => {
        const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
        interrupt = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    lookAgain = false;
  };
  const wake = () => {
    lookAgain = true;
    interrupt();
  };
  signal.addEventListener("abort", wake);

  /** An outage is one line in the log, and so is its end. */
  const databaseFailed = (error: unknown) => {
    if (!databaseIsAway) log.error("jobs.database-lost", { kind, error: describeError(error) });
    databaseIsAway = true;
  };
  const databaseAnswered = () => {
    if (databaseIsAway) log.info("jobs.database-back", { kind });
    databaseIsAway = false;
  };

  const record: Run["record"] = async (write) => {
    let triesWhileDraining = 0;
    for (let failures = 1; ; failures += 1) {
      try {
        await answered(write());
        databaseAnswered();
        return;
      } catch (error) {
        databaseFailed(error);
        if (signal.aborted) triesWhileDraining += 1;
        // Whoever holds a lease lets it end.
        if (triesWhileDraining >= TRIES_WHILE_DRAINING) return;
        await (signal.aborted
          ? pause(SHORTEST_OUTAGE_WAIT_MS)
          : pause(outageWaitMs(failures), signal));
      }
    }
  };

  const start = (piece: Piece) => {
    const startedAt = performance.now();
    const running: Promise<void> = piece
      .run({ signal, record })
      .catch((error: unknown) => {
        // Nothing is written down then: the work is as it was, and due again.
        if (isDatabaseOutage(error)) databaseFailed(error);
        else log.error("jobs.run-failed", { kind, error: describeError(error) });
        return "error" as const;
      })
      .then((outcome) => {
        observe?.({ kind, outcome, durationSeconds: (performance.now() - startedAt) / 1000 });
        if (queue && underWay.size >= queue.concurrency) wake();
        if (!queue && outcome !== "error") databaseAnswered();
        underWay.delete(running);
      });
    underWay.add(running);
  };

  const run = async () => {
    let failures = 0;
    while (!signal.aborted) {
      let pieces: Piece[];
      try {
        pieces = queue
          ? await answered(queue.take(queue.concurrency - underWay.size))
          : [work as Round];
        if (queue) databaseAnswered();
        failures = 0;
      } catch (error) {
        databaseFailed(error);
        failures += 1;
        await idle(outageWaitMs(failures));
        continue;
      }
      for (const piece of pieces) {
        if (!signal.aborted) start(piece);
        else underWay.add(record(async () => piece.giveBack?.()));
      }
      // Where a queue has all its places taken, the first that is done wakes it.
      if (!queue) await Promise.all(underWay);
      await idle(everyMs());
    }
    await Promise.all(underWay);
  };
  return { wake, underWay: () => underWay.size, ended: run() };
}

/** Waits, but not past the abort of `signal`. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}

/** A connection that is accepted and then never answers must not hold up the worker, nor its end. */
function answered<Result>(query: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no answer within ${DATABASE_ANSWER_MS / 1000} s`)),
      DATABASE_ANSWER_MS,
    );
    query.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
