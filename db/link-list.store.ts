import { inArray, type SQL, sql } from "drizzle-orm";
import type { Database, Transaction } from "./client";
import { type ListMarker, type ListSort, orderOf } from "./link-list-order";
import type { LinkRow } from "./link-row";
import { LINK_STATES, links, linkWords, wasGuessed } from "./schema";

/** `open`: handed over and not taken yet, whether the link still works or not. */
export type LinkFilter =
  | "all"
  | "open"
  | "pending"
  | "completed"
  | "revoked"
  | "expired"
  | "locked";

export interface LinkQuery {
  status: LinkFilter;
  /** Part of a user name, user id or address. */
  search?: string;
  sort: ListSort;
  limit: number;
  /** The row that the page comes after, or before; the first page when left out. */
  from?: { side: "after" | "before"; marker: ListMarker };
  limits: { maxAttempts: number; maxPinGuesses: number };
}

/** How many links there are under a filter: `number`, or more than that where it is not exact. */
export interface LinkCount {
  number: number;
  exact: boolean;
}

interface LinkPage {
  rows: LinkRow[];
  count: LinkCount;
  /** What the page before this one comes before, and the next one after; undefined where there is none. */
  previous: ListMarker | undefined;
  next: ListMarker | undefined;
}

/** Counting ends here: it is all that costs more where there are more links. */
const MOST_COUNTED = 10_000;
/** So many links are looked through for what is searched. Where that finds too few, the index is asked. */
const LOOKED_THROUGH = 3_000;
const LOOKED_THROUGH_AGAIN = 30_000;

/**
 * One page of links. It reads about as many rows as it shows, however many there are: what a filter lets
 * through are a few stretches of the indexes `links_by_…` and `links_guessed_by_…`, which are merged.
 *
 * A page comes after a row, and not after a number of rows: links that are issued meanwhile do not move
 * it, and of those with the same instant or name none is lost or shown twice.
 */
export async function listLinks(db: Database, query: LinkQuery): Promise<LinkPage> {
  return db.transaction(async (tx) => {
    await preferIndexes(tx, { bitmaps: false });
    const stretches = stretchesOf(query);
    if (query.search) return searchLinks(tx, query, stretches, query.search);
    const found = await findInOrder(tx, query, stretches);
    return { ...(await pageOf(tx, query, found)), count: await countUpTo(tx, stretches) };
  });
}

/**
 * The planner does not know how the columns of an index go together (nothing that is expired ends in the
 * future), expects thousands of rows where there are none, and would rather read the whole table.
 */
async function preferIndexes(tx: Transaction, { bitmaps }: { bitmaps: boolean }): Promise<void> {
  await tx.execute(sql`
    select set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
      set_config('enable_bitmapscan', ${bitmaps ? "on" : "off"}, true),
      set_config('max_parallel_workers_per_gather', '0', true)`);
}

/** Rows that are next to each other in an index of each order. */
interface Stretch {
  where: SQL;
  /** They are few, and not next to each other: found by their expiry. */
  few?: true;
}

function stretchesOf({ status, limits }: Pick<LinkQuery, "status" | "limits">): Stretch[] {
  const of = (state: (typeof LINK_STATES)[number], lapsed: boolean) =>
    sql`${links.state} = ${sql.raw(`'${state}'`)} and ${links.lapsed} = ${sql.raw(String(lapsed))}`;
  const all = (state: (typeof LINK_STATES)[number]) =>
    [false, true].map((lapsed) => ({ where: of(state, lapsed) }));
  const locked = sql`(${links.attempts} >= ${limits.maxAttempts} or ${links.pinGuesses} >= ${limits.maxPinGuesses})`;
  const inTime = sql`${links.expiresAt} > now() and not ${locked}`;
  const late = sql`${links.expiresAt} <= now() and not ${locked}`;
  switch (status) {
    case "all":
      return LINK_STATES.flatMap(all);
    case "open":
      return all("pending");
    case "completed":
    case "revoked":
      return all(status);
    case "locked":
      return [{ where: sql`${wasGuessed(links)} and ${locked}` }];
    // `lapsed` follows the clock by a minute, and is no more than a note.
    case "pending":
      return [
        { where: sql`${of("pending", false)} and ${inTime}` },
        { where: sql`${of("pending", true)} and ${inTime}`, few: true },
      ];
    case "expired":
      return [
        { where: sql`${of("pending", true)} and ${late}` },
        { where: sql`${of("pending", false)} and ${late}`, few: true },
      ];
  }
}

