import { randomInt } from "node:crypto";
import { and, eq, gt, lt, sql } from "drizzle-orm";
import { RateLimiterDrizzle, RateLimiterRes } from "rate-limiter-flexible";
import type { Database, Queryable } from "./client";
import { rateLimits } from "./schema";

export type RateLimitResult = { ok: true } | { ok: false; retryAfterSeconds: number };

/** A keyed hash of what is counted: see `Vault.fingerprint`. */
export type HashKey = (key: string) => string;

export interface RateLimit {
  /** Counts one. @throws where the database fails: who cannot be counted is not let in */
  take(key: string): Promise<RateLimitResult>;
  /** Counts nothing. @returns whether there is room for one. @throws as `take` */
  look(key: string): Promise<RateLimitResult>;
  /** Takes one back that was counted and turned out right. */
  giveBack(key: string): Promise<void>;
  /** Forgets what was counted. */
  reset(key: string): Promise<void>;
}

/**
 * A counter in the database, shared by all replicas, that survives restarts.
 *
 * @param options.name the prefix of its keys
 * @param options.points how many in `windowSeconds`, counted from the first
 * @param options.hashKey makes of a key what the table may show of it. People type passwords into the name
 *   field: with a plain hash, whoever has a dump could try what they typed
 */
export function createRateLimit(
  db: Database,
  options: { name: string; points: number; windowSeconds: number; hashKey: HashKey },
): RateLimit {
  const limiter = new RateLimiterDrizzle({
    storeClient: db,
    schema: rateLimits,
    keyPrefix: options.name,
    points: options.points,
    duration: options.windowSeconds,
    // Ours is deleteEndedLimits, on the schedule of everything else that ends.
    clearExpiredByTimeout: false,
  });
  const { hashKey, points } = options;
  const refused = ({ msBeforeNext }: RateLimiterRes): RateLimitResult => ({
    ok: false,
    retryAfterSeconds: Math.max(1, Math.ceil(msBeforeNext / 1000)),
  });
  return {
    async take(key) {
      try {
        await limiter.consume(hashKey(key));
        return { ok: true };
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        return refused(refusal);
      }
    },
    async look(key) {
      const counted = await limiter.get(hashKey(key));
      return counted && counted.consumedPoints >= points ? refused(counted) : { ok: true };
    },
    async giveBack(key) {
      // Not the limiter's own `reward`: where the window has ended, that begins one with a point too many.
      await db
        .update(rateLimits)
        .set({ points: sql`${rateLimits.points} - 1` })
        .where(and(eq(rateLimits.key, limiter.getKey(hashKey(key))), gt(rateLimits.points, 0)));
    },
    async reset(key) {
      await limiter.delete(hashKey(key));
    },
  };
}

export type Hold =
  | { ok: true; release(): Promise<void> }
  /** Somebody else has it, for so long at most. */
  | { ok: false; retryAfterSeconds: number };

/**
 * One holder at a time of what a key names, over all replicas, and by the database's clock. No transaction
 * stays open for it: it is for work that waits for others, such as Keystone. Who dies holding it lets go
 * when its time is over.
 *
 * @param hold.key a keyed hash with a prefix of its own, as those of the counters
 * @param hold.seconds longer than the work can take
 */
export async function takeHold(
  db: Queryable,
  { key, seconds }: { key: string; seconds: number },
): Promise<Hold> {
  // Tells this holder from a later one, should this one be late to let go.
  const holder = randomInt(2 ** 31);
  const [row] = await db.execute<{ taken: boolean; left: number | null }>(sql`
    with taken as (
      insert into rate_limits as held (key, points, expire)
      values (${key}, ${holder}, clock_timestamp() + make_interval(secs => ${seconds}))
      on conflict (key) do update set points = excluded.points, expire = excluded.expire
      where held.expire <= clock_timestamp()
      returning key
    )
    select exists (select from taken) as taken,
      (select ceil(extract(epoch from expire - clock_timestamp()))::int
        from rate_limits where key = ${key}) as left`);
  if (!row?.taken) return { ok: false, retryAfterSeconds: Math.max(1, row?.left ?? 1) };
  return {
    ok: true,
    async release() {
      await db
        .delete(rateLimits)
        .where(and(eq(rateLimits.key, key), eq(rateLimits.points, holder)));
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
