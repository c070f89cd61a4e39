import type { PermittedInitiator } from "../audit/initiator.server";
import type { LinkContext } from "../links/link-context.server";
import { revokeLink } from "../links/revoke-link.server";
import { type SetRandomPasswordResult, setRandomPassword } from "./set-random-password.server";

/**
 * Keeps the user of a link out, whatever Keystone has made of a redemption: the account gets a random
 * password that nobody knows, and the link, if it is still pending, is revoked. A redemption that
 * Keystone had let in before may still come true; the worker finds out.
 *
 * @param request.adminToken the administrator's Keystone token, scoped to the admin project
 * @throws {KeystoneError} as `setRandomPassword` does
 */
export async function endLink(
  context: LinkContext,
  request: { linkId: string; userId: string; adminToken: string },
  initiator: PermittedInitiator,
): Promise<{ ok: true } | Exclude<SetRandomPasswordResult, { ok: true }>> {
  const set = await setRandomPassword(context, request, initiator);
  if (!set.ok) return set;
  await revokeLink(context, { linkId: request.linkId, endsRedemption: true }, initiator);
  return { ok: true };
}
