/** An account as people name it when they sign in. */
export interface AccountName {
  readonly userName: string;
  readonly domainName: string;
}

/**
 * @returns one text for all spellings that a Keystone on MySQL, whose names know no case, no accents and no
 *   invisible characters, takes for the same account. Some that are two to it are one here: they share a
 *   counter, and nothing else
 */
export const accountKeyOf = ({ userName, domainName }: AccountName): string =>
  JSON.stringify([foldName(domainName), foldName(userName)]);

const foldName = (name: string) =>
  name
    .normalize("NFKD")
    .replace(/[\p{M}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, "")
    // In capitals, the dotless i is an I and the sharp s two, which its collations take for one as well; a
    // capital sharp s is so by way of the small one.
    .toLowerCase()
    .toUpperCase()
    .toLowerCase()
    .replaceAll("ss", "s")
    .trim();
