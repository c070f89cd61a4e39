import process from "node:process";
import { readDatabaseUrl } from "../app/config/database-url.server";
import { MigrationsMissingError } from "./migrate";

/**
 * Runs a command that needs DATABASE_URL alone, so that a role of its own can run it. Ends the process
 * with 78 where the environment or the installation is wrong, with 1 where the database is, and says so.
 *
 * @param url what DATABASE_URL holds
 * @param failure the beginning of what is said then: "The database was not migrated"
 */
export async function runDatabaseCommand(
  url: string | undefined,
  failure: string,
  work: (url: string) => Promise<void>,
): Promise<void> {
  const stop = (why: string, exitCode: number): never => {
    process.stderr.write(`${failure}: ${why}\n`);
    process.exit(exitCode);
  };
  const read = readDatabaseUrl(url ?? "");
  if (!url || !read.ok) {
    const problem = read.ok ? "" : read.problem;
    return stop(`DATABASE_URL ${url ? "" : "is not set. It "}${problem}`, 78);
  }
  try {
    await work(url);
  } catch (error) {
    if (error instanceof MigrationsMissingError) stop(error.message, 78);
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const reason = cause instanceof Error ? cause.message : "unknown error";
    stop(`the one of DATABASE_URL cannot be used (${reason})`, 1);
  }
}