/** The statement's parts for one order, and one page of it. */
function inOrder({ sort, from }: Pick<LinkQuery, "sort" | "from">) {
  const { key, asText, fromText } = orderOf(sort);
  const descending = (sort === "newest") !== (from?.side === "before");
  const direction = sql.raw(descending ? "desc" : "asc");
  return {
    key,
    asText,
    order: sql`order by key ${direction}, id ${direction}`,
    beyond: from
      ? sql` and (${key}, ${links.id}) ${sql.raw(descending ? "<" : ">")} (${fromText(from.marker.key)}, ${from.marker.id}::uuid)`
      : sql``,
  };
}

/** @returns the rows from the marker on, as a statement: `key` and `id`, in order */
function merged(
  query: Pick<LinkQuery, "sort" | "from">,
  stretches: readonly Stretch[],
  { limit }: { limit: number },
): SQL {
  const { key, order, beyond } = inOrder(query);
  const parts = stretches.map(({ where, few }) =>
    few
      ? // Their index is the one that is in this order; sorted is what comes of it.
        sql`(select * from (with few as materialized (
            select ${key} as key, ${links.id} as id from ${links} where ${where}${beyond} order by ${links.expiresAt}
          ) select key, id from few ${order} limit ${limit}) as sorted)`
      : sql`(select ${key} as key, ${links.id} as id from ${links} where ${where}${beyond} ${order} limit ${limit})`,
  );
  return sql`select key, id from (${sql.join(parts, sql` union all `)}) as stretches ${order} limit ${limit}`;
}

/** A row found, in the direction the page is read in; one more than the page has, where there are more. */
type Found = { key: string; id: string };

async function findInOrder(
  tx: Transaction,
  query: LinkQuery,
  stretches: readonly Stretch[],
): Promise<Found[]> {
  const { asText } = inOrder(query);
  return tx.execute<Found>(sql`
    select ${asText(sql`key`)} as key, id
    from (${merged(query, stretches, { limit: query.limit + 1 })}) as page`);
}

async function countUpTo(tx: Transaction, stretches: readonly Stretch[]): Promise<LinkCount> {
  const parts = stretches.map(
    ({ where }) => sql`(select 1 from ${links} where ${where} limit ${MOST_COUNTED + 1})`,
  );
  const [counted] = await tx.execute<{ number: number }>(sql`
    select count(*)::int as number from (
      select 1 from (${sql.join(parts, sql` union all `)}) as stretches limit ${MOST_COUNTED + 1}
    ) as counted`);
  return atMost(counted?.number ?? 0, MOST_COUNTED);
}

const atMost = (number: number, most: number): LinkCount =>
  number > most ? { number: most, exact: false } : { number, exact: true };

/**
 * What is frequent is among the first that are looked through, and would be long in coming out of an index;
 * what is rare comes out of the index of parts at once.
 */
