import { randomUUID } from "node:crypto";
import { claimLink, releaseClaim } from "../../db/link-claims.store";
import type { LinkRow } from "../../db/link-row";
import { findParked, forgetParked, parkPasswords } from "../../db/scrambles.store";
import type { SystemInitiator } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import { isKeystoneError } from "../keystone/errors.server";
import {
  type ChangePasswordOutcome,
  changePassword,
  isPasswordAccepted,
  setUserPassword,
} from "../keystone/passwords.server";
import type { KeystoneSession } from "../keystone/session.server";
import type { TokenSource } from "../keystone/token-source.server";
import { getUser } from "../keystone/users.server";
import type { LinkContext } from "../links/link-context.server";
import { newLease } from "../links/redeem/lease.server";
import { openPassword } from "../links/sealed-fields.server";
import { describeError } from "../telemetry/log.server";
import { VaultError } from "../vault/vault.server";
import { createRandomPassword } from "./set-random-password.server";

export type ScrambleContext = LinkContext & { readonly serviceToken: TokenSource };

/** How it ended for a link, for its row in the trail. */
export type ScrambleOutcome =
  | "ok"
  /** Keystone refused the parked password, twice: another is in force. */
  | "not-in-force"
  /** Keystone says no more of a disabled account's password. */
  | "account-disabled"
  /** The user's backend cannot be written to (LDAP). */
  | "read-only"
  /** The credential may not change this user. */
  | "forbidden"
  /** Keystone's rules let no random password pass. */
  | "refused"
  | "unknown-user"
  /** Keystone could not be asked for days. */
  | "given-up";

/** A locked account refuses the right password too; its lock lasts half an hour by default: see `settleLinks`. */
const ASK_AGAIN_AFTER_SECONDS = 35 * 60;
const GIVEN_UP_AFTER_SECONDS = 7 * 86_400;
const BATCH = 50;
const IN_TURN = { rank: "background", party: "scrambling" } as const;

/**
 * Replaces the parked initial passwords of links that are over by random ones that nobody keeps: whoever
 * knew one, such as the script, the ticket or the spreadsheet it came from, cannot sign in any more.
 *
 * It is changed as the user, with the parked password as the original one: so Keystone itself compares and
 * sets, and a password that somebody has set since is never overwritten. A lost answer loses nothing: asked
 * again, Keystone says that the parked password is not in force. Only where that way is barred to the
 * user, who then cannot have set another either, the credential's rights are used.
 *
 * @returns how many Keystone was asked about, and how many of them were replaced
 */
export async function scramblePasswords(
  context: ScrambleContext,
  options: { signal?: AbortSignal } = {},
): Promise<{ asked: number; scrambled: number }> {
  const { db, config } = context;
  const { scramble, maxAttempts, maxPinGuesses } = config.links;
  if (scramble.includes("expired")) await parkPasswords(db, { is: "expired", limit: BATCH });
  if (scramble.includes("locked"))
    await parkPasswords(db, { is: "locked", limit: BATCH, maxAttempts, maxPinGuesses });
  const parked = await findParked(db, {
    askAgainAfterSeconds: ASK_AGAIN_AFTER_SECONDS,
    limit: BATCH,
  });
  let asked = 0;
  let scrambled = 0;
  for (const { id } of parked) {
    if (options.signal?.aborted) break;
    try {
      const outcome = await scrambleInTurn(context, id);
      if (outcome !== "not-asked") asked++;
      if (outcome === "ok") scrambled++;
    } catch (error) {
      // In the log already. Next minute is soon enough.
      if (isKeystoneError(error) && error.kind === "busy") break;
      if (!(error instanceof VaultError)) throw error;
      // Sealed with a key that is missing: no reason to leave the others waiting.
      context.log.error("link.scramble-failed", { linkId: id, error: describeError(error) });
    }
  }
  return { asked, scrambled };
}

/** Its turn first: the lease is for the calls alone. */
function scrambleInTurn(context: ScrambleContext, id: string): Promise<Answer | "not-asked"> {
  const begins = { method: "POST", path: "/users/…/password" } as const;
  return context.keystone.inOneTurn(IN_TURN, begins, async (keystone) => {
    const lease = newLease(context.config);
    const row = await claimLink(context.db, { id, ...lease });
    if (!row) return "not-asked";
    const claim = { id, claimId: lease.claimId };
    // Renewed meanwhile, or redeemed: it is not to be replaced.
    if (!row.sealedParked || row.sealedUnsettled) {
      await releaseClaim(context.db, claim, {});
      return "not-asked";
    }
    const requestId = `req-${randomUUID()}`;
    let answer: Answer = "unavailable";
    let credential: "service" | undefined;
    try {
      ({ answer, credential } = await scramble({ ...context, keystone }, row, requestId));
    } finally {
      await writeDown(context, { row, claim, answer, credential, requestId });
    }
    return answer;
  });
}

