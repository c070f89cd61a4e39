import process from "node:process";
import { runRotateKeys } from "./rotate-keys-run.server";

/** `npm run rotate-keys`, in the server's own environment. */
process.exitCode = await runRotateKeys(process.argv.slice(2), process.env, {
  tell: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
});
