/**
 * What the demo, the tests and the benchmark do before anything else: install the npm packages where
 * they are missing, and build where the build is missing or older than the sources. Plain JavaScript
 * without dependencies, because it runs before there are any.
 *
 * By itself: `node demo/install-and-build.mjs`.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** The checkout. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "..");

/** What the build is made of; everything else may change without a new one. */
const sources = [
  "app",
  "db",
  "emails",
  "server.ts",
  "build.mjs",
  "vite.config.ts",
  "remix.config.js",
  "tsconfig.json",
  "package.json",
  "package-lock.json",
];
/** What must be there to start the server. */
const outputs = [
  "build/process/server.js",
  "build/process/migrate.js",
  "build/process/grants.js",
  "build/server/index.js",
  "build/client/assets",
  "build/.vite/client-manifest.json",
];
const stampFile = "build/.built-from.json";

/**
 * @param {string} [version] as in `process.versions.node`
 * @returns {string | undefined} what is wrong with it, in a sentence; undefined for a good one
 */
export function findNodeProblem(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return undefined;
  return `setpass needs Node 20.19 or newer; this is Node ${version}. Get a newer one from https://nodejs.org.`;
}

/**
 * Whether node_modules holds what package-lock.json asks for. The lists are compared, not the files'
 * ages: those say nothing after a checkout or an interrupted installation.
 *
 * @param {string} [folder] the checkout
 * @returns {boolean}
 */
export function hasPackages(folder = root) {
  const wanted = readPackages(path.join(folder, "package-lock.json"));
  const found = readPackages(path.join(folder, "node_modules/.package-lock.json"));
  if (wanted === undefined || found === undefined) return false;
  return Object.entries(wanted).every(([place, entry]) => {
    if (place === "" || entry.link) return true;
    const installed = found[place];
    // Those of another platform.
    if (installed === undefined) return entry.optional === true;
    return installed.version === entry.version && installed.integrity === entry.integrity;
  });
}

/**
 * @typedef {{ version?: string, integrity?: string, optional?: boolean, link?: boolean }} LockEntry
 * @param {string} file
 * @returns {Record<string, LockEntry> | undefined}
 */
function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * Runs `npm ci` unless the packages are there.
 *
 * @param {(line: string) => void} say
 * @returns {Promise<boolean>} whether they are there now
 */
export async function ensurePackages(say) {
  if (hasPackages()) return true;
  say("Installing the npm packages (once; a minute or two)");
  return (await run(...npm(), ["ci", "--no-fund", "--no-audit"])) === 0;
}

/**
 * Builds unless the build is there and made of these very sources.
 *
 * @param {(line: string) => void} say
 * @returns {Promise<boolean>} whether it is there now
 */
export async function ensureBuild(say) {
  const made = fingerprint();
  if (isBuilt(made)) return true;
  say("Building (a quarter of a minute)");
  try {
    mkdirSync(path.join(root, "build"), { recursive: true });
    rmSync(path.join(root, stampFile), { force: true });
  } catch (error) {
    // Such as the checkout of another user.
    say(
      `The folder build/ cannot be written to: ${error instanceof Error ? error.message : error}`,
    );
    return false;
  }
  const node = process.execPath;
  const remix = path.join(root, "node_modules/@remix-run/dev/dist/cli.js");
  if ((await run(node, [], [remix, "vite:build", "--logLevel", "warn"])) !== 0) return false;
  if ((await run(node, [], [path.join(root, "build.mjs")])) !== 0) return false;
  const stamp = { made, outputs: agesOfOutputs() };
  writeFileSync(path.join(root, stampFile), JSON.stringify(stamp));
  return outputs.every((file) => existsSync(path.join(root, file)));
}

/** @param {string} made */
function isBuilt(made) {
  try {
    const stamp = JSON.parse(readFileSync(path.join(root, stampFile), "utf8"));
    // Somebody may have built by hand since, from other sources.
    return stamp.made === made && JSON.stringify(stamp.outputs) === JSON.stringify(agesOfOutputs());
  } catch {
    return false;
  }
}

const agesOfOutputs = () =>
  outputs.map((file) => statSync(path.join(root, file), { throwIfNoEntry: false })?.mtimeMs ?? 0);

/** One hash over the names and contents of all sources. */
function fingerprint() {
  const hash = createHash("sha256");
  /** @param {string} name */
  const add = (name) => {
    const file = path.join(root, name);
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isDirectory()) {
      for (const entry of readdirSync(file).sort()) add(`${name}/${entry}`);
    } else if (found) {
      hash.update(`${name}\0${found.size}\0`).update(readFileSync(file));
    }
  };
  for (const name of sources) add(name);
  return hash.digest("hex");
}

/**
 * How to call npm: by the one that called us, else by the one in the PATH.
 * @returns {[string, string[]]}
 */
function npm() {
  const caller = process.env.npm_execpath;
  if (caller?.endsWith(".js") || caller?.endsWith(".cjs")) return [process.execPath, [caller]];
  return [process.platform === "win32" ? "npm.cmd" : "npm", []];
}

/**
 * Runs a program to its end in the checkout, its output shown.
 *
 * @param {string} program
 * @param {string[]} first
 * @param {string[]} rest
 * @returns {Promise<number>} its exit code
 */
function run(program, first, rest) {
  // Set to production, npm would leave the tools out; set to anything else, Vite would build pages
  // for development.
  const { NODE_ENV: _, ...env } = process.env;
  return new Promise((resolve) => {
    const child = spawn(program, [...first, ...rest], {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      shell: program.endsWith(".cmd"),
      env: /** @type {NodeJS.ProcessEnv} */ (env),
    });
    child.once("error", () => resolve(127));
    child.once("close", (code) => resolve(code ?? 1));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const say = (/** @type {string} */ line) => void process.stdout.write(`${line}\n`);
  process.exitCode = (await ensurePackages(say)) && (await ensureBuild(say)) ? 0 : 1;
}
