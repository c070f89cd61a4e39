import { and, count, desc, eq, gte, inArray, lt, ne, type SQL, sql } from "drizzle-orm";
import type { PgUpdateSetSource } from "drizzle-orm/pg-core";
import { changeRow } from "./change-row";
import type { Queryable } from "./client";
import { dueRows, heldBy, inSeconds, type LeaseClaim } from "./lease";
import { links, type MAIL_STATES, type MAIL_TEMPLATES, mails } from "./schema";

export type MailTemplate = (typeof MAIL_TEMPLATES)[number];
export type MailState = (typeof MAIL_STATES)[number];
type MailRow = typeof mails.$inferSelect;

/** A mail that a worker took, and sends before the lease runs out. */
export interface ClaimedMail
  extends LeaseClaim,
    Readonly<Pick<MailRow, "linkId" | "template" | "recipient" | "sealedProps">> {}

/** How the newest "link" mail of a link stands. `lastError`: why the last try failed. */
export type LinkMail = Readonly<Omit<MailRow, "linkId" | "sealedProps" | "leasedUntil">>;

/** A mail to queue, due at once. */
export interface NewMail {
  /** Made beforehand, because the seal is bound to it. */
  readonly id: string;
  readonly linkId: string | undefined;
  readonly template: MailTemplate;
  readonly recipient: string;
  readonly sealedProps: Buffer;
}

export async function insertMail(db: Queryable, mail: NewMail): Promise<void> {
  await db.insert(mails).values(mail);
}

/** The part of a statement that queues a mail, where `from` has a row. */
export const mailOf = (mail: NewMail, from: SQL): SQL => sql`
  insert into mails (id, link_id, template, recipient, sealed_props)
  select ${mail.id}::uuid, ${mail.linkId ?? null}::uuid, ${mail.template}, ${mail.recipient}, ${mail.sealedProps}::bytea
  from ${from}`;

/** The part of a statement that drops the mail of the links in `from`, whose token no longer works. */
export const linkMailsCancelled = (from: SQL): SQL => sql`
  update mails set state = 'cancelled', sealed_props = null, leased_until = null
  where link_id in (select id from ${from}) and template = 'link' and state = 'queued'`;

/** Takes mails that are due, and counts the try: see `dueRows`. */
export async function claimDueMails(
  db: Queryable,
  options: { limit: number; leaseSeconds: number },
): Promise<ClaimedMail[]> {
  return db
    .update(mails)
    .set({ leasedUntil: inSeconds(options.leaseSeconds), attempts: sql`${mails.attempts} + 1` })
    .where(dueRows(db, mails, options))
    .returning({
      id: mails.id,
      linkId: mails.linkId,
      template: mails.template,
      recipient: mails.recipient,
      sealedProps: mails.sealedProps,
      attempt: mails.attempts,
    });
}

/**
 * The mail server took the mail: its content is erased. True whatever happened to the row meanwhile,
 * also where it was cancelled while it was on its way.
 */
export async function markSent(db: Queryable, id: string): Promise<void> {
  await db
    .update(mails)
    .set({
      state: "sent",
      sentAt: sql`now()`,
      sealedProps: null,
      leasedUntil: null,
      lastError: null,
    })
    .where(and(eq(mails.id, id), ne(mails.state, "sent")));
}

/** @returns whether the claim still held; if not, somebody else has decided */
const change = (db: Queryable, claim: LeaseClaim, to: PgUpdateSetSource<typeof mails>) =>
  changeRow(db, mails, heldBy(mails, claim), { ...to, leasedUntil: null });

/** @returns whether the claim still held */
export const markForRetry = (
  db: Queryable,
  claim: LeaseClaim,
  { delaySeconds, lastError }: { delaySeconds: number; lastError: string },
): Promise<boolean> => change(db, claim, { nextAttemptAt: inSeconds(delaySeconds), lastError });

/** Hands back a claim that was not used: the try does not count, and the mail is due at once. */
export const releaseClaim = (db: Queryable, claim: LeaseClaim): Promise<boolean> =>
  change(db, claim, { attempts: sql`${mails.attempts} - 1` });

/** Gives a mail up and erases its content. @returns whether the claim still held */
export const markFailed = (db: Queryable, claim: LeaseClaim, lastError: string): Promise<boolean> =>
  change(db, claim, { state: "failed", lastError, sealedProps: null });

/** Drops a mail that has become pointless and erases its content. @returns whether the claim still held */
export const markCancelled = (
  db: Queryable,
  claim: LeaseClaim,
  lastError: string,
): Promise<boolean> => change(db, claim, { state: "cancelled", lastError, sealedProps: null });

/**
 * Drops what is still queued for a link, and erases it: the link was renewed, revoked or used. A mail
 * that a worker is handing over at this very moment can still go out.
 *
 * @param options.template only mails of this kind; every kind when left out
 * @returns how many were dropped
 */
export async function cancelQueuedMails(
  db: Queryable,
  options: { linkId: string; template?: MailTemplate },
): Promise<number> {
  const cancelled = await db
    .update(mails)
    .set({ state: "cancelled", sealedProps: null, leasedUntil: null })
    .where(
      and(
        eq(mails.linkId, options.linkId),
        eq(mails.state, "queued"),
        options.template ? eq(mails.template, options.template) : undefined,
      ),
    )
    .returning({ id: mails.id });
  return cancelled.length;
}

/**
 * A link that was issued again has its row of before: what was mailed then brought another token.
 *
 * @returns by link id, the newest mail that brought this very link, or a later token of it
 */
export async function latestMailOfLinks(
  db: Queryable,
  linkIds: readonly string[],
): Promise<Map<string, LinkMail>> {
  const rows = await db
    .selectDistinctOn([mails.linkId], {
      linkId: mails.linkId,
      id: mails.id,
      template: mails.template,
      recipient: mails.recipient,
      state: mails.state,
      attempts: mails.attempts,
      lastError: mails.lastError,
      createdAt: mails.createdAt,
      sentAt: mails.sentAt,
      nextAttemptAt: mails.nextAttemptAt,
    })
    .from(mails)
    .innerJoin(links, eq(links.id, mails.linkId))
    .where(
      and(
        inArray(mails.linkId, [...linkIds]),
        eq(mails.template, "link"),
        gte(mails.createdAt, links.issuedAt),
      ),
    )
    .orderBy(mails.linkId, desc(mails.createdAt));
  return new Map(rows.map(({ linkId, ...mail }) => [linkId as string, mail]));
}

/** @returns for each state, how many mails are in it: for the metrics */
export async function countMailsByState(db: Queryable): Promise<Record<MailState, number>> {
  const counts: Record<MailState, number> = { queued: 0, sent: 0, failed: 0, cancelled: 0 };
  const rows = await db
    .select({ state: mails.state, count: count() })
    .from(mails)
    .groupBy(mails.state);
  for (const row of rows) counts[row.state] = row.count;
  return counts;
}

/**
 * Deletes the record of mails that were dealt with long ago; what is still queued stays.
 *
 * @returns how many were deleted
 */
export async function deleteOldMails(
  db: Queryable,
  options: { olderThanDays: number },
): Promise<number> {
  const deleted = await db
    .delete(mails)
    .where(
      and(
        ne(mails.state, "queued"),
        lt(mails.createdAt, sql`now() - make_interval(days => ${options.olderThanDays})`),
      ),
    )
    .returning({ id: mails.id });
  return deleted.length;
}
