import { eq, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import { knownAdmins } from "./schema";

export type KnownAdmin = Omit<typeof knownAdmins.$inferSelect, "lastSignedInAt">;

/** Notes that this administrator has signed in, in the transaction that begins the session. */
export async function rememberAdmin(db: Queryable, admin: KnownAdmin): Promise<void> {
  const lastSignedInAt = sql`clock_timestamp()`;
  await db
    .insert(knownAdmins)
    .values({ ...admin, lastSignedInAt })
    .onConflictDoUpdate({ target: knownAdmins.userId, set: { ...admin, lastSignedInAt } });
}

/** @returns who has signed in by this name, in any spelling of it; on PostgreSQL there may be several */
export async function findKnownAdmins(db: Queryable, account: string): Promise<KnownAdmin[]> {
  return db
    .select({
      userId: knownAdmins.userId,
      name: knownAdmins.name,
      domainName: knownAdmins.domainName,
      account: knownAdmins.account,
    })
    .from(knownAdmins)
    .where(eq(knownAdmins.account, account))
    .orderBy(knownAdmins.userId)
    .limit(10);
}

/** Forgets who has not signed in for so long. */
export async function forgetAdmins(
  db: Queryable,
  { unseenForDays }: { unseenForDays: number },
): Promise<void> {
  await db
    .delete(knownAdmins)
    .where(sql`${knownAdmins.lastSignedInAt} < now() - make_interval(days => ${unseenForDays})`);
}
