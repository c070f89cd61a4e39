import type { ChangePasswordOutcome } from "../../keystone/passwords.server";
import { hasRoomFor, type Unsettled, type UnsettledPassword, withTyped } from "./unsettled";

/** `unknown`: Keystone did not say. */
export type Answer = "accepted" | "refused" | "unknown";

/** What the protocol does to the world. Each may be the last that this process lives to do. */
export interface Steps {
  /** Asks Keystone to change this password to the one typed. */
  change(originalPassword: string): Promise<ChangePasswordOutcome>;
  /** Asks Keystone whether this password is in force. */
  ask(password: string): Promise<Answer>;
  /**
   * Writes down what may be in force, or come into force, before it is sent.
   *
   * @returns false where it was not written: somebody else acts on the link now
   */
  note(unsettled: Unsettled): Promise<boolean>;
}

/** What the link knows before anything is sent. */
export interface Known {
  readonly initialPassword: string;
  readonly unsettled: Unsettled;
}

/** What the link keeps of it. `initialPassword`: another than before. */
export interface Left {
  readonly unsettled: Unsettled;
  readonly initialPassword?: string;
}

type Refusal = Exclude<ChangePasswordOutcome, { ok: true } | { reason: "unavailable" }>;

export type SetPasswordResult =
  /** Keystone said so. */
  | { is: "set" }
  /** A definite no. */
  | { is: "refused"; why: Refusal; left: Left }
  /** Keystone did not answer. The typed password is among those left if it may have been set. */
  | { is: "unavailable"; retryAfterSeconds?: number; left: Left }
  /** Nothing was sent: see `note`. */
  | { is: "superseded" };

/**
 * @returns what is written with the claim, before the first change is sent. Where there is no room for
 *   the typed password nothing is sent before there is
 */
export const notedWithClaim = (unsettled: Unsettled, password: string): Unsettled =>
  hasRoomFor(unsettled, password) ? withTyped(unsettled, password) : unsettled;

/**
 * Sets a password in Keystone, whose answers may be lost, and whose changes may come late. One call
 * where all is well. A lost answer is followed by one question: is the typed password in force? And
 * where the initial password is refused while an earlier answer was lost, the earlier passwords are
 * asked about, because one of them may be in force, however late it got there. Where one more lost
 * answer would push out the oldest of them, they are asked about first.
 *
 * @param known as the link was before `notedWithClaim`, which is written already
 */
export async function setPasswordOnce(
  steps: Steps,
  { initialPassword, unsettled }: Known,
  password: string,
): Promise<SetPasswordResult> {
  let original = initialPassword;
  let mayBe = unsettled;
  let inForce: UnsettledPassword | undefined;
  let outcome: ChangePasswordOutcome = { ok: false, reason: "wrong-original" };
  const fits = hasRoomFor(unsettled, password);
  if (fits) outcome = await steps.change(original);
  if (!outcome.ok && outcome.reason === "wrong-original") {
    const found = await findInForce(steps, unsettled);
    if (found === "unknown") return { is: "unavailable", left: { unsettled } };
    if (found !== "none") {
      if (found.password === password) return { is: "set" };
      inForce = found;
      original = found.password;
      // Those before it were refused their turn. One behind it may still be on its way to take its place.
      mayBe = unsettled.slice(unsettled.indexOf(found));
    } else if (!fits) {
      // Before anything is dropped it is known what is in force: a locked account refuses them all.
      const answer = await steps.ask(initialPassword);
      if (answer === "unknown") return { is: "unavailable", left: { unsettled } };
      if (answer === "refused") return { is: "refused", why: outcome, left: { unsettled } };
    }
    if (inForce || !fits) {
      mayBe = withRoomFor(mayBe, password, inForce);
      if (!(await steps.note(withTyped(mayBe, password)))) return { is: "superseded" };
      outcome = await steps.change(original);
      // Not what Keystone said a moment ago: something came late. The next try finds out what.
      if (!outcome.ok && outcome.reason === "wrong-original")
        return { is: "unavailable", left: { unsettled: mayBe } };
    }
  }
  if (outcome.ok) return { is: "set" };
  if (outcome.reason !== "unavailable")
    return { is: "refused", why: outcome, left: leftBehind(mayBe, inForce) };
  const { retryAfterSeconds, mayHaveHappened } = outcome;
  if (!mayHaveHappened)
    return { is: "unavailable", retryAfterSeconds, left: leftBehind(mayBe, inForce) };
  if ((await steps.ask(password)) === "accepted") return { is: "set" };
  return { is: "unavailable", retryAfterSeconds, left: { unsettled: withTyped(mayBe, password) } };
}

/** Newest first: the newest is the likeliest. */
async function findInForce(
  { ask }: Pick<Steps, "ask">,
  unsettled: Unsettled,
): Promise<UnsettledPassword | "none" | "unknown"> {
  for (const one of unsettled.toReversed()) {
    const answer = await ask(one.password);
    if (answer === "accepted") return one;
    if (answer === "unknown") return answer;
  }
  return "none";
}

/** The oldest that is not in force goes: it cannot be on its way any more. */
const withRoomFor = (
  unsettled: Unsettled,
  password: string,
  inForce: UnsettledPassword | undefined,
): Unsettled => {
  if (hasRoomFor(unsettled, password)) return unsettled;
  const goes = unsettled.find((one) => one !== inForce);
  return unsettled.filter((one) => one !== goes);
};

/**
 * Where the typed password was certainly not set. A random one of an administrator's that is in force is
 * the initial one from then on. One that the user typed stays: if nobody comes back, the worker
 * completes the link with it.
 */
const leftBehind = (mayBe: Unsettled, inForce: UnsettledPassword | undefined): Left =>
  inForce?.by === "admin"
    ? { initialPassword: inForce.password, unsettled: mayBe.filter((one) => one !== inForce) }
    : { unsettled: mayBe };

export type SettleResult =
  /** A password of the user's is in force. */
  | { is: "set" }
  /** Keystone did not say. */
  | { is: "unavailable" }
  /** None is in force, as far as one refusal can be believed. */
  | { is: "ask-again" }
  /** None of the user's is in force, nor will be. */
  | { is: "settled"; left: Left };

/**
 * Finds out which of them is in force, long enough after the last was sent that none is on its way.
 *
 * @param known.refusedBefore all of them were refused once, so long ago that no account is locked since
 */
export async function settleUnsettled(
  steps: Pick<Steps, "ask">,
  known: { unsettled: Unsettled; refusedBefore: boolean },
): Promise<SettleResult> {
  const found = await findInForce(steps, known.unsettled);
  if (found === "unknown") return { is: "unavailable" };
  if (found === "none" && known.unsettled.length > 0 && !known.refusedBefore)
    return { is: "ask-again" };
  if (found === "none") return { is: "settled", left: { unsettled: [] } };
  if (found.by === "user") return { is: "set" };
  return { is: "settled", left: { unsettled: [], initialPassword: found.password } };
}
