/**
 * `npm test`: everything that has to hold, on a machine with nothing but Node and npm.
 *
 *   npm test                        all of it
 *   npm test -- unit                only these suites: unit, integration, faults, e2e
 *   npm test -- integration redeem  only the files with "redeem" in their path
 *   npm run test:long               the long forms of the fault, crash and fuzz tests, and mutation testing
 *   npm run test:long -- mutants    only the latter, see tests/mutation/run.ts
 *
 * What is missing is installed first: npm packages, and on Debian as root a real Keystone,
 * keystoneauth1 and Chromium. One step failing does not hide the others. The last line is
 * `N passed, N failed`: tests, and each other step that failed. With CI=true a suite that is left out
 * is a failure.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { ensurePackages, findNodeProblem, root } from "../demo/install-and-build.mjs";
import {
  ensureDebianPackages,
  findChromium,
  isDebian,
  testPackages,
} from "./support/debian-packages.mjs";
import { readPlaywright } from "./support/report-to-run.mjs";

const vitestSuites = ["unit", "integration", "faults"];
const suites = [...vitestSuites, "e2e", "mutants"];
/** These need the build, and what Debian has. */
const wholeSuites = ["integration", "faults", "e2e", "mutants"];
/** These share one PostgreSQL and one Keystone. */
const serverSuites = ["integration", "faults", "e2e"];
const ci = process.env.CI === "true" || process.env.CI === "1";
const long = process.argv.includes("--long");
const words = process.argv.slice(2).filter((word) => word !== "--long");
const picked = suites.filter((suite) => words.includes(suite));
const filters = words.filter((word) => !suites.includes(word));
const wants = (/** @type {string} */ suite) =>
  picked.includes(suite) ||
  (picked.length === 0 && (suite !== "mutants" || (long && filters.length === 0)));
const whole = picked.length === 0 && filters.length === 0;
const MINUTE_MS = 60_000;

/**
 * @typedef {object} Step one line of the summary
 * @property {string} name
 * @property {"ok" | "failed" | "left out"} end
 * @property {number} seconds
 * @property {import("./support/report-to-run.mjs").Tests} [tests] of a suite
 * @property {string} [why]
 */

/** @type {Step[]} */
const steps = [];
/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();
const scratch = mkdtempSync(path.join(tmpdir(), "setpass-tests-"));

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.on(signal, () => {
    // They tidy up, and then it is our turn. Ctrl-C in a terminal reaches them without us.
    const toldAlready = signal === "SIGINT" && process.stdin.isTTY;
    if (!toldAlready) for (const child of running) child.kill(signal);
    process.exitCode = 130;
    stopping = true;
  });
}
let stopping = false;

