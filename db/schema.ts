import { type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  pgTable,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";

const bytea = customType<{ data: Buffer; driverData: Buffer }>({ dataType: () => "bytea" });
const instant = (name: string) => timestamp(name, { withTimezone: true });

/**
 * An address as mail servers tell them apart: only letters of ASCII lose their case. By the database's own
 * rules the Kelvin sign would be a k, and mail to the one does not reach the other.
 */
export const foldedCase = (address: SQL | AnyPgColumn) =>
  sql`lower((${address})::text collate "C")`;

/** What links are put in order by, where it is by user. */
export const nameInOrder = (link: { userName: AnyPgColumn; userId: AnyPgColumn }) =>
  sql`lower(coalesce(${link.userName}, ${link.userId}))`;

/** Pending, with a wrong PIN on this link or an earlier one with the same PIN. */
export const wasGuessed = (link: Record<"state" | "attempts" | "pinGuesses", AnyPgColumn>) =>
  sql`${link.state} = 'pending' and (${link.attempts} > 0 or ${link.pinGuesses} > 0)`;

/** SHA-256, and what is made with it. */
const isHash = (column: AnyPgColumn) => sql`octet_length(${column}) = 32`;
/** As the vault writes it: format byte 1, key id (8 bytes), nonce (12), ciphertext, tag (16). */
export const isSealed = (column: AnyPgColumn) =>
  sql`octet_length(${column}) >= 37 and substring(${column} from 1 for 1) = '\\x01'`;

export const LINK_STATES = ["pending", "completed", "revoked"] as const;
export const ISSUE_CHANNELS = ["console", "api"] as const;
/** Why the last redemption needs an administrator. */
export const LINK_PROBLEMS = [
  "initial-password-stale",
  "account-disabled",
  "account-locked",
  "password-locked",
  "read-only-account",
  /** Made by a release whose PINs are not bound to their link: see `macOfPin`. */
  "link-outdated",
] as const;
/** What an administrator's act can change of a link that somebody waits for. */
export const LINK_CHANGES = ["pin-replaced", "password-replaced", "recipient-changed"] as const;
/** Those that the owner of the account is told of. */
export const CHANGES_TO_TELL = ["pin-replaced", "recipient-changed"] as const;
/** What the owner can be still to be told of: those, and that a password was set. */
export const OWED_NOTICES = [...CHANGES_TO_TELL, "password-set"] as const;

/**
 * One row a Keystone user: the newest link, and what redeeming it needs. *Expired* and *locked* are
 * computed, never stored. What lets somebody in is hashed or sealed, and erased when the link is
 * completed, revoked or purged. Passwords whose answer was lost outlive a revocation and a purge: they
 * are kept until it is known whether one came into force.
 */
export const links = pgTable(
  "links",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    userId: text("user_id").notNull(),
    state: text("state", { enum: LINK_STATES }).notNull().default("pending"),
    /** SHA-256 of the link token; null once no token opens this link. */
    tokenHash: bytea("token_hash"),
    /** The PIN's MAC key, random for each row, sealed for this user and this token's hash alone. */
    sealedPinKey: bytea("sealed_pin_key"),
    /** HMAC-SHA-256 of the PIN under that key. */
    pinMac: bytea("pin_mac"),
    /** How many digits it has; null: as many as PIN_LENGTH. */
    pinLength: integer("pin_length"),
    sealedPassword: bytea("sealed_password"),
    /** Wrong PINs on this link. */
    attempts: integer("attempts").notNull().default(0),
    /** Wrong guesses of this PIN, over every link it was kept for. */
    pinGuesses: integer("pin_guesses").notNull().default(0),
    expiresAt: instant("expires_at").notNull(),
    /**
     * Noted by maintenance once it has expired, for the list's indexes alone: no index can look at the clock.
     * What is true of a link, `expires_at` says.
     */
    lapsed: boolean("lapsed").notNull().default(false),
    /** The redemption under way holds the row until then. */
    claimedUntil: instant("claimed_until"),
    claimId: uuid("claim_id"),
    /** Passwords sent to Keystone whose answer may be lost: what to ask with. Sealed JSON. */
    sealedUnsettled: bytea("sealed_attempts"),
    attemptedAt: instant("attempted_at"),
    /** When Keystone was asked in vain which of them is in force. */
    settleAskedAt: instant("settle_asked_at"),
    /** The initial password of a link that is over, to be replaced in Keystone by one that nobody knows. */
    sealedParked: bytea("sealed_parked"),
    /** When that was begun: the initial password is not to be used again, whatever became of it. */
    scrambledAt: instant("scrambled_at"),
    /** When Keystone refused the parked password as a wrong one, which it may be only for a while. */
    scrambleAskedAt: instant("scramble_asked_at"),
    mailTo: text("mail_to"),
    /** The user's, by its tag: of the link's mails and page. Null, or one not offered: DEFAULT_LANGUAGE. */
    language: text("language"),
    /** What the last issue, renewal or resending changed of a pending link; for its rows in the trail. */
    lastChanges: text("last_changes", { enum: LINK_CHANGES }).array().notNull().default([]),
    /** What the owner is still to be told of by mail, oldest first; null: nothing. */
    ownerUntold: text("owner_untold", { enum: OWED_NOTICES }).array(),
    /** Where the link was mailed to before those changes. */
    previousMailTo: text("previous_mail_to"),
    userName: text("user_name"),
    /** Keystone's address for the user; null: none, or not asked yet. */
    userEmail: text("user_email"),
    userDomainId: text("user_domain_id"),
    userDomainName: text("user_domain_name"),
    /** Whether Keystone knew the user when last asked; null: not asked yet. */
    userFound: boolean("user_found"),
    userCheckedAt: instant("user_checked_at"),
    policyRegex: text("policy_regex"),
    policyDescription: text("policy_description"),
    problem: text("problem", { enum: LINK_PROBLEMS }),
    issuedById: text("issued_by_id").notNull(),
    issuedByName: text("issued_by_name"),
    issuedByEmail: text("issued_by_email"),
    issuedVia: text("issued_via", { enum: ISSUE_CHANNELS }).notNull(),
    issuedAt: instant("issued_at").notNull().defaultNow(),
    completedAt: instant("completed_at"),
    revokedAt: instant("revoked_at"),
  },
  (table) => [
    uniqueIndex("links_user_id").on(table.userId),
    uniqueIndex("links_token_hash").on(table.tokenHash),
    // Of the list, one for each order; with what tells the status, so that counting reads no rows.
    index("links_by_issue")
      .on(
        ...([table.state, table.lapsed, table.issuedAt, table.id] as const),
        ...[table.expiresAt, table.attempts, table.pinGuesses],
      )
      .concurrently(),
    index("links_by_expiry")
      .on(
        ...([table.state, table.lapsed, table.expiresAt, table.id] as const),
        ...[table.attempts, table.pinGuesses],
      )
      .concurrently(),
    index("links_by_user")
      .on(...([table.state, table.lapsed, nameInOrder(table), table.id] as const))
      .concurrently(),
    // And of those of which some are locked: how many wrong PINs that takes, the configuration says.
    index("links_guessed_by_issue")
      .on(table.issuedAt, table.id, table.attempts, table.pinGuesses)
      .where(wasGuessed(table))
      .concurrently(),
    index("links_guessed_by_expiry")
      .on(table.expiresAt, table.id, table.attempts, table.pinGuesses)
      .where(wasGuessed(table))
      .concurrently(),
    index("links_guessed_by_user")
      .on(nameInOrder(table), table.id, table.attempts, table.pinGuesses)
      .where(wasGuessed(table))
      .concurrently(),
    index("links_owner_untold").on(table.userId).where(sql`${table.ownerUntold} is not null`),
    index("links_purge").on(table.expiresAt).where(sql`${table.sealedPassword} is not null`),
    index("links_scramble")
      .on(table.scrambledAt)
      .where(sql`${table.sealedParked} is not null`)
      .concurrently(),
    check("links_token_hash_is_hash", isHash(table.tokenHash)),
    check("links_pin_mac_is_hash", isHash(table.pinMac)),
    check("links_sealed_pin_key_is_sealed", isSealed(table.sealedPinKey)),
    check("links_sealed_password_is_sealed", isSealed(table.sealedPassword)),
    check("links_sealed_attempts_is_sealed", isSealed(table.sealedUnsettled)),
    check("links_sealed_parked_is_sealed", isSealed(table.sealedParked)),
    check(
      "links_parked_is_scrambled",
      sql`${table.sealedParked} is null or (${table.state} <> 'completed' and ${table.scrambledAt} is not null)`,
    ),
    check(
      "links_problem_is_known",
      sql`${table.problem} in (${sql.raw(LINK_PROBLEMS.map((one) => `'${one}'`).join(", "))})`,
    ),
    check("links_state", sql`${table.state} in ('pending', 'completed', 'revoked')`),
    check(
      "links_pending_is_whole",
      sql`${table.state} <> 'pending' or (${table.pinMac} is null) = (${table.sealedPassword} is null)`,
    ),
    check(
      "links_done_is_erased",
      sql`${table.state} = 'pending' or (${table.tokenHash} is null and ${table.pinMac} is null and ${table.sealedPinKey} is null and ${table.sealedPassword} is null and (${table.state} = 'revoked' or ${table.sealedUnsettled} is null))`,
    ),
  ],
);

