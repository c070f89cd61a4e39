/** A year: the most that TOKEN_EXPIRATION and whoever issues a link may say. */
export const LONGEST_LIFETIME_SECONDS = 31_536_000;

/** @returns whether a link can last so long */
export const isLinkLifetime = (seconds: number): boolean =>
  Number.isInteger(seconds) && seconds >= 1 && seconds <= LONGEST_LIFETIME_SECONDS;
