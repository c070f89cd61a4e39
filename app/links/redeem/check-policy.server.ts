import { Worker } from "node:worker_threads";
import { LRUCache } from "lru-cache";
import { describeError, type Log, type LogFields } from "../../telemetry/log.server";
import { type TranslatedPolicy, translatePolicy } from "../password-rules";

/** `unknown`: not found out here, or not in time. Keystone decides then. */
export type PolicyVerdict = "follows" | "breaks" | "unknown";

/** Holds passwords to a regular expression that the operator wrote, off the event loop. */
export interface PolicyCheck {
  /**
   * @param regex Keystone's `password_regex`
   * @returns within WAIT_MS, whatever the expression is and however many wait
   */
  check(regex: string, password: string): Promise<PolicyVerdict>;
  /** Ends the worker; what waits is told `unknown`. */
  stop(): Promise<void>;
}

/** An honest expression takes less than one. */
const RUN_MS = 250;
/** With the wait for those before it, and for the worker to start. */
const WAIT_MS = 1000;
/** So long an expression that did not finish is not tried again. */
const NOT_AGAIN_MS = 10 * 60_000;

/**
 * Self-contained, so that no file has to be found in whichever bundle this runs. `begun` starts the
 * clock: until then the worker is starting. What does not compile here has no answer.
 */
const WORKER = `
const { parentPort } = require("node:worker_threads");
parentPort.on("message", ({ source, flags, password }) => {
  parentPort.postMessage("begun");
  let verdict = "unknown";
  try {
    verdict = new RegExp(source, flags).test(password) ? "follows" : "breaks";
  } catch {}
  parentPort.postMessage(verdict);
});
`;

interface Task {
  readonly regex: string;
  readonly policy: TranslatedPolicy;
  readonly password: string;
  answer(verdict: PolicyVerdict): void;
}

/**
 * One worker, which is started with the first question and takes one at a time. Where it does not
 * finish in time it is ended, and another one started with the next question. The log says so as
 * `policy.not-checked`, once in NOT_AGAIN_MS for each expression.
 */
export function createPolicyCheck({ log }: { log: Log }): PolicyCheck {
  const unfinished = new LRUCache<string, true>({ max: 100, ttl: NOT_AGAIN_MS });
  const waiting = new Set<Task>();
  let worker: Worker | undefined;
  let running: Task | undefined;
  let clock: NodeJS.Timeout | undefined;
  let ending: Promise<unknown> | undefined;

  function runNext(): void {
    if (running || ending) return;
    for (const task of waiting) {
      waiting.delete(task);
      if (unfinished.has(task.regex)) {
        task.answer("unknown");
        continue;
      }
      try {
        worker ??= startWorker();
        worker.postMessage({ ...task.policy, password: task.password });
      } catch (error) {
        // No thread to be had.
        task.answer("unknown");
        putAside(task, { reason: "no-worker", error: describeError(error) });
        continue;
      }
      running = task;
      return;
    }
  }

  function startWorker(): Worker {
    const started = new Worker(WORKER, {
      eval: true,
      // None of our secrets, and no more memory than a match takes.
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 4, stackSizeMb: 1 },
    });
    started.unref();
    started.on("message", (message: "begun" | PolicyVerdict) => {
      if (worker !== started) return;
      if (message !== "begun") return finish(message);
      const task = running;
      clock = setTimeout(() => {
        // In the next round: an answer that came while this thread was busy counts.
        setImmediate(() => {
          if (running === task && worker === started) giveUp("too-slow");
        });
      }, RUN_MS);
    });
    // Without a listener, a worker that runs out of memory would end the process.
    started.on("error", () => {
      if (worker === started) giveUp("worker-ended");
    });
    return started;
  }

  function finish(verdict: PolicyVerdict): void {
    clearTimeout(clock);
    const done = running;
    running = undefined;
    done?.answer(verdict);
    runNext();
  }

  function giveUp(reason: "too-slow" | "worker-ended"): void {
    // Not another one before this one is gone.
    ending = worker?.terminate().finally(() => {
      ending = undefined;
      runNext();
    });
    worker = undefined;
    if (running) putAside(running, { reason });
    finish("unknown");
  }

  function putAside(task: Task, why: LogFields): void {
    if (!unfinished.has(task.regex)) log.warn("policy.not-checked", why);
    unfinished.set(task.regex, true);
  }

  return {
    check(regex, password) {
      const policy = unfinished.has(regex) ? undefined : translatePolicy(regex);
      if (!policy) return Promise.resolve("unknown");
      return new Promise((resolve) => {
        const task: Task = {
          regex,
          policy,
          password,
          answer(verdict) {
            clearTimeout(patience);
            resolve(verdict);
          },
        };
        const patience = setTimeout(() => {
          waiting.delete(task);
          resolve("unknown");
        }, WAIT_MS);
        waiting.add(task);
        runNext();
      });
    },
    async stop() {
      for (const task of waiting) task.answer("unknown");
      waiting.clear();
      const stopped = worker;
      worker = undefined;
      finish("unknown");
      await Promise.all([ending, stopped?.terminate()]);
    },
  };
}
