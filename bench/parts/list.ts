import { rm } from "node:fs/promises";
import process from "node:process";
import postgres from "postgres";
import { migrateDatabase } from "../../db/migrate";
import { copyFormerMigrations, migrationsFolder } from "../../tests/support/former-migrations";
import { generateLinks } from "../../tests/support/generated-links";
import { openConsole } from "../console";
import { median, p95, timed } from "../measure";
import { atMost, type Part, type Stage } from "../stage";

const FEW = 1_000;
const MANY = Number(process.env.BENCH_LINKS ?? 1_000_000);
const ROUNDS = 5;

/** What a status is, and what an order is, in SQL: for the place in the middle. */
const STATUSES = {
  all: "true",
  open: "state = 'pending'",
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

/** The console's list of links and its search, with a million links beside a thousand. */
export const measureList: Part = async (stage) => {
  const { say } = stage;
  say(`\nThe console (${MANY.toLocaleString("en")} links, beside ${FEW.toLocaleString("en")})`);
  const few = await openList(stage, FEW);
  const many = await openList(stage, MANY);

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

  await few.stop();
  await many.stop();
  const [ratio, search] = [ofMany / ofFew, p95(searches)];
  return [
    atMost(2, {
      what: `the list with ${MANY.toLocaleString("en")} links / with ${FEW.toLocaleString("en")}, p95`,
      value: ratio,
      digits: 2,
      unit: "×",
    }),
    atMost(100, {
      what: `a search of ${MANY.toLocaleString("en")} links, p95`,
      value: search,
      digits: 0,
      unit: "ms",
    }),
  ];
};

/** A database as an upgrade finds it, brought up to date, and a server on it with an administrator signed in. */
async function openList(stage: Stage, count: number) {
  const url = await stage.postgres.createDatabase(`setpass_${count}`);
  const former = await copyFormerMigrations("what_links_are_found_by");
  await migrateDatabase({ url, folder: former });
  await rm(former, { recursive: true });
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  await generateLinks(sql, { count });
  const ms = await timed(() => migrateDatabase({ url, folder: migrationsFolder }));
  stage.say(`  ${count} links migrated in   ${(ms / 1000).toFixed(1)} s`);
  await sql`vacuum analyze links`;
  await sql`vacuum analyze link_words`;
  await sql.end();
  const server = await stage.startSetpass(url);
  return { url, open: await openConsole(stage, server), stop: server.stop };
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
