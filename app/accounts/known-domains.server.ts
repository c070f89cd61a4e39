import { LRUCache } from "lru-cache";
import { listDomains } from "../keystone/domains.server";
import type { KeystoneSession } from "../keystone/session.server";
import { hashToken } from "../vault/vault.server";

export interface Domain {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
}

export interface KnownDomains {
  /**
   * @param asked.token whose holder asks: what one may read is not told to another
   * @returns every domain; none where the token may not list them
   */
  list(asked: { token: string; requestId: string }): Promise<readonly Domain[]>;
  /** The same, asked anew: for what was not among them. */
  listAnew(asked: { token: string; requestId: string }): Promise<readonly Domain[]>;
}

const FRESH_MS = 60_000;
const MAX_TOKENS = 100;

/** Domains seldom change, and listing them takes Keystone as long as the users of a page. */
export function createKnownDomains(keystone: KeystoneSession): KnownDomains {
  const known = new LRUCache<string, readonly Domain[]>({ max: MAX_TOKENS, ttl: FRESH_MS });
  const keyOf = (token: string) => hashToken(token).toString("base64");
  const listAnew: KnownDomains["listAnew"] = async (asked) => {
    try {
      const domains = await listDomains(keystone, asked);
      known.set(keyOf(asked.token), domains);
      return domains;
    } catch {
      // Without the right to list domains one can still work: they go by their ids then.
      return [];
    }
  };
  return {
    list: async (asked) => known.get(keyOf(asked.token)) ?? listAnew(asked),
    listAnew,
  };
}