async function searchLinks(
  tx: Transaction,
  query: LinkQuery,
  stretches: readonly Stretch[],
  search: string,
): Promise<LinkPage> {
  const pattern = sql`lower(${`%${search.replace(/[\\%_]/g, "\\$&")}%`})`;
  const fits = sql`(select ${linkWords.words} from ${linkWords} where ${linkWords.linkId} = id) like ${pattern}`;
  const { asText } = inOrder(query);
  const lookThrough = (most: number) =>
    tx.execute<Found>(sql`
      select ${asText(sql`key`)} as key, id
      from (${merged(query, stretches, { limit: most })}) as first
      where ${fits} limit ${query.limit + 1}`);
  const pageWith = async (found: readonly Found[], count: LinkCount) => ({
    ...(await pageOf(tx, query, found)),
    count,
  });

  const first = merged({ sort: query.sort }, stretches, { limit: LOOKED_THROUGH });
  const [looked] = await tx.execute<{ seen: number; hits: number }>(sql`
    select count(*)::int as seen, (count(*) filter (where ${fits}))::int as hits
    from (${first}) as first`);
  const { seen = 0, hits = 0 } = looked ?? {};
  if (seen < LOOKED_THROUGH)
    return pageWith(await lookThrough(LOOKED_THROUGH), { number: hits, exact: true });
  if (hits > query.limit) {
    const found = await lookThrough(LOOKED_THROUGH);
    if (found.length > query.limit) return pageWith(found, { number: hits, exact: false });
  }

  await preferIndexes(tx, { bitmaps: true });
  const sought = { search, pattern };
  const some = await findByParts(tx, query, stretches, { ...sought, most: MOST_COUNTED + 1 });
  const count = atMost(some.hits, MOST_COUNTED);
  if (some.matches <= MOST_COUNTED) return pageWith(some.found, count);
  // Too many to sort, unless they are all at the other end.
  await preferIndexes(tx, { bitmaps: false });
  const found = await lookThrough(LOOKED_THROUGH_AGAIN);
  if (found.length > query.limit) return pageWith(found, { number: some.hits, exact: false });
  await preferIndexes(tx, { bitmaps: true });
  const all = await findByParts(tx, query, stretches, { ...sought, most: 1_000_000_000 });
  return pageWith(all.found, atMost(all.hits, MOST_COUNTED));
}

/**
 * Finds by the index of parts and sorts what it finds.
 *
 * @param search.most matches of any status
 * @returns how many were found, and how many of them are of the status that is asked for
 */
async function findByParts(
  tx: Transaction,
  query: LinkQuery,
  stretches: readonly Stretch[],
  { search, pattern, most }: { search: string; pattern: SQL; most: number },
): Promise<{ matches: number; hits: number; found: Found[] }> {
  const { key, asText, order, beyond } = inOrder(query);
  const ofStatus = sql.join(
    stretches.map(({ where }) => sql`(${where})`),
    sql` or `,
  );
  const rows = await tx.execute<Partial<Found> & { matches: number; hits: number }>(sql`
    with matches as materialized (
      select ${linkWords.linkId} as link_id from ${linkWords}
      where parts_of(${linkWords.words}) @> parts_to_find(${search})
        and ${linkWords.words} like ${pattern} limit ${most}
    ), hits as materialized (
      select ${key} as key, ${links.id} as id, true${beyond} as is_beyond
      from matches join ${links} on ${links.id} = link_id where ${ofStatus}
    )
    select counted.*, ${asText(sql`page.key`)} as key, page.id
    from (select (select count(*) from matches)::int as matches, (select count(*) from hits)::int as hits) as counted
    left join lateral (
      select key, id from hits where is_beyond ${order} limit ${query.limit + 1}
    ) as page on true`);
  const { matches = 0, hits = 0 } = rows[0] ?? {};
  const found = rows.flatMap(({ key, id }) => (key != null && id != null ? [{ key, id }] : []));
  return { matches, hits, found };
}

async function pageOf(
  tx: Transaction,
  { limit, from }: Pick<LinkQuery, "limit" | "from">,
  found: readonly Found[],
): Promise<Omit<LinkPage, "count">> {
  const backwards = from?.side === "before";
  const goesOn = found.length > limit;
  const markers = found.slice(0, limit);
  if (backwards) markers.reverse();
  const ids = markers.map(({ id }) => id);
  const rows = ids.length > 0 ? await tx.select().from(links).where(inArray(links.id, ids)) : [];
  const byId = new Map(rows.map((row) => [row.id, row]));
  return {
    rows: ids.flatMap((id) => byId.get(id) ?? []),
    previous: (backwards ? goesOn : from !== undefined) ? markers[0] : undefined,
    next: backwards || goesOn ? markers.at(-1) : undefined,
  };
}

/** Notes which links have expired: see `links.lapsed`. @returns how many, at most `limit` */
export async function noteLapsed(db: Database, { limit }: { limit: number }): Promise<number> {
  const noted = await db.execute(sql`
    update links set lapsed = true where id = any (array(
      select id from links where state = 'pending' and not lapsed and expires_at <= now()
      order by expires_at limit ${limit} for update skip locked)) returning id`);
  return noted.length;
}