try {
  await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function main() {
  const nodeProblem = findNodeProblem();
  if (nodeProblem) {
    say(nodeProblem);
    process.exitCode = 1;
    return;
  }
  const needsMore = wholeSuites.some(wants);
  const debian = needsMore ? installFromDebian() : undefined;
  await step("npm packages", async () => {
    if (!(await ensurePackages(say))) return { end: "failed", why: "npm ci failed" };
    return { end: "ok" };
  });
  if (steps.some((one) => one.end === "failed") || stopping) {
    await debian;
    return summarize();
  }

  // Two cores: the checks and the servers get ready beside the build.
  const checks = [];
  if (needsMore) checks.push(check("build", [path.join(root, "demo/install-and-build.mjs")], 5));
  if (whole) {
    checks.push(check("types", [bin("typescript", "bin/tsc"), "--noEmit"], 5));
    checks.push(check("lint", [bin("@biomejs/biome", "bin/biome"), "ci", "."], 5));
    const cruise = bin("dependency-cruiser", "bin/dependency-cruise.mjs");
    checks.push(check("imports", [cruise, "."], 5));
    checks.push(check("dead code", [bin("knip", "bin/knip.js")], 5));
  }
  await debian;
  const servers = serverSuites.some(wants) ? startServers() : undefined;
  await Promise.all([...checks, servers?.started]);

  const inTurn = async () => {
    for (const suite of ["unit", "integration"])
      if (wants(suite) && !stopping) await runVitest(suite);
    if (wants("e2e") && !stopping) await runPlaywright();
  };
  const faults = async (later = false) => {
    if (wants("faults") && !stopping) await runVitest("faults", { later });
  };
  // The faults wait more than they work, and one at a time: all others have the rest of two cores.
  if (long) await inTurn().then(() => faults());
  else await Promise.all([inTurn(), faults(serverSuites.filter(wants).length > 1)]);
  await servers?.stop();
  if (wants("mutants") && !stopping) await runMutants();
  if ((wants("integration") || wants("faults")) && !hasKeystone()) {
    leaveOut("all on a real Keystone", "no Keystone is installed");
  }
  summarize();
}

/** What Debian lacks is not a failure here: the suites that miss it are left out, and say so. */
async function installFromDebian() {
  if (!isDebian()) return;
  await step("debian packages", async () => {
    const { missing, reason } = await ensureDebianPackages(testPackages, { say });
    if (missing.length === 0) return { end: "ok" };
    return { end: "left out", why: `${missing.join(" ")} missing: ${reason}` };
  });
}

/** Where they cannot be started, each suite tries by itself, and says why not. */
function startServers() {
  // Not by tsx's own program, which would keep our hanging up to itself.
  const holder = ["--import", "tsx", path.join(root, "tests/support/hold-servers.ts")];
  const child = spawn(process.execPath, holder, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const started = new Promise((resolve) => {
    child.once("message", (servers) => {
      process.env.SETPASS_TEST_SERVERS = JSON.stringify(servers);
      resolve(undefined);
    });
    child.once("exit", resolve);
    child.once("error", resolve);
  });
  const stop = async () => {
    if (child.connected) child.disconnect();
    await ended;
  };
  return { started, stop };
}

/**
 * A step that only succeeds or fails; its output is shown where it fails.
 * @param {string} name
 * @param {string[]} command
 * @param {number} minutes
 */
async function check(name, command, minutes) {
  await step(name, async () => {
    const { code, output } = await run(command, { minutes, show: false });
    if (code === 0) return { end: "ok" };
    say(`\n--- ${name} ---\n${output.trim()}\n`);
    return { end: "failed", why: `exit code ${code}; its words are above` };
  });
}

/**
 * Each suite in a process of its own: what breaks one as a whole does not take the others with it.
 * @param {string} project
 * @param {{ later?: boolean }} [options] `later`: what it says is shown once it has ended
 */
async function runVitest(project, { later = false } = {}) {
  const report = path.join(scratch, `${project}.json`);
  const title = `\n--- ${project} tests ---`;
  if (!later) say(title);
  const startedAt = performance.now();
  const { code, output } = await run(
    [
      bin("vitest", "vitest.mjs"),
      "run",
      `--project=${project}`,
      "--reporter=default",
      `--reporter=${path.join(root, "tests/support/report-to-run.mjs")}`,
      ...filters,
    ],
    { minutes: long ? 240 : 30, show: !later, env: { SETPASS_TEST_REPORT: report } },
  );
  if (later) say(`${title}\n${output.trim()}`);
  const seconds = (performance.now() - startedAt) / 1000;
  suiteEnded(project, { tests: readJson(report), seconds, code });
}

async function runPlaywright() {
  const why = whyNoBrowserTests();
  if (why) return leaveOut("e2e", why);
  const report = path.join(scratch, "playwright.json");
  say("\n--- browser tests ---");
  const startedAt = performance.now();
  const { code } = await run(
    [bin("@playwright/test", "cli.js"), "test", "--reporter=list,json", ...filters],
    { minutes: long ? 60 : 30, show: true, env: { PLAYWRIGHT_JSON_OUTPUT_NAME: report } },
  );
  const tests = readPlaywright(readJson(report));
  suiteEnded("e2e", { tests, seconds: (performance.now() - startedAt) / 1000, code });
}

/** Its score is shown, not judged; it fails where it cannot tell one. */
async function runMutants() {
  say("\n--- mutation testing ---");
  await step("mutants", async () => {
    const report = path.join(scratch, "mutants.txt");
    const { code } = await run(
      [bin("tsx", "dist/cli.mjs"), path.join(root, "tests/mutation/run.ts"), ...filters],
      { minutes: 180, show: true, env: { SETPASS_LONG: "", SETPASS_MUTANTS_REPORT: report } },
    );
    const why = existsSync(report) ? readFileSync(report, "utf8") : `exit code ${code}`;
    return { end: code === 0 ? "ok" : "failed", why };
  });
}

function whyNoBrowserTests() {
  if (!hasKeystone()) return "no Keystone is installed";
  if (findChromium()) return undefined;
  const requireFromHere = createRequire(import.meta.url);
  const own = requireFromHere("@playwright/test").chromium.executablePath();
  return existsSync(own) ? undefined : "no Chromium is installed";
}

/**
 * @param {string} name
 * @param {{ tests: Step["tests"], seconds: number, code: number }} end
 */
function suiteEnded(name, { tests, seconds, code }) {
  if (tests === undefined || tests.passed + tests.failed === 0) {
    // The filter meant another suite.
    if (filters.length > 0 && picked.length !== 1) return;
    steps.push({ name, end: "failed", seconds, why: `no test was run (exit code ${code})` });
    return;
  }
  steps.push({ name, end: tests.failed > 0 ? "failed" : "ok", seconds, tests });
  if (code !== 0 && tests.failed === 0) {
    const why = `exit code ${code}, although no test failed`;
    steps.push({ name: `${name}, besides`, end: "failed", seconds: 0, why });
  }
}

/**
 * @param {string} name
 * @param {string} why
 */
function leaveOut(name, why) {
  steps.push({ name, end: "left out", seconds: 0, why });
}

/**
 * @param {string} name
 * @param {() => Promise<{ end: Step["end"], why?: string }>} work
 */
async function step(name, work) {
  const startedAt = performance.now();
  const { end, why } = await work();
  const seconds = (performance.now() - startedAt) / 1000;
  steps.push({ name, end, seconds, why });
  say(`${name}: ${end} (${seconds.toFixed(1)} s)`);
}

function summarize() {
  let passed = 0;
  let failed = 0;
  // Once more: their own words are far above by now, and a log that is cut keeps its end.
  const failures = steps.flatMap(({ tests }) => tests?.failures ?? []);
  for (const failure of failures.slice(0, 40)) say(`\nFAILED ${failure}`);
  say(`\n${"-".repeat(72)}`);
  for (const { name, end, seconds, tests, why } of steps) {
    const counts = tests ? `${tests.passed} passed, ${tests.failed} failed` : firstLine(why);
    const time = end === "left out" ? "" : `${seconds.toFixed(1)} s`;
    say(`${name.padEnd(18)}${end.padEnd(10)}${time.padStart(8)}  ${counts}`);
    passed += tests?.passed ?? 0;
    failed += tests?.failed ?? 0;
    // The last line must never say that nothing failed where something did.
    if (end === "failed" && (tests?.failed ?? 0) === 0) failed += 1;
    if (end === "left out" && ci) failed += 1;
  }
  for (const { name, end, why } of steps) {
    if (end !== "left out") continue;
    const then = ci
      ? "With CI=true that is a failure."
      : "On Debian as root, npm test installs it.";
    say(`\n!!! LEFT OUT: ${name}\n!!! ${firstLine(why)}\n!!! ${then}`);
  }
  if (stopping) {
    say("\nStopped before the end.");
    failed += 1;
  }
  say(`\n${passed} passed, ${failed} failed`);
  if (process.exitCode === undefined) process.exitCode = failed === 0 ? 0 : 1;
}

/**
 * Runs a program of Node's to its end.
 *
 * @param {string[]} command script and arguments
 * @param {{ minutes: number, show: boolean, env?: Record<string, string> }} options after so many
 *   minutes it is ended; `show` its output at once, or give it back
 * @returns {Promise<{ code: number, output: string }>}
 */
function run(command, { minutes, show, env }) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(process.execPath, command, {
      cwd: root,
      stdio: ["ignore", show ? "inherit" : "pipe", show ? "inherit" : "pipe"],
      env: { ...process.env, ...(long && { SETPASS_LONG: "1" }), ...env },
    });
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
        output += text;
      });
    }
    const tooLong = setTimeout(() => {
      say(`Not done after ${minutes} minutes: ended.`);
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), MINUTE_MS / 4).unref();
    }, minutes * MINUTE_MS);
    const ended = (/** @type {number | null} */ code) => {
      clearTimeout(tooLong);
      running.delete(child);
      resolve({ code: code ?? 1, output });
    };
    child.once("error", () => ended(127));
    child.once("close", ended);
  });
}

/**
 * A package's program, without a shell in between.
 * @param {string} name
 * @param {string} file
 */
function bin(name, file) {
  return path.join(root, "node_modules", name, file);
}

/**
 * @param {string} file
 * @returns {any} undefined where there is none
 */
function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function hasKeystone() {
  return existsSync("/usr/bin/keystone-manage");
}

/** @param {string | undefined} text */
function firstLine(text = "") {
  return text.split("\n", 1)[0] ?? "";
}

/** @param {string} line */
function say(line) {
  process.stdout.write(`${line}\n`);
}
