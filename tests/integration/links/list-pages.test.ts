import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listLinks } from "../../../app/links/list-links.server";
import type { Database } from "../../../db/client";
import { type LinkFilter, type LinkQuery, noteLapsed } from "../../../db/link-list.store";
import * as schema from "../../../db/schema";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { generateLinks } from "../../support/generated-links";

const config = { links: { maxAttempts: 3, maxPinGuesses: 10 } } as Parameters<
  typeof listLinks
>[0]["config"];
const STATUSES = ["all", "open", "pending", "expired", "locked", "completed", "revoked"] as const;
const SORTS = ["newest", "oldest", "expiry", "user"] as const;
const every = STATUSES.flatMap((status) => SORTS.map((sort) => ({ status, sort })));

type Place = NonNullable<Parameters<typeof listLinks>[1]["place"]>;

/** What the database holds, to judge and to sort by itself. */
interface Row {
  id: string;
  name: string;
  address: string;
  user: string;
  state: string;
  guesses: number;
  issued: string;
  expires: string;
  isOver: boolean;
}

function statusOf({ state, guesses, isOver }: Row): LinkFilter {
  if (state !== "pending") return state as LinkFilter;
  return guesses >= 3 ? "locked" : isOver ? "expired" : "pending";
}

const isOf = (row: Row, status: LinkFilter) =>
  status === "all" || (status === "open" ? row.state === "pending" : statusOf(row) === status);

const keysOf: Record<LinkQuery["sort"], (row: Row) => string> = {
  newest: ({ issued }) => issued,
  oldest: ({ issued }) => issued,
  expiry: ({ expires }) => expires,
  user: ({ name }) => name.toLowerCase(),
};

function inOrder(rows: readonly Row[], sort: LinkQuery["sort"]): string[] {
  const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
  const keyOf = keysOf[sort];
  const sorted = rows.toSorted(
    (one, other) => compare(keyOf(one), keyOf(other)) || compare(one.id, other.id),
  );
  return (sort === "newest" ? sorted.reverse() : sorted).map(({ id }) => id);
}

async function readRows({ sql }: TestDatabase): Promise<Row[]> {
  return sql<Row[]>`
    select id, user_name as name, mail_to as address, user_id as user, state, attempts as guesses,
      extract(epoch from issued_at)::numeric(30, 6)::text as issued,
      extract(epoch from expires_at)::numeric(30, 6)::text as expires, expires_at <= now() as "isOver"
    from links`;
}

