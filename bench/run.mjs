// `npm run bench`: plain Node, because it runs before there are any packages.
import { spawn } from "node:child_process";
import process from "node:process";
import { ensureBuild, ensurePackages, root } from "../demo/install-and-build.mjs";
import { ensureDebianPackages } from "../tests/support/debian-packages.mjs";

const say = (/** @type {string} */ line) => process.stdout.write(`${line}\n`);
await ensurePackages(say);
await ensureBuild(say);
await ensureDebianPackages();
const bench = spawn(process.execPath, ["--import", "tsx", "bench/bench.ts"], {
  cwd: root,
  stdio: "inherit",
});
bench.once("exit", (code) => {
  process.exitCode = code ?? 1;
});