/**
 * What a link is found by: its user's name and id and its recipient, in small letters, a line each. Written
 * by a trigger, and only where one of them changed: to index them costs as much as to write the link.
 */
export const linkWords = pgTable(
  "link_words",
  {
    linkId: uuid("link_id").primaryKey(),
    words: text("words").notNull(),
  },
  (table) => [index("link_words_parts").using("gin", sql`parts_of(${table.words})`).concurrently()],
);

/** An administrator signed in to the console. The cookie holds the id, the row its SHA-256. */
export const adminSessions = pgTable(
  "admin_sessions",
  {
    idHash: bytea("id_hash").primaryKey(),
    userId: text("user_id").notNull(),
    userName: text("user_name").notNull(),
    userDomainName: text("user_domain_name").notNull(),
    userEmail: text("user_email"),
    /** Whether the token had the role `admin` when Keystone was last asked. */
    holdsAdminRole: boolean("holds_admin_role").notNull().default(false),
    /** The Keystone token, scoped to the admin project, sealed. */
    sealedToken: bytea("sealed_token").notNull(),
    createdAt: instant("created_at").notNull().defaultNow(),
    lastSeenAt: instant("last_seen_at").notNull().defaultNow(),
    /** The Keystone token's end, or the session's own limit if that comes first. */
    expiresAt: instant("expires_at").notNull(),
  },
  (table) => [
    index("admin_sessions_expires_at").on(table.expiresAt),
    check("admin_sessions_id_hash_is_hash", isHash(table.idHash)),
    check("admin_sessions_sealed_token_is_sealed", isSealed(table.sealedToken)),
  ],
);

