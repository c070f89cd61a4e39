/**
 * Side by side, in one run, on one machine: what setpass adds to what Keystone and PostgreSQL cost by
 * themselves. Real parts throughout: Debian's Keystone with its default bcrypt cost, PostgreSQL with
 * fsync, the built server as a process of its own. Traffic stays on the loopback.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { performance } from "node:perf_hooks";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { startEmbeddedPostgres } from "../demo/embedded-postgres";
import { getFreePort } from "../demo/free-port";
import { canRunRealKeystone, startRealKeystone } from "../tests/support/real-keystone";
import { type Measured, measure, measureInTurns, summarize } from "./measure";
import { measureConsole } from "./measure-console";

const PIN = "4711";
const INITIAL = "Initial-password-1";
const HANDOVERS = Number(process.env.BENCH_HANDOVERS ?? 25);
const LANES = 16;

const say = (line = "") => process.stdout.write(`${line}\n`);
const children: ChildProcess[] = [];

/** @returns the answer's text; throws where the status is another */
async function call(
  url: string,
  options: {
    method: "GET" | "PUT" | "POST";
    headers?: Record<string, string>;
    body?: string;
    expect: number;
    agent?: Agent;
  },
): Promise<string> {
  const { expect, agent, ...rest } = options;
  const answer = await request(url, { ...rest, ...(agent && { dispatcher: agent }) });
  const text = await answer.body.text();
  if (answer.statusCode !== expect)
    throw new Error(
      `${options.method} ${new URL(url).pathname}: ${answer.statusCode}, not ${expect}`,
    );
  return text;
}

const json = { "Content-Type": "application/json" };

