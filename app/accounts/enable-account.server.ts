import { type PermittedInitiator, requirePermit } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import { isKeystoneError } from "../keystone/errors.server";
import { type EnableUserOutcome, enableUser } from "../keystone/users.server";
import type { LinkContext } from "../links/link-context.server";

/**
 * Enables a disabled account, with the administrator's own rights.
 *
 * @param request.adminToken the administrator's Keystone token, scoped to the admin project
 * @throws {KeystoneError} for an outage, and `unauthorized` where the token is no longer good
 */
export async function enableAccount(
  { db, keystone, log }: Pick<LinkContext, "db" | "keystone" | "log">,
  { userId, adminToken }: { userId: string; adminToken: string },
  initiator: PermittedInitiator,
): Promise<EnableUserOutcome> {
  requirePermit(initiator, userId);
  const { requestId, actor } = initiator;
  const note = (outcome: string) =>
    record(db, initiator, { action: "user.enabled", userId, outcome, credential: "caller" });
  let outcome: EnableUserOutcome;
  try {
    outcome = await enableUser(keystone, { token: adminToken, userId, requestId });
  } catch (error) {
    if (isKeystoneError(error) && error.mayHaveHappened) await note("unknown");
    throw error;
  }
  await note(outcome.ok ? "ok" : outcome.reason);
  const reason = outcome.ok ? undefined : outcome.reason;
  log.info("user.enabled", { userId, actorId: actor.userId, requestId, reason });
  return outcome;
}
