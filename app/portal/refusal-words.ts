import type { LinkProblem } from "../links/redeem/link-problem";
import type { RedeemResult } from "../links/redeem/redeem-link.server";
import { describePasswordProblem } from "./password-words";

export type Refusal = Exclude<RedeemResult, { ok: true }>;

/** The contract's statuses (docs/contract.md), each reason by its name. */
export const STATUS_OF_REFUSAL = {
  "unknown-link": 404,
  "malformed-pin": 403,
  "wrong-pin": 403,
  locked: 403,
  expired: 403,
  "in-progress": 409,
  superseded: 409,
  "password-problem": 400,
  "password-refused": 400,
  "needs-administrator": 409,
  "keystone-unavailable": 503,
} as const satisfies Record<Refusal["reason"], number>;

/** What a page says where no password was set. */
export type RefusalWords =
  /** The form again, with what to mend. */
  | { form: true; field: "pin" | "password"; message: string }
  /** The form again; nothing in it is wrong. */
  | { form: true; field?: undefined; heading: string; message: string }
  /** This link takes no more tries. */
  | { form: false; heading: string; message: string; waysOn: WaysOn };

/** Where the owner of a link that leads no further can go. Some can only ask, as the message says. */
export type WaysOn = "sign-in-or-new-link" | "new-link" | "none";

/** @returns what the link's owner reads, in words that say what to do next */
export function wordsForRefusal(refusal: Refusal): RefusalWords {
  switch (refusal.reason) {
    case "unknown-link":
      return DEAD_LINK;
    case "malformed-pin":
      return {
        form: true,
        field: "pin",
        message: `The PIN has exactly ${refusal.pinLength} digits. This did not count as a try.`,
      };
    case "wrong-pin":
      return refusal.attemptsLeft === 0
        ? LOCKED_LINK
        : {
            form: true,
            field: "pin",
            message: `This PIN is not right. You have ${countTries(refusal.attemptsLeft)} left.`,
          };
    case "locked":
      return LOCKED_LINK;
    case "expired":
      return {
        form: false,
        heading: "This link has expired",
        message: "Your PIN was right, but the link's time has run out. Your password was not set.",
        waysOn: "new-link",
      };
    case "in-progress":
      return {
        form: true,
        heading: "Your password is being set already",
        message:
          "This form was sent twice, and the first one is still under way. Wait a few seconds, then try to sign in; if that fails, send the form again.",
      };
    case "superseded":
      return {
        form: false,
        heading: "Your administrator changed this link just now",
        message:
          "Your password reached the cloud at the same moment, so it may or may not be in force. Try to sign in with it. If that fails, look for a newer mail.",
        waysOn: "new-link",
      };
    case "password-problem":
      return {
        form: true,
        field: "password",
        message: describePasswordProblem(refusal.problem, refusal.description),
      };
    case "password-refused":
      return { form: true, field: "password", message: refusal.message };
    case "needs-administrator":
      return { form: false, ...WORDS_FOR_PROBLEM[refusal.problem], waysOn: "none" };
    case "keystone-unavailable":
      return {
        form: true,
        heading: "The cloud does not answer",
        message: `Your link still works, and this did not count as a try. Wait ${refusal.retryAfterSeconds} seconds, then send the form again.`,
      };
  }
}

/**
 * The same for a link that is unknown, replaced or used: nothing may tell them apart. Most who come
 * here have set their password, and reload the page that said so or open the mail again.
 */
export const DEAD_LINK = {
  form: false,
  heading: "This link does not work",
  message: "It was used already, or a newer one has taken its place.",
  waysOn: "sign-in-or-new-link",
} as const satisfies RefusalWords;

const LOCKED_LINK = {
  form: false,
  heading: "This link is locked",
  message: "The PIN was typed wrong too often, so the link takes no more tries.",
  waysOn: "new-link",
} as const satisfies RefusalWords;

const countTries = (count: number) => (count === 1 ? "1 try" : `${count} tries`);

const ASK = "Please ask your administrator for help.";

const WORDS_FOR_PROBLEM: Record<LinkProblem, { heading: string; message: string }> = {
  "initial-password-stale": {
    heading: "Your account was changed since this link was made",
    message: `Your password could not be set. ${ASK} You will get a new link.`,
  },
  "account-disabled": {
    heading: "Your account is disabled",
    message: `Your password could not be set. ${ASK} Once the account is enabled, open this link again.`,
  },
  "account-locked": {
    heading: "Your account is locked for a while",
    message: `There were too many failed sign-ins, so your password could not be set. The account unlocks by itself after some time; then open this link again. If you cannot wait, ask your administrator.`,
  },
  "password-locked": {
    heading: "This account's password cannot be changed",
    message: `Your password could not be set. ${ASK}`,
  },
  "link-outdated": {
    heading: "This link has to be renewed",
    message: `It was made before an upgrade, so your password could not be set. ${ASK} Your PIN stays the same.`,
  },
  "read-only-account": {
    heading: "This account's password is kept elsewhere",
    message: `It cannot be set here. ${ASK}`,
  },
};
