import { lt, sql } from "drizzle-orm";
import { RateLimiterDrizzle, RateLimiterRes } from "rate-limiter-flexible";
import type { Database, Queryable } from "./client";
import { rateLimits } from "./schema";

export type RateLimitResult = { ok: true } | { ok: false; retryAfterSeconds: number };

export interface RateLimit {
  /** Counts one. @throws where the database fails: who cannot be counted is not let in */
  take(key: string): Promise<RateLimitResult>;
  /** Forgets what was counted. */
  reset(key: string): Promise<void>;
}

/**
 * A counter in the database, shared by all replicas, that survives restarts.
 *
 * @param options.name the prefix of its keys
 * @param options.points how many in `windowSeconds`, counted from the first
 */
export function createRateLimit(
  db: Database,
  options: { name: string; points: number; windowSeconds: number },
): RateLimit {
  const limiter = new RateLimiterDrizzle({
    storeClient: db,
    schema: rateLimits,
    keyPrefix: options.name,
    points: options.points,
    duration: options.windowSeconds,
    // Ours is deleteEndedLimits, on the schedule of everything else that ends.
    clearExpiredByTimeout: false,
    // Counting is what this is for: a cache in memory would count each replica by itself.
    inMemoryBlockOnConsumed: 0,
  });
  return {
    async take(key) {
      try {
        await limiter.consume(key);
        return { ok: true };
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        return {
          ok: false,
          retryAfterSeconds: Math.max(1, Math.ceil(refusal.msBeforeNext / 1000)),
        };
      }
    },
    async reset(key) {
      await limiter.delete(key);
    },
  };
}

/** @returns how many counters whose window is over were deleted */
export async function deleteEndedLimits(db: Queryable): Promise<number> {
  const rows = await db
    .delete(rateLimits)
    .where(lt(rateLimits.expire, sql`clock_timestamp()`))
    .returning({ key: rateLimits.key });
  return rows.length;
}
