import { accessSync, constants, readFileSync } from "node:fs";
import path from "node:path";
import { sql } from "drizzle-orm";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { type Database, openDatabase } from "./client";

/** Any number will do, as long as every replica takes the same one. */
const MIGRATION_LOCK = 7_377_001;
/** For one statement of a migration, and for waiting for another replica's. */
const LONGEST_SECONDS = 600;

/** A build without its migrations, or with half of them: nothing that a database could mend. */
export class MigrationsMissingError extends Error {
  override readonly name = "MigrationsMissingError";

  constructor(folder: string, reason: string) {
    super(
      `the migrations in ${folder} cannot be read (${reason}). They belong to the installation: install it whole, with its folder db/migrations, readable for this user`,
    );
  }
}

/**
 * Brings a database up to date. Safe to run from several replicas at once: one migrates under an
 * advisory lock, the others wait and find nothing to do. All in one transaction, so that it works
 * through a pooler as well, and a migration that fails leaves nothing behind.
 *
 * @param options.url the role must own the schema
 * @param options.folder where drizzle-kit wrote the migrations
 * @throws {MigrationsMissingError} before the database is asked
 */
export async function migrateDatabase(options: { url: string; folder: string }): Promise<void> {
  readJournal(options.folder);
  await withDatabase(options.url, (db) =>
    db.transaction(async (tx) => {
      await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
      // Drizzle's migrator opens a transaction of its own; inside ours it is part of it.
      await migrate(tx as unknown as Database, { migrationsFolder: options.folder });
    }),
  );
}

/**
 * @returns how many migrations the database still lacks
 * @throws {MigrationsMissingError} before the database is asked
 */
export function countPendingMigrations(options: { url: string; folder: string }): Promise<number> {
  const entries = readJournal(options.folder);
  return withDatabase(options.url, async (db) => {
    const [table] = await db.execute<{ name: string | null }>(
      sql`select to_regclass('drizzle.__drizzle_migrations') as name`,
    );
    if (!table?.name) return entries.length;
    const [last] = await db.execute<{ when: number }>(
      sql`select coalesce(max(created_at), 0)::float8 as "when" from drizzle.__drizzle_migrations`,
    );
    return entries.filter((entry) => entry.when > Number(last?.when)).length;
  });
}

/** @returns the migrations there are, each with its file at hand */
function readJournal(folder: string): { tag: string; when: number }[] {
  try {
    const journal = JSON.parse(
      readFileSync(path.join(folder, "meta", "_journal.json"), "utf8"),
    ) as {
      entries: { tag: string; when: number }[];
    };
    for (const { tag } of journal.entries)
      accessSync(path.join(folder, `${tag}.sql`), constants.R_OK);
    return journal.entries;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new MigrationsMissingError(folder, code ?? message);
  }
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
