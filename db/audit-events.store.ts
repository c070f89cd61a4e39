import { desc, eq } from "drizzle-orm";
import type { Queryable } from "./client";
import { auditEvents } from "./schema";

export type AuditEvent = typeof auditEvents.$inferSelect;
export type NewAuditEvent = Omit<typeof auditEvents.$inferInsert, "id" | "at">;

/** Writes what happened, in the transaction of the act. Never a secret: the columns have no room. */
export async function recordEvent(db: Queryable, event: NewAuditEvent): Promise<void> {
  await db.insert(auditEvents).values(event);
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
