import { and, eq, inArray, isNotNull, type SQL, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import {
  erased,
  type LinkRow,
  nothingScrambled,
  nothingUnsettled,
  type OwedNotice,
  unclaimed,
} from "./link-row";
import { links } from "./schema";

/** What Keystone says of the user, for the portal, the mail and the console to show. */
export interface LinkUser {
  name: string;
  domainId: string;
  domainName: string | null;
  email: string | null;
  /** The domain's password rules: Python's dialect, and the operator's words for them. */
  policyRegex: string | null;
  policyDescription: string | null;
}

/** `lock` holds the row until the transaction ends. */
interface Finding {
  lock?: boolean;
}

async function findOne(
  db: Queryable,
  which: SQL,
  { lock = false }: Finding = {},
): Promise<LinkRow | undefined> {
  const query = db.select().from(links).where(which);
  const [row] = await (lock ? query.for("update") : query);
  return row;
}

export const findLink = (db: Queryable, id: string, options?: Finding) =>
  findOne(db, eq(links.id, id), options);

export const findLinkOfUser = (db: Queryable, userId: string, options?: Finding) =>
  findOne(db, eq(links.userId, userId), options);

export const findLinkByToken = (db: Queryable, tokenHash: Buffer) =>
  findOne(db, eq(links.tokenHash, tokenHash));

/** The owner is told, or there is nobody to tell. */
export async function markOwnerTold(db: Queryable, id: string): Promise<void> {
  await db.update(links).set({ ownerUntold: null, previousMailTo: null }).where(eq(links.id, id));
}

/** @returns links whose owner is still to be told of something, at an address that is known */
export async function findUntoldOwners(
  db: Queryable,
  { limit }: { limit: number },
): Promise<{ id: string }[]> {
  return db
    .select({ id: links.id })
    .from(links)
    .where(and(isNotNull(links.ownerUntold), isNotNull(links.userEmail)))
    .limit(limit);
}

/** @returns what decides the status of each user's link, for those who have one */
export async function findLinksOfUsers(db: Queryable, userIds: readonly string[]) {
  if (userIds.length === 0) return [];
  return db
    .select({
      userId: links.userId,
      state: links.state,
      expiresAt: links.expiresAt,
      attempts: links.attempts,
      pinGuesses: links.pinGuesses,
    })
    .from(links)
    .where(inArray(links.userId, [...userIds]));
}

const parked = {
  sealedParked: sql`case when ${links.scrambledAt} is null then ${links.sealedPassword} else ${links.sealedParked} end`,
  scrambledAt: sql`coalesce(${links.scrambledAt}, case when ${links.sealedPassword} is not null then clock_timestamp() end)`,
};

/**
 * @param revocation.sealedUnsettled what must still be settled: kept until it is
 * @param revocation.endsRedemption also while one is under way
 * @param revocation.parksPassword the initial password is to be replaced in Keystone, where that is not begun
 * @returns the revoked row, or undefined where the link was not pending or a redemption is under way
 */
export async function revokeLink(
  db: Queryable,
  revocation: {
    id: string;
    sealedUnsettled: Buffer | null;
    endsRedemption: boolean;
    parksPassword: boolean;
  },
): Promise<LinkRow | undefined> {
  const { id, sealedUnsettled, endsRedemption, parksPassword } = revocation;
  const [row] = await db
    .update(links)
    .set({
      ...erased,
      ...(sealedUnsettled ? { sealedUnsettled } : nothingUnsettled),
      ...(parksPassword ? parked : nothingScrambled),
      state: "revoked",
      revokedAt: sql`clock_timestamp()`,
    })
    .where(
      and(eq(links.id, id), eq(links.state, "pending"), endsRedemption ? undefined : unclaimed),
    )
    .returning();
  return row;
}

/**
 * Takes what Keystone says of the user: nothing where it knows no such user.
 *
 * @returns the link, and what its owner is to be told of; undefined where there is none
 */
export async function saveLinkUser(
  db: Queryable,
  userId: string,
  user: LinkUser | undefined,
): Promise<{ id: string; ownerUntold: OwedNotice[] | null } | undefined> {
  const [row] = await db
    .update(links)
    .set({
      userFound: user !== undefined,
      userCheckedAt: sql`clock_timestamp()`,
      ...(user && {
        userName: user.name,
        userDomainId: user.domainId,
        userDomainName: user.domainName,
        userEmail: user.email,
        policyRegex: user.policyRegex,
        policyDescription: user.policyDescription,
        mailTo: sql`case when ${links.state} = 'pending' then coalesce(${links.mailTo}, ${user.email}) else ${links.mailTo} end`,
      }),
    })
    .where(eq(links.userId, userId))
    .returning({ id: links.id, ownerUntold: links.ownerUntold });
  return row;
}

/**
 * Erases the secrets of links that expired a while ago, by the database's clock: of several servers, one
 * may have a wrong one, and what is erased does not come back. The rows stay, for the list, and so does what
 * must still be settled.
 *
 * @returns the ids of the rows erased, at most `limit`
 */
export async function purgeExpiredSecrets(
  db: Queryable,
  { expiredForSeconds, limit }: { expiredForSeconds: number; limit: number },
): Promise<{ id: string; userId: string }[]> {
  const isOver = sql`${links.expiresAt} < now() - make_interval(secs => ${expiredForSeconds})`;
  const due = db
    .select({ id: links.id })
    .from(links)
    .where(and(isNotNull(links.sealedPassword), isOver, unclaimed))
    .limit(limit)
    .for("update", { skipLocked: true });
  return db
    .update(links)
    .set(erased)
    .where(sql`${links.id} in ${due}`)
    .returning({ id: links.id, userId: links.userId });
}
