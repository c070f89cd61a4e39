import { recordEvent } from "../../db/audit-events.store";
import {
  closeResetRequest,
  findResetRequest,
  listResetRequests,
  type ResetRequestRow,
} from "../../db/reset-requests.store";
import type { Admin, LinkContext, Origin } from "../links/link-context.server";
import { requestPinOf } from "./request-reset.server";

/** A request as the console shows it: its PIN stays on the server. */
export interface ResetRequestSummary {
  id: string;
  name: string;
  email: string;
  state: ResetRequestRow["state"];
  createdAt: Date;
  closedAt: Date | null;
  closedByName: string | null;
  hasPin: boolean;
}

const summarize = ({ sealedPin, closedById: _, ...row }: ResetRequestRow): ResetRequestSummary => ({
  ...row,
  hasPin: sealedPin !== null,
});

/** @returns one page, newest first, and how many there are in that state */
export async function listRequests(
  { db }: Pick<LinkContext, "db">,
  query: { state: ResetRequestRow["state"]; limit: number; offset: number },
): Promise<{ requests: ResetRequestSummary[]; total: number }> {
  const { rows, total } = await listResetRequests(db, query);
  return { requests: rows.map(summarize), total };
}

export async function getRequest(
  { db }: Pick<LinkContext, "db">,
  id: string,
): Promise<ResetRequestSummary | undefined> {
  const row = await findResetRequest(db, id);
  return row && summarize(row);
}

/**
 * @returns the PIN given with an open request, for the link that answers it; undefined where the
 *   request is closed. For the server alone: no page shows it.
 */
export async function openRequestPin(
  { db, vault }: Pick<LinkContext, "db" | "vault">,
  { id }: { id: string },
): Promise<string | undefined> {
  const row = await findResetRequest(db, id);
  if (row?.state !== "open" || !row.sealedPin) return undefined;
  return vault.open(row.sealedPin, requestPinOf(id)).toString("utf8");
}

/** Ends a request, answered or not, and erases its PIN. */
export async function closeRequest(
  { db }: Pick<LinkContext, "db">,
  admin: Admin,
  { id }: { id: string },
  origin: Origin,
): Promise<{ ok: true } | { ok: false; reason: "not-open" }> {
  const closed = await db.transaction(async (tx) => {
    const was = await closeResetRequest(tx, {
      id,
      closedById: admin.userId,
      closedByName: admin.userName,
    });
    if (was)
      await recordEvent(tx, {
        action: "reset.closed",
        actorKind: "admin",
        actorId: admin.userId,
        actorName: admin.userName,
        outcome: "ok",
        clientAddress: origin.clientAddress,
        requestId: origin.requestId,
      });
    return was;
  });
  return closed ? { ok: true } : { ok: false, reason: "not-open" };
}
