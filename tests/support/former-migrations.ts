import { randomBytes } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import postgres from "postgres";
import { inject } from "vitest";
import { migrateDatabase } from "../../db/migrate";

export const migrationsFolder = path.resolve(import.meta.dirname, "../../db/migrations");

/**
 * The migrations as they were once, for what becomes of a database of that time.
 *
 * @param firstOfIt the name of the first one that was not there yet, without its number
 * @returns a temporary folder, which is the caller's to remove
 */
export async function copyFormerMigrations(firstOfIt: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "setpass-migrations-"));
  await cp(migrationsFolder, folder, { recursive: true });
  const file = path.join(folder, "meta/_journal.json");
  const journal = JSON.parse(await readFile(file, "utf8")) as { entries: { tag: string }[] };
  const first = journal.entries.findIndex(({ tag }) => tag.endsWith(firstOfIt));
  if (first < 1) throw new Error(`No migration is called ${firstOfIt}`);
  await writeFile(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, first) }));
  return folder;
}

/**
 * A database as it was once, brought up to date.
 *
 * @param options.firstOfIt see `copyFormerMigrations`
 * @param options.fill writes what was in it before
 * @param options.undo gets what takes it away again, to be done from the end
 */
export async function createUpgradedDatabase(options: {
  firstOfIt: string;
  fill: (sql: postgres.Sql) => Promise<unknown>;
  undo: (() => Promise<unknown>)[];
}): Promise<{ url: string; sql: postgres.Sql }> {
  const { firstOfIt, fill, undo } = options;
  const name = `setpass_${randomBytes(6).toString("hex")}`;
  const { href: url } = Object.assign(new URL(inject("postgresUrl")), { pathname: `/${name}` });
  const cluster = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
  undo.push(() => cluster.end({ timeout: 5 }));
  await cluster`create database ${cluster(name)}`;
  undo.push(() => cluster`drop database if exists ${cluster(name)} with (force)`);
  const former = await copyFormerMigrations(firstOfIt);
  undo.push(() => rm(former, { recursive: true, force: true }));
  await migrateDatabase({ url, folder: former });
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  undo.push(() => sql.end({ timeout: 5 }));
  await fill(sql);
  await migrateDatabase({ url, folder: migrationsFolder });
  return { url, sql };
}
