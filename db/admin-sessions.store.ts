import { and, eq, gt, lte, or, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import { adminSessions } from "./schema";

export type AdminSessionRow = typeof adminSessions.$inferSelect;

const idleSince = (seconds: number) => sql`clock_timestamp() - make_interval(secs => ${seconds})`;

export async function insertSession(
  db: Queryable,
  session: typeof adminSessions.$inferInsert,
): Promise<void> {
  await db.insert(adminSessions).values(session);
}

/** @returns the session, or undefined where it never was, was ended, idled out or came to its end */
export async function findSession(
  db: Queryable,
  { idHash, idleSeconds }: { idHash: Buffer; idleSeconds: number },
): Promise<AdminSessionRow | undefined> {
  const [row] = await db
    .select()
    .from(adminSessions)
    .where(
      and(
        eq(adminSessions.idHash, idHash),
        gt(adminSessions.expiresAt, sql`clock_timestamp()`),
        gt(adminSessions.lastSeenAt, idleSince(idleSeconds)),
      ),
    );
  return row;
}

export async function touchSession(db: Queryable, idHash: Buffer): Promise<void> {
  await db
    .update(adminSessions)
    .set({ lastSeenAt: sql`clock_timestamp()` })
    .where(eq(adminSessions.idHash, idHash));
}

/** Keystone says otherwise than when it was last asked. */
export async function noteAdminRole(
  db: Queryable,
  { idHash, holdsAdminRole }: { idHash: Buffer; holdsAdminRole: boolean },
): Promise<void> {
  await db.update(adminSessions).set({ holdsAdminRole }).where(eq(adminSessions.idHash, idHash));
}

/** @returns the row that was there */
export async function deleteSession(
  db: Queryable,
  idHash: Buffer,
): Promise<AdminSessionRow | undefined> {
  const [row] = await db.delete(adminSessions).where(eq(adminSessions.idHash, idHash)).returning();
  return row;
}

/** @returns how many sessions past their end or idle limit were deleted */
export async function deleteEndedSessions(
  db: Queryable,
  { idleSeconds }: { idleSeconds: number },
): Promise<number> {
  const rows = await db
    .delete(adminSessions)
    .where(
      or(
        lte(adminSessions.expiresAt, sql`clock_timestamp()`),
        lte(adminSessions.lastSeenAt, idleSince(idleSeconds)),
      ),
    )
    .returning({ userId: adminSessions.userId });
  return rows.length;
}
