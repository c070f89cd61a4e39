import { desc, eq, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import { auditEvents } from "./schema";

export type AuditEvent = typeof auditEvents.$inferSelect;
export type NewAuditEvent = Omit<typeof auditEvents.$inferInsert, "id" | "at">;

/**
 * Writes what happened, in the transaction of the act. Never a secret: the columns have no room.
 *
 * By hand, because Drizzle names every column: the server's role has no right to the number and the
 * time, which are the database's to give.
 */
export async function recordEvent(db: Queryable, event: NewAuditEvent): Promise<void> {
  const or = <Value>(value: Value | undefined) => value ?? null;
  await db.execute(sql`
    insert into audit_events
      (action, actor_kind, actor_id, actor_name, user_id, link_id, reset_request_id, outcome,
      client_address, request_id)
    values (${event.action}, ${event.actorKind}, ${or(event.actorId)}, ${or(event.actorName)},
      ${or(event.userId)}, ${or(event.linkId)}, ${or(event.resetRequestId)}, ${event.outcome},
      ${or(event.clientAddress)}, ${or(event.requestId)})`);
}

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
