import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { noteUnsettled } from "../../db/link-claims.store";
import { findLinkOfUser } from "../../db/links.store";
import { type PermittedInitiator, requirePermit } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import { isKeystoneError } from "../keystone/errors.server";
import { type SetUserPasswordOutcome, setUserPassword } from "../keystone/passwords.server";
import type { KeystoneSession } from "../keystone/session.server";
import type { LinkContext } from "../links/link-context.server";
import { isClaimed } from "../links/link-status";
import { KEPT_UNSETTLED, type Unsettled } from "../links/redeem/unsettled";
import { openUnsettled, sealUnsettled } from "../links/sealed-fields.server";

const CLASSES = ["abcdefghijkmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRSTUVWXYZ", "23456789", "!#%+-_=@"];
const LENGTH = 40;

/** @returns 40 characters, about 240 random bits, at least four of each class a policy may ask for */
export function createRandomPassword(): string {
  const pick = (alphabet: string) => alphabet.charAt(randomInt(alphabet.length));
  const all = CLASSES.join("");
  const characters = CLASSES.flatMap((alphabet) => Array.from({ length: 4 }, () => pick(alphabet)));
  while (characters.length < LENGTH) characters.push(pick(all));
  for (let last = characters.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [characters[last], characters[other]] = [
      characters[other] as string,
      characters[last] as string,
    ];
  }
  return characters.join("");
}

export type SetRandomPasswordResult =
  | { ok: true; password: string }
  | Exclude<SetUserPasswordOutcome, { ok: true }>;

/**
 * Gives the user a random password with the administrator's own rights, so that nobody ever handles
 * it: it goes from here into the link, sealed.
 *
 * @param act.adminToken the administrator's Keystone token, scoped to the admin project
 * @param act.credential whose token it is, where it is not the administrator's
 * @throws {KeystoneError} for an outage, and `unauthorized` where the token is no longer good
 */
export async function setRandomPassword(
  context: Pick<LinkContext, "db" | "vault"> & { keystone: KeystoneSession },
  act: { userId: string; adminToken: string; credential?: "caller" | "service" },
  initiator: PermittedInitiator,
): Promise<SetRandomPasswordResult> {
  const { userId, adminToken, credential = "caller" } = act;
  requirePermit(initiator, userId);
  const password = createRandomPassword();
  const before = await noteRandomPassword(context, userId, password);
  const note = (outcome: string) =>
    record(context.db, initiator, {
      action: "user.initial-password-set",
      userId,
      outcome,
      credential,
    });
  let outcome: SetUserPasswordOutcome;
  try {
    outcome = await setUserPassword(context.keystone, {
      token: adminToken,
      userId,
      password,
      requestId: initiator.requestId,
    });
  } catch (error) {
    if (isKeystoneError(error) && error.mayHaveHappened) await note("unknown");
    throw error;
  }
  if (!outcome.ok) await forgetRandomPassword(context, userId, { password, before });
  await note(outcome.ok ? "ok" : outcome.reason);
  return outcome.ok ? { ok: true, password } : outcome;
}

/**
 * This process can die between the change in Keystone and the new link's row. The user's old link then still
 * works, because it knows the password that may be in force. Where a link is done but not settled, the
 * random password being in force shows that none of the user's is.
 *
 * @returns what was noted before
 */
export async function noteRandomPassword(
  { db, vault }: Pick<LinkContext, "db" | "vault">,
  userId: string,
  password: string,
): Promise<Unsettled> {
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const before = await noteOnce({ db, vault }, userId, password);
    if (before !== "being-scrambled") return before;
    await sleep(PAUSE_MS);
  }
  // Whoever held it for so long is gone, and its change has come through or never will.
  return [];
}

const PAUSE_MS = 250;
const MOST_TRIES = 80;

/**
 * Keystone compares the original password first and sets the new one a moment later: a password that is set
 * in between would be lost. So a scramble under way is waited for, and none begins while one is noted.
 */
function noteOnce(
  { db, vault }: Pick<LinkContext, "db" | "vault">,
  userId: string,
  password: string,
): Promise<Unsettled | "being-scrambled"> {
  return db.transaction(async (tx) => {
    const link = await findLinkOfUser(tx, userId, { lock: true });
    if (link?.sealedParked && isClaimed(link, new Date())) return "being-scrambled";
    if (!link?.sealedPassword && !link?.sealedUnsettled && !link?.sealedParked) return [];
    const unsettled = openUnsettled(vault, userId, link.sealedUnsettled);
    const sealedUnsettled = sealUnsettled(vault, userId, [...unsettled, { by: "admin", password }]);
    await noteUnsettled(tx, { id: link.id, sealedUnsettled });
    return unsettled;
  });
}

/** Keystone did not take it: to be asked about it later would cost a failed sign-in. */
async function forgetRandomPassword(
  { db, vault }: Pick<LinkContext, "db" | "vault">,
  userId: string,
  { password, before }: { password: string; before: Unsettled },
): Promise<void> {
  await db.transaction(async (tx) => {
    const link = await findLinkOfUser(tx, userId, { lock: true });
    if (!link?.sealedUnsettled) return;
    const now = openUnsettled(vault, userId, link.sealedUnsettled);
    const others = now.filter((one) => one.password !== password);
    if (others.length === now.length) return;
    // It may have pushed the oldest out, which is still to be settled.
    const pushedOut = before.slice(0, before.length >= KEPT_UNSETTLED ? 1 : 0);
    const sealedUnsettled = sealUnsettled(vault, userId, [...pushedOut, ...others]);
    await noteUnsettled(tx, { id: link.id, sealedUnsettled });
  });
}
