import { roundsOf } from "../../app/jobs/rounds.server";
import { type MailQueueOptions, mailQueue } from "../../app/jobs/send-mails.server";
import { createWorker, type Queue } from "../../app/jobs/worker.server";
import type { Services } from "../../app/services.server";
import type { Log } from "../../app/telemetry/log.server";

export interface StartedQueue {
  wake(): void;
  stop(): Promise<void>;
}

/** A worker that does nothing else. */
export function startQueue(queue: Queue, log: Log): StartedQueue {
  const worker = createWorker({ log });
  worker.start(queue);
  return { wake: () => worker.wake(queue.kind), stop: () => worker.stop() };
}

export const startMailWorker = (options: MailQueueOptions): StartedQueue =>
  startQueue(mailQueue(options), options.log);

/** Does at once, and once, what the worker does every minute. @throws what a round throws */
export async function runRounds(services: Services): Promise<void> {
  const { signal } = new AbortController();
  for (const round of roundsOf(services))
    await round.run({ signal, record: async (write) => void (await write()) });
}
