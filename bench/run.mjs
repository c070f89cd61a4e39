// `npm run bench`, or `npm run bench -- put list` for some of it: plain Node, because it runs before there are any packages.
import { spawn } from "node:child_process";
import process from "node:process";
import { ensureBuild, ensurePackages, root } from "../demo/install-and-build.mjs";
import { ensureDebianPackages } from "../tests/support/debian-packages.mjs";

const say = (/** @type {string} */ line) => process.stdout.write(`${line}\n`);
await ensurePackages(say);
await ensureBuild(say);
await ensureDebianPackages();
const bench = spawn(
  process.execPath,
  ["--import", "tsx", "bench/bench.ts", ...process.argv.slice(2)],
  {
    cwd: root,
    stdio: "inherit",
  },
);
bench.once("exit", (code) => {
  process.exitCode = code ?? 1;
});
