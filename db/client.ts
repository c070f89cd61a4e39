import { drizzle, type PostgresJsDatabase } from "drizzle-orm/postgres-js";
import type postgres from "postgres";
import { readDatabaseUrl } from "../app/config/database-url.server";
import type { TypeTables } from "./connection";
import { Pool } from "./pool";
import * as schema from "./schema";

/** Drizzle over the pool, or over one transaction: what every store function takes. */
export type Database = PostgresJsDatabase<typeof schema>;
export type Transaction = Parameters<Parameters<Database["transaction"]>[0]>[0];
export type Queryable = Database | Transaction;

export interface DatabaseClient {
  readonly db: Database;
  /** Ends every connection, after at most `timeoutSeconds`. */
  close(options: { timeoutSeconds: number }): Promise<void>;
}

const OPEN_TIMEOUT_MS = 5_000;
const ACQUIRE_TIMEOUT_MS = 5_000;
/** What PostgreSQL has left to say it in, once a statement's own time is over. */
const GRACE_MS = 2_000;

/**
 * Opens a pool of connections; the first query connects.
 *
 * No query waits for ever, whatever happens to PostgreSQL or the way there: five seconds for a
 * connection, and two more than `statementTimeoutSeconds` for an answer. What fails for such a reason
 * is known to `isDatabaseOutage`.
 *
 * @param options.url `postgres://…`, see `readDatabaseUrl`
 * @param options.statementTimeoutSeconds PostgreSQL ends a statement that runs longer; 10 unless told
 * @param options.lockTimeoutSeconds or waits longer for a lock; 5 unless told
 */
export function openDatabase(options: {
  url: string;
  poolSize: number;
  statementTimeoutSeconds?: number;
  lockTimeoutSeconds?: number;
}): DatabaseClient {
  const statementTimeoutMs = (options.statementTimeoutSeconds ?? 10) * 1000;
  const types: TypeTables = { parsers: {}, serializers: {} };
  const read = readDatabaseUrl(options.url);
  if (!read.ok) throw new TypeError(`The database's address ${read.problem}`);
  const pool = new Pool({
    address: read.address,
    learned: { host: 0, refusesLimits: false, forgetsStatements: false },
    limits: {
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: 30_000,
      lock_timeout: (options.lockTimeoutSeconds ?? 5) * 1000,
    },
    types,
    size: options.poolSize,
    openTimeoutMs: OPEN_TIMEOUT_MS,
    acquireTimeoutMs: ACQUIRE_TIMEOUT_MS,
    answerTimeoutMs: statementTimeoutMs + GRACE_MS,
    idleMs: 60_000,
    lifetimeMs: 30 * 60_000,
  });
  return {
    db: drizzle({ client: asPostgresJs(pool, types), schema }),
    close: ({ timeoutSeconds }) => pool.close({ timeoutMs: timeoutSeconds * 1000 }),
  };
}

/** The part of postgres.js that Drizzle uses, over our pool. */
function asPostgresJs(pool: Pool, types: TypeTables): postgres.Sql {
  const running = (execute: Pool["execute"]) => ({
    options: types,
    // In a transaction: one begun inside it is part of it.
    begin: (work: (scoped: unknown) => Promise<unknown>) => work(running(execute)),
    unsafe(text: string, parameters: readonly unknown[] = []) {
      let asArrays = false;
      // Drizzle calls values() in the same breath, or not at all.
      const rows = Promise.resolve().then(() => execute(text, parameters, { asArrays }));
      return Object.assign(rows, {
        values() {
          asArrays = true;
          return rows;
        },
      });
    },
  });
  const client: unknown = {
    ...running((...statement) => pool.execute(...statement)),
    begin: (work: (scoped: unknown) => Promise<unknown>) =>
      pool.transaction((execute) => work(running(execute))),
  };
  return client as postgres.Sql;
}
