import { openDatabase } from "../../db/client";
import { loadConfig } from "../config/config.server";
import { describeError } from "../telemetry/log.server";
import { bindFormerSeals, type Rotation, rotateKeys } from "./rotate-keys.server";
import { createVault } from "./vault.server";

/** Once, after an upgrade from a release that did not bind PINs to their links. */
const BIND_PINS = "--bind-pins";

/** `npm run rotate-keys`, in the server's own environment. */
async function main(): Promise<void> {
  const [option, ...more] = process.argv.slice(2);
  if (more.length > 0 || (option !== undefined && option !== BIND_PINS)) {
    process.stderr.write(`The only option is ${BIND_PINS}. Nothing was done.\n`);
    process.exit(64);
  }
  const result = loadConfig(process.env);
  if (!result.ok) {
    process.stderr.write(`The keys were not rotated:\n  - ${result.problems.join("\n  - ")}\n`);
    process.exit(78);
  }
  const { config } = result;
  const database = openDatabase({ url: config.databaseUrl, poolSize: 1 });
  const vault = createVault(config.secretKeys);
  const onProgress = (sofar: number) => {
    process.stdout.write(`${sofar} sealed again…\n`);
  };
  try {
    const context = { db: database.db, vault };
    if (option === BIND_PINS) {
      const bound = await bindFormerSeals(context, onProgress);
      process.stdout.write(
        `${bound.resealed} PINs of earlier links are bound to their link now.\n`,
      );
      if (bound.unopened.length > 0) reportUnopened(bound);
      return;
    }
    const rotation = await rotateKeys(context, onProgress);
    process.stdout.write(`Done: ${rotation.resealed} sealed again under key ${vault.keyIds[0]}.\n`);
    if (rotation.unopened.length > 0) reportUnopened(rotation);
    else process.stdout.write("Every other key can be taken out of SECRET_KEYS.\n");
  } catch (error) {
    process.stderr.write(
      `Stopped: ${describeError(error).message}. What was done stays done; run this again to go on.\n`,
    );
    process.exitCode = 1;
  } finally {
    await database.close({ timeoutSeconds: 5 });
  }
}

function reportUnopened({ unopened }: Rotation): void {
  process.stderr.write(
    `${unopened.length} cannot be opened and were left as they are; keep every key until these are gone:\n  - ${unopened.join("\n  - ")}\n`,
  );
  process.exitCode = 1;
}

await main();
