import type { Database } from "./client";
import { limitKeyOf } from "./limit-key";
import { createRateLimit, type HashKey } from "./rate-limits.store";

/** What those may add to the audit trail who are nobody yet: a refused sign-in, an unknown token. */
export interface AnonymousEvents {
  /**
   * Asked before such an event is written, outside of any transaction: it counts by itself.
   *
   * @returns whether it still may be. The trail can never be shortened, so no flood may fill it; the
   *   log has every request in any case.
   */
  admit(clientAddress: string | undefined): Promise<boolean>;
}

const WINDOW_SECONDS = 3600;
const MOST_OF_ONE_ADDRESS = 60;
const MOST_OF_ALL = 1000;

/**
 * Counts in the database, for all replicas together.
 *
 * @param name prefix of its keys: what is counted by another name has a room of its own in the trail, and
 *   cannot silence this
 */
export function createAnonymousEvents(
  db: Database,
  hashKey: HashKey,
  name: "events" | "token-events" | "reset-events" = "events",
): AnonymousEvents {
  const limits = { windowSeconds: WINDOW_SECONDS, hashKey };
  const ofOne = createRateLimit(db, { ...limits, name: `${name}-of`, points: MOST_OF_ONE_ADDRESS });
  const ofAll = createRateLimit(db, { ...limits, name, points: MOST_OF_ALL });
  return {
    async admit(clientAddress = "unknown") {
      // One address first, so that it cannot use up what is for all.
      const from = limitKeyOf(clientAddress);
      return (await ofOne.take(from)).ok && (await ofAll.take("all")).ok;
    },
  };
}
