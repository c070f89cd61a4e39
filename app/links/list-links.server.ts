import { type AuditEvent, listEventsOfUser } from "../../db/audit-events.store";
import { type LinkQuery, listLinks as listRows } from "../../db/link-list.store";
import type { LinkRow } from "../../db/link-row";
import { findLink, findLinkOfUser } from "../../db/links.store";
import { type LinkMail, latestMailOfLinks } from "../../db/mails.store";
import type { LinkContext } from "./link-context.server";
import { attemptsLeft, isClaimed, type LinkStatus, linkStatus } from "./link-status";

export type { LinkFilter, LinkQuery } from "../../db/link-list.store";
export type { AuditEvent, LinkMail };

/** A link as the console shows it: no hash, nothing sealed. */
export interface LinkSummary {
  id: string;
  userId: string;
  userName: string | null;
  userDomainName: string | null;
  /** False: Keystone knows no such user. Null: not asked yet. */
  userFound: boolean | null;
  status: LinkStatus;
  /** Pending by state, with its secrets still there: it can be renewed without a new PIN. */
  renewable: boolean;
  attemptsLeft: number;
  /** The PIN was guessed wrong too often over several links: renewing takes a new one. */
  pinExhausted: boolean;
  problem: LinkRow["problem"];
  /** Somebody typed the right PIN, and Keystone may be setting their password at this moment. */
  redeeming: boolean;
  /** An answer of Keystone's was lost: whether a password came into force is being found out. */
  unsettled: boolean;
  mailTo: string | null;
  mail: LinkMail | null;
  issuedAt: Date;
  issuedByName: string | null;
  issuedVia: LinkRow["issuedVia"];
  expiresAt: Date;
  completedAt: Date | null;
  revokedAt: Date | null;
}

/** @returns one page and the total under this filter */
export async function listLinks(
  { db, config }: Pick<LinkContext, "db" | "config">,
  query: Omit<LinkQuery, "limits">,
): Promise<{ links: LinkSummary[]; total: number }> {
  const { rows, total } = await listRows(db, { ...query, limits: config.links });
  const mails = await latestMailOfLinks(
    db,
    rows.map((row) => row.id),
  );
  return { links: rows.map((row) => summarize(row, mails.get(row.id), config)), total };
}

/** @returns a link with what happened to its user's links, newest first; undefined: no such link */
export async function getLink(
  { db, config }: Pick<LinkContext, "db" | "config">,
  id: string,
): Promise<{ link: LinkSummary; events: AuditEvent[] } | undefined> {
  const row = await findLink(db, id);
  if (!row) return undefined;
  const [mails, events] = await Promise.all([
    latestMailOfLinks(db, [id]),
    listEventsOfUser(db, { userId: row.userId, limit: 50 }),
  ]);
  return { link: summarize(row, mails.get(id), config), events };
}

/** @returns the user's newest link, or undefined */
export async function getLinkOfUser(
  { db, config }: Pick<LinkContext, "db" | "config">,
  userId: string,
): Promise<LinkSummary | undefined> {
  const row = await findLinkOfUser(db, userId);
  return row && summarize(row, undefined, config);
}

function summarize(
  row: LinkRow,
  mail: LinkMail | undefined,
  config: LinkContext["config"],
): LinkSummary {
  const status = linkStatus(row, config.links, new Date());
  const pinExhausted = row.pinGuesses >= config.links.maxPinGuesses;
  return {
    id: row.id,
    userId: row.userId,
    userName: row.userName,
    userDomainName: row.userDomainName,
    userFound: row.userFound,
    status,
    renewable: row.sealedPassword !== null,
    attemptsLeft: attemptsLeft(row, config.links),
    pinExhausted,
    problem: row.problem,
    redeeming: isClaimed(row, new Date()),
    unsettled: row.sealedUnsettled !== null,
    mailTo: row.mailTo,
    mail: mail ?? null,
    issuedAt: row.issuedAt,
    issuedByName: row.issuedByName,
    issuedVia: row.issuedVia,
    expiresAt: row.expiresAt,
    completedAt: row.completedAt,
    revokedAt: row.revokedAt,
  };
}
