/**
 * No connection to be had; no answer; a connection lost; the pool closed; a server that takes no writes;
 * none of several hosts.
 */
const OUR_CODES = [
  "POOL_TIMEOUT",
  "ANSWER_TIMEOUT",
  "CONNECTION_LOST",
  "CONNECTION_ENDED",
  "NOT_WRITABLE",
  "NO_HOST",
] as const;

/** The database cannot be asked just now. Says nothing of what becomes of a statement under way. */
export class DatabaseUnavailableError extends Error {
  override readonly name = "DatabaseUnavailableError";

  constructor(
    readonly code: (typeof OUR_CODES)[number],
    message: string,
  ) {
    super(message);
  }
}

/** Ours, postgres.js's and Node's codes for a connection that could not be had or was lost. */
const CONNECTION_CODES = new Set<string>([
  ...OUR_CODES,
  "CONNECTION_CLOSED",
  "CONNECTION_DESTROYED",
  "CONNECT_TIMEOUT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
  "ENOENT",
]);

/**
 * PostgreSQL's classes for "not now" (https://www.postgresql.org/docs/current/errcodes-appendix.html):
 * 08 connection, 25006 read only (what was the primary before a failover), 25P03 idle in transaction,
 * 25P04 transaction timeout, 40 rollback by conflict, 53 resources, 55P03 lock timeout,
 * 57 operator intervention (shutdown, cancelled by the statement timeout), 58 system error.
 */
const NOT_NOW = /^(08|25006|25P03|25P04|40|53|55P03|57|58)/;

/** @returns whether the database, rather than our statement, is why this failed */
export const isDatabaseOutage = (error: unknown): boolean =>
  withCauses(error).some(
    ({ code }) => CONNECTION_CODES.has(code) || (/^[0-9A-Z]{5}$/.test(code) && NOT_NOW.test(code)),
  );

/** @returns what the role of DATABASE_URL may not do, in PostgreSQL's words; undefined: it is not that */
export const missingRight = (error: unknown): string | undefined =>
  withCauses(error).find(({ code }) => code === "42501")?.message;

/** The error and its causes, those with a code: PostgreSQL's, postgres.js's or Node's. */
function withCauses(error: unknown): (Error & { code: string })[] {
  const found: (Error & { code: string })[] = [];
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++)
    if (typeof (at as { code?: unknown }).code === "string")
      found.push(at as Error & { code: string });
  return found;
}
