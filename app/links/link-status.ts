import type { LinkRow } from "../../db/link-row";

export type LinkFacts = Readonly<Pick<LinkRow, "state" | "expiresAt" | "attempts" | "pinGuesses">>;

export interface LinkLimits {
  readonly maxAttempts: number;
  readonly maxPinGuesses: number;
}

export type LinkStatus = LinkRow["state"] | "expired" | "locked";

/**
 * @returns the stored state, or `locked` or `expired` for a pending link that can no longer be
 *   redeemed. Locked comes first: renewing an expired link gives back its time, never its guesses.
 */
export function linkStatus(link: LinkFacts, limits: LinkLimits, now: Date): LinkStatus {
  if (link.state !== "pending") return link.state;
  if (link.attempts >= limits.maxAttempts || link.pinGuesses >= limits.maxPinGuesses)
    return "locked";
  return link.expiresAt <= now ? "expired" : "pending";
}

/** @returns whether a redemption is under way; a lease that is over is none */
export const isClaimed = (link: { readonly claimedUntil: Date | null }, now: Date): boolean =>
  link.claimedUntil !== null && link.claimedUntil > now;

/** @returns how many wrong PINs the link still takes, over this link and over its PIN's life */
export function attemptsLeft(link: LinkFacts, limits: LinkLimits): number {
  return Math.max(
    0,
    Math.min(limits.maxAttempts - link.attempts, limits.maxPinGuesses - link.pinGuesses),
  );
}
