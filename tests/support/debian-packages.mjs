/**
 * Installs the Debian packages that the tests need and that are missing: the real Keystone and
 * what it runs in, keystoneauth1, Chromium and PgBouncer. Plain JavaScript without dependencies, because the
 * test runner calls it before anything is built.
 *
 * By itself: `node tests/support/debian-packages.mjs`.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/**
 * What a real Keystone needs. `python3-keystone` has the programs; the package `keystone` would add
 * only a system service, its own database and debconf questions, none of which the tests use.
 */
export const keystonePackages = [
  "python3-keystone",
  "uwsgi-core",
  "uwsgi-plugin-python3",
  "python3-psycopg2",
  "python3-keystoneauth1",
];

/**
 * Chromium's programs on Debian. The one without windows comes first: the same engine, and the browser
 * tests take three minutes less of the processor with it.
 */
const chromiumPrograms = ["/usr/bin/chromium-headless-shell", "/usr/bin/chromium"];

/**
 * Debian's Chromium, for Playwright.
 * @returns {string | undefined} its path; undefined where there is none, and Playwright's own is used
 */
export function findChromium() {
  return chromiumPrograms.find((program) => existsSync(program));
}

/** What the browser tests need. Who has a Chromium keeps it. */
export const browserPackages = [
  path.basename(findChromium() ?? "chromium-headless-shell"),
  "fonts-dejavu-core",
];

/** What the tests of the database put between it and setpass. */
export const databasePackages = ["pgbouncer"];

/** The proxies that docs/operating.md has lines for. */
export const proxyPackages = ["nginx-light", "haproxy"];

/** Everything the tests use from Debian. */
export const testPackages = [
  ...keystonePackages,
  ...browserPackages,
  ...databasePackages,
  ...proxyPackages,
  "procps",
];

const policyFile = "/usr/sbin/policy-rc.d";
// Debian asks this file before a package starts its service; 101 means "not allowed".
const policyText = "#!/bin/sh\n# Written while setpass installs its test packages.\nexit 101\n";

/**
 * Whether this machine is a Debian (or something built on it) with apt-get.
 * @returns {boolean}
 */
export function isDebian() {
  if (process.platform !== "linux" || !existsSync("/usr/bin/apt-get")) return false;
  try {
    const release = readFileSync("/etc/os-release", "utf8");
    return /^ID(_LIKE)?=.*\bdebian\b/m.test(release);
  } catch {
    return existsSync("/etc/debian_version");
  }
}

/**
 * Which of these packages are not fully installed.
 * @param {string[]} names
 * @returns {Promise<string[]>}
 */
export async function missingDebianPackages(names) {
  const asked = await run("dpkg-query", [
    "--show",
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
    "--showformat=${Package} ${db:Status-Status}\\n",
    ...names,
  ]);
  const installed = new Set(
    asked.output
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return names.filter((name) => !installed.has(name));
}

/**
 * Makes sure these Debian packages are installed. On Debian as root it installs what is missing
 * with apt-get, without recommended packages and without starting any service, and says what it
 * does. Elsewhere it installs nothing and says what is missing.
 *
 * @param {string[]} [names] package names; all of `testPackages` unless told
 * @param {{ say?: (line: string) => void }} [options] `say` gets one line of progress at a time
 * @returns {Promise<{ installed: string[], missing: string[], reason?: string }>} what was
 *   installed now, what is still missing, and why in words. Never throws for a failed installation.
 */
export async function ensureDebianPackages(names = testPackages, options = {}) {
  const say = options.say ?? ((line) => void process.stdout.write(`${line}\n`));
  if (!isDebian()) {
    return { installed: [], missing: [...names], reason: "this machine is not a Debian" };
  }
  const missing = await missingDebianPackages(names);
  if (missing.length === 0) return { installed: [], missing: [] };
  if (process.getuid?.() !== 0) {
    return { installed: [], missing, reason: "only root can install Debian packages" };
  }

  say(`Installing from Debian: ${missing.join(" ")} (once; a minute or two)`);
  const wrotePolicy = forbidServices();
  const removePolicy = () => {
    if (wrotePolicy && existsSync(policyFile)) unlinkSync(policyFile);
  };
  process.once("exit", removePolicy);
  try {
    const update = await aptGet(["update"]);
    if (update.code !== 0) {
      // Not the end: the packages may be in the cache. The installation below has the last word.
      say("apt-get update failed; trying with the package lists there are");
    }
    const install = await aptGet(["install", "--yes", "--no-install-recommends", ...missing]);
    const left = await missingDebianPackages(missing);
    const installed = missing.filter((name) => !left.includes(name));
    if (left.length === 0) {
      say(`Installed from Debian: ${installed.join(" ")}`);
      return { installed, missing: [] };
    }
    const words = `${update.code === 0 ? "" : update.output}${install.output}`;
    const lastWords = words.trim().split("\n").slice(-15).join("\n");
    return {
      installed,
      missing: left,
      reason: `apt-get install failed (exit ${install.code}):\n${lastWords}`,
    };
  } finally {
    removePolicy();
    process.removeListener("exit", removePolicy);
  }
}

/**
 * Keeps packages from starting services while they are installed.
 * @returns {boolean} whether the policy file is ours to remove
 */
function forbidServices() {
  // A container image usually has one already; an administrator's own is left alone.
  if (existsSync(policyFile)) return false;
  writeFileSync(policyFile, policyText, { mode: 0o755 });
  return true;
}

/**
 * @param {string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
function aptGet(args) {
  return run("apt-get", [
    "--quiet",
    // Another apt-get may be at work (unattended upgrades, a second test run): wait for it.
    "--option=DPkg::Lock::Timeout=600",
    "--option=Acquire::Retries=3",
    "--option=Dpkg::Options::=--force-confdef",
    "--option=Dpkg::Options::=--force-confold",
    ...args,
  ]);
}

/**
 * Runs a program to its end; both its outputs together, in the C locale.
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<{ code: number, output: string }>}
 */
function run(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        // The system's own Python must run the packages' scripts, not one a developer installed.
        PATH: "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        LC_ALL: "C.UTF-8",
        DEBIAN_FRONTEND: "noninteractive",
        DEBCONF_NONINTERACTIVE_SEEN: "true",
        RUNLEVEL: "1",
      },
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
    child.once("error", (error) => resolve({ code: 127, output: `${output}${error.message}\n` }));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const result = await ensureDebianPackages();
  if (result.missing.length > 0) {
    process.stdout.write(`Missing: ${result.missing.join(" ")} (${result.reason})\n`);
    process.exitCode = 1;
  } else if (result.installed.length === 0) {
    process.stdout.write(`Nothing to install: ${testPackages.join(" ")} are there\n`);
  }
}
