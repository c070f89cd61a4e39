import { desc, eq, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import { auditEvents } from "./schema";

export type AuditEvent = typeof auditEvents.$inferSelect;
export type NewAuditEvent = Omit<typeof auditEvents.$inferInsert, "id" | "at">;

/** By hand: Drizzle names every column, and number and time are the database's to give. */
const columns = sql`(action, actor_kind, actor_id, actor_name, user_id, link_id, reset_request_id, outcome,
  client_address, request_id, credential)`;

const or = <Value>(value: Value | undefined) => value ?? null;

/**
 * Writes what happened, in the transaction of the act. Never a secret: the columns have no room.
 * For `app/audit` alone: see `record` there.
 */
export async function insertEvent(db: Queryable, event: NewAuditEvent): Promise<void> {
  await db.execute(eventInsert(event, sql`(values (true)) as done`));
}

/**
 * The rows of an act on a link, for the statement that does it: one for the act, then one for each of what
 * it changed (`link.pin-replaced` and so on).
 *
 * @param written a query of that statement, with the link's `id`, `user_id` and `last_changes`
 */
export const linkEventsInsert = (event: NewAuditEvent, written: SQL): SQL => sql`
  insert into audit_events ${columns}
  select coalesce('link.' || change, ${event.action}), ${event.actorKind}, ${or(event.actorId)},
    ${or(event.actorName)}, user_id, id, null::uuid, ${event.outcome}, ${or(event.clientAddress)},
    ${or(event.requestId)}, ${or(event.credential)}
  from ${written}, unnest(array_prepend(null::text, last_changes)) with ordinality as act (change, place)
  order by place`;

/** The row of an act, for the statement that does it: once for each row of `done`. */
export const eventInsert = (event: NewAuditEvent, done: SQL): SQL => sql`
  insert into audit_events ${columns}
  select ${event.action}, ${event.actorKind}, ${or(event.actorId)}, ${or(event.actorName)},
    ${or(event.userId)}, ${or(event.linkId)}::uuid, ${or(event.resetRequestId)}::uuid, ${event.outcome},
    ${or(event.clientAddress)}, ${or(event.requestId)}, ${or(event.credential)}
  from ${done}`;

/** @returns what happened to a user's links, newest first */
export async function listEventsOfUser(
  db: Queryable,
  { userId, limit }: { userId: string; limit: number },
): Promise<AuditEvent[]> {
  return db
    .select()
    .from(auditEvents)
    .where(eq(auditEvents.userId, userId))
    .orderBy(desc(auditEvents.id))
    .limit(limit);
}
