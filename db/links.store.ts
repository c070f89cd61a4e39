import {
  and,
  count,
  desc,
  eq,
  gt,
  gte,
  ilike,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  or,
  type SQL,
  sql,
} from "drizzle-orm";
import type { Queryable } from "./client";
import { foldedCase, links } from "./schema";

export type LinkRow = typeof links.$inferSelect;
export type ChangeToTell = NonNullable<LinkRow["ownerUntold"]>[number];

/** What issuing writes, whichever way. Secrets come sealed or hashed. */
export interface IssuedLink {
  userId: string;
  tokenHash: Buffer;
  expiresAt: Date;
  issuedById: string;
  issuedByName: string;
  issuedByEmail: string | null;
  issuedVia: LinkRow["issuedVia"];
  /** Null: what the row has is kept. */
  mailTo: string | null;
  /**
   * Whether the new password ends what is under way, because Keystone has just taken it with the
   * administrator's rights. Otherwise nothing is written while a redemption is under way.
   */
  endsRedemption: boolean;
  /** No password typed before can be in force, nor come into force: they are forgotten. */
  voidsAttempts: boolean;
  /** The row's, where the password that is given is the one sealed in it; else null. */
  sameSealedPassword: Buffer | null;
  clientAddress: string | null;
  requestId: string;
}

export interface IssuedPin {
  sealedPinKey: Buffer;
  pinMac: Buffer;
  /** How many digits. */
  pinLength: number;
}

/** The PIN the row has goes on: its key, sealed for the new token, and the token it was sealed for. */
export interface KeptPin {
  sealedPinKey: Buffer;
  formerTokenHash: Buffer;
}

/** Of the row that was written, what the caller goes on with. */
export interface WrittenLink {
  id: string;
  expiresAt: Date;
  /** How many digits the PIN has; null: as many as PIN_LENGTH. */
  pinLength: number | null;
  userName: string | null;
  userDomainName: string | null;
  /** When Keystone was last asked about the user; null: never. */
  userCheckedAt: Date | null;
  /** Whether the owner is to be told of a change. */
  ownerUntold: boolean;
}

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

/** Passwords whose answer was lost: what a redemption's outcome would be asked with. */
const noAttempts = { sealedAttempts: null, attemptedAt: null, settleAskedAt: null } as const;

/** What lets somebody in: gone when a link is done. `links_done_is_erased` holds it. */
const erased = {
  tokenHash: null,
  sealedPinKey: null,
  pinMac: null,
  sealedPassword: null,
  claimedUntil: null,
  claimId: null,
} as const;

/** No redemption is under way, nor is anybody asking how one ended. */
const unclaimed = or(
  isNull(links.claimedUntil),
  lte(links.claimedUntil, sql`clock_timestamp()`),
) as SQL;

const described = (user: LinkUser) => ({
  userFound: true,
  userCheckedAt: sql`clock_timestamp()`,
  userName: user.name,
  userDomainId: user.domainId,
  userDomainName: user.domainName,
  userEmail: user.email,
  policyRegex: user.policyRegex,
  policyDescription: user.policyDescription,
});

/**
 * Sets what a statement that writes over a link `link` changes of it. Here, because the row as it was is
 * known for certain only where it is written over: whoever reads it before has not locked it, and whoever
 * looks at it in the same statement sees it as it was when the statement began.
 *
 * @param changed for each part, whether it is another than the row's
 */
function noteChanges(changed: { pin: SQL; password: SQL; recipient: SQL }): SQL {
  const isKept = sql`link.state = 'pending' and link.pin_mac is not null`;
  const pin = sql`case when ${isKept} and ${changed.pin} then 'pin-replaced' end`;
  const password = sql`case when ${isKept} and ${changed.password} then 'password-replaced' end`;
  const recipient = sql`case when ${isKept} and ${changed.recipient} then 'recipient-changed' end`;
  return sql`,
    last_changes = array_remove(array[${pin}, ${password}, ${recipient}]::text[], null),
    owner_untold = nullif(
      coalesce(link.owner_untold, '{}') || array_remove(array[${pin}, ${recipient}]::text[], null), '{}'),
    previous_mail_to = case when ${recipient} is null then link.previous_mail_to
      else coalesce(link.previous_mail_to, link.mail_to) end`;
}

