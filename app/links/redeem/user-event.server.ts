import type { NewAuditEvent } from "../../../db/audit-events.store";
import type { Origin } from "../link-context.server";

export const userEvent = (
  link: { id: string; userId: string },
  origin: Origin,
  action: "link.pin-refused" | "link.redeem-refused" | "link.redeemed",
  outcome: string,
): NewAuditEvent => ({
  action,
  actorKind: "user",
  userId: link.userId,
  linkId: link.id,
  outcome,
  clientAddress: origin.clientAddress,
  requestId: origin.requestId,
});
