import type { Admin, Initiator, PermittedInitiator } from "../audit/initiator.server";
import { isKeystoneError } from "../keystone/errors.server";
import type { KeystoneSession } from "../keystone/session.server";
import { mayChangeUser } from "../keystone/users.server";
import type { LinkContext } from "../links/link-context.server";

/** An administrator who asks to act, with what Keystone says of their token. */
export interface Caller extends Admin {
  /** A Keystone token scoped to the admin project. In memory alone. */
  readonly keystoneToken: string;
  /** Keystone's policy lets whoever has the role change every user. */
  readonly holdsAdminRole: boolean;
}

export type Permit =
  | { ok: true; initiator: PermittedInitiator }
  /** Keystone's policy does not let the caller change this user. */
  | { ok: false; reason: "forbidden" }
  | { ok: false; reason: "unknown-user" }
  /** Keystone takes the caller's token no more. */
  | { ok: false; reason: "token-ended" }
  | { ok: false; reason: "keystone-unavailable"; retryAfterSeconds: number };

const RETRY_AFTER_SECONDS = 10;

/**
 * Finds out whether the caller may change this user. With the role `admin` they may, each user there is or
 * may be; with any other Keystone is asked, at every act: its answer is not remembered.
 */
export async function permitCaller(
  { keystone, log }: Pick<LinkContext, "log"> & { keystone: KeystoneSession },
  userId: string,
  { actor: caller, clientAddress, requestId }: Initiator<Caller>,
): Promise<Permit> {
  const permitTo = (permits: PermittedInitiator["permits"]): Permit => {
    const { kind, userId, userName, userEmail } = caller;
    const actor = { kind, userId, userName, ...(userEmail !== undefined && { userEmail }) };
    return {
      ok: true,
      initiator: { actor, clientAddress, requestId, permits } as PermittedInitiator,
    };
  };
  if (caller.holdsAdminRole) return permitTo("any-user");
  const permit = await askKeystone();
  if (!permit.ok)
    log.warn("link.not-permitted", {
      userId,
      actorId: caller.userId,
      reason: permit.reason,
      requestId,
    });
  return permit;

  async function askKeystone(): Promise<Permit> {
    try {
      const token = caller.keystoneToken;
      const answer = await mayChangeUser(keystone, { token, userId, requestId });
      if (answer === "yes") return permitTo({ userId });
      return { ok: false, reason: answer === "no" ? "forbidden" : "unknown-user" };
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      if (error.kind === "unauthorized") return { ok: false, reason: "token-ended" };
      const retryAfterSeconds = error.retryAfterSeconds ?? RETRY_AFTER_SECONDS;
      return { ok: false, reason: "keystone-unavailable", retryAfterSeconds };
    }
  }
}
