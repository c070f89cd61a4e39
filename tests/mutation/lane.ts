import { spawn } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import { SHARED_SERVERS, type TestServers } from "../support/test-servers";
import { type Mutant, mutate } from "./make-mutants";
import type { Promises } from "./promises";

export interface Verdict {
  readonly end: "failed" | "timed out" | "survived";
  readonly seconds: number;
  /** The first test that failed, and how. */
  readonly by: string | undefined;
}

/** A copy of the checkout, in which one change after the other is tried. */
export interface Lane {
  try(mutant: Mutant, promises: Promises): Promise<Verdict>;
  /**
   * @param files of tests, see `testFiles`
   * @returns which test fails all the same; undefined where none does
   */
  tryUnchanged(files: readonly string[]): Promise<string | undefined>;
  remove(): Promise<void>;
}

interface Ended {
  readonly code: number | undefined;
  readonly output: string;
  readonly seconds: number;
}

/** Of the checkout, what the copies go without. */
const LEFT_BEHIND = new Set(["node_modules", ".git", "build", "test-results"]);
const UNCHANGED_BUILD = "build.unchanged";
const LONGEST_SECONDS = 1200;
/** A loaded machine is no endless loop. */
const PATIENCE = { factor: 5, seconds: 60 };

/** What each file of tests takes without any change: much longer than that is an endless loop. */
const usualSeconds = new Map<string, number>();
const REPORT = "unchanged.json";

/** @returns the files of tests whose paths begin with one of these, below the folder it is run in */
export function testFiles(beginnings: readonly string[]): string[] {
  const all = readdirSync("tests", { recursive: true, encoding: "utf8" });
  return all
    .map((file) => path.posix.join("tests", file))
    .filter((file) => /\.test\.tsx?$/.test(file) && beginnings.some((one) => file.startsWith(one)));
}

/**
 * @param root the checkout
 * @param servers which every run of tests shares
 */
