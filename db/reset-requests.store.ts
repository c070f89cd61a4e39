import { and, count, desc, eq, lt, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import { resetRequests } from "./schema";

export type ResetRequestRow = typeof resetRequests.$inferSelect;

/**
 * Writes a request; an open one of the same address is replaced. One statement, because people press
 * buttons twice: two at the same time must not refuse each other.
 *
 * @returns whether this address had none open
 */
export async function saveResetRequest(
  db: Queryable,
  request: { id: string; name: string; email: string; sealedPin: Buffer },
): Promise<{ isNew: boolean }> {
  const [row] = await db.execute<{ is_new: boolean }>(sql`
    insert into reset_requests (id, name, email, sealed_pin)
    values (${request.id}, ${request.name}, ${request.email}, ${request.sealedPin})
    on conflict (lower(email)) where state = 'open' do update set
      id = excluded.id, name = excluded.name, email = excluded.email,
      sealed_pin = excluded.sealed_pin, created_at = clock_timestamp()
    returning xmax = 0 as is_new`);
  return { isNew: row?.is_new === true };
}

export async function countOpenRequests(db: Queryable): Promise<number> {
  const [row] = await db
    .select({ open: count() })
    .from(resetRequests)
    .where(eq(resetRequests.state, "open"));
  return row?.open ?? 0;
}

export async function findResetRequest(
  db: Queryable,
  id: string,
): Promise<ResetRequestRow | undefined> {
  const [row] = await db.select().from(resetRequests).where(eq(resetRequests.id, id));
  return row;
}

/** @returns one page, newest first, and how many there are in that state */
export async function listResetRequests(
  db: Queryable,
  query: { state: ResetRequestRow["state"]; limit: number; offset: number },
): Promise<{ rows: ResetRequestRow[]; total: number }> {
  const where = eq(resetRequests.state, query.state);
  const [rows, [counted]] = await Promise.all([
    db
      .select()
      .from(resetRequests)
      .where(where)
      .orderBy(desc(resetRequests.createdAt), desc(resetRequests.id))
      .limit(query.limit)
      .offset(query.offset),
    db.select({ total: count() }).from(resetRequests).where(where),
  ]);
  return { rows, total: counted?.total ?? 0 };
}

/** Closes an open request and erases its PIN. @returns whether it was open */
export async function closeResetRequest(
  db: Queryable,
  { id, closedById, closedByName }: { id: string; closedById: string; closedByName: string },
): Promise<boolean> {
  const rows = await db
    .update(resetRequests)
    .set({
      state: "closed",
      sealedPin: null,
      closedAt: sql`clock_timestamp()`,
      closedById,
      closedByName,
    })
    .where(and(eq(resetRequests.id, id), eq(resetRequests.state, "open")))
    .returning({ id: resetRequests.id });
  return rows.length === 1;
}

/** @returns how many requests older than `before` were deleted, open or closed */
export async function deleteOldRequests(db: Queryable, before: Date): Promise<number> {
  const rows = await db
    .delete(resetRequests)
    .where(lt(resetRequests.createdAt, before))
    .returning({ id: resetRequests.id });
  return rows.length;
}
