import { readFileSync } from "node:fs";
import path from "node:path";
import { sql } from "drizzle-orm";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { type Database, openDatabase } from "./client";

/** Any number will do, as long as every replica takes the same one. */
const MIGRATION_LOCK = 7_377_001;
/** For one statement of a migration, and for waiting for another replica's. */
const LONGEST_SECONDS = 600;

/**
 * Brings a database up to date. Safe to run from several replicas at once: one migrates under an
 * advisory lock, the others wait and find nothing to do.
 *
 * @param options.url the role must own the schema
 * @param options.folder where drizzle-kit wrote the migrations
 */
export function migrateDatabase(options: { url: string; folder: string }): Promise<void> {
  // One connection: the lock is the session's, and ending it gives the lock back, come what may.
  return withDatabase(options.url, async (db) => {
    await db.execute(sql`select pg_advisory_lock(${MIGRATION_LOCK})`);
    await migrate(db, { migrationsFolder: options.folder });
  });
}

/** @returns how many migrations the database still lacks */
export function countPendingMigrations(options: { url: string; folder: string }): Promise<number> {
  const journal = JSON.parse(
    readFileSync(path.join(options.folder, "meta", "_journal.json"), "utf8"),
  ) as { entries: { when: number }[] };
  return withDatabase(options.url, async (db) => {
    const [table] = await db.execute<{ name: string | null }>(
      sql`select to_regclass('drizzle.__drizzle_migrations') as name`,
    );
    if (!table?.name) return journal.entries.length;
    const [last] = await db.execute<{ when: number }>(
      sql`select coalesce(max(created_at), 0)::float8 as "when" from drizzle.__drizzle_migrations`,
    );
    return journal.entries.filter((entry) => entry.when > Number(last?.when)).length;
  });
}

async function withDatabase<Result>(
  url: string,
  work: (db: Database) => Promise<Result>,
): Promise<Result> {
  const { db, close } = openDatabase({
    url,
    poolSize: 1,
    statementTimeoutSeconds: LONGEST_SECONDS,
    lockTimeoutSeconds: LONGEST_SECONDS,
  });
  try {
    return await work(db);
  } finally {
    await close({ timeoutSeconds: 5 });
  }
}
