import type { AnonymousEvents } from "../../db/anonymous-events.store";
import type { Database } from "../../db/client";
import { limitKeyOf } from "../../db/limit-key";
import { createRateLimit, type HashKey, type RateLimitResult } from "../../db/rate-limits.store";
import { record } from "../audit/record.server";
import type { Log } from "../telemetry/log.server";

export interface RefusedToken {
  readonly reason: "unknown-token" | "not-admin";
  /** Whose it is, where Keystone has said so. */
  readonly owner?: { readonly id: string; readonly name: string };
  readonly clientAddress: string;
  readonly requestId: string;
}

/** What is remembered of tokens that were refused: a count for each address, and the trail. */
export interface RefusedTokens {
  /**
   * Asked before Keystone is, about a token that may be anything. Counts nothing: a good token costs no
   * write. So as many as are asked about at once can come to a refusal beyond the limit; there is nothing
   * to be guessed, this only keeps Keystone from being flooded.
   */
  mayAsk(clientAddress: string): Promise<RateLimitResult>;
  /** Counts it, and writes it down as far as the trail has room. */
  note(refused: RefusedToken): Promise<void>;
}

/** One account's refused tokens in the trail, in an hour: it could go on for as long as it exists. */
const MOST_OF_ONE_OWNER = 60;

/** @param options.perMinute refusals from one address after which unknown tokens are not asked about */
export function createRefusedTokens({
  db,
  anonymousEvents,
  log,
  hashKey,
  perMinute,
}: {
  db: Database;
  anonymousEvents: AnonymousEvents;
  log: Log;
  hashKey: HashKey;
  perMinute: number;
}): RefusedTokens {
  const ofAddress = createRateLimit(db, {
    name: "tokens",
    points: perMinute,
    windowSeconds: 60,
    hashKey,
  });
  const eventsOfOwner = createRateLimit(db, {
    name: "token-events-of-owner",
    points: MOST_OF_ONE_OWNER,
    windowSeconds: 3600,
    hashKey,
  });
  return {
    mayAsk: (clientAddress) => ofAddress.look(limitKeyOf(clientAddress)),
    async note({ reason, owner, clientAddress, requestId }) {
      await ofAddress.take(limitKeyOf(clientAddress));
      const isAdmitted = owner
        ? (await eventsOfOwner.take(owner.id)).ok
        : await anonymousEvents.admit(clientAddress);
      if (!isAdmitted) {
        log.warn("audit.left-out", { reason: "token.refused", clientAddress, requestId });
        return;
      }
      const actor = owner
        ? ({ kind: "admin", userId: owner.id, userName: owner.name } as const)
        : ({ kind: "claimant" } as const);
      const initiator = { actor, clientAddress, requestId };
      await record(db, initiator, { action: "token.refused", outcome: reason });
    },
  };
}
