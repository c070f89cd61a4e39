import { type AuditEvent, listEventsOfUser } from "../../db/audit-events.store";
import { type LinkCount, type LinkQuery, listLinks as listRows } from "../../db/link-list.store";
import { readMarker, writeMarker } from "../../db/link-list-order";
import type { LinkRow } from "../../db/link-row";
import { findLink, findLinkOfUser } from "../../db/links.store";
import { type LinkMail, latestMailOfLinks } from "../../db/mails.store";
import { pickColumns } from "../../db/pick-columns";
import type { LinkContext } from "./link-context.server";
import { attemptsLeft, isClaimed, type LinkStatus, linkStatus } from "./link-status";

export type { LinkCount, LinkFilter, LinkQuery } from "../../db/link-list.store";
export type { AuditEvent, LinkMail };

const SHOWN = [
  ...(["id", "userId", "userName", "userDomainName", "userFound", "problem", "mailTo"] as const),
  ...(["language", "issuedAt", "issuedByName", "issuedVia"] as const),
  ...(["expiresAt", "completedAt", "revokedAt"] as const),
] as const;

/** A link as the console shows it: no hash, nothing sealed. */
export interface LinkSummary extends Pick<LinkRow, (typeof SHOWN)[number]> {
  status: LinkStatus;
  /** Pending by state, with its secrets still there: it can be renewed without a new PIN. */
  renewable: boolean;
  /** Its initial password is not to be used again: setpass replaces it in Keystone. */
  scrambled: boolean;
  attemptsLeft: number;
  /** The PIN was guessed wrong too often over several links: renewing takes a new one. */
  pinExhausted: boolean;
  /** Somebody typed the right PIN, and Keystone may be setting their password at this moment. */
  redeeming: boolean;
  /** An answer of Keystone's was lost: whether a password came into force is being found out. */
  unsettled: boolean;
  mail: LinkMail | null;
}

/** A page of the list: the one that comes after a row, or before it. In an address it stays the same one. */
export interface PagePlace {
  side: "after" | "before";
  /** From `previous` or `next`. */
  marker: string;
}

/**
 * @param query.place the first page when left out, and where it is none of this order
 * @returns one page, how many there are under this filter, and the places of the pages beside it
 */
export async function listLinks(
  { db, config }: Pick<LinkContext, "db" | "config">,
  { place, ...query }: Omit<LinkQuery, "limits" | "from"> & { place?: PagePlace },
): Promise<{ links: LinkSummary[]; count: LinkCount; previous?: PagePlace; next?: PagePlace }> {
  const marker = place && readMarker(place.marker, query.sort);
  const { rows, count, previous, next } = await listRows(db, {
    ...query,
    ...(place && marker && { from: { side: place.side, marker } }),
    limits: config.links,
  });
  const mails = await latestMailOfLinks(
    db,
    rows.map((row) => row.id),
  );
  return {
    links: rows.map((row) => summarize(row, mails.get(row.id), config)),
    count,
    ...(previous && { previous: { side: "before", marker: writeMarker(previous) } }),
    ...(next && { next: { side: "after", marker: writeMarker(next) } }),
  };
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
  return {
    ...pickColumns(row, SHOWN),
    status: linkStatus(row, config.links, new Date()),
    renewable: row.sealedPassword !== null,
    scrambled: row.scrambledAt !== null,
    attemptsLeft: attemptsLeft(row, config.links),
    pinExhausted: row.pinGuesses >= config.links.maxPinGuesses,
    redeeming: isClaimed(row, new Date()),
    unsettled: row.sealedUnsettled !== null,
    mail: mail ?? null,
  };
}