/**
 * Who has signed in to the console before: the accounts that a refused sign-in may be named after. A name
 * that is not among them may be a password, typed into the wrong field.
 */
export const knownAdmins = pgTable(
  "known_admins",
  {
    userId: text("user_id").primaryKey(),
    name: text("name").notNull(),
    domainName: text("domain_name").notNull(),
    /** Domain and name as `accountKeyOf` writes them, for all spellings of it. */
    account: text("account").notNull(),
    lastSignedInAt: instant("last_signed_in_at").notNull(),
  },
  (table) => [index("known_admins_account").on(table.account)],
);

export const MAIL_STATES = ["queued", "sent", "failed", "cancelled"] as const;
export const MAIL_TEMPLATES = [
  "link",
  "link-changed",
  "password-set",
  "link-problem",
  "reset-confirm",
  "reset-digest",
] as const;

/** The outbox: a mail is written in the transaction of the act it tells of, and sent by a worker. */
export const mails = pgTable(
  "mails",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    linkId: uuid("link_id").references(() => links.id, { onDelete: "cascade" }),
    template: text("template", { enum: MAIL_TEMPLATES }).notNull(),
    recipient: text("recipient").notNull(),
    /** What the template says, sealed JSON; erased when the mail is sent, failed or cancelled. */
    sealedProps: bytea("sealed_props"),
    state: text("state", { enum: MAIL_STATES }).notNull().default("queued"),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull().defaultNow(),
    /** The worker that sends it holds the row until then. */
    leasedUntil: instant("leased_until"),
    /** The mail server's words on the last try that failed. */
    lastError: text("last_error"),
    createdAt: instant("created_at").notNull().defaultNow(),
    sentAt: instant("sent_at"),
  },
  (table) => [
    index("mails_due").on(table.nextAttemptAt).where(sql`${table.state} = 'queued'`),
    index("mails_link_id").on(table.linkId, table.createdAt),
    check("mails_sealed_props_is_sealed", isSealed(table.sealedProps)),
  ],
);

