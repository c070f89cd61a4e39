/**
 * Letters of ASCII alone lose their case: Unicode's own folding makes one of letters that are not, such
 * as the Kelvin sign and k, and mail to the one does not reach the other.
 */
export const foldCase = (address: string): string =>
  address.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/** @returns whether mail to the one reaches the other; upper and lower case are one to mail servers */
export const isSameMailbox = (one: string | null | undefined, other: string): boolean =>
  one != null && foldCase(one.trim()) === foldCase(other.trim());
