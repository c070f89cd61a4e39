import { accessSync, constants, readFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { type MigrationMeta, readMigrationFiles } from "drizzle-orm/migrator";
import { type Database, openDatabase, type Queryable } from "./client";

/** Any numbers will do, as long as every replica takes the same ones. */
const MIGRATION_LOCK = 7_377_001;
const MIGRATION_TURN = 7_377_003;
/** For one statement of a migration, and for waiting for another replica's. */
const LONGEST_SECONDS = 3600;
const LONGEST_LOCK_WAIT_MS = 300;

/** A build without all of its migrations: no database can fix that. */
export class MigrationsMissingError extends Error {
  override readonly name = "MigrationsMissingError";

  constructor(folder: string, reason: string) {
    super(
      `the migrations in ${folder} cannot be read (${reason}). They belong to the installation: install it whole, with its folder db/migrations, readable for this user`,
    );
  }
}

/**
 * Brings a database up to date. Safe to run from several replicas at once: one has its turn, the others
 * wait and find nothing to do. Works through a pooler as well.
 *
 * Migrations run in one transaction, and one that fails leaves nothing behind. Those that cannot, because
 * they make an index while others write or go through a table in batches, run between two such
 * transactions, each statement by itself; after a crash they run once more, from the start. While a server
 * is at work no statement of its own waits for longer than a second.
 *
 * @param options.url the role must own the schema
 * @param options.folder where drizzle-kit wrote the migrations
 * @throws {MigrationsMissingError} before the database is asked
 */
export async function migrateDatabase(options: { url: string; folder: string }): Promise<void> {
  readJournal(options.folder);
  const migrations = readMigrationFiles({ migrationsFolder: options.folder });
  await withDatabase(options.url, (db) =>
    inTurn(db, async () => {
      for (;;) {
        const alone = await withoutHoldingUp(() => migrateInTransaction(db, migrations));
        if (!alone) return;
        for (const statement of alone.sql) await runAgainOrFirst(db, statement);
        await noteDone(db, alone);
      }
    }),
  );
}

/**
 * Only one replica works at a time. The lock is a transaction's, as a session means nothing to a pooler;
 * and it is asked for again and again, since who waits for it in the database has a snapshot, and
 * making an index waits for every snapshot to go.
 */
async function inTurn(db: Database, work: () => Promise<void>): Promise<void> {
  const giveUpAt = Date.now() + LONGEST_SECONDS * 1000;
  for (;;) {
    const done = await db.transaction(async (tx) => {
      const [turn] = await tx.execute<{ is_ours: boolean }>(
        sql`select pg_try_advisory_xact_lock(${MIGRATION_TURN}) as is_ours`,
      );
      if (!turn?.is_ours) return false;
      // Whatever is sent after the question also ends the question's snapshot.
      await tx.execute(sql`set local idle_in_transaction_session_timeout = 0`);
      await work();
      return true;
    });
    if (done) return;
    if (Date.now() > giveUpAt) throw new Error("Another process has been migrating for too long");
    await sleep(250);
  }
}

/** @returns the next migration that must run outside of a transaction, or undefined where all is done */
function migrateInTransaction(
  db: Database,
  migrations: readonly MigrationMeta[],
): Promise<MigrationMeta | undefined> {
  return db.transaction(async (tx) => {
    await tx.execute(sql.raw(`set local lock_timeout = ${LONGEST_LOCK_WAIT_MS}`));
    // The connection that has the turn may be lost while this one still works.
    await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`);
    // As Drizzle's own migrator keeps it.
    await tx.execute(sql`create schema if not exists drizzle`);
    await tx.execute(sql`
      create table if not exists drizzle.__drizzle_migrations
        (id serial primary key, hash text not null, created_at bigint)`);
    const last = await lastMigration(tx);
    for (const migration of migrations.filter(({ folderMillis }) => folderMillis > last)) {
      if (migration.sql.some(isForOutside)) return migration;
      for (const statement of migration.sql) await tx.execute(sql.raw(statement));
      await noteDone(tx, migration);
    }
  });
}

const isForOutside = (statement: string) =>
  /\bINDEX CONCURRENTLY\b|^\s*COMMIT;/im.test(statement.replace(/--.*$/gm, ""));

/** An index that a crash left half-made is good for nothing, and is made anew. */
async function runAgainOrFirst(db: Database, statement: string): Promise<void> {
  const [, name] = /\bCREATE (?:UNIQUE )?INDEX CONCURRENTLY "(\w+)"/i.exec(statement) ?? [];
  while (name) {
    // PostgreSQL goes on with it for whoever was killed.
    const [index] = await db.execute<{ is_valid: boolean; is_being_made: boolean }>(sql`
      select indisvalid as is_valid, exists (
        select from pg_stat_progress_create_index where index_relid = indexrelid) as is_being_made
      from pg_index where indexrelid = to_regclass(${name})`);
    if (index?.is_valid) return;
    if (!index) break;
    if (index.is_being_made) await sleep(250);
    else await db.execute(sql`drop index concurrently if exists ${sql.identifier(name)}`);
  }
  await db.execute(sql.raw(statement));
}

async function noteDone(db: Queryable, { hash, folderMillis }: MigrationMeta): Promise<void> {
  await db.execute(sql`
    insert into drizzle.__drizzle_migrations (hash, created_at) values (${hash}, ${folderMillis})`);
}

async function lastMigration(db: Queryable): Promise<number> {
  const [last] = await db.execute<{ when: number }>(
    sql`select coalesce(max(created_at), 0)::float8 as "when" from drizzle.__drizzle_migrations`,
  );
  return Number(last?.when);
}

/**
 * A change of a table waits until nobody uses it, and everybody who comes later waits behind it. So it
 * steps back after a moment, and tries again.
 */
async function withoutHoldingUp<Result>(work: () => Promise<Result>): Promise<Result> {
  const giveUpAt = Date.now() + LONGEST_SECONDS * 1000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (codeOf(error) !== LOCK_NOT_AVAILABLE || Date.now() > giveUpAt) throw error;
      await sleep(100 + Math.random() * 400);
    }
  }
}

const LOCK_NOT_AVAILABLE = "55P03";

/** Drizzle puts an error of its own around PostgreSQL's. */
function codeOf(error: unknown): unknown {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  return code ?? (cause instanceof Error ? codeOf(cause) : undefined);
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
    const last = await lastMigration(db);
    return entries.filter(({ when }) => when > last).length;
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
    // One has the turn, the other works.
    poolSize: 2,
    statementTimeoutSeconds: LONGEST_SECONDS,
    lockTimeoutSeconds: LONGEST_SECONDS,
  });
  try {
    return await work(db);
  } finally {
    await close({ timeoutSeconds: 5 });
  }
}
