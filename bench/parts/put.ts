import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import postgres from "postgres";
import { type Measured, measure, measureInTurns } from "../measure";
import { atLeast, INITIAL, json, LANES, type Part, PIN, type Stage } from "../stage";

const BOTH = { password: INITIAL, pin: PIN };
const rate = (measured: Measured) =>
  `${measured.perSecond.toFixed(0).padStart(6)} /s   median ${measured.medianMs.toFixed(1)} ms, p95 ${measured.p95Ms.toFixed(1)} ms (${measured.count} calls)`;

/** `PUT /token/:userId` with a token that is known, beside Keystone's rescope and a bare upsert. */
export const measurePut: Part = async (stage) => {
  const { keystone, say } = stage;
  say("\nPUT /token");
  const databaseUrl = await stage.postgres.createDatabase("setpass_put");
  const warm = await stage.startSetpass(databaseUrl);
  const bare = await startBareUpsert(await stage.postgres.createDatabase("bare"));
  const rescope = () =>
    stage.call(`${keystone.url}/v3/auth/tokens?nocatalog`, {
      method: "POST",
      headers: json,
      body: JSON.stringify({
        auth: {
          identity: { methods: ["token"], token: { id: stage.keystoneToken } },
          scope: { project: { name: keystone.adminProjectName, domain: { id: "default" } } },
        },
      }),
      expect: 201,
    });
  const user = (number: number) => `user-${number % 100}`;
  const put = (number: number) => stage.put(warm.url, user(number), BOTH);
  const upsert = (number: number) =>
    stage.call(`${bare.url}/token/${user(number)}`, {
      method: "PUT",
      headers: json,
      body: JSON.stringify(BOTH),
      expect: 200,
    });
  try {
    const rescopes = await measure({ count: 120, concurrency: 4, warmUp: 4 }, rescope);
    say(`  bare Keystone rescope        ${rate(rescopes)}`);
    // In turns, so that whatever else this machine does falls on all alike.
    const [upserts, puts, renewals] = await measureInTurns(
      { rounds: 4, count: 2000, concurrency: LANES, warmUp: 300 },
      [upsert, put, (number) => stage.put(warm.url, user(number), {})],
    );
    say(`  bare upsert behind node:http ${rate(upserts)}`);
    say(`  warm, both fields            ${rate(puts)}`);
    say(`  warm, {}                     ${rate(renewals)}`);
    const [single, singleRescope] = await measureInTurns(
      { rounds: 4, count: 100, concurrency: 1, warmUp: 20 },
      [put, rescope],
    );
    say(`  warm, one at a time          ${rate(single)}`);
    say(`  rescope, one at a time       ${rate(singleRescope)}`);
    await compareFirstLinks(stage, warm.url, databaseUrl);
    await measureCold(stage);
    const shown = { digits: 1, unit: "×" };
    return [
      atLeast(0.4, {
        what: "warm PUT / bare upsert",
        value: puts.perSecond / upserts.perSecond,
        digits: 2,
      }),
      atLeast(30, {
        ...shown,
        what: "warm PUT / bare rescope, many at once",
        value: puts.perSecond / rescopes.perSecond,
      }),
      atLeast(30, {
        ...shown,
        what: "warm PUT / bare rescope, one at a time",
        value: singleRescope.medianMs / single.medianMs,
      }),
    ];
  } finally {
    await warm.stop();
    bare.process.kill("SIGTERM");
  }
};

/** Users who had no link: for them the list's search is written as well. */
async function compareFirstLinks(stage: Stage, base: string, databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  const measureFirst = async (name: string) =>
    measure({ count: 1000, concurrency: LANES, warmUp: 50 }, (number) =>
      stage.put(base, `first-${name}-${number}-${Math.random()}`, BOTH),
    );
  const setTriggers = (to: "enable" | "disable") =>
    sql.unsafe(`alter table links ${to} trigger user`);
  const results: { with: Measured[]; without: Measured[] } = { with: [], without: [] };
  for (let round = 0; round < 2; round++) {
    results.with.push(await measureFirst(`with-${round}`));
    await setTriggers("disable");
    results.without.push(await measureFirst(`without-${round}`));
    await setTriggers("enable");
  }
  await sql.end();
  stage.say(`  warm, users without a link   ${rate(results.with[1] as Measured)}`);
  stage.say(`  and without the search       ${rate(results.without[1] as Measured)}`);
}

/** A token that is asked about each time: of one's own for each call, Keystone's sign-in would be measured. */
async function measureCold(stage: Stage): Promise<void> {
  const cold = await stage.startSetpass(await stage.postgres.createDatabase("setpass_cold"), {
    env: { AUTH_CACHE_SECONDS: "0" },
  });
  const puts = await measure({ count: 80, concurrency: 4, warmUp: 4 }, (number) =>
    stage.put(cold.url, `user-${number}`, BOTH),
  );
  await cold.stop();
  stage.say(`  cold                         ${rate(puts)}`);
}

async function startBareUpsert(
  databaseUrl: string,
): Promise<{ url: string; process: ChildProcess }> {
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "bench/bare-upsert-server.ts", databaseUrl],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream }))
    return { url: `http://127.0.0.1:${line}`, process: child };
  throw new Error("the bare upsert did not start");
}