export const JOB_STATES = ["queued", "done", "failed", "cancelled"] as const;

/**
 * Work that runs later and follows from no other row: queued in the transaction of the act it belongs
 * to. It waits or is under way while it is `queued`; the lease tells which.
 */
export const jobs = pgTable(
  "jobs",
  {
    id: uuid("id").primaryKey().defaultRandom(),
    kind: text("kind").notNull(),
    /** What it is about: of one kind and key, one job at a time is queued. Null: any number. */
    key: text("key"),
    /** Sealed JSON; erased when the job is over. */
    sealedPayload: bytea("sealed_payload"),
    state: text("state", { enum: JOB_STATES }).notNull().default("queued"),
    attempts: integer("attempts").notNull().default(0),
    nextAttemptAt: instant("next_attempt_at").notNull().defaultNow(),
    /** The worker that runs it holds the row until then. */
    leasedUntil: instant("leased_until"),
    progressDone: integer("progress_done"),
    progressTotal: integer("progress_total"),
    /** What became of the last try that failed, in words for people. */
    lastError: text("last_error"),
    createdAt: instant("created_at").notNull().defaultNow(),
    endedAt: instant("ended_at"),
  },
  (table) => [
    index("jobs_due").on(table.kind, table.nextAttemptAt).where(sql`${table.state} = 'queued'`),
    uniqueIndex("jobs_key").on(table.kind, table.key).where(sql`${table.state} = 'queued'`),
    check("jobs_state", sql`${table.state} in ('queued', 'done', 'failed', 'cancelled')`),
    check("jobs_sealed_payload_is_sealed", isSealed(table.sealedPayload)),
    check(
      "jobs_over_is_erased",
      sql`(${table.state} = 'queued') = (${table.endedAt} is null) and (${table.state} = 'queued' or ${table.sealedPayload} is null)`,
    ),
  ],
);

export const ACTOR_KINDS = ["admin", "user", "system"] as const;
/** Whose rights in Keystone an act used: its administrator's, or setpass's own. */
export const CREDENTIALS = ["caller", "service"] as const;
export const AUDIT_ACTIONS = [
  "admin.signed-in",
  "admin.sign-in-refused",
  "admin.signed-out",
  "token.refused",
  "link.issued",
  "link.renewed",
  "link.resent",
  "link.reminded",
  "link.pin-replaced",
  "link.password-replaced",
  "link.recipient-changed",
  "link.revoked",
  "link.redeemed",
  "link.pin-refused",
  "link.redeem-refused",
  "link.secrets-purged",
  "user.created",
  "user.initial-password-set",
  "user.enabled",
  "project.created",
  "role.assigned",
  "user.initial-password-scrambled",
  "reset.requested",
  "reset.confirmed",
  "reset.answered",
  "reset.closed",
] as const;

