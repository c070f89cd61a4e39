import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { migrateDatabase } from "../../../db/migrate";
import { copyFormerMigrations, migrationsFolder } from "../../support/former-migrations";

/** Links of before they remembered a language, and before a problem was one of a few. */
const FIRST_OF_IT = "language_and_problem_of_links";

const undo: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

let url = "";
let sql: postgres.Sql;
beforeAll(async () => {
  const name = `setpass_${randomBytes(6).toString("hex")}`;
  const address = new URL(inject("postgresUrl"));
  address.pathname = `/${name}`;
  url = address.href;
  const cluster = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
  undo.push(() => cluster.end({ timeout: 5 }));
  await cluster`create database ${cluster(name)}`;
  undo.push(() => cluster`drop database if exists ${cluster(name)} with (force)`);
  const former = await copyFormerMigrations(FIRST_OF_IT);
  undo.push(() => rm(former, { recursive: true, force: true }));
  await migrateDatabase({ url, folder: former });
  sql = postgres(url, { max: 2, onnotice: () => {} });
  undo.push(() => sql.end({ timeout: 5 }));
  await sql`
    insert into links (user_id, problem, expires_at, issued_by_id, issued_via)
    select 'user-' || coalesce(problem, 'none'), problem, now(), 'admin', 'api'
    from unnest(array['account-disabled', 'no-longer-known', null]) as one (problem)`;
  // More than are cleared at a time.
  await sql`
    insert into links (user_id, problem, expires_at, issued_by_id, issued_via)
    select 'many-' || number, 'no-longer-known', now(), 'admin', 'api'
    from generate_series(1, 2500) as number`;
  await migrateDatabase({ url, folder: migrationsFolder });
});

it("keep a problem that is known, and lose one that nobody has words for", async () => {
  const rows = await sql`
    select user_id, problem from links where user_id like 'user-%' order by user_id`;
  expect(rows.map(({ user_id, problem }) => [user_id, problem])).toEqual([
    ["user-account-disabled", "account-disabled"],
    ["user-no-longer-known", null],
    ["user-none", null],
  ]);
  const [left] = await sql`
    select count(*)::int as links, count(problem)::int as problems, count(language)::int as languages
    from links`;
  expect(left).toEqual({ links: 2503, problems: 1, languages: 0 });
});

it("take no other problem from then on", async () => {
  await expect(sql`update links set problem = 'no-longer-known'`).rejects.toMatchObject({
    constraint_name: "links_problem_is_known",
  });
  const [check] = await sql`
    select convalidated from pg_constraint where conname = 'links_problem_is_known'`;
  expect(check).toEqual({ convalidated: true });
});
