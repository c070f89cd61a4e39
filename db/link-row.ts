import { isNull, lte, or, type SQL, sql } from "drizzle-orm";
import { type CHANGES_TO_TELL, links, type OWED_NOTICES } from "./schema";

export type LinkRow = typeof links.$inferSelect;

/** Why an administrator has to help. */
export type LinkProblem = NonNullable<LinkRow["problem"]>;
export type ChangeToTell = (typeof CHANGES_TO_TELL)[number];
export type OwedNotice = (typeof OWED_NOTICES)[number];

/** Passwords whose answer was lost: what a redemption's outcome would be asked with. */
export const nothingUnsettled = {
  sealedUnsettled: null,
  attemptedAt: null,
  settleAskedAt: null,
} as const;

/** No initial password waits to be replaced, and the link's own may be used. */
export const nothingScrambled = {
  sealedParked: null,
  scrambledAt: null,
  scrambleAskedAt: null,
} as const;

/**
 * What lets somebody in: gone when a link is done, so that whatever has one of these is pending, and has
 * both PIN and password or neither. `links_done_is_erased` and `links_pending_is_whole` hold it.
 */
export const erased = {
  tokenHash: null,
  sealedPinKey: null,
  pinMac: null,
  sealedPassword: null,
  claimedUntil: null,
  claimId: null,
} as const;

/** No redemption is under way, nor is anybody asking how one ended. */
export const unclaimed = or(
  isNull(links.claimedUntil),
  lte(links.claimedUntil, sql`clock_timestamp()`),
) as SQL;
