import process from "node:process";
import { runKeystoneCheck } from "./keystone-check-run.server";

/** `npm run keystone-check`, in the server's own environment. */
process.exitCode = await runKeystoneCheck(process.argv.slice(2), process.env, {
  tell: (line) => process.stdout.write(`${line}\n`),
  complain: (line) => process.stderr.write(`${line}\n`),
});
