import process from "node:process";
import { readDatabaseUrl } from "../app/config/database-url.server";
import { runDatabaseCommand } from "./command-line";
import { grantServerRole, grantsFor } from "./grants";

const USAGE =
  "Usage: npm run grants -- ROLE [--apply]\n" +
  "Prints the SQL that gives the server's role what it needs of the database and no more; with --apply it is\n" +
  "run, as the role of DATABASE_URL, which must own the tables. After every upgrade, again.\n";

/** `npm run grants`. Takes DATABASE_URL alone, which is the owner's here, not the server's. */
async function main(): Promise<void> {
  const words = process.argv.slice(2);
  const [role, ...more] = words.filter((word) => word !== "--apply");
  const { DATABASE_URL } = process.env;
  if (!role || role.startsWith("-") || more.length > 0) {
    process.stderr.write(USAGE);
    process.exit(64); // EX_USAGE of sysexits.h
  }
  if (!words.includes("--apply")) {
    process.stdout.write(
      `${grantsFor({ role, database: databaseName(DATABASE_URL) }).join(";\n")};\n`,
    );
    return;
  }
  await runDatabaseCommand(DATABASE_URL, "Nothing was granted", async (url) => {
    const result = await grantServerRole({ url, role });
    if (!result.ok) {
      const why = {
        owner: `${role} owns the tables, or is a superuser, and can do everything. Make another role for the server.`,
        "not-as-owner":
          "the role of DATABASE_URL does not own the tables. Use the one that runs `npm run migrate`.",
      }[result.reason];
      process.stderr.write(`Nothing was granted: ${why}\n`);
      process.exit(1);
    }
    process.stdout.write(`${role} has what the server needs of the database.\n`);
    if (result.excess.length === 0) return;
    process.stderr.write(`But it has more than that:\n  - ${result.excess.join("\n  - ")}\n`);
    process.exitCode = 1;
  });
}

function databaseName(url: string | undefined): string {
  const read = readDatabaseUrl(url ?? "");
  const path = read.ok ? new URL(read.address.hosts[0]?.url ?? "").pathname.slice(1) : "";
  return decodeURIComponent(path) || "setpass";
}

await main();
