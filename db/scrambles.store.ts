import { and, eq, isNotNull, isNull, lte, or, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import { unclaimed } from "./link-row";
import { links, wasGuessed } from "./schema";

const ago = (seconds: number) => sql`clock_timestamp() - make_interval(secs => ${seconds})`;

/** While it is not known whether the user's own password came into force, nothing is done to it. */
const isSettled = isNull(links.sealedUnsettled);

/**
 * Parks the initial passwords of pending links that can no longer be redeemed: from then on they are to be
 * replaced in Keystone, and no renewal keeps them. By the database's clock, as erasing.
 *
 * @param which.is `locked`: so many wrong PINs were typed
 * @returns how many, at most `limit`
 */
export async function parkPasswords(
  db: Queryable,
  which: { limit: number } & (
    | { is: "expired" }
    | { is: "locked"; maxAttempts: number; maxPinGuesses: number }
  ),
): Promise<number> {
  const isOver =
    which.is === "expired"
      ? sql`${links.expiresAt} <= now()`
      : sql`${wasGuessed(links)} and (${links.attempts} >= ${which.maxAttempts} or ${links.pinGuesses} >= ${which.maxPinGuesses})`;
  const due = db
    .select({ id: links.id })
    .from(links)
    .where(
      and(
        eq(links.state, "pending"),
        isNotNull(links.sealedPassword),
        isNull(links.scrambledAt),
        isSettled,
        isOver,
        unclaimed,
      ),
    )
    .limit(which.limit)
    .for("update", { skipLocked: true });
  const parked = await db
    .update(links)
    .set({
      sealedParked: links.sealedPassword as unknown as SQL,
      scrambledAt: sql`clock_timestamp()`,
    })
    .where(sql`${links.id} = any(array(${due}))`)
    .returning({ id: links.id });
  return parked.length;
}

/**
 * @param options.askAgainAfterSeconds since Keystone refused the password as a wrong one
 * @returns links whose parked password is still to be replaced, the longest waiting first
 */
export async function findParked(
  db: Queryable,
  options: { askAgainAfterSeconds: number; limit: number },
): Promise<{ id: string }[]> {
  return db
    .select({ id: links.id })
    .from(links)
    .where(
      and(
        isNotNull(links.sealedParked),
        isSettled,
        or(
          isNull(links.scrambleAskedAt),
          lte(links.scrambleAskedAt, ago(options.askAgainAfterSeconds)),
        ),
        unclaimed,
      ),
    )
    .orderBy(links.scrambledAt)
    .limit(options.limit);
}

/** Erases parked passwords that could not be replaced for so long. @returns whose they were */
export async function forgetParked(
  db: Queryable,
  { olderThanSeconds }: { olderThanSeconds: number },
): Promise<{ id: string; userId: string }[]> {
  return db
    .update(links)
    .set({ sealedParked: null, scrambleAskedAt: null })
    .where(
      and(isNotNull(links.sealedParked), lte(links.scrambledAt, ago(olderThanSeconds)), unclaimed),
    )
    .returning({ id: links.id, userId: links.userId });
}
