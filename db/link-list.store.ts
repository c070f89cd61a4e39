import { and, count, desc, eq, gt, gte, ilike, lte, or, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import type { LinkRow } from "./link-row";
import { links } from "./schema";

export type LinkFilter = "all" | "pending" | "completed" | "revoked" | "expired" | "locked";

export interface LinkQuery {
  status: LinkFilter;
  /** Part of a user name, user id or address. */
  search?: string;
  sort: "newest" | "oldest" | "expiry" | "user";
  limit: number;
  offset: number;
  limits: { maxAttempts: number; maxPinGuesses: number };
}

/** @returns one page of links and how many there are in all under this filter */
export async function listLinks(
  db: Queryable,
  query: LinkQuery,
): Promise<{ rows: LinkRow[]; total: number }> {
  const open = eq(links.state, "pending");
  const locked = or(
    gte(links.attempts, query.limits.maxAttempts),
    gte(links.pinGuesses, query.limits.maxPinGuesses),
  ) as SQL;
  const ofStatus: Record<LinkFilter, SQL | undefined> = {
    all: undefined,
    pending: and(open, sql`not (${locked})`, gt(links.expiresAt, sql`now()`)),
    expired: and(open, sql`not (${locked})`, lte(links.expiresAt, sql`now()`)),
    locked: and(open, locked),
    completed: eq(links.state, "completed"),
    revoked: eq(links.state, "revoked"),
  };
  const pattern = query.search && `%${query.search.replace(/[\\%_]/g, "\\$&")}%`;
  const where = and(
    ofStatus[query.status],
    pattern
      ? or(
          ilike(links.userName, pattern),
          ilike(links.userId, pattern),
          ilike(links.mailTo, pattern),
        )
      : undefined,
  );
  const order = {
    newest: [desc(links.issuedAt), desc(links.id)],
    oldest: [links.issuedAt, links.id],
    expiry: [links.expiresAt, links.id],
    user: [sql`lower(coalesce(${links.userName}, ${links.userId}))`, links.id],
  }[query.sort];
  const [rows, [counted]] = await Promise.all([
    db
      .select()
      .from(links)
      .where(where)
      .orderBy(...order)
      .limit(query.limit)
      .offset(query.offset),
    db.select({ total: count() }).from(links).where(where),
  ]);
  return { rows, total: counted?.total ?? 0 };
}