/** Who did what to which user, from where, and how it ended. Append-only: see the migrations. */
export const auditEvents = pgTable(
  "audit_events",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    at: instant("at").notNull().defaultNow(),
    action: text("action", { enum: AUDIT_ACTIONS }).notNull(),
    actorKind: text("actor_kind", { enum: ACTOR_KINDS }).notNull(),
    actorId: text("actor_id"),
    actorName: text("actor_name"),
    /** The Keystone user the act is about. */
    userId: text("user_id"),
    linkId: uuid("link_id"),
    /** The request for a link the act is about; its code can be told from it for ever. */
    resetRequestId: uuid("reset_request_id"),
    /** `ok`, or the reason it was refused. */
    outcome: text("outcome").notNull(),
    /** Null: it changed nothing in Keystone, or by the user's own password. */
    credential: text("credential", { enum: CREDENTIALS }),
    clientAddress: text("client_address"),
    requestId: text("request_id"),
  },
  (table) => [
    index("audit_events_user_id").on(table.userId, table.id),
    index("audit_events_at").on(table.at),
  ],
);

export const RESET_REQUEST_STATES = ["unconfirmed", "open", "closed"] as const;

/**
 * "I need a new link": what users ask for at /reset, for administrators to act on. Any number of them
 * for one address, side by side: none is ever overwritten. It counts once its mailbox confirmed it.
 */
export const resetRequests = pgTable(
  "reset_requests",
  {
    /** Random; the code that people read out is made of it: see `codeOfRequest`. */
    id: uuid("id").primaryKey().defaultRandom(),
    state: text("state", { enum: RESET_REQUEST_STATES }).notNull().default("unconfirmed"),
    name: text("name").notNull(),
    email: text("email").notNull(),
    /** Of the page it was asked on, for its mail and the link that answers it. */
    language: text("language"),
    /** SHA-256 of the token that was mailed to the address; erased when the request is closed. */
    confirmTokenHash: bytea("confirm_token_hash"),
    /** The PIN the new link shall have and what it belongs to, sealed; erased when the request is closed. */
    sealedPin: bytea("sealed_pin"),
    createdAt: instant("created_at").notNull().defaultNow(),
    /** Until when it can be confirmed; null where it never could be. */
    confirmBefore: instant("confirm_before"),
    /** Null in an open request: asked before requests were confirmed. */
    confirmedAt: instant("confirmed_at"),
    /** When the helpdesk's digest named it. */
    helpdeskToldAt: instant("helpdesk_told_at"),
    /** Whoever answers it in bulk holds it until then. */
    answeringUntil: instant("answering_until"),
    closedAt: instant("closed_at"),
    closedById: text("closed_by_id"),
    closedByName: text("closed_by_name"),
    /** The Keystone user whose link answered it; null where it was closed without one. */
    answeredUserId: text("answered_user_id"),
  },
  (table) => [
    /** By state, so that no flood of unconfirmed ones slows the console down. */
    index("reset_requests_newest").on(table.state, table.createdAt, table.id),
    index("reset_requests_mailbox").on(foldedCase(table.email)),
    uniqueIndex("reset_requests_confirm_token").on(table.confirmTokenHash),
    index("reset_requests_unconfirmed")
      .on(table.confirmBefore)
      .where(sql`${table.state} = 'unconfirmed'`),
    index("reset_requests_told").on(table.helpdeskToldAt),
    index("reset_requests_untold")
      .on(table.confirmedAt)
      .where(sql`${table.state} = 'open' and ${table.helpdeskToldAt} is null`),
    check("reset_requests_state", sql`${table.state} in ('unconfirmed', 'open', 'closed')`),
    check("reset_requests_sealed_pin_is_sealed", isSealed(table.sealedPin)),
    check("reset_requests_confirm_token_is_hash", isHash(table.confirmTokenHash)),
  ],
);

/** Counters of rate-limiter-flexible's Drizzle store, shared by all replicas; and holds: see `takeHold`. */
export const rateLimits = pgTable("rate_limits", {
  key: text("key").primaryKey(),
  points: integer("points").notNull(),
  expire: instant("expire"),
});