describe("the pages of a list with many links of the same instant and name", () => {
  let database: TestDatabase;
  let rows: Row[];
  beforeAll(async () => {
    database = await createTestDatabase();
    const { sql } = database;
    await generateLinks(sql, { count: 800, atOnce: 20 });
    await sql`update links set expires_at = date_bin('5 minutes', expires_at, '2000-01-01'),
      user_name = substr(user_name, 1, 4)`;
    await noteLapsed(database.db, { limit: 1000 });
    // Notes that are behind, and ahead of the clock.
    await sql`update links set lapsed = not lapsed where state = 'pending' and attempts = 1`;
    rows = await readRows(database);
  });
  afterAll(() => database?.close());

  const page = (query: Pick<LinkQuery, "status" | "sort">, place?: Place, limit = 60) =>
    listLinks({ db: database.db, config }, { ...query, limit, ...(place && { place }) });

  it.each(every)("are whole and in order, there and back: $status by $sort", async (query) => {
    const expected = inOrder(
      rows.filter((row) => isOf(row, query.status)),
      query.sort,
    );
    expect(expected.length).toBeGreaterThan(5);
    const there: string[][] = [];
    let { links, next, previous, count } = await page(query);
    expect(previous).toBeUndefined();
    expect(count).toEqual({ number: expected.length, exact: true });
    let last = links;
    for (;;) {
      there.push(links.map(({ id }) => id));
      last = links;
      if (!next) break;
      ({ links, next, previous } = await page(query, next));
      expect(links.length).toBeGreaterThan(0);
    }
    expect(there.flat()).toEqual(expected);
    const back: string[][] = [last.map(({ id }) => id)];
    while (previous) {
      ({ links, next, previous } = await page(query, previous));
      expect(next).toBeDefined();
      back.unshift(links.map(({ id }) => id));
    }
    expect(back).toEqual(there);
  });

  it("stay what they were when links come and go in front of them", async () => {
    const query = { status: "all", sort: "newest" } as const;
    const first = await page(query);
    const second = await page(query, first.next);
    await database.sql`update links set issued_at = now() where id = ${first.links.at(-1)?.id ?? ""}`;
    const { id: marked = "" } = second.links.at(-1) ?? {};
    const third = await page(query, second.next);
    await database.sql`update links set issued_at = now() where id = ${marked}`;
    const ids = (shown: typeof first) => shown.links.map(({ id }) => id);
    expect(ids(await page(query, first.next))).toEqual([
      ...ids(second).filter((id) => id !== marked),
      ids(third)[0],
    ]);
    expect(ids(await page(query, second.next))).toEqual(ids(third));
  });

  it.each([
    "",
    "~",
    "x",
    "2026-02-31T00:00:00.000000Z~00000000-0000-4000-8000-000000000000",
    "2026-02-01T00:00:00.000000Z~00000000-0000-4000-8000-00000000000g",
    "2026-02-01T00:00:00.000000Z\0~00000000-0000-4000-8000-000000000000",
    "0000-01-01T00:00:00.000000Z~00000000-0000-4000-8000-000000000000",
    "anna~00000000-0000-4000-8000-000000000000",
    "'; drop table links; --~00000000-0000-4000-8000-000000000000",
  ])("begin at the start for a place that is none: %s", async (marker) => {
    const query = { status: "all", sort: "newest" } as const;
    const { links } = await page(query);
    expect((await page(query, { side: "after", marker })).links).toEqual(links);
  });
});

