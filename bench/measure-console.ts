import { rm } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import postgres from "postgres";
import { migrateDatabase } from "../db/migrate";
import type { EmbeddedPostgres } from "../demo/embedded-postgres";
import { copyFormerMigrations, migrationsFolder } from "../tests/support/former-migrations";
import { generateLinks } from "../tests/support/generated-links";
import { peopleAt } from "../tests/support/people";
import type { RealKeystone } from "../tests/support/real-keystone";

const FEW = 1_000;
const MANY = Number(process.env.BENCH_LINKS ?? 1_000_000);
const ROUNDS = 5;

/** What a status is, and what an order is, in SQL: for the place in the middle. */
const STATUSES = {
  all: "true",
  pending: "state = 'pending' and attempts < 3 and expires_at > now()",
  expired: "state = 'pending' and attempts < 3 and expires_at <= now()",
  locked: "state = 'pending' and attempts >= 3",
  completed: "state = 'completed'",
  revoked: "state = 'revoked'",
};
const SORTS = {
  newest: ["issued_at", "desc"],
  oldest: ["issued_at", "asc"],
  expiry: ["expires_at", "asc"],
  user: ["lower(coalesce(user_name, user_id))", "asc"],
} as const;
const SEARCHES = [
  ["a", "q9", "f0", "李", "ner"],
  ["schulz", "GÜNTHER.MEYER1", "мария.schmidt12", "@mail-7.example.org", "hoffmann77"],
  ["c4ca4238a0b923820dcc509a6f75849b", "nobody-at-all", "b923820d"],
].flat();

interface Aim {
  text: string;
  held: boolean;
}

/**
 * The console's list of links with a thousand and with a million of them, its search, and the users page.
 *
 * @param tools.startSetpass starts a server on a database, and gives its address
 * @returns the aims, and whether they were held
 */
export async function measureConsole(tools: {
  postgres: EmbeddedPostgres;
  keystone: RealKeystone;
  startSetpass(env: Record<string, string>): Promise<string>;
  say(line: string): void;
}): Promise<Aim[]> {
  const { keystone, say } = tools;
  say(`\nThe console (${MANY.toLocaleString("en")} links, beside ${FEW.toLocaleString("en")})`);
  const few = await openConsole(tools, FEW);
  const many = await openConsole(tools, MANY);

  const addresses = await Promise.all([few, many].map(({ url }) => addressesOf(url)));
  const times: [number[], number[]] = [[], []];
  const worst = { ms: 0, address: "" };
  for (let round = 0; round <= ROUNDS; round++)
    for (const place of (addresses[0] ?? []).keys())
      for (const [which, console_] of [few, many].entries()) {
        const address = addresses[which]?.[place] ?? "/admin";
        const ms = await console_.open(address);
        if (round === 0) continue; // It warms both up.
        times[which]?.push(ms);
        if (which === 1 && ms > worst.ms) Object.assign(worst, { ms, address });
      }
  const [ofFew, ofMany] = [p95(times[0]), p95(times[1])];
  say(
    `  list, ${FEW} links            median ${median(times[0]).toFixed(1)} ms, p95 ${ofFew.toFixed(1)} ms`,
  );
  say(
    `  list, ${MANY} links         median ${median(times[1]).toFixed(1)} ms, p95 ${ofMany.toFixed(1)} ms`,
  );
  say(`  the slowest                  ${worst.ms.toFixed(1)} ms: ${worst.address}`);

  const searches: number[] = [];
  for (const search of SEARCHES) {
    const address = `/admin?q=${encodeURIComponent(search)}`;
    await many.open(address);
    const ofOne: number[] = [];
    for (let round = 0; round < ROUNDS; round++) ofOne.push(await many.open(address));
    say(`  search ${search.padEnd(33)} ${median(ofOne).toFixed(1)} ms`);
    searches.push(...ofOne);
  }

  for (let number = 0; number < 60; number++)
    await keystone.createUser({ name: `listed-${number}`, password: "Initial-password-1" });
  const token = await keystone.token();
  const beyond: number[] = [];
  for (let round = 0; round < 20; round++) {
    const startedAt = performance.now();
    const answer = await fetch(`${keystone.url}/v3/users?name__icontains=listed&limit=50`, {
      headers: { "X-Auth-Token": token },
    });
    await answer.text();
    const bare = performance.now() - startedAt;
    beyond.push((await few.open("/admin/users?q=listed")) - bare);
  }
  const [ratio, search, users] = [ofMany / ofFew, p95(searches), median(beyond)];
  return [
    {
      text: `the list with ${MANY.toLocaleString("en")} links at ${ratio.toFixed(2)} times that with ${FEW.toLocaleString("en")}, p95 (aim: 2)`,
      held: ratio <= 2,
    },
    { text: `a search of them in ${search.toFixed(0)} ms, p95 (aim: 100)`, held: search <= 100 },
    {
      text: `the users page ${users.toFixed(1)} ms beyond Keystone's listing (aim: 30)`,
      held: users <= 30,
    },
  ];
}

/** A database as an upgrade finds it, brought up to date, and a server on it with an administrator signed in. */
async function openConsole(
  { postgres: server, keystone, startSetpass, say }: Parameters<typeof measureConsole>[0],
  count: number,
) {
  const url = await server.createDatabase(`setpass_${count}`);
  const former = await copyFormerMigrations("what_links_are_found_by");
  await migrateDatabase({ url, folder: former });
  await rm(former, { recursive: true });
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await generateLinks(sql, { count });
  const startedAt = performance.now();
  await migrateDatabase({ url, folder: migrationsFolder });
  say(`  ${count} links migrated in   ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  await sql`vacuum analyze links`;
  await sql`vacuum analyze link_words`;
  await sql.end();
  const base = await startSetpass({ DATABASE_URL: url, OS_AUTH_URL: keystone.url });
  const cookie = await peopleAt({ url: base }).signIn({
    userName: keystone.adminUserName,
    password: keystone.adminPassword,
  });
  return {
    url,
    /** @returns how long the whole page took, in milliseconds */
    async open(address: string): Promise<number> {
      const openedAt = performance.now();
      const answer = await fetch(`${base}${address}`, { headers: { cookie }, redirect: "manual" });
      const page = await answer.text();
      if (answer.status !== 200 || !page.includes("</html>"))
        throw new Error(`${address}: ${answer.status}`);
      return performance.now() - openedAt;
    },
  };
}

/** Every status in every order: its first page, and one in the middle. */
async function addressesOf(url: string): Promise<string[]> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const addresses: string[] = [];
  for (const [status, where] of Object.entries(STATUSES))
    for (const [sort, [key, direction]] of Object.entries(SORTS)) {
      const text =
        sort === "user"
          ? key
          : `to_char(${key} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
      const [middle] = await sql.unsafe(`
        select ${text} || '~' || id as marker from links where ${where}
        order by ${key} ${direction}, id ${direction}
        offset (select count(*) / 2 from links where ${where}) limit 1`);
      const query = new URLSearchParams({ status, sort });
      addresses.push(`/admin?${query}`);
      query.set("after", String(middle?.marker));
      addresses.push(`/admin?${query}`);
    }
  await sql.end();
  return addresses;
}

const at = (times: readonly number[], part: number) =>
  times.toSorted((one, other) => one - other)[Math.floor(times.length * part)] ?? Number.NaN;
const median = (times: readonly number[]) => at(times, 0.5);
const p95 = (times: readonly number[]) => at(times, 0.95);
