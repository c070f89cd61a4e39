import { findLinkByToken } from "../../db/links.store";
import { hashToken } from "../vault/vault.server";
import type { LinkContext } from "./link-context.server";
import type { LinkToken } from "./link-token.server";
import type { PasswordPolicyText } from "./password-rules";

/** What the holder of a link may see before typing the PIN: nothing that tells its state. */
export interface LinkView {
  readonly userId: string;
  readonly userName: string | null;
  readonly domainName: string | null;
  readonly policy: PasswordPolicyText;
  readonly pinLength: number;
  /** By its tag; null: nobody chose one. */
  readonly language: string | null;
}

/** Reads alone: mail scanners open links. @returns undefined for an unknown, replaced or used token */
export async function viewLink(
  { db, config }: Pick<LinkContext, "db" | "config">,
  token: LinkToken,
): Promise<LinkView | undefined> {
  const row = await findLinkByToken(db, hashToken(token));
  return (
    row && {
      userId: row.userId,
      userName: row.userName,
      domainName: row.userDomainName,
      policy: { regex: row.policyRegex, description: row.policyDescription },
      pinLength: row.pinLength ?? config.links.pinLength,
      language: row.language,
    }
  );
}