/** Whether a link `link` is mailed to another address than it was, or would have been. */
const recipientChanges = (mailTo: string | null) =>
  mailTo === null
    ? sql`false`
    : sql`${foldedCase(sql`coalesce(link.mail_to, link.user_email)`)} is distinct from ${foldedCase(sql`${mailTo}`)}`;

/**
 * Wraps a statement that writes a link: its audit rows are written with it, and a mail still in the
 * outbox, whose token no longer works, is dropped. One round trip, all or nothing. By hand,
 * because scripts issue links by the hundred and Drizzle's builder takes longer to write so wide an
 * upsert than PostgreSQL to run it.
 */
async function writeWithEvent(
  db: Queryable,
  write: SQL,
  link: IssuedLink,
  action: "link.issued" | "link.renewed",
): Promise<WrittenLink | undefined> {
  const rows = await db.execute<{
    id: string;
    expires_at: string;
    pin_length: number | null;
    user_name: string | null;
    user_domain_name: string | null;
    user_checked_at: string | null;
    owner_untold: boolean;
  }>(sql`
    with written as (
      ${write}
      returning link.id, link.user_id, link.expires_at, link.pin_length, link.user_name,
        link.user_domain_name, link.user_checked_at, link.last_changes,
        link.owner_untold is not null as owner_untold
    ), event as (
      insert into audit_events
        (action, actor_kind, actor_id, actor_name, user_id, link_id, outcome, client_address, request_id)
      select coalesce('link.' || change, ${action}), 'admin', ${link.issuedById}, ${link.issuedByName},
        user_id, id, 'ok', ${link.clientAddress}, ${link.requestId}
      from written, unnest(array_prepend(null::text, last_changes)) with ordinality as act (change, place)
      order by place
    ), cancelled as (
      update mails set state = 'cancelled', sealed_props = null, leased_until = null
      where link_id = (select id from written) and template = 'link' and state = 'queued'
    )
    select id, expires_at, pin_length, user_name, user_domain_name, user_checked_at, owner_untold
    from written`);
  const [row] = rows;
  return (
    row && {
      id: row.id,
      expiresAt: new Date(row.expires_at),
      pinLength: row.pin_length,
      userName: row.user_name,
      userDomainName: row.user_domain_name,
      userCheckedAt: row.user_checked_at === null ? null : new Date(row.user_checked_at),
      ownerUntold: row.owner_untold,
    }
  );
}

const attemptsVoided = (link: IssuedLink) =>
  link.voidsAttempts
    ? sql`, sealed_attempts = null, attempted_at = null, settle_asked_at = null`
    : sql``;
const unlessClaimed = (link: IssuedLink) =>
  link.endsRedemption
    ? sql``
    : sql` and (link.claimed_until is null or link.claimed_until <= clock_timestamp())`;

/**
 * Writes a link with a PIN and a password of its own, over the user's row if there is one, and the
 * audit row. The guesses made of a PIN count on where it is the same again.
 *
 * @returns undefined where a redemption is under way, or the PIN is the one the row had and its guesses
 *   are used up
 */
export async function upsertLink(
  db: Queryable,
  link: IssuedLink & IssuedPin & { sealedPassword: Buffer },
  limits: { maxPinGuesses: number },
): Promise<WrittenLink | undefined> {
  const changes = noteChanges({
    pin: sql`link.pin_mac <> excluded.pin_mac`,
    password: sql`link.sealed_password is distinct from ${link.sameSealedPassword}`,
    recipient: recipientChanges(link.mailTo),
  });
  const write = sql`
    insert into links as link (
      user_id, token_hash, sealed_pin_key, pin_mac, pin_length, sealed_password, expires_at, mail_to,
      issued_by_id, issued_by_name, issued_by_email, issued_via, issued_at
    ) values (
      ${link.userId}, ${link.tokenHash}, ${link.sealedPinKey}, ${link.pinMac},
      ${link.pinLength}, ${link.sealedPassword}, ${link.expiresAt.toISOString()}, ${link.mailTo},
      ${link.issuedById}, ${link.issuedByName}, ${link.issuedByEmail}, ${link.issuedVia}, now()
    )
    on conflict (user_id) do update set
      state = 'pending', attempts = 0, problem = null, completed_at = null, revoked_at = null,
      claim_id = null, claimed_until = null${attemptsVoided(link)}${changes},
      token_hash = excluded.token_hash, sealed_pin_key = excluded.sealed_pin_key,
      pin_mac = excluded.pin_mac, pin_length = excluded.pin_length,
      sealed_password = excluded.sealed_password,
      expires_at = excluded.expires_at, mail_to = coalesce(excluded.mail_to, link.mail_to),
      issued_by_id = excluded.issued_by_id, issued_by_name = excluded.issued_by_name,
      issued_by_email = excluded.issued_by_email, issued_via = excluded.issued_via,
      issued_at = excluded.issued_at,
      pin_guesses = case when link.pin_mac = excluded.pin_mac then link.pin_guesses else 0 end
    where (link.pin_mac is distinct from excluded.pin_mac
      or link.pin_guesses < ${limits.maxPinGuesses})${unlessClaimed(link)}`;
  return writeWithEvent(db, write, link, "link.issued");
}

