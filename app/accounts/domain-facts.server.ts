import { LRUCache } from "lru-cache";
import { getDomain, getPasswordPolicy, type PasswordPolicy } from "../keystone/domains.server";
import { isKeystoneOutage } from "../keystone/errors.server";
import type { KeystoneSession } from "../keystone/session.server";

/** What every user of a domain shares. */
export interface DomainFacts {
  /** Null where the token may not read it. */
  readonly name: string | null;
  readonly policy: PasswordPolicy;
}

export type ReadDomainFacts = typeof readDomainFacts;

/** @throws {KeystoneError} for an outage, and where the token is not good */
export async function readDomainFacts(
  keystone: KeystoneSession,
  lookUp: { token: string; domainId: string; requestId?: string },
): Promise<DomainFacts> {
  const [domain, policy] = await Promise.all([
    getDomain(keystone, lookUp).catch((error) => {
      // What is written down as not known is not asked for again, and an outage is over some time.
      if (isKeystoneOutage(error)) throw error;
      return undefined;
    }),
    getPasswordPolicy(keystone, lookUp),
  ]);
  return { name: domain?.name ?? null, policy };
}

/** Three hundred users of one domain are one question about the domain, not three hundred. */
const FRESH_MS = 60_000;

/** @returns the same, remembered for a minute: for what goes with a link, whoever asks */
export function rememberDomainFacts(): ReadDomainFacts {
  const known = new LRUCache<string, DomainFacts>({ max: 100, ttl: FRESH_MS });
  return async (keystone, lookUp) => {
    const remembered = known.get(lookUp.domainId);
    if (remembered) return remembered;
    const facts = await readDomainFacts(keystone, lookUp);
    // Another may be allowed to read its name.
    if (facts.name !== null) known.set(lookUp.domainId, facts);
    return facts;
  };
}
