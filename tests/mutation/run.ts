/**
 * Mutation testing: changes the modules that promise something, one small change at a time, and sees
 * whether a test fails with it. What no test notices is listed: a promise that nobody would see broken.
 *
 *   npm run test:mutants                             sixty changes, picked at random
 *   npm run test:mutants -- --count=200 --seed=7     as many, and the same ones each time
 *   npm run test:mutants -- --minutes=20             no new one is begun after so long
 *   npm run test:mutants -- emails/outbox            only changes with this in "file:line kind"; or another word
 *   npm run test:mutants -- --unbuilt                sooner: without the tests of the built server
 *   npm run test:mutants -- --list emails/outbox     only shows them
 *
 * The working tree stays as it is: each lane has a copy of its own. A change that does not type-check is
 * not tried: the compiler notices. The score says how many of those tried made a test fail, or kept it
 * from ending. It is shown, not judged: a sample that is new each time is no reason for a red build. The
 * unchanged code is tried before and after; where it fails by itself, there is no score, and that is
 * a failure.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { startTestServers } from "../support/test-servers";
import { createLane, type Lane, testFiles, type Verdict } from "./lane";
import type { Mutant } from "./make-mutants";
import type { Promises } from "./promises";
import { createSources } from "./sources";

interface Tried {
  readonly mutant: Mutant;
  readonly verdict: Verdict;
}

const { values, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    count: { type: "string", default: "60" },
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    minutes: { type: "string", default: "60" },
    lanes: { type: "string", default: String(Math.min(2, availableParallelism())) },
    list: { type: "boolean", default: false },
    unbuilt: { type: "boolean", default: false },
  },
});

const say = (line: string) => process.stdout.write(`${line}\n`);
const nameOf = (mutant: Mutant) => `${mutant.file}:${mutant.line} ${mutant.kind}`;
const describe = (mutant: Mutant) =>
  `${nameOf(mutant)}: ${mutant.before} -> ${mutant.after || "(nothing)"}`;

/** Mulberry32: the same numbers for the same seed, everywhere. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled<Item>(items: readonly Item[], random: () => number): Item[] {
  const mixed = [...items];
  for (let at = mixed.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other] as Item, mixed[at] as Item];
  }
  return mixed;
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => process.exit(130));

const sources = createSources(process.cwd());
const all = sources
  .mutants()
  .filter((one) => words.length === 0 || words.some((word) => nameOf(one).includes(word)));

if (values.list) {
  for (const mutant of all) say(`${sources.typeChecks(mutant) ? " " : "x"} ${describe(mutant)}`);
  say(`${all.length} changes; those marked x do not type-check`);
} else await run();

async function run(): Promise<void> {
  const seed = Number(values.seed);
  say(`${all.length} changes to choose from, seed ${seed}`);
  const { picked, refused } = pick(Number(values.count), createRandom(seed));
  const testsOf = ({ file }: Mutant): Promises => {
    const { built, ...unbuilt } = sources.testsOf(file);
    return built === undefined || values.unbuilt ? unbuilt : { ...unbuilt, built };
  };
  const sets = [
    ...new Map(picked.map((one) => [sources.testsOf(one.file), testsOf(one)])).values(),
  ];
  const servers = await startTestServers();
  const lanes: Lane[] = [];
  try {
    for (let count = 0; count < Number(values.lanes); count += 1)
      lanes.push(await createLane(process.cwd(), servers));
    const failed = await tryUnchanged(lanes, sets);
    if (failed.length > 0) return giveUp("without any change", failed);

    const untilMs = performance.now() + Number(values.minutes) * 60_000;
    const queue = [...picked];
    const tried: Tried[] = [];
    await Promise.all(
      lanes.map(async (lane) => {
        while (performance.now() < untilMs) {
          const mutant = queue.shift();
          if (mutant === undefined) return;
          const verdict = await lane.try(mutant, testsOf(mutant));
          tried.push({ mutant, verdict });
          say(`${String(tried.length).padStart(4)}  ${describe(mutant)}\n      ${tell(verdict)}`);
        }
      }),
    );

    const failedAfter = await tryUnchanged(lanes, sets);
    if (failedAfter.length > 0) return giveUp("without any change, once more,", failedAfter);
    summarize(tried, { refused, seed });
  } finally {
    await Promise.all(lanes.map((lane) => lane.remove()));
    await servers.stop();
  }
}

/** @returns so many that type-check, and how many did not */
function pick(count: number, random: () => number): { picked: Mutant[]; refused: number } {
  const picked: Mutant[] = [];
  let refused = 0;
  for (const mutant of shuffled(all, random)) {
    if (picked.length >= count) break;
    if (sources.typeChecks(mutant)) picked.push(mutant);
    else refused += 1;
  }
  return { picked, refused };
}

/** @returns what failed although nothing was changed */
async function tryUnchanged(lanes: Lane[], sets: readonly Promises[]): Promise<string[]> {
  const files = testFiles(
    sets.flatMap(({ near, far = [], built = [] }) => [...near, ...far, ...built]),
  );
  const failed = await Promise.all(
    lanes.map((lane, at) =>
      lane.tryUnchanged(files.filter((_, turn) => turn % lanes.length === at)),
    ),
  );
  return failed.filter((one) => one !== undefined);
}

function giveUp(when: string, failed: readonly string[]): void {
  say(`\nNo score: ${when} these fail already`);
  for (const line of failed) say(`  ${line}`);
  process.exitCode = 1;
}

function tell({ end, seconds, by }: Verdict): string {
  const ends = { failed: "noticed", "timed out": "never ended", survived: "NOT NOTICED" };
  return `${ends[end]} (${Math.round(seconds)} s)${by ? ` by ${by}` : ""}`;
}

function summarize(tried: readonly Tried[], { refused, seed }: { refused: number; seed: number }) {
  const count = (end: Verdict["end"]) => tried.filter(({ verdict }) => verdict.end === end).length;
  const survivors = tried.filter(({ verdict }) => verdict.end === "survived");
  if (survivors.length > 0) say("\nNo test notices these:");
  for (const { mutant } of survivors) say(`  ${describe(mutant)}`);
  if (tried.length === 0) {
    say("No change was tried.");
    process.exitCode = 1;
    return;
  }
  const noticed = tried.length - survivors.length;
  const percent = ((100 * noticed) / tried.length).toFixed(0);
  const score =
    `${noticed} of ${tried.length} noticed (${percent} %): ${count("failed")} by a failing test, ` +
    `${count("timed out")} by one that never ended; ${refused} others do not type-check; seed ${seed}`;
  say(`\nmutants: ${score}`);
  const report = process.env.SETPASS_MUTANTS_REPORT;
  if (report) writeFileSync(report, score);
}