/**
 * Makes a new link from the user's pending one, with a new PIN, a new password, or neither, and the
 * audit row.
 *
 * @param link.pin a PIN that was given, or the one the row has: its key is sealed for the new token's
 *   hash, and written only where the row still has the token it was opened under
 * @returns undefined where there is no pending link whose other half is still there, where a redemption
 *   is under way, or where the PIN stays the same and its guesses are used up
 */
export async function renewLink(
  db: Queryable,
  link: IssuedLink & { pin: IssuedPin | KeptPin; sealedPassword?: Buffer },
  limits: { maxPinGuesses: number },
): Promise<WrittenLink | undefined> {
  const { pin } = link;
  const given = "pinMac" in pin;
  const samePin = given ? sql`link.pin_mac = ${pin.pinMac}` : sql`true`;
  const newPin = given
    ? sql`, pin_mac = ${pin.pinMac}, pin_length = ${pin.pinLength},
        pin_guesses = case when ${samePin} then link.pin_guesses else 0 end`
    : sql``;
  const sameToken = given ? sql`` : sql` and link.token_hash = ${pin.formerTokenHash}`;
  const newPassword = link.sealedPassword
    ? sql`, sealed_password = ${link.sealedPassword}, claim_id = null, claimed_until = null`
    : sql``;
  const changes = noteChanges({
    pin: sql`not (${samePin})`,
    password: link.sealedPassword
      ? sql`link.sealed_password is distinct from ${link.sameSealedPassword}`
      : sql`false`,
    recipient: recipientChanges(link.mailTo),
  });
  const write = sql`
    update links as link set
      attempts = 0, problem = null, token_hash = ${link.tokenHash},
      sealed_pin_key = ${pin.sealedPinKey}, expires_at = ${link.expiresAt.toISOString()}, mail_to = coalesce(${link.mailTo}, link.mail_to),
      issued_by_id = ${link.issuedById}, issued_by_name = ${link.issuedByName},
      issued_by_email = ${link.issuedByEmail}, issued_via = ${link.issuedVia},
      issued_at = now()${newPin}${newPassword}${attemptsVoided(link)}${changes}
    where link.user_id = ${link.userId} and link.state = 'pending'
      and link.pin_mac is not null and link.sealed_password is not null
      and not (${samePin} and link.pin_guesses >= ${limits.maxPinGuesses})${sameToken}${unlessClaimed(link)}`;
  return writeWithEvent(db, write, link, "link.renewed");
}

/**
 * Gives a link a new token, and its PIN's key sealed for that one; the old token no longer works.
 *
 * @returns undefined for a link that could not be redeemed by it: done, expired or locked; and while a
 *   redemption is under way
 */
export async function replaceToken(
  db: Queryable,
  change: { id: string; tokenHash: Buffer; sealedPinKey: Buffer; mailTo: string },
  limits: { maxAttempts: number; maxPinGuesses: number },
): Promise<LinkRow | undefined> {
  const isAnother = sql`${foldedCase(sql`coalesce(${links.mailTo}, ${links.userEmail})`)} is distinct from ${foldedCase(sql`${change.mailTo}`)}`;
  const [row] = await db
    .update(links)
    .set({
      tokenHash: change.tokenHash,
      sealedPinKey: change.sealedPinKey,
      mailTo: change.mailTo,
      lastChanges: sql`case when ${isAnother} then array['recipient-changed'] else '{}' end`,
      ownerUntold: sql`case when ${isAnother} then array_append(${links.ownerUntold}, 'recipient-changed') else ${links.ownerUntold} end`,
      previousMailTo: sql`case when ${isAnother} then coalesce(${links.previousMailTo}, ${links.mailTo}) else ${links.previousMailTo} end`,
    })
    .where(
      and(
        eq(links.id, change.id),
        eq(links.state, "pending"),
        unclaimed,
        isNotNull(links.pinMac),
        gt(links.expiresAt, sql`clock_timestamp()`),
        lt(links.attempts, limits.maxAttempts),
        lt(links.pinGuesses, limits.maxPinGuesses),
      ),
    )
    .returning();
  return row;
}

