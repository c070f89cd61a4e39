import { cp, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

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