export async function createLane(root: string, servers: TestServers): Promise<Lane> {
  const folder = await mkdtemp(path.join(tmpdir(), "setpass-mutants-"));
  const removeAtOnce = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeAtOnce);
  await cp(root, folder, {
    recursive: true,
    filter: (from) => !LEFT_BEHIND.has(path.relative(root, from).split(path.sep)[0] ?? ""),
  });
  await symlink(path.join(root, "node_modules"), path.join(folder, "node_modules"));
  const env = { ...process.env, [SHARED_SERVERS]: JSON.stringify(servers) };
  const at = (name: string) => path.join(folder, name);
  const packaged = (file: string) => path.join(root, "node_modules", file);

  const run = (command: readonly string[], seconds: number) =>
    runToItsEnd(command, { cwd: folder, env, seconds });
  const vitest = [
    ...[packaged("vitest/vitest.mjs"), "run", "--reporter=dot"],
    ...["unit", "integration", "faults"].map((project) => `--project=${project}`),
  ];
  const test = (tests: readonly string[]) => {
    const usual = testFiles(tests).reduce((sum, file) => sum + (usualSeconds.get(file) ?? 0), 0);
    const seconds = usual * PATIENCE.factor + PATIENCE.seconds;
    return run([...vitest, "--bail=1", ...tests], seconds);
  };
  /** Once more what failed: a test that fails by itself now and then has noticed nothing. */
  const testTwice = async (tests: readonly string[]): Promise<Ended> => {
    const first = await test(tests);
    const file = first.code === 0 ? undefined : failureIn(first.output)?.file;
    if (file === undefined) return first;
    const again = await test([file]);
    return { ...again, seconds: first.seconds + again.seconds };
  };
  const build = async (): Promise<Ended> => {
    const pages = await run([packaged("@remix-run/dev/dist/cli.js"), "vite:build"], 300);
    return pages.code === 0 ? run(["build.mjs"], 300) : pages;
  };
  const restoreBuild = async () => {
    await rm(at("build"), { recursive: true, force: true });
    await cp(at(UNCHANGED_BUILD), at("build"), { recursive: true });
  };

  const first = await build();
  if (first.code !== 0) throw new Error(`The copy cannot be built: ${first.output}`);
  await cp(at("build"), at(UNCHANGED_BUILD), { recursive: true });

  const tryAll = async ({ near, far, built }: Promises): Promise<Verdict> => {
    let seconds = 0;
    for (const tests of [near, far]) {
      if (tests === undefined) continue;
      const ended = await testTwice(tests);
      seconds += ended.seconds;
      if (ended.code !== 0) return verdictOn({ ...ended, seconds });
    }
    if (built === undefined) return { end: "survived", seconds, by: undefined };
    try {
      const made = await build();
      const ended = made.code === 0 ? await testTwice(built) : made;
      return verdictOn({ ...ended, seconds: seconds + made.seconds + ended.seconds });
    } finally {
      await restoreBuild();
    }
  };

  return {
    async try(mutant, promises) {
      const file = at(mutant.file);
      const text = await readFile(file, "utf8");
      await writeFile(file, mutate(text, mutant));
      try {
        return await tryAll(promises);
      } finally {
        await writeFile(file, text);
      }
    },
    async tryUnchanged(files) {
      const report = at(REPORT);
      const reporter = ["--reporter=json", `--outputFile.json=${report}`];
      const all = await run([...vitest, ...reporter, ...files], LONGEST_SECONDS);
      if (all.code === undefined) return `not done after ${LONGEST_SECONDS} s`;
      const { testResults } = JSON.parse(await readFile(report, "utf8")) as {
        testResults: { name: string; status: string; startTime: number; endTime: number }[];
      };
      for (const { name, startTime, endTime } of testResults)
        usualSeconds.set(path.relative(folder, name), (endTime - startTime) / 1000);
      const failed = testResults.filter(({ status }) => status !== "passed");
      if (failed.length === 0) return all.code === 0 ? undefined : all.output.slice(-2000);
      const again = await test(failed.map(({ name }) => path.relative(folder, name)));
      return again.code === 0 ? undefined : (verdictOn(again).by ?? again.output.slice(-2000));
    },
    async remove() {
      process.off("exit", removeAtOnce);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function verdictOn({ code, output, seconds }: Ended): Verdict {
  if (code === 0) return { end: "survived", seconds, by: undefined };
  const failure = failureIn(output);
  const by = failure && `${failure.test}: ${failure.why}`;
  return { end: code === undefined ? "timed out" : "failed", seconds, by };
}

/** The first that vitest tells of. */
function failureIn(output: string): { file: string; test: string; why: string } | undefined {
  const plain = stripVTControlCharacters(output);
  const found = /^ *FAIL +(?:\S+ +)?((tests\/\S+).*)\n(.*)$/m.exec(plain);
  const [, test = "", file = "", why = ""] = found ?? [];
  return found ? { file, test, why } : undefined;
}

/** @returns without a code where it had to be ended, with all that it started */
function runToItsEnd(
  command: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; seconds: number },
): Promise<Ended> {
  const { cwd, env, seconds } = options;
  const startedAt = performance.now();
  return new Promise((resolve) => {
    let output = "";
    let tooLong = false;
    // A group of its own: what tests have started ends with them.
    const child = spawn(process.execPath, command, { cwd, env, detached: true });
    const endAll = () => {
      if (child.pid !== undefined)
        try {
          process.kill(-child.pid, "SIGKILL");
        } catch {
          // It has ended already.
        }
    };
    const timer = setTimeout(() => {
      tooLong = true;
      endAll();
    }, seconds * 1000);
    process.once("exit", endAll);
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-200_000);
      });
    child.once("close", (code) => {
      clearTimeout(timer);
      process.off("exit", endAll);
      resolve({
        code: tooLong ? undefined : (code ?? 1),
        output,
        seconds: (performance.now() - startedAt) / 1000,
      });
    });
  });
}
