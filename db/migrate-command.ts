import path from "node:path";
import { fileURLToPath } from "node:url";
import { migrateDatabase } from "./migrate";

/** `npm run migrate`. Takes DATABASE_URL alone, so that a role of its own can run it. */
async function main(): Promise<void> {
  const url = process.env.DATABASE_URL;
  if (!url || !/^postgres(ql)?:\/\/./.test(url) || !URL.canParse(url)) {
    const what = url ? "is not a PostgreSQL address" : "is not set";
    process.stderr.write(
      `The database was not migrated: DATABASE_URL ${what}. It must be one such as postgres://user:password@host:5432/setpass\n`,
    );
    process.exit(78);
  }
  const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../db/migrations");
  try {
    await migrateDatabase({ url, folder });
    process.stdout.write("The database is up to date.\n");
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : "unknown error";
    process.stderr.write(
      `The database was not migrated: the one of DATABASE_URL cannot be used (${reason})\n`,
    );
    process.exit(1);
  }
}

await main();
