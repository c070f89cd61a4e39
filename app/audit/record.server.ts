import { insertEvent, type NewAuditEvent } from "../../db/audit-events.store";
import type { Queryable } from "../../db/client";
import {
  type Claimant,
  type Initiator,
  type PermittedInitiator,
  requirePermit,
  type SystemInitiator,
  type User,
} from "./initiator.server";

/** What was done to whom, and how it ended: `ok`, or the reason it was refused. */
export type Act = Pick<
  NewAuditEvent,
  "action" | "userId" | "linkId" | "resetRequestId" | "outcome" | "credential"
>;

type OnNobody = Act & { readonly userId?: undefined; readonly linkId?: undefined };

/**
 * Writes down an act in the transaction that does it. An administrator's act on a user takes a permit for
 * that user: without one neither the row nor the act comes about.
 *
 * @throws Error as `requirePermit` does
 */
export async function record(
  db: Queryable,
  initiator: PermittedInitiator | Initiator<Claimant | User> | SystemInitiator,
  act: Act,
): Promise<void>;
export async function record(db: Queryable, initiator: Initiator, act: OnNobody): Promise<void>;
export async function record(
  db: Queryable,
  initiator: Initiator | SystemInitiator,
  act: Act,
): Promise<void> {
  await insertEvent(db, eventOf(initiator, act));
}

/**
 * The row that `record` writes, for a statement that writes it along with something else.
 *
 * @throws Error as `requirePermit` does
 */
export function eventOf(initiator: Initiator | SystemInitiator, act: Act): NewAuditEvent {
  const { actor, requestId } = initiator;
  if (actor.kind === "admin" && act.userId != null)
    requirePermit(initiator as PermittedInitiator, act.userId);
  return {
    ...act,
    actorKind: actor.kind === "claimant" ? "admin" : actor.kind,
    actorId: actor.kind === "admin" ? actor.userId : undefined,
    actorName: "userName" in actor ? actor.userName : undefined,
    clientAddress: "clientAddress" in initiator ? initiator.clientAddress : undefined,
    requestId,
  };
}