export async function findLinkByToken(
  db: Queryable,
  tokenHash: Buffer,
): Promise<LinkRow | undefined> {
  const [row] = await db
    .select()
    .from(links)
    .where(and(eq(links.tokenHash, tokenHash), eq(links.state, "pending")));
  return row;
}

/** Of a user's row, what a new link may keep: nulls where there is nothing. */
export type KeptSecrets = Pick<LinkRow, "sealedPinKey" | "tokenHash" | "sealedPassword">;

/** @returns undefined where there is no row */
export async function findKeptSecrets(
  db: Queryable,
  userId: string,
): Promise<KeptSecrets | undefined> {
  const [row] = await db.execute<{
    sealed_pin_key: Buffer | null;
    token_hash: Buffer | null;
    sealed_password: Buffer | null;
  }>(sql`select sealed_pin_key, token_hash, sealed_password from links where user_id = ${userId}`);
  return (
    row && {
      sealedPinKey: row.sealed_pin_key,
      tokenHash: row.token_hash,
      sealedPassword: row.sealed_password,
    }
  );
}

/** The owner is told, or there is nobody to tell. */
export async function markOwnerTold(db: Queryable, id: string): Promise<void> {
  await db.update(links).set({ ownerUntold: null, previousMailTo: null }).where(eq(links.id, id));
}

/** @returns links whose owner is still to be told of a change, at an address that is known */
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

