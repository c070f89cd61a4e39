import type { NewAuditEvent } from "../../db/audit-events.store";
import { isKeystoneError } from "../keystone/errors.server";
import { mayChangeUser } from "../keystone/users.server";
import type { Admin, LinkContext, Origin } from "../links/link-context.server";

/** Made here alone: what is not, the compiler does not take for one. */
declare const permitted: unique symbol;

/**
 * An administrator of whom it is known that they may change a user. Whatever uses or overwrites what is
 * kept of somebody takes one, never a bare `Admin`: whoever is let in is not always one whom Keystone would
 * let near that account, and what is kept would then be a way round Keystone's policy.
 */
export interface PermittedAdmin extends Admin {
  /** Whom they may change. */
  readonly permits: "any-user" | { readonly userId: string };
  readonly [permitted]: true;
}

/** Who asks to act, with what Keystone says of their token. */
export interface Caller extends Admin {
  /** A Keystone token scoped to the admin project. */
  readonly token: string;
  readonly holdsAdminRole: boolean;
}

export type Permit =
  | { ok: true; admin: PermittedAdmin }
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
  { keystone, log }: Pick<LinkContext, "keystone" | "log">,
  caller: Caller,
  userId: string,
  origin: Origin,
): Promise<Permit> {
  const { requestId } = origin;
  const admin = (permits: PermittedAdmin["permits"]): Permit => ({
    ok: true,
    admin: {
      userId: caller.userId,
      userName: caller.userName,
      ...(caller.userEmail !== undefined && { userEmail: caller.userEmail }),
      permits,
    } as PermittedAdmin,
  });
  if (caller.holdsAdminRole) return admin("any-user");
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
      const answer = await mayChangeUser(keystone, { token: caller.token, userId, requestId });
      if (answer === "yes") return admin({ userId });
      return { ok: false, reason: answer === "no" ? "forbidden" : "unknown-user" };
    } catch (error) {
      if (!isKeystoneError(error)) throw error;
      if (error.kind === "unauthorized") return { ok: false, reason: "token-ended" };
      const retryAfterSeconds = error.retryAfterSeconds ?? RETRY_AFTER_SECONDS;
      return { ok: false, reason: "keystone-unavailable", retryAfterSeconds };
    }
  }
}

/** @throws Error where it is about another user than the one that was asked about: a mistake of ours */
export function requirePermit({ permits }: PermittedAdmin, userId: string): void {
  if (permits !== "any-user" && permits.userId !== userId)
    throw new Error("An act on another user than the one Keystone was asked about");
}

/**
 * An act's row in the trail. Written in the act's transaction, it keeps an act on anybody else from
 * happening.
 *
 * @throws Error as `requirePermit`
 */
export function adminEvent(
  admin: PermittedAdmin,
  origin: Origin,
  act: Pick<NewAuditEvent, "action" | "linkId" | "outcome"> & { userId: string },
): NewAuditEvent {
  requirePermit(admin, act.userId);
  return {
    ...act,
    actorKind: "admin",
    actorId: admin.userId,
    actorName: admin.userName,
    clientAddress: origin.clientAddress,
    requestId: origin.requestId,
  };
}
