import { and, eq, gt, isNotNull, isNull, lt, lte, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import { unclaimed } from "./link-row";
import { foldedCase, links, mails } from "./schema";

export interface ReminderRules {
  /** Reminders of one link at most; 0: none. */
  readonly most: number;
  /** They are spread over so long before its end, and never over more than half of its life. */
  readonly withinSeconds: number;
  readonly maxAttempts: number;
  readonly maxPinGuesses: number;
}

/**
 * What is due. Nothing is kept for it: a reminder is a mail with the link, and so the newest of these says
 * whether the reminder of this part of the time has gone out, or an administrator has sent the link again
 * since. Of several parts that nobody was at work in, one reminder makes up.
 *
 * Only what setpass mailed before, and the mail server took, is mailed again: a link that a script or an
 * administrator hands over would stop working in their hands. By the database's clock.
 */
function isDue({ most, withinSeconds, maxAttempts, maxPinGuesses }: ReminderRules): SQL {
  const lifetime = sql`extract(epoch from ${links.expiresAt} - ${links.issuedAt})`;
  const left = sql`extract(epoch from ${links.expiresAt} - now())`;
  const part = sql`(least(${withinSeconds}::numeric, ${lifetime} / 2) / ${most}::numeric)`;
  // Whatever is asked first of a row: no row is divided by nothing.
  const partsLeft = sql`ceil(${left} / nullif(${part}, 0))`;
  const partBegan = sql`${links.expiresAt} - make_interval(secs => (${partsLeft} * ${part})::double precision)`;
  return and(
    eq(links.state, "pending"),
    eq(links.lapsed, false),
    gt(links.expiresAt, sql`now()`),
    lte(links.expiresAt, sql`now() + make_interval(secs => ${withinSeconds})`),
    isNotNull(links.tokenHash),
    isNotNull(links.sealedPinKey),
    lt(links.attempts, maxAttempts),
    lt(links.pinGuesses, maxPinGuesses),
    // What only an administrator can help with, no reminder does; and what may be done already is asked after.
    isNull(links.problem),
    isNull(links.sealedUnsettled),
    // Locked until MAX_ATTEMPTS was raised, say: its initial password is not in force any more.
    isNull(links.scrambledAt),
    sql`${links.userFound} is not false`,
    unclaimed,
    sql`${partsLeft} <= ${most}`,
    sql`exists (
      select from (
        select state, recipient, created_at from ${mails}
        where link_id = ${links.id} and template = 'link' and created_at >= ${links.issuedAt}
        order by created_at desc limit 1
      ) as newest
      where newest.state = 'sent' and newest.created_at < ${partBegan}
        and ${foldedCase(sql`newest.recipient`)} = ${foldedCase(links.mailTo)}
    )`,
  ) as SQL;
}

/**
 * @param options.after the id to go on behind
 * @returns links whose users are to be reminded, in the order of their ids
 */
export async function findDueReminders(
  db: Queryable,
  rules: ReminderRules,
  options: { after: string | undefined; limit: number },
): Promise<{ id: string }[]> {
  return db
    .select({ id: links.id })
    .from(links)
    .where(and(isDue(rules), options.after === undefined ? undefined : gt(links.id, options.after)))
    .orderBy(links.id)
    .limit(options.limit);
}

/** Of a link whose row is locked: nobody has reminded its user, or anything else, since. */
export async function isReminderDue(
  db: Queryable,
  id: string,
  rules: ReminderRules,
): Promise<boolean> {
  const found = await db
    .select({ id: links.id })
    .from(links)
    .where(and(eq(links.id, id), isDue(rules)));
  return found.length === 1;
}
