/**
 * Letters of ASCII alone lose their case: Unicode's own folding makes one of letters that are not, such
 * as the Kelvin sign and k, and mail to the one does not reach the other.
 */
export const foldCase = (address: string): string =>
  address.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());

/**
 * @param address one bare address
 * @returns it with its domain in the form in which mail goes there, ASCII, of whatever spelling that form is
 *   made (`bücher.example`, full-width letters, soft hyphens); undefined where there is no such domain
 */
export function canonicalAddress(address: string): string | undefined {
  const at = address.lastIndexOf("@");
  const host = hostInAscii(address.slice(at + 1));
  return at > 0 && host !== "" ? `${address.slice(0, at)}@${host}` : undefined;
}

/** As the URL parser has it, which the mail transport uses as well, and browsers have too. */
function hostInAscii(domain: string): string {
  const url = `http://${domain}`;
  if (/[\s/?#@:%\\[\]]/.test(domain) || !URL.canParse(url)) return "";
  return new URL(url).hostname.replace(/\.+$/, "");
}

/** @returns whether mail to the one reaches the other; upper and lower case are one to mail servers */
export function isSameMailbox(one: string | null | undefined, other: string): boolean {
  const canonical = (address: string) => canonicalAddress(address.trim()) ?? address.trim();
  return one != null && foldCase(canonical(one)) === foldCase(canonical(other));
}
