import { listRoles } from "../keystone/roles.server";
import type { KeystoneSession } from "../keystone/session.server";
import type { Domain, KnownDomains } from "./known-domains.server";

/**
 * What an account can be made of, as far as Keystone tells whoever asks.
 *
 * @returns no domains where the token may not list them
 * @throws {KeystoneError} `forbidden`: the token may not list roles
 */
export async function whatToChoose(
  { keystone, knownDomains }: { keystone: KeystoneSession; knownDomains: KnownDomains },
  asker: { token: string; requestId: string },
): Promise<{ domains: readonly Domain[]; roles: { id: string; name: string }[] }> {
  const [domains, roles] = await Promise.all([
    knownDomains.list(asker),
    listRoles(keystone, asker),
  ]);
  return { domains, roles };
}
