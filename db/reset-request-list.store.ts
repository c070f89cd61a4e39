import { and, count, desc, eq, or, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import type { ResetRequestRow } from "./reset-requests.store";
import { foldedCase, resetRequests } from "./schema";

export interface ResetRequestQuery {
  state: "open" | "closed";
  /** Part of the name or of the address; or a code, as the range of ids it stands for. */
  search?: { text: string; code: { lowestId: string; highestId: string } | undefined };
  limit: number;
  offset: number;
}

/** @returns one page, newest first, and how many there are of that kind */
export async function listResetRequests(
  db: Queryable,
  query: ResetRequestQuery,
): Promise<{ rows: ResetRequestRow[]; total: number }> {
  const where = and(eq(resetRequests.state, query.state), query.search && matching(query.search));
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

function matching({ text, code }: NonNullable<ResetRequestQuery["search"]>): SQL | undefined {
  const part = `%${text.replace(/[\\%_]/g, "\\$&")}%`;
  return or(
    sql`${resetRequests.name} ilike ${part}`,
    sql`${resetRequests.email} ilike ${part}`,
    code && sql`${resetRequests.id} between ${code.lowestId} and ${code.highestId}`,
  );
}

/** What else there is of a mailbox. */
export interface MailboxRequests {
  readonly open: number;
  /** When a request of this mailbox was last answered with a link. */
  readonly answeredAt: Date | null;
}

/** @returns by address in lower case, as the database has it */
export async function countRequestsOfMailboxes(
  db: Queryable,
  emails: readonly string[],
): Promise<(email: string) => MailboxRequests> {
  const none: MailboxRequests = { open: 0, answeredAt: null };
  if (emails.length === 0) return () => none;
  const given = [...new Set(emails)];
  const wanted = sql.join(
    given.map((email) => sql`(${email}::text)`),
    sql`, `,
  );
  const rows = await db.execute<{ email: string; open: number; answeredAt: string | null }>(
    sql`select given.email, count(*) filter (where r.state = 'open')::int as open,
          max(r.closed_at) filter (where r.answered_user_id is not null) as "answeredAt"
        from (values ${wanted}) as given (email)
        join ${resetRequests} r on ${foldedCase(sql`r.email`)} = ${foldedCase(sql`given.email`)}
        group by given.email`,
  );
  const known = new Map(
    rows.map(({ email, open, answeredAt }) => [
      email,
      { open, answeredAt: answeredAt === null ? null : new Date(answeredAt) },
    ]),
  );
  return (email) => known.get(email) ?? none;
}
