import type postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createUpgradedDatabase } from "../../support/former-migrations";

/** Links of before they remembered a language, and before a problem was one of a few. */
const FIRST_OF_IT = "language_and_problem_of_links";

const undo: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

let sql: postgres.Sql;
beforeAll(async () => {
  const fill = async (sql: postgres.Sql) => {
    await sql`
      insert into links (user_id, problem, expires_at, issued_by_id, issued_via)
      select 'user-' || coalesce(problem, 'none'), problem, now(), 'admin', 'api'
      from unnest(array['account-disabled', 'no-longer-known', null]) as one (problem)`;
    // More than are cleared at a time.
    await sql`
      insert into links (user_id, problem, expires_at, issued_by_id, issued_via)
      select 'many-' || number, 'no-longer-known', now(), 'admin', 'api'
      from generate_series(1, 2500) as number`;
  };
  ({ sql } = await createUpgradedDatabase({ firstOfIt: FIRST_OF_IT, fill, undo }));
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
