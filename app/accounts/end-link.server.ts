import type { PermittedAdmin } from "../admins/permitted-admin.server";
import type { LinkContext, Origin } from "../links/link-context.server";
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
  admin: PermittedAdmin,
  request: { linkId: string; userId: string; adminToken: string },
  origin: Origin,
): Promise<{ ok: true } | Exclude<SetRandomPasswordResult, { ok: true }>> {
  const set = await setRandomPassword(context, admin, request, origin);
  if (!set.ok) return set;
  await revokeLink(context, admin, { linkId: request.linkId, endsRedemption: true }, origin);
  return { ok: true };
}
