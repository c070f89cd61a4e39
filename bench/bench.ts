/**
 * Side by side, in one run, on one machine: what setpass adds to what Keystone and PostgreSQL cost by
 * themselves. Real parts throughout, and traffic that stays on the loopback.
 *
 * `npm run bench` measures everything; `npm run bench -- put redeem` some of it.
 */
import { performance } from "node:perf_hooks";
import process from "node:process";
import { canRunRealKeystone } from "../tests/support/real-keystone";
import { measureList } from "./parts/list";
import { measureMemory } from "./parts/memory";
import { measurePortal } from "./parts/portal";
import { measurePut } from "./parts/put";
import { measureRedemption } from "./parts/redeem";
import { measureUsers } from "./parts/users";
import { type Figure, type Part, startStage } from "./stage";

const PARTS: Record<string, Part> = {
  put: measurePut,
  redeem: measureRedemption,
  portal: measurePortal,
  users: measureUsers,
  memory: measureMemory,
  list: measureList,
};

const say = (line = "") => process.stdout.write(`${line}\n`);

async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !PARTS[name]);
  if (unknown.length > 0 || !canRunRealKeystone()) {
    say(
      unknown.length > 0
        ? `There is no ${unknown.join(", ")}, but: ${Object.keys(PARTS).join(", ")}.`
        : "The benchmark wants Debian's Keystone (packages keystone, uwsgi-plugin-python3), as root.",
    );
    process.exitCode = 1;
    return;
  }
  const startedAt = performance.now();
  say("Starting PostgreSQL and Keystone…");
  const stage = await startStage();
  const figures: Figure[] = [];
  try {
    for (const [name, measure] of Object.entries(PARTS))
      if (asked.length === 0 || asked.includes(name)) figures.push(...(await measure(stage)));
  } finally {
    await stage.stop();
  }
  const width = Math.max(...figures.map(({ what }) => what.length));
  say(`\n        ${"".padEnd(width)}  ${"figure".padEnd(10)} aim`);
  for (const { what, figure, aim, held } of figures)
    say(`${held ? "held  " : "MISSED"}  ${what.padEnd(width)}  ${figure.padEnd(10)} ${aim}`);
  say(
    `\n${((performance.now() - startedAt) / 60_000).toFixed(1)} minutes, Node ${process.version}`,
  );
}

await main();
