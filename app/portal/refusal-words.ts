import type { RedeemResult } from "../links/redeem/redeem-link.server";
import type { LinkProblem } from "../messages/problem-words";
import type { Words } from "../messages/words";
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
  /** The form again, with what to fix. */
  | { form: true; field: "pin" | "password"; message: string }
  /** The form again; nothing in it is wrong. */
  | { form: true; field?: undefined; heading: string; message: string }
  /** This link takes no more tries. */
  | { form: false; heading: string; message: string; waysOn: WaysOn };

/** Where the owner of a link that leads no further can go. Some can only ask, as the message says. */
export type WaysOn = "sign-in-or-new-link" | "new-link" | "none";

/** @returns what the link's owner reads, in words that say what to do next */
export function wordsForRefusal(words: Words, refusal: Refusal): RefusalWords {
  switch (refusal.reason) {
    case "unknown-link":
      return deadLink(words);
    case "malformed-pin":
      return {
        form: true,
        field: "pin",
        message: words("portal.refusal.malformedPin", { digits: refusal.pinLength }),
      };
    case "wrong-pin":
      return refusal.attemptsLeft === 0
        ? lockedLink(words)
        : {
            form: true,
            field: "pin",
            message: words("portal.refusal.wrongPin", { count: refusal.attemptsLeft }),
          };
    case "locked":
      return lockedLink(words);
    case "expired":
      return { form: false, ...saying(words, "expired"), waysOn: "new-link" };
    case "in-progress":
      return { form: true, ...saying(words, "inProgress") };
    case "superseded":
      return supersededLink(words);
    case "password-problem":
      return {
        form: true,
        field: "password",
        message: describePasswordProblem(words, refusal.problem, refusal.description),
      };
    case "password-refused":
      return { form: true, field: "password", message: refusal.message };
    case "needs-administrator":
      return { form: false, ...saying(words, refusal.problem), waysOn: "none" };
    case "keystone-unavailable":
      return {
        form: true,
        heading: words("portal.refusal.unavailable.heading"),
        message: words("portal.refusal.unavailable.message", {
          seconds: refusal.retryAfterSeconds,
        }),
      };
  }
}

/**
 * The same for a link that is unknown, replaced or used: nothing may tell them apart. Most who come
 * here have set their password, and reload the page that said so or open the mail again.
 */
export const deadLink = (words: Words) =>
  ({ form: false, ...saying(words, "dead"), waysOn: "sign-in-or-new-link" }) as const;

export const supersededLink = (words: Words) =>
  ({ form: false, ...saying(words, "superseded"), waysOn: "new-link" }) as const;

const lockedLink = (words: Words) =>
  ({ form: false, ...saying(words, "locked"), waysOn: "new-link" }) as const;

type Named = LinkProblem | "dead" | "locked" | "expired" | "inProgress" | "superseded";

const saying = (words: Words, name: Named) => ({
  heading: words(`portal.refusal.${name}.heading`),
  message: words(`portal.refusal.${name}.message`),
});