/** @param options.lock holds the row until the transaction ends */
export async function findLinkOfUser(
  db: Queryable,
  userId: string,
  options: { lock?: boolean } = {},
): Promise<LinkRow | undefined> {
  const query = db.select().from(links).where(eq(links.userId, userId));
  const [row] = await (options.lock ? query.for("update") : query);
  return row;
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

/** @param options.lock holds the row until the transaction ends */
export async function findLink(
  db: Queryable,
  id: string,
  options: { lock?: boolean } = {},
): Promise<LinkRow | undefined> {
  const query = db.select().from(links).where(eq(links.id, id));
  const [row] = await (options.lock ? query.for("update") : query);
  return row;
}

/**
 * Counts an attempt, before anything is compared, and locks the row until the transaction ends.
 *
 * @returns the row with the attempt counted, or undefined where the link takes no more attempts or is
 *   gone
 */
export async function countAttempt(
  db: Queryable,
  {
    tokenHash,
    maxAttempts,
    maxPinGuesses,
  }: { tokenHash: Buffer; maxAttempts: number; maxPinGuesses: number },
): Promise<LinkRow | undefined> {
  const [row] = await db
    .update(links)
    .set({ attempts: sql`${links.attempts} + 1`, pinGuesses: sql`${links.pinGuesses} + 1` })
    .where(
      and(
        eq(links.tokenHash, tokenHash),
        eq(links.state, "pending"),
        lt(links.attempts, maxAttempts),
        lt(links.pinGuesses, maxPinGuesses),
      ),
    )
    .returning();
  return row;
}

/** The PIN was right: the attempt that was counted for it does not count. */
export async function giveAttemptBack(db: Queryable, id: string): Promise<void> {
  await db
    .update(links)
    .set({ attempts: sql`${links.attempts} - 1`, pinGuesses: sql`${links.pinGuesses} - 1` })
    .where(eq(links.id, id));
}

/**
 * Claims the link for one redemption.
 *
 * @param claim.leaseSeconds after that another may claim it: this process is taken for dead
 * @returns whether this caller has it
 */
export async function claimLink(
  db: Queryable,
  claim: { id: string; claimId: string; leaseSeconds: number; sealedAttempts?: Buffer | null },
): Promise<boolean> {
  const rows = await db
    .update(links)
    .set({
      claimId: claim.claimId,
      claimedUntil: sql`clock_timestamp() + make_interval(secs => ${claim.leaseSeconds})`,
      ...(claim.sealedAttempts && {
        sealedAttempts: claim.sealedAttempts,
        attemptedAt: sql`clock_timestamp()`,
        settleAskedAt: null,
      }),
    })
    .where(and(eq(links.id, claim.id), unclaimed))
    .returning({ id: links.id });
  return rows.length === 1;
}

/**
 * Gives a claim back.
 *
 * @param change.attempts what becomes of the attempts: those whose outcome is still unknown (null:
 *   none). Where others were noted meanwhile, by whom no claim holds off, theirs stay. Left out: as
 *   they are
 * @param change.sealedPassword a password that was found to be the current one
 * @returns the row, or undefined where the claim was no longer this caller's
 */
export async function releaseClaim(
  db: Queryable,
  { id, claimId }: { id: string; claimId: string },
  {
    attempts,
    ...change
  }: {
    attempts?: { before: Buffer | null; after: Buffer | null };
    sealedPassword?: Buffer;
    problem?: string | null;
    settleAskedAt?: Date;
  },
): Promise<LinkRow | undefined> {
  const [row] = await db
    .update(links)
    .set({
      ...change,
      ...(attempts && {
        sealedAttempts: sql`case when ${links.sealedAttempts} is not distinct from ${attempts.before}::bytea then ${attempts.after}::bytea else ${links.sealedAttempts} end`,
      }),
      claimId: null,
      claimedUntil: null,
    })
    .where(and(eq(links.id, id), eq(links.claimId, claimId)))
    .returning();
  return row;
}

/**
 * The user's own password is in force: the link is done, also one that was revoked meanwhile.
 *
 * @param claim what must still hold: the caller's claim, or where that was lost, the token and what was to be
 *   settled: a link that was issued since is another, and knows another password
 * @returns the completed row, or undefined where that no longer held or the link was completed before
 */
export async function completeLink(
  db: Queryable,
  claim: { id: string } & (
    | { claimId: string }
    | { before: Pick<LinkRow, "tokenHash" | "sealedAttempts"> }
  ),
): Promise<LinkRow | undefined> {
  const stillHolds =
    "claimId" in claim
      ? eq(links.claimId, claim.claimId)
      : sql`${links.tokenHash} is not distinct from ${claim.before.tokenHash}::bytea
          and ${links.sealedAttempts} is not distinct from ${claim.before.sealedAttempts}::bytea`;
  const [row] = await db
    .update(links)
    .set({
      ...erased,
      ...noAttempts,
      state: "completed",
      problem: null,
      completedAt: sql`clock_timestamp()`,
    })
    .where(and(eq(links.id, claim.id), ne(links.state, "completed"), stillHolds))
    .returning();
  return row;
}

/**
 * @param revocation.sealedAttempts what must still be settled: kept until it is
 * @param revocation.endsRedemption also while one is under way
 * @returns the revoked row, or undefined where the link was not pending or a redemption is under way
 */
export async function revokeLink(
  db: Queryable,
  revocation: { id: string; sealedAttempts: Buffer | null; endsRedemption: boolean },
): Promise<LinkRow | undefined> {
  const { id, sealedAttempts, endsRedemption } = revocation;
  const [row] = await db
    .update(links)
    .set({
      ...erased,
      ...(sealedAttempts ? { sealedAttempts } : noAttempts),
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
 * Before a password is sent that may come into force: what is known of it must survive a crash.
 *
 * @param note.held only as long as this claim holds, and nobody has noted others meanwhile; any time
 *   when left out
 * @returns whether it was written
 */
export async function noteAttempts(
  db: Queryable,
  note: {
    id: string;
    held?: { claimId: string; sealedAttempts: Buffer | null };
    sealedAttempts: Buffer | null;
  },
): Promise<boolean> {
  const { held } = note;
  const rows = await db
    .update(links)
    .set({
      sealedAttempts: note.sealedAttempts,
      attemptedAt: sql`clock_timestamp()`,
      // Of this one Keystone was never asked: a refusal from before is none of it.
      settleAskedAt: null,
    })
    .where(
      and(
        eq(links.id, note.id),
        ne(links.state, "completed"),
        held &&
          and(
            eq(links.claimId, held.claimId),
            sql`${links.sealedAttempts} is not distinct from ${held.sealedAttempts}::bytea`,
          ),
      ),
    )
    .returning({ id: links.id });
  return rows.length === 1;
}

/**
 * Takes what Keystone says of the user.
 *
 * @param user undefined where Keystone knows no such user
 * @returns the link, and whether its owner is to be told of a change; undefined where there is none
 */
export async function describeLinkUser(
  db: Queryable,
  userId: string,
  user: LinkUser | undefined,
): Promise<{ id: string; ownerUntold: ChangeToTell[] | null } | undefined> {
  const [row] = await db
    .update(links)
    .set(
      user
        ? {
            ...described(user),
            mailTo: sql`case when ${links.state} = 'pending' then coalesce(${links.mailTo}, ${user.email}) else ${links.mailTo} end`,
          }
        : { userFound: false, userCheckedAt: sql`clock_timestamp()` },
    )
    .where(eq(links.userId, userId))
    .returning({ id: links.id, ownerUntold: links.ownerUntold });
  return row;
}

/**
 * Erases the secrets of links that expired a while ago; the rows stay, for the list, and so does what
 * must still be settled.
 *
 * @param options.before links that expired before this
 * @returns the ids of the rows erased, at most `limit`
 */
export async function purgeExpiredSecrets(
  db: Queryable,
  { before, limit }: { before: Date; limit: number },
): Promise<{ id: string; userId: string }[]> {
  const due = db
    .select({ id: links.id })
    .from(links)
    .where(
      and(
        eq(links.state, "pending"),
        isNotNull(links.sealedPassword),
        lt(links.expiresAt, before),
        unclaimed,
      ),
    )
    .limit(limit)
    .for("update", { skipLocked: true });
  return db
    .update(links)
    .set(erased)
    .where(sql`${links.id} in ${due}`)
    .returning({ id: links.id, userId: links.userId });
}

/**
 * @param options.olderThanSeconds since the attempt
 * @param options.askAgainAfterSeconds since Keystone was last asked in vain
 * @returns links with an attempt whose outcome nobody learned, and nobody is asking after
 */
export async function findUnsettledLinks(
  db: Queryable,
  options: { olderThanSeconds: number; askAgainAfterSeconds: number; limit: number },
): Promise<{ id: string }[]> {
  const ago = (seconds: number) => sql`clock_timestamp() - make_interval(secs => ${seconds})`;
  return db
    .select({ id: links.id })
    .from(links)
    .where(
      and(
        isNotNull(links.sealedAttempts),
        lte(links.attemptedAt, ago(options.olderThanSeconds)),
        or(
          sql`${links.settleAskedAt} is null`,
          lte(links.settleAskedAt, ago(options.askAgainAfterSeconds)),
        ),
        unclaimed,
      ),
    )
    .orderBy(links.attemptedAt)
    .limit(options.limit);
}

export type LinkFilter = "all" | "pending" | "completed" | "revoked" | "expired" | "locked";

export interface LinkQuery {
  status: LinkFilter;
  /** Part of a user name, user id or address. */
  search?: string;
  sort: "newest" | "oldest" | "expiry" | "user";
  limit: number;
  offset: number;
  limits: { maxAttempts: number; maxPinGuesses: number };
}

/** @returns one page of links and how many there are in all under this filter */
export async function listLinks(
  db: Queryable,
  query: LinkQuery,
): Promise<{ rows: LinkRow[]; total: number }> {
  const open = and(eq(links.state, "pending"));
  const locked = or(
    gte(links.attempts, query.limits.maxAttempts),
    gte(links.pinGuesses, query.limits.maxPinGuesses),
  ) as SQL;
  const ofStatus: Record<LinkFilter, SQL | undefined> = {
    all: undefined,
    pending: and(open, sql`not (${locked})`, gt(links.expiresAt, sql`now()`)),
    expired: and(open, sql`not (${locked})`, lte(links.expiresAt, sql`now()`)),
    locked: and(open, locked),
    completed: eq(links.state, "completed"),
    revoked: eq(links.state, "revoked"),
  };
  const pattern = query.search && `%${query.search.replace(/[\\%_]/g, "\\$&")}%`;
  const where = and(
    ofStatus[query.status],
    pattern
      ? or(
          ilike(links.userName, pattern),
          ilike(links.userId, pattern),
          ilike(links.mailTo, pattern),
        )
      : undefined,
  );
  const order = {
    newest: [desc(links.issuedAt), desc(links.id)],
    oldest: [links.issuedAt, links.id],
    expiry: [links.expiresAt, links.id],
    user: [sql`lower(coalesce(${links.userName}, ${links.userId}))`, links.id],
  }[query.sort];
  const [rows, [counted]] = await Promise.all([
    db
      .select()
      .from(links)
      .where(where)
      .orderBy(...order)
      .limit(query.limit)
      .offset(query.offset),
    db.select({ total: count() }).from(links).where(where),
  ]);
  return { rows, total: counted?.total ?? 0 };
}
