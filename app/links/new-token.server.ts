import type { Transaction } from "../../db/client";
import { replaceToken } from "../../db/issue-link.store";
import type { LinkRow } from "../../db/link-row";
import {
  type PermittedInitiator,
  requirePermit,
  type SystemInitiator,
} from "../audit/initiator.server";
import { hashToken } from "../vault/vault.server";
import type { LinkContext } from "./link-context.server";
import { createLinkToken, type LinkToken } from "./link-token.server";
import { openKeptPinKey, sealPinKey } from "./pin.server";

/**
 * Gives a pending link a new token, for only a token's hash is kept; the old one no longer works. Lifetime
 * and attempts stay as they are.
 *
 * @param former the row, locked
 * @returns undefined where it cannot be redeemed (see `replaceToken`), and where nobody can read its PIN's key
 * @throws Error as `requirePermit` does
 */
export async function giveNewToken(
  { config, vault, log }: LinkContext,
  tx: Transaction,
  former: LinkRow,
  mailTo: string,
  initiator: PermittedInitiator | SystemInitiator,
): Promise<{ link: LinkRow; token: LinkToken } | undefined> {
  const { id, userId } = former;
  if ("permits" in initiator) requirePermit(initiator, userId);
  if (!former.sealedPinKey || !former.tokenHash) return undefined;
  const token = createLinkToken();
  const tokenHash = hashToken(token);
  const pinKey = openKeptPinKey(vault, former.sealedPinKey, {
    userId,
    tokenHash: former.tokenHash,
  });
  if (!pinKey) {
    log.error("link.seal-broken", { linkId: id, userId, requestId: initiator.requestId });
    return undefined;
  }
  const sealedPinKey = sealPinKey(vault, pinKey, { userId, tokenHash });
  const link = await replaceToken(tx, { id, tokenHash, sealedPinKey, mailTo }, config.links);
  return link && { link, token };
}
