import { performance } from "node:perf_hooks";

export interface Measured {
  /** Completed calls a second, over the whole run. */
  readonly perSecond: number;
  readonly medianMs: number;
  readonly p95Ms: number;
  readonly count: number;
}

/**
 * Runs calls from several lanes at once, each lane waiting for its answer before the next call.
 *
 * @param call gets the call's number, from 0; must throw where the answer is not the expected one
 */
export async function measure(
  options: { count: number; concurrency: number; warmUp?: number },
  call: (number: number) => Promise<unknown>,
): Promise<Measured> {
  for (let number = 0; number < (options.warmUp ?? 0); number++) await call(number);
  const times: number[] = [];
  let next = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: options.concurrency }, async () => {
      while (next < options.count) {
        const number = next++;
        times.push(await timed(() => call(number)));
      }
    }),
  );
  return summarize(times, performance.now() - startedAt);
}

/**
 * Measures several calls in turns, round by round.
 *
 * @returns for each call what its rounds amount to together
 */
export async function measureInTurns<
  const Calls extends readonly ((number: number) => Promise<unknown>)[],
>(
  options: { rounds: number; count: number; concurrency: number; warmUp: number },
  calls: Calls,
): Promise<{ [Index in keyof Calls]: Measured }> {
  const { rounds, ...each } = options;
  const results: Measured[][] = calls.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, call] of calls.entries())
      results[index]?.push(await measure({ ...each, warmUp: round === 0 ? each.warmUp : 0 }, call));
  return results.map((ofRounds) => ({
    perSecond: median(ofRounds.map((one) => one.perSecond)),
    medianMs: median(ofRounds.map((one) => one.medianMs)),
    p95Ms: median(ofRounds.map((one) => one.p95Ms)),
    count: ofRounds.reduce((sum, one) => sum + one.count, 0),
  })) as { [Index in keyof Calls]: Measured };
}

/** @param times of each call, in milliseconds. @param elapsedMs the whole run */
export const summarize = (times: readonly number[], elapsedMs: number): Measured => ({
  perSecond: (times.length / elapsedMs) * 1000,
  medianMs: median(times),
  p95Ms: p95(times),
  count: times.length,
});

export const median = (values: readonly number[]) => percentile(0.5, values);
export const p95 = (values: readonly number[]) => percentile(0.95, values);

const percentile = (share: number, values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;

/** @returns how long it took, in milliseconds */
export async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await call();
  return performance.now() - startedAt;
}
