import { randomUUID } from "node:crypto";
import type { Queryable } from "../../../db/client";
import { releaseClaim } from "../../../db/link-claims.store";
import type { LinkProblem, LinkRow } from "../../../db/link-row";
import type { Vault } from "../../vault/vault.server";
import { sealPassword, sealUnsettled } from "../sealed-fields.server";
import type { Left } from "./set-password-once";

/**
 * Six calls can follow one another: set, ask about each of three earlier passwords, set, ask. After that
 * this process is taken for dead.
 */
export const leaseSecondsFor = (keystoneTimeoutSeconds: number) =>
  Math.max(60, 6 * keystoneTimeoutSeconds);

/** A row that is held while its password is set, or asked after. */
export interface Claim {
  readonly id: string;
  readonly claimId: string;
  readonly userId: string;
  /** What the row was last given: whoever finds another there does not write over it. */
  sealedUnsettled: Buffer | null;
}

/** @returns what a row is claimed with */
export const newLease = ({ keystone }: { keystone: { timeoutSeconds: number } }) => ({
  claimId: randomUUID(),
  leaseSeconds: leaseSecondsFor(keystone.timeoutSeconds),
});

/**
 * Gives a claim back.
 *
 * @param change.left what the link keeps; left out: all as it is
 * @returns the row, or undefined where the claim was no longer this one's
 */
export async function giveBack(
  db: Queryable,
  vault: Vault,
  claim: Claim,
  { left, ...change }: { left?: Left; problem?: LinkProblem; settleAskedAt?: Date } = {},
): Promise<LinkRow | undefined> {
  const { userId } = claim;
  const initial = left?.initialPassword;
  return releaseClaim(db, claim, {
    ...change,
    ...(left && {
      unsettled: {
        before: claim.sealedUnsettled,
        after: sealUnsettled(vault, userId, left.unsettled),
      },
    }),
    ...(initial !== undefined && { sealedPassword: sealPassword(vault, userId, initial) }),
  });
}
