import { openDatabase } from "../../db/client";
import type { CommandLines } from "../config/command-lines.server";
import { loadConfig } from "../config/config.server";
import { describeError } from "../telemetry/log.server";
import { bindFormerSeals, rotateKeys } from "./rotate-keys.server";
import { createVault } from "./vault.server";

/** Once, after an upgrade from a release that did not bind PINs to their links. */
const BIND_PINS = "--bind-pins";

/**
 * What `npm run rotate-keys` does.
 *
 * @returns the exit code: 0; 1 where something is left to do; 64 and 78 of sysexits.h
 */
export async function runRotateKeys(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  lines: CommandLines,
): Promise<number> {
  const binds = words.length === 1 && words[0] === BIND_PINS;
  if (words.length > 0 && !binds) {
    lines.complain(`The only option is ${BIND_PINS}. Nothing was done.`);
    return 64;
  }
  const result = loadConfig(env);
  if (!result.ok) {
    lines.complain(`The keys were not rotated:\n  - ${result.problems.join("\n  - ")}`);
    return 78;
  }
  const { config } = result;
  const database = openDatabase({ url: config.databaseUrl, poolSize: 1 });
  const vault = createVault(config.secretKeys);
  const onProgress = (sofar: number) => lines.tell(`${sofar} sealed again…`);
  try {
    const context = { db: database.db, vault };
    const rotate = binds ? bindFormerSeals : rotateKeys;
    const { resealed, unopened } = await rotate(context, onProgress);
    lines.tell(
      binds
        ? `${resealed} PINs of earlier links are bound to their link now.`
        : `Done: ${resealed} sealed again under key ${vault.keyIds[0]}.`,
    );
    if (unopened.length > 0) {
      lines.complain(
        `${unopened.length} cannot be opened and were left as they are; keep every key until these are gone:\n  - ${unopened.join("\n  - ")}`,
      );
      return 1;
    }
    if (!binds) lines.tell("Every other key can be taken out of SECRET_KEYS.");
    return 0;
  } catch (error) {
    lines.complain(
      `Stopped: ${describeError(error).message}. What was done stays done; run this again to go on.`,
    );
    return 1;
  } finally {
    await database.close({ timeoutSeconds: 5 });
  }
}
