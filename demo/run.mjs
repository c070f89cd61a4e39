/**
 * `npm run demo`: everything setpass is, on this machine alone, with nothing but Node and npm. Installs
 * and builds what is missing, then runs demo.ts. Plain JavaScript, because it runs before there are
 * any packages.
 */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { ensureBuild, ensurePackages, findNodeProblem, root } from "./install-and-build.mjs";

const LOOK_FOR_PARENT_MS = 500;

const say = (/** @type {string} */ line) => void process.stdout.write(`${line}\n`);

process.exitCode = await main();

async function main() {
  const problem = findNodeProblem();
  if (problem) return refuse(problem);
  if (!(await ensurePackages(say))) return refuse("npm ci failed; its words are above.");
  if (!(await ensureBuild(say))) return refuse("The build failed; its words are above.");
  return runDemo();
}

/** @param {string} why */
function refuse(why) {
  process.stderr.write(`${why}\n`);
  return 1;
}

/** @returns {Promise<number>} its exit code */
function runDemo() {
  const require = createRequire(import.meta.url);
  const loader = pathToFileURL(require.resolve("tsx")).href;
  const demo = spawn(process.execPath, ["--import", loader, path.join(root, "demo/demo.ts")], {
    cwd: root,
    // The channel tells it when we are gone, also after a kill -9.
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: { ...process.env, TSX_DISABLE_CACHE: "1" },
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => {
      // Ctrl-C in a terminal reaches it without us.
      if (!(signal === "SIGINT" && process.stdin.isTTY)) demo.kill(signal);
    });
  }
  // npm killed with -9 tells nobody; then the demo would run on without anybody to stop it.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event !== undefined) {
    setInterval(() => {
      if (process.ppid !== parent) demo.kill("SIGTERM");
    }, LOOK_FOR_PARENT_MS).unref();
  }
  return new Promise((resolve) => {
    demo.once("error", (error) => resolve(refuse(`The demo cannot be started: ${error.message}`)));
    demo.once("exit", (code) => resolve(code ?? 1));
  });
}
