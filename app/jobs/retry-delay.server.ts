const FIRST_SECONDS = 60;
const LONGEST_SECONDS = 60 * 60;
const JITTER = 0.2;

/** With `retryDelaySeconds`, the last of them comes about a day after the first. */
export const DEFAULT_MAX_ATTEMPTS = 30;

/**
 * How long to wait after a try that failed: one minute, then twice as long each time, an hour at the
 * most; give or take a fifth, so that what failed together does not all come back together.
 *
 * @param attempt the number of the try that failed, from 1
 */
export function retryDelaySeconds(attempt: number, random: () => number = Math.random): number {
  const delay = Math.min(FIRST_SECONDS * 2 ** (attempt - 1), LONGEST_SECONDS);
  return delay * (1 - JITTER + 2 * JITTER * random());
}
