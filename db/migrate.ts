import { readFileSync } from "node:fs";
import path from "node:path";
import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import postgres from "postgres";

/** Any number will do, as long as every replica takes the same one. */
const MIGRATION_LOCK = 7_377_001;

/**
 * Brings a database up to date. Safe to run from several replicas at once: one migrates under an
 * advisory lock, the others wait and find nothing to do.
 *
 * @param options.url the role must own the schema
 * @param options.folder where drizzle-kit wrote the migrations
 */
export async function migrateDatabase(options: { url: string; folder: string }): Promise<void> {
  const client = postgres(options.url, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    await client`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await migrate(drizzle(client), { migrationsFolder: options.folder });
  } finally {
    // Ending the connection gives the lock back, whatever happened before.
    await client.end({ timeout: 5 });
  }
}

/** @returns how many migrations the database still lacks */
export async function countPendingMigrations(options: {
  url: string;
  folder: string;
}): Promise<number> {
  const journal = JSON.parse(
    readFileSync(path.join(options.folder, "meta", "_journal.json"), "utf8"),
  ) as { entries: { when: number }[] };
  const client = postgres(options.url, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    const [table] = await client`select to_regclass('drizzle.__drizzle_migrations') as name`;
    if (!table?.name) return journal.entries.length;
    const [last] = await client`
      select coalesce(max(created_at), 0)::float8 as "when" from drizzle.__drizzle_migrations`;
    return journal.entries.filter((entry) => entry.when > Number(last?.when)).length;
  } finally {
    await client.end({ timeout: 5 });
  }
}