async function startSetpass(env: Record<string, string>): Promise<string> {
  const port = await getFreePort();
  const url = `http://127.0.0.1:${port}`;
  const server = spawn(process.execPath, ["build/process/server.js"], {
    env: {
      PATH: process.env.PATH,
      NODE_ENV: "production",
      HOST: "127.0.0.1",
      METRICS_LISTEN: "none",
      PORT: String(port),
      PUBLIC_URL: url,
      SECRET_KEYS: randomBytes(32).toString("base64"),
      SMTP_URL: `smtp://127.0.0.1:${await getFreePort()}`,
      MAIL_FROM: "cloud@example.org",
      MIGRATE_ON_START: "1",
      RATE_LIMIT_PER_MINUTE: "1000000",
      ...env,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  children.push(server);
  for (let tries = 0; tries < 150; tries++) {
    const ready = await request(`${url}/readyz`)
      .then(async (answer) => {
        await answer.body.dump();
        return answer.statusCode === 200;
      })
      .catch(() => false);
    if (ready) return url;
    await sleep(200);
  }
  throw new Error("setpass did not start");
}

async function startBareUpsert(databaseUrl: string): Promise<string> {
  const server = spawn(
    process.execPath,
    ["--import", "tsx", "bench/bare-upsert-server.ts", databaseUrl],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  children.push(server);
  for await (const line of createInterface({ input: server.stdout as NodeJS.ReadableStream }))
    return `http://127.0.0.1:${line}`;
  throw new Error("the bare upsert did not start");
}

const rate = (measured: Measured) =>
  `${measured.perSecond.toFixed(0).padStart(6)} /s   median ${measured.medianMs.toFixed(1)} ms, p95 ${measured.p95Ms.toFixed(1)} ms (${measured.count} calls)`;

function verdict(text: string, held: boolean): void {
  say(`  ${held ? "held  " : "MISSED"}  ${text}`);
}

async function main(): Promise<void> {
  if (!canRunRealKeystone()) {
    say(
      "The benchmark wants Debian's Keystone (packages keystone, uwsgi-plugin-python3), as root.",
    );
    process.exitCode = 1;
    return;
  }
  say("Starting PostgreSQL and Keystone…");
  const postgres = await startEmbeddedPostgres({ fsync: true });
  const keystone = await startRealKeystone({ postgresUrl: postgres.url });
  const agent = new Agent({ connections: LANES });
  try {
    const databaseUrl = await postgres.createDatabase("setpass_bench");
    const common = { DATABASE_URL: databaseUrl, OS_AUTH_URL: keystone.url };
    const warm = await startSetpass(common);
    const token = await keystone.token();
    const auth = { ...json, "X-Auth-Token": token };
    const both = JSON.stringify({ password: INITIAL, pin: PIN });
    const put = (base: string, userId: string, body: string) =>
      call(`${base}/token/${userId}`, { method: "PUT", headers: auth, body, expect: 200, agent });

    say("\nSetting the password (one after the other, taking turns)");
    const changes: number[] = [];
    const redemptions: number[] = [];
    const startedAt = performance.now();
    for (let number = -1; number < HANDOVERS; number++) {
      const one = await keystone.createUser({ name: `bare-${number}`, password: INITIAL });
      const other = await keystone.createUser({ name: `redeem-${number}`, password: INITIAL });
      const linkToken = await put(warm, other.id, both);
      await sleep(150); // The look-up behind PUT's answer is not what is measured here.
      const changeAt = performance.now();
      await call(`${keystone.url}/v3/users/${one.id}/password`, {
        method: "POST",
        headers: json,
        body: JSON.stringify({
          user: { original_password: INITIAL, password: `Chosen-password-${number}` },
        }),
        expect: 204,
      });
      const redeemAt = performance.now();
      const password = `Chosen-password-${number}`;
      await call(`${warm}/?token=${linkToken}`, {
        method: "POST",
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ pin: PIN, password, confirm_password: password }).toString(),
        expect: 200,
        agent,
      });
      if (number < 0) continue; // The first pair warms both up.
      changes.push(redeemAt - changeAt);
      redemptions.push(performance.now() - redeemAt);
    }
    const elapsed = performance.now() - startedAt;
    const change = summarize(changes, elapsed);
    const redemption = summarize(redemptions, elapsed);
    const added = summarize(
      redemptions.map((time, index) => time - (changes[index] ?? 0)),
      elapsed,
    );
    const line = ({ medianMs, p95Ms, count }: Measured) =>
      `median ${medianMs.toFixed(1)} ms, p95 ${p95Ms.toFixed(1)} ms (${count})`;
    say(`  bare Keystone change         ${line(change)}`);
    say(`  whole redemption             ${line(redemption)}`);
    say(`  difference, pair by pair     median ${added.medianMs.toFixed(1)} ms`);

    say("\nThe portal page");
    const pageToken = await put(warm, "page-user", both);
    const page = await weighPage(`${warm}/?token=${pageToken}`);
    const firstByte = await measure({ count: 200, concurrency: 1, warmUp: 20 }, () =>
      call(`${warm}/?token=${pageToken}`, { method: "GET", expect: 200, agent }),
    );
    say(`  HTML and CSS, compressed     ${kilobytes(page.plain)} (${page.files.plain})`);
    say(`  with its script              ${kilobytes(page.plain + page.script)}`);
    say(
      `  and the strength hint        ${kilobytes(page.plain + page.script + page.lazy)} (loaded on the first letter typed)`,
    );
    say(`  whole answer, one at a time  median ${firstByte.medianMs.toFixed(1)} ms`);

    say("\nAuthorizing a script");
    const rescope = await measure({ count: 120, concurrency: 4, warmUp: 4 }, () =>
      call(`${keystone.url}/v3/auth/tokens?nocatalog`, {
        method: "POST",
        headers: json,
        body: JSON.stringify({
          auth: {
            identity: { methods: ["token"], token: { id: token } },
            scope: { project: { name: keystone.adminProjectName, domain: { id: "default" } } },
          },
        }),
        expect: 201,
      }),
    );
    say(`  bare Keystone rescope        ${rate(rescope)}`);
    const users = (number: number) => `user-${number % 100}`;
    const bare = await startBareUpsert(await postgres.createDatabase("bare"));
    const bareUpsert = (number: number) =>
      call(`${bare}/token/${users(number)}`, {
        method: "PUT",
        headers: json,
        body: both,
        expect: 200,
        agent,
      });
    // In turns, so that whatever else this machine does falls on all three alike.
    const [upsert, warmPut, warmRenew] = await measureInTurns(
      { rounds: 4, count: 2000, concurrency: LANES, warmUp: 300 },
      [
        bareUpsert,
        (number) => put(warm, users(number), both),
        (number) => put(warm, users(number), "{}"),
      ],
    );
    say(`  PUT /token, warm, both       ${rate(warmPut)}`);
    say(`  PUT /token, warm, {}         ${rate(warmRenew)}`);
    say(`  bare upsert behind node:http ${rate(upsert)}`);
    const cold = await startSetpass({
      ...common,
      DATABASE_URL: await postgres.createDatabase("setpass_cold"),
      AUTH_CACHE_SECONDS: "0",
    });
    const coldPut = await measure({ count: 80, concurrency: 4, warmUp: 4 }, async (number) => {
      // A token of its own for each call would measure Keystone's sign-in; the cache is off instead.
      await put(cold, users(number), both);
    });
    say(`  PUT /token, cold             ${rate(coldPut)}`);

    const ofConsole = await measureConsole({ postgres, keystone, startSetpass, say });

    say("\nAims");
    const overRescope = warmPut.perSecond / rescope.perSecond;
    const overUpsert = warmPut.perSecond / upsert.perSecond;
    const whole = page.plain + page.script + page.lazy;
    verdict(
      `warm PUT at ${overRescope.toFixed(1)} times the bare rescope (aim: 20)`,
      overRescope >= 20,
    );
    verdict(
      `warm PUT at ${overUpsert.toFixed(2)} of the bare upsert (aim: 0.33)`,
      overUpsert >= 1 / 3,
    );
    verdict(
      `a redemption ${added.medianMs.toFixed(1)} ms over the bare change (aim: 8)`,
      added.medianMs <= 8,
    );
    verdict(
      `portal ${kilobytes(page.plain)} without JavaScript (aim: 15 KB)`,
      page.plain <= 15_000,
    );
    verdict(`portal ${kilobytes(whole)} with everything (aim: 90 KB)`, whole <= 90_000);
    for (const { text, held } of ofConsole) verdict(text, held);
  } finally {
    for (const child of children) child.kill("SIGTERM");
    await agent.close();
    await keystone.stop();
    await postgres.stop();
  }
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} KB`;

/** Bytes on the wire, as a browser that takes brotli gets them. */
async function weighPage(url: string) {
  const base = new URL(url).origin;
  const html = await fetchCompressed(url);
  const stylesheets = [...html.text.matchAll(/<link[^>]+href="([^"]+\.css)"/g)].map(
    ([, href]) => href,
  );
  const scripts = [...html.text.matchAll(/<script[^>]+src="([^"]+)"/g)].map(([, src]) => src);
  let plain = html.bytes;
  for (const href of stylesheets)
    plain += (await fetchCompressed(new URL(href as string, base).href)).bytes;
  let script = 0;
  const seen = new Set<string>();
  const lazyFiles: string[] = [];
  for (const src of scripts) {
    const file = await fetchCompressed(new URL(src as string, base).href);
    script += file.bytes;
    lazyFiles.push(...importsOf(file.text, new URL(src as string, base)));
  }
  let lazy = 0;
  for (let next = lazyFiles.pop(); next; next = lazyFiles.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const file = await fetchCompressed(next);
    lazy += file.bytes;
    lazyFiles.push(...importsOf(file.text, new URL(next)));
  }
  return { plain, script, lazy, files: { plain: `${1 + stylesheets.length} files` } };
}

/** Addresses of the modules a built script imports, at once or later, and of its workers. */
const importsOf = (text: string, from: URL): string[] =>
  // A worker's too, which is named by its whole path.
  [...text.matchAll(/(?:import\(|from|import|new URL\()\s*["'`](\.{0,2}\/[^"'`]+\.js)["'`]/g)].map(
    ([, path]) => new URL(path as string, from).href,
  );

async function fetchCompressed(url: string): Promise<{ bytes: number; text: string }> {
  const answer = await request(url, { headers: { "Accept-Encoding": "br, gzip" } });
  const body = Buffer.from(await answer.body.arrayBuffer());
  const { brotliDecompressSync, gunzipSync } = await import("node:zlib");
  const encoding = answer.headers["content-encoding"];
  const plain =
    encoding === "br" ? brotliDecompressSync(body) : encoding === "gzip" ? gunzipSync(body) : body;
  return { bytes: body.length, text: plain.toString("utf8") };
}

await main();