/** `refused-once`: to be asked again, for the account may be locked. `unavailable`: Keystone did not say. */
type Answer = ScrambleOutcome | "refused-once" | "unavailable";

type ScrambleSteps = Pick<ScrambleContext, "vault" | "serviceToken"> & {
  readonly keystone: KeystoneSession;
};

interface Scrambled {
  readonly answer: Answer;
  readonly credential?: "service";
}

async function scramble(
  context: ScrambleSteps,
  { userId, sealedParked, scrambleAskedAt }: LinkRow,
  requestId: string,
): Promise<Scrambled> {
  const { keystone, vault, serviceToken } = context;
  const originalPassword = openPassword(vault, userId, sealedParked as Buffer);
  const changed = await changePassword(keystone, {
    userId,
    originalPassword,
    password: createRandomPassword(),
    requestId,
  });
  if (changed.ok) return { answer: "ok" };
  if (isBarred(changed)) {
    const asked = { userId, password: originalPassword, requestId };
    const isInForce = await isPasswordAccepted(keystone, asked);
    if (isInForce === "accepted") return setAsService(context, userId, requestId);
    if (isInForce === "unknown") return { answer: "unavailable" };
  } else if (changed.reason === "read-only") return { answer: "read-only" };
  else if (changed.reason !== "wrong-original") return { answer: "unavailable" };
  if (scrambleAskedAt === null) return { answer: "refused-once" };
  // Keystone answers for a disabled account as for a wrong password.
  const user = await orUnavailable(() =>
    serviceToken.read((token) => getUser(keystone, { token, userId, requestId })),
  );
  if (user === "unavailable") return { answer: "refused-once" };
  return { answer: user?.enabled === false ? "account-disabled" : "not-in-force" };
}

async function setAsService(
  { keystone, serviceToken }: ScrambleSteps,
  userId: string,
  requestId: string,
): Promise<Scrambled> {
  const set = await orUnavailable(() =>
    serviceToken.change((token) =>
      setUserPassword(keystone, { token, userId, password: createRandomPassword(), requestId }),
    ),
  );
  if (set === "unavailable") return { answer: set };
  return { answer: set.ok ? "ok" : set.reason, credential: "service" };
}

/**
 * The user is not let change it: the account is disabled, its password is locked, or too new by the domain's
 * rules. So no user can come in between when it is set for them.
 */
const isBarred = ({ reason }: Exclude<ChangePasswordOutcome, { ok: true }>): boolean =>
  reason === "refused" || reason === "password-locked" || reason === "disabled";

/** Why not is in the log. */
async function orUnavailable<Result>(ask: () => Promise<Result>): Promise<Result | "unavailable"> {
  try {
    return await ask();
  } catch (error) {
    if (isKeystoneError(error)) return "unavailable";
    throw error;
  }
}

async function writeDown(
  { db, log }: ScrambleContext,
  done: {
    row: LinkRow;
    claim: { id: string; claimId: string };
    answer: Answer;
    credential: "service" | undefined;
    requestId: string;
  },
): Promise<void> {
  const { row, claim, answer, credential, requestId } = done;
  if (answer === "unavailable") return void (await releaseClaim(db, claim, {}));
  if (answer === "refused-once")
    return void (await releaseClaim(db, claim, { parkedWasRefused: true }));
  const { userId } = row;
  const act = { userId, linkId: claim.id, outcome: answer, credential } as const;
  await db.transaction(async (tx) => {
    await releaseClaim(tx, claim, { forgetsParked: true });
    await record(tx, { ...BY_ITSELF, requestId }, { ...act, action: ACTION });
  });
  log[answer === "ok" || answer === "not-in-force" ? "info" : "warn"]("link.scrambled", {
    linkId: claim.id,
    userId,
    reason: answer,
    requestId,
    ...(credential && { credential }),
  });
}

const BY_ITSELF: SystemInitiator = { actor: { kind: "system" } };
const ACTION = "user.initial-password-scrambled";

/** Erases parked passwords that nobody could replace for a week: no secret is kept for ever. */
export async function giveUpParked({ db, log }: Pick<LinkContext, "db" | "log">): Promise<void> {
  const given = await db.transaction(async (tx) => {
    const rows = await forgetParked(tx, { olderThanSeconds: GIVEN_UP_AFTER_SECONDS });
    for (const { id: linkId, userId } of rows)
      await record(tx, BY_ITSELF, { action: ACTION, userId, linkId, outcome: "given-up" });
    return rows;
  });
  for (const { id: linkId, userId } of given)
    log.warn("link.scrambled", { linkId, userId, reason: "given-up" });
}
