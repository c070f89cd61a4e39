/** An account as people name it when they sign in. */
export interface AccountName {
  readonly userName: string;
  /** The domain's name. */
  readonly domainName: string;
}

/**
 * @returns one text for all spellings that a Keystone on MySQL, whose names know no case and no accents,
 *   takes for the same account
 */
export const accountKeyOf = ({ userName, domainName }: AccountName): string =>
  JSON.stringify([foldName(domainName), foldName(userName)]);

const foldName = (name: string) => name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
