import { openDatabase } from "../../db/client";
import { loadConfig } from "../config.server";
import { describeError } from "../log.server";
import { rotateKeys } from "./rotate-keys.server";
import { createVault } from "./vault.server";

/** `npm run rotate-keys`, in the server's own environment. */
async function main(): Promise<void> {
  const result = loadConfig(process.env);
  if (!result.ok) {
    process.stderr.write(`The keys were not rotated:\n  - ${result.problems.join("\n  - ")}\n`);
    process.exit(78);
  }
  const { config } = result;
  const database = openDatabase({ url: config.databaseUrl, poolSize: 1 });
  const vault = createVault(config.secretKeys);
  try {
    const { resealed } = await rotateKeys({ db: database.db, vault }, (sofar) => {
      process.stdout.write(`${sofar} sealed again…\n`);
    });
    process.stdout.write(
      `Done: ${resealed} sealed again under key ${vault.keyIds[0]}. Every other key can be taken out of SECRET_KEYS.\n`,
    );
  } catch (error) {
    process.stderr.write(
      `Stopped: ${describeError(error).message}. What was done stays done; run this again to go on.\n`,
    );
    process.exitCode = 1;
  } finally {
    await database.close({ timeoutSeconds: 5 });
  }
}

await main();
