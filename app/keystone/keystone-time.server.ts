/**
 * A date as Keystone writes it: ISO 8601 with microseconds, in UTC, and of a password's expiry
 * without saying so (`2026-01-02T03:04:05.000000`, which JavaScript would take for local time).
 *
 * @returns undefined where it is no date
 */
export function parseKeystoneTime(text: string): Date | undefined {
  const date = new Date(/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
