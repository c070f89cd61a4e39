import type { Queryable } from "../../db/client";
import { pickColumns } from "../../db/pick-columns";
import {
  countRequestsOfMailboxes,
  listResetRequests,
  type MailboxRequests,
  type ResetRequestQuery,
} from "../../db/reset-request-list.store";
import {
  closeResetRequest,
  findResetRequests,
  type ResetRequestRow,
} from "../../db/reset-requests.store";
import type { Admin, Initiator, PermittedInitiator } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import type { LinkContext } from "../links/link-context.server";
import { codeOfRequest, parseRequestCode } from "./request-code";
import { openRequest } from "./sealed-request.server";

const SHOWN = [
  ...(["id", "name", "email", "language", "state", "createdAt", "confirmedAt"] as const),
  ...(["closedAt", "closedByName", "answeredUserId"] as const),
] as const;

/** A request as the console shows it: its PIN stays on the server. */
export interface ResetRequestSummary extends Pick<ResetRequestRow, (typeof SHOWN)[number]> {
  /** Null where nobody was ever shown one: asked before requests were confirmed. */
  code: string | null;
  hasPin: boolean;
  /** How many requests of this mailbox are open, this one included. */
  openOfMailbox: number;
  /** When another request of this mailbox was answered with a link. */
  mailboxAnsweredAt: Date | null;
}

const summarize = (row: ResetRequestRow, mailbox: MailboxRequests): ResetRequestSummary => ({
  ...pickColumns(row, SHOWN),
  code: row.confirmedAt ? codeOfRequest(row.id) : null,
  hasPin: row.sealedPin !== null,
  openOfMailbox: mailbox.open,
  mailboxAnsweredAt: mailbox.answeredAt,
});

async function summarizeAll(
  { db }: Pick<LinkContext, "db">,
  rows: readonly ResetRequestRow[],
): Promise<ResetRequestSummary[]> {
  const ofMailbox = await countRequestsOfMailboxes(
    db,
    rows.map(({ email }) => email),
  );
  return rows.map((row) => summarize(row, ofMailbox(row.email)));
}

/**
 * @param query.search part of a name or an address, or a code; "" for all
 * @returns one page, newest first, and how many there are of that kind
 */
export async function listRequests(
  context: Pick<LinkContext, "db">,
  { search, ...query }: Omit<ResetRequestQuery, "search"> & { search: string },
): Promise<{ requests: ResetRequestSummary[]; total: number }> {
  const { rows, total } = await listResetRequests(context.db, {
    ...query,
    ...(search !== "" && { search: { text: search, code: parseRequestCode(search) } }),
  });
  return { requests: await summarizeAll(context, rows), total };
}

export async function countOpenRequests({ db }: Pick<LinkContext, "db">): Promise<number> {
  const { total } = await listResetRequests(db, { state: "open", limit: 0, offset: 0 });
  return total;
}

/** @returns undefined too where its mailbox has not confirmed it: then it does not count */
export async function getRequest(
  context: Pick<LinkContext, "db">,
  id: string,
): Promise<ResetRequestSummary | undefined> {
  const [request] = await getRequests(context, [id]);
  return request;
}

/** @returns those of them that count, oldest first */
export async function getRequests(
  context: Pick<LinkContext, "db">,
  ids: readonly string[],
): Promise<ResetRequestSummary[]> {
  return summarizeAll(context, await findResetRequests(context.db, ids));
}

/**
 * @returns the PIN given with an open request, for the link that answers it; undefined where the
 *   request is closed, was not confirmed, or is not as it was sealed. For the server alone: no page
 *   shows it.
 */
export async function openRequestPin(
  context: Pick<LinkContext, "db" | "vault" | "log">,
  { id }: { id: string },
): Promise<string | undefined> {
  const [row] = await findResetRequests(context.db, [id]);
  if (row?.state !== "open") return undefined;
  const sealed = openRequest(context, row);
  if (!sealed || sealed.before || sealed.confirmed) return sealed?.pin;
  context.log.error("reset.changed", { requestedResetId: id });
  return undefined;
}

export type CloseResult = { ok: true } | { ok: false; reason: "not-open" };

/**
 * Ends a request without a link, and erases its PIN. Nobody is told. It names no user that Keystone could
 * be asked about, so it takes the role `admin`: another role must not end what anybody has asked for.
 */
export async function closeRequest(
  context: Pick<LinkContext, "db">,
  { id }: { id: string },
  initiator: Initiator<Admin & { readonly holdsAdminRole: boolean }>,
): Promise<CloseResult | { ok: false; reason: "forbidden" }> {
  if (!initiator.actor.holdsAdminRole) return { ok: false, reason: "forbidden" };
  return context.db.transaction(async (tx): Promise<CloseResult> => {
    if (!(await closeRow(tx, id, initiator, null))) return NOT_OPEN;
    await record(tx, initiator, { action: "reset.closed", resetRequestId: id, outcome: "ok" });
    return { ok: true };
  });
}

/**
 * Ends a request that a link has answered, and erases its PIN. Other requests of its mailbox stay open:
 * they may be for another account, and the console says that this one was answered.
 *
 * @param tx the transaction that issues the link
 */
export async function closeAnswered(
  tx: Queryable,
  { id, userId, linkId }: { id: string; userId: string; linkId: string },
  initiator: PermittedInitiator,
): Promise<CloseResult> {
  if (!(await closeRow(tx, id, initiator, userId))) return NOT_OPEN;
  const answered = { action: "reset.answered", userId, linkId, resetRequestId: id } as const;
  await record(tx, initiator, { ...answered, outcome: "ok" });
  return { ok: true };
}

const NOT_OPEN = { ok: false, reason: "not-open" } as const;

const closeRow = (
  tx: Queryable,
  id: string,
  { actor }: Initiator<Admin>,
  answeredUserId: string | null,
) =>
  closeResetRequest(tx, {
    id,
    closedById: actor.userId,
    closedByName: actor.userName,
    answeredUserId,
  });
