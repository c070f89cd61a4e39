import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { expect, inject } from "vitest";
import { type Database, openDatabase } from "../../db/client";
import { migrateDatabase } from "../../db/migrate";

/** A migrated database of a test file's own, on the run's PostgreSQL. */
export interface TestDatabase {
  /** The superuser's. */
  readonly url: string;
  /** As the server has it, on a small pool of its own. */
  readonly db: Database;
  /** For what no store offers: to look at columns, to turn the clock back. */
  readonly sql: postgres.Sql;
  /** Ends every connection to it, whoever's, and drops it. May be called twice. */
  close(): Promise<void>;
}

const TEMPLATE = "setpass_migrated";
/** Any number will do that nobody else takes. */
const TEMPLATE_LOCK = 7_377_002;
const migrationsFolder = fileURLToPath(new URL("../../db/migrations", import.meta.url));

const connect = (url: string, max: number) => postgres(url, { max, onnotice: () => {} });

function urlOf(database: string): string {
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${database}`;
  return url.href;
}

/** Copies a database that is migrated once a run: a tenth of a second, where migrating takes one. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const name = `setpass_${randomBytes(6).toString("hex")}`;
  const server = connect(inject("postgresUrl"), 1);
  try {
    // Files run at the same time: the first makes the template, the others wait for it.
    await server`select pg_advisory_lock(${TEMPLATE_LOCK})`;
    const [made] = await server`select 1 from pg_database where datname = ${TEMPLATE}`;
    if (!made) {
      const unfinished = `${TEMPLATE}_unfinished`;
      await server`drop database if exists ${server(unfinished)}`;
      await server`create database ${server(unfinished)}`;
      await migrateDatabase({ url: urlOf(unfinished), folder: migrationsFolder });
      await server`alter database ${server(unfinished)} rename to ${server(TEMPLATE)}`;
    }
    await server`create database ${server(name)} template ${server(TEMPLATE)}`;
  } finally {
    await server.end({ timeout: 5 });
  }

  const url = urlOf(name);
  const client = openDatabase({ url, poolSize: 4 });
  const sql = connect(url, 4);
  let closed: Promise<void> | undefined;
  const close = async () => {
    await Promise.all([client.close({ timeoutSeconds: 5 }), sql.end({ timeout: 5 })]);
    const last = connect(inject("postgresUrl"), 1);
    await last`drop database if exists ${last(name)} with (force)`;
    await last.end({ timeout: 5 });
  };
  return {
    url,
    db: client.db,
    sql,
    close: () => {
      closed ??= close();
      return closed;
    },
  };
}

/** Resolves when one statement of the database waits for what another transaction holds. */
export const oneWaitsForALock = (sql: postgres.Sql): Promise<void> =>
  expect
    .poll(
      () => sql`
        select 1 from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`,
      { timeout: 10_000 },
    )
    .toHaveLength(1);
