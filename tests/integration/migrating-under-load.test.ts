import { randomBytes, randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { countPendingMigrations, migrateDatabase } from "../../db/migrate";
import { copyFormerMigrations, migrationsFolder } from "../support/former-migrations";
import { generateLinks } from "../support/generated-links";
import { canRunPgBouncer, type PgBouncer, startPgBouncer } from "../support/pgbouncer";

const isLong = process.env.SETPASS_LONG === "1";
const LINKS = isLong ? 1_000_000 : 6_000;
const FIRST_OF_IT = "what_links_are_found_by";
const LONGEST_WAIT_MS = 1000;

/** A database of before the list had its indexes, with links in it. */
describe(`migrating while others write, ${LINKS} links`, () => {
  const name = `setpass_${randomBytes(6).toString("hex")}`;
  let url = "";
  let former = "";
  let cluster: postgres.Sql;
  let sql: postgres.Sql;
  let pgbouncer: PgBouncer | undefined;

  beforeAll(async () => {
    cluster = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
    await cluster`create database ${cluster(name)}`;
    const address = new URL(inject("postgresUrl"));
    address.pathname = `/${name}`;
    url = address.href;
    sql = postgres(url, { max: 4, onnotice: () => {} });
    former = await copyFormerMigrations(FIRST_OF_IT);
    await migrateDatabase({ url, folder: former });
    await generateLinks(sql, { count: LINKS });
    if (canRunPgBouncer()) pgbouncer = await startPgBouncer({ database: url });
  }, 900_000);
  afterAll(async () => {
    await pgbouncer?.stop();
    await sql?.end({ timeout: 5 });
    await cluster`drop database if exists ${cluster(name)} with (force)`;
    await cluster.end();
    await rm(former, { recursive: true, force: true });
  });

  it("holds up nobody, whoever reads, whatever a crash left behind, and however many migrate", async () => {
    // Half an index, as a crash leaves it: not unique, so it cannot be made, and stays behind.
    await expect(
      sql.unsafe(`create unique index concurrently "links_by_issue" on links (state)`),
    ).rejects.toMatchObject({ code: "23505" });

    const waits: number[] = [];
    let migrated = false;
    const write = async (lane: number) => {
      for (let number = 1; !migrated || number < 20; number++) {
        const startedAt = performance.now();
        await sql`
          insert into links (user_id, user_name, mail_to, issued_by_id, issued_via, expires_at)
          values (${randomUUID()}, ${`Neu-${lane}-${number}`}, 'neu@example.org', 'a', 'api', now())`;
        await sql`
          update links set user_name = 'Changed-' || user_name, issued_at = clock_timestamp()
          where user_id = ${["6512bd43d9caa6e02c990b0a82652dca", "c20ad4d76fe97759aa27a0c99bff6710"][lane] ?? ""}`;
        waits.push(performance.now() - startedAt);
        await sleep(2);
      }
    };
    const writers = [write(0), write(1)];
    const reader = sql.begin(async (tx) => {
      await tx`select count(*) from (select from links limit 10) as few`;
      await sleep(1500);
    });
    const through = pgbouncer?.through(url) ?? url;
    await Promise.all(
      [url, through, url].map((each) => migrateDatabase({ url: each, folder: migrationsFolder })),
    ).finally(() => {
      migrated = true;
    });
    await Promise.all([...writers, reader]);

    expect(Math.max(...waits)).toBeLessThan(LONGEST_WAIT_MS);
    expect(await countPendingMigrations({ url, folder: migrationsFolder })).toBe(0);
    const broken = await sql`
      select indexrelid::regclass::text as name from pg_index where not indisvalid or not indisready`;
    expect([...broken]).toEqual([]);
    const indexes = await sql`select indexname as name, indexdef as text from pg_indexes
      where tablename = 'links' and indexname = 'links_by_issue'`;
    expect(indexes).toMatchObject([{ text: expect.stringMatching(/^CREATE INDEX .*issued_at/) }]);
  }, 900_000);

  it("has the words of every link, those written meanwhile and those before", async () => {
    const [wrong] = await sql`
      select count(*)::int as number from links left join link_words on link_id = id
      where words is distinct from lower(coalesce(user_name, '') || e'\\n' || user_id || e'\\n' || coalesce(mail_to, ''))`;
    expect(wrong).toEqual({ number: 0 });
    const [late] = await sql`
      select count(*)::int as number from links
      where lapsed <> (state = 'pending' and expires_at <= now()) and user_name not like '%Neu-%'`;
    expect(late).toEqual({ number: 0 });
  });

  it("does nothing where all is done", async () => {
    const before = await sql`select count(*) from drizzle.__drizzle_migrations`;
    await migrateDatabase({ url, folder: migrationsFolder });
    expect(await sql`select count(*) from drizzle.__drizzle_migrations`).toEqual(before);
  });
});