describe("a list of twelve thousand links", () => {
  let database: TestDatabase;
  let client: postgres.Sql;
  let db: Database;
  let rows: Row[];
  let asked: { text: string; parameters: unknown[] }[] = [];
  beforeAll(async () => {
    database = await createTestDatabase();
    await generateLinks(database.sql, { count: 12_000 });
    await noteLapsed(database.db, { limit: 12_000 });
    await database.sql`vacuum analyze links`;
    await database.sql`vacuum analyze link_words`;
    rows = await readRows(database);
    client = postgres(database.url, { max: 1, onnotice: () => {} });
    db = drizzle(client, {
      schema,
      logger: { logQuery: (text, parameters) => asked.push({ text, parameters }) },
    }) as unknown as Database;
  });
  afterAll(async () => {
    await client?.end();
    await database?.close();
  });

  const list = (query: Partial<Parameters<typeof listLinks>[1]>) =>
    listLinks({ db, config }, { status: "all", sort: "newest", limit: 25, ...query });

  /** What the statements read that were asked since: the tables read from end to end, and rows in all. */
  async function planOf(statements: typeof asked) {
    const whole: unknown[] = [];
    let read = 0;
    await client.begin(async (tx) => {
      for (const { text, parameters } of statements) {
        const explained = /^\s*(select|with)\b/i.test(text) && !text.includes("set_config");
        const [row] = await tx.unsafe(
          explained ? `explain (analyze, format json) ${text}` : text,
          parameters as never[],
        );
        if (!explained) continue;
        const walk = (node: Record<string, unknown>) => {
          if (node["Node Type"] === "Seq Scan") whole.push(node["Relation Name"]);
          if (/Index|Bitmap Heap/.test(String(node["Node Type"])))
            read += Number(node["Actual Rows"]) * Number(node["Actual Loops"]);
          read += Number(node["Rows Removed by Filter"] ?? 0);
          for (const child of (node.Plans ?? []) as Record<string, unknown>[]) walk(child);
        };
        walk(row?.["QUERY PLAN"][0].Plan);
      }
    });
    return { whole, read };
  }

  it.each(every)("is not read from end to end: $status by $sort", async (query) => {
    const first = await list(query);
    const guessed = rows.filter((row) => row.state === "pending" && row.guesses > 0).length;
    const places = [
      undefined,
      first.next,
      first.next && { ...first.next, side: "before" as const },
    ];
    for (const place of places) {
      asked = [];
      const { count } = await list({ ...query, ...(place && { place }) });
      const { whole, read } = await planOf(asked);
      expect(whole.filter((name) => name !== "mails")).toEqual([]);
      // Those that are counted, and a page of each stretch of the index, with what is skipped in it.
      const counted = query.status === "locked" ? 2 * guessed : count.number;
      expect(read).toBeLessThan(counted + 500);
    }
  });

  it("is counted to ten thousand, and no further", async () => {
    expect((await list({})).count).toEqual({ number: 10_000, exact: false });
    const completed = rows.filter(({ state }) => state === "completed").length;
    expect((await list({ status: "completed" })).count).toEqual({ number: completed, exact: true });
  });

  it.each([
    ["a letter of most", "a"],
    ["two of an id", "f0"],
    ["two of nobody", "q9"],
    ["a name, in capitals", "SCHULZ"],
    ["one of another script", "李"],
    ["in capitals there", "МАРИЯ.K"],
    ["an umlaut", "GÜNTHER.MEYER1"],
    ["the end of an address", "@mail-7.example.org"],
    ["a whole id", "c4ca4238a0b923820dcc509a6f75849b"],
    ["a wildcard", "%"],
    ["something across two of them", "org\n"],
    ["a name with its number", "meyer11"],
  ])("is searched by %s", async (_, search) => {
    for (const status of ["all", "open", "completed", "locked"] as const)
      for (const sort of ["newest", "user"] as const) {
        const expected = inOrder(
          rows.filter(
            (row) =>
              isOf(row, status) &&
              [row.name, row.user, row.address].some((text) =>
                text.toLowerCase().includes(search.toLowerCase()),
              ),
          ),
          sort,
        );
        asked = [];
        const { links, count, next } = await list({ search, status, sort });
        expect(links.map(({ id }) => id)).toEqual(expected.slice(0, 25));
        if (count.exact) expect(count.number).toBe(expected.length);
        else expect(expected.length).toBeGreaterThan(count.number);
        expect((await planOf(asked)).whole.filter((name) => name !== "mails")).toEqual([]);
        if (!next) continue;
        const second = await list({ search, status, sort, place: next });
        expect(second.links.map(({ id }) => id)).toEqual(expected.slice(25, 50));
        const before =
          second.previous && (await list({ search, status, sort, place: second.previous }));
        expect(before?.links.map(({ id }) => id)).toEqual(expected.slice(0, 25));
      }
  });

  it("finds a user by what Keystone has said since", async () => {
    const [{ id = "" } = {}] = rows;
    await database.sql`update links set user_name = 'Renamed-Żółć' where id = ${id}`;
    expect((await list({ search: "renamed-żÓŁĆ" })).links.map((link) => link.id)).toEqual([id]);
    await database.sql`update links set mail_to = 'elsewhere@example.net' where id = ${id}`;
    expect((await list({ search: "ELSEWHERE@" })).links.map((link) => link.id)).toEqual([id]);
    expect((await list({ search: rows[0]?.address ?? "" })).links).toEqual([]);
  });

  it("notes what has expired, and nothing else", async () => {
    await database.sql`update links set lapsed = false`;
    const expired = rows.filter(({ state, isOver }) => state === "pending" && isOver).length;
    const noted = [1000, 1000, 1000, 1000].map(() => noteLapsed(database.db, { limit: 1000 }));
    expect((await Promise.all(noted)).reduce((sum, number) => sum + number)).toBe(expired);
    const [wrong] = await database.sql`
      select count(*)::int as number from links where lapsed <> (state = 'pending' and expires_at <= now())`;
    expect(wrong).toEqual({ number: 0 });
  });
});
