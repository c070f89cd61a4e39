import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runDatabaseCommand } from "./command-line";
import { migrateDatabase } from "./migrate";

/** `npm run migrate`, as the role that owns the tables. */
const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../db/migrations");
const { DATABASE_URL } = process.env;
await runDatabaseCommand(DATABASE_URL, "The database was not migrated", async (url) => {
  await migrateDatabase({ url, folder });
  process.stdout.write("The database is up to date.\n");
});
