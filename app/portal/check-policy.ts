import type { TranslatedPolicy } from "../links/password-rules";
import type { PolicyAnswer, PolicyQuestion } from "./policy-worker";

/** `unknown`: not found out here, or not in time. The server is asked by sending the form. */
export type PolicyVerdict = Exclude<PolicyAnswer, "begun">;

/** Typing goes on beside it, so this is no wait for anybody; a phone's battery is what it spares. */
const RUN_MS = 250;
/** As long as somebody types, nobody is told anything. */
const PAUSE_MS = 60;

/**
 * Holds what is typed to the operator's regular expression, in a worker: one that backtracks is ended,
 * and the page never waits for it. One at a time, and of what was typed meanwhile the newest.
 */
export function startPolicyCheck(
  policy: TranslatedPolicy,
  tell: (verdict: PolicyVerdict, password: string) => void,
): (password: string) => void {
  let worker: Worker | undefined;
  let asked: string | undefined;
  let waiting: string | undefined;
  let running: string | undefined;
  let clock: number | undefined;
  let pause: number | undefined;
  let loads = true;

  function startWorker(): Worker {
    const started = new Worker(new URL("./policy-worker.ts", import.meta.url), { type: "module" });
    started.addEventListener("message", ({ data }: MessageEvent<PolicyAnswer>) => {
      if (data !== "begun") finish(data);
      else
        clock = window.setTimeout(() => {
          started.terminate();
          worker = undefined;
          finish("unknown");
        }, RUN_MS);
    });
    started.addEventListener("error", () => {
      loads = false;
      finish("unknown");
    });
    return started;
  }

  function finish(verdict: PolicyVerdict): void {
    window.clearTimeout(clock);
    const password = running;
    running = undefined;
    if (password !== undefined) tell(verdict, password);
    runNext();
  }

  function runNext(): void {
    if (!loads || waiting === undefined || running !== undefined) return;
    running = waiting;
    waiting = undefined;
    worker ??= startWorker();
    const question: PolicyQuestion = { ...policy, password: running };
    worker.postMessage(question);
  }

  return (password) => {
    if (password === asked) return;
    asked = waiting = password;
    window.clearTimeout(pause);
    pause = window.setTimeout(runNext, PAUSE_MS);
  };
}
