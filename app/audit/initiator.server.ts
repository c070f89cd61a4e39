import { limitKeyOf } from "../../db/limit-key";

/** An administrator, or the script of one: Keystone has said who they are. */
export interface Admin {
  readonly kind: "admin";
  readonly userId: string;
  readonly userName: string;
  readonly userEmail?: string;
}

/** Somebody who wants to be taken for an administrator. A name is what they say, and proves nothing. */
export interface Claimant {
  readonly kind: "claimant";
  readonly userName?: string;
}

/** Whoever opens a link, asks for one, or is about to sign in. */
export interface User {
  readonly kind: "user";
}

/** Who acts, and from where: for the audit trail, and for Keystone's logs. */
export interface Initiator<Who extends Admin | Claimant | User = Admin | Claimant | User> {
  readonly actor: Who;
  readonly clientAddress?: string;
  /** `req-<uuid>`, the one Keystone is told as well. */
  readonly requestId: string;
}

export type Visitor = Initiator<User>;

/** The server itself, at work that nobody has asked for now. */
export interface SystemInitiator {
  readonly actor: { readonly kind: "system" };
  readonly requestId?: string;
}

declare const permitted: unique symbol;

/**
 * An administrator who is known to be allowed to change a user. Whatever uses or overwrites what is kept
 * about somebody takes one, never a bare `Initiator`: not everybody who may sign in may change that account
 * in Keystone, and what is kept must not be a way round its policy. Only `permitCaller` makes one.
 */
export interface PermittedInitiator extends Initiator<Admin> {
  /** Whom they may change. */
  readonly permits: "any-user" | { readonly userId: string };
  readonly [permitted]: true;
}

/** @throws Error where it is about another user than the one that was asked about: a mistake of ours */
export function requirePermit({ permits }: PermittedInitiator, userId: string): void {
  if (permits !== "any-user" && permits?.userId !== userId)
    throw new Error("An act on another user than the one Keystone was asked about");
}

/** @returns in whose line a call to Keystone waits that comes from there: see `Caller` */
export const partyOf = ({ clientAddress = "unknown" }: Pick<Initiator, "clientAddress">): string =>
  limitKeyOf(clientAddress);
