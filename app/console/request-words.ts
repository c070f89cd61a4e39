import type { AnswerResult } from "../reset-requests/answer-requests.server";

/** Said to whoever would close a request and lacks the role. */
export const CLOSING_TAKES_ADMIN =
  "Closing requests takes the role admin, because they name no account that Keystone could be asked about. Nothing was changed. You can answer those of accounts that you may change.";

type Refusal = Exclude<AnswerResult, { ok: true }>["reason"];

/** Why a request is not answered along with others. */
export const WHY_NOT: Record<Refusal, string> = {
  "not-open": "It was closed or answered meanwhile",
  "not-confirmed": "Its mailbox never confirmed it",
  "unusable-pin": "Its PIN cannot be used: the request was changed in the database",
  "several-requests": "Its mailbox has other open requests: the code tells which one is meant",
  "no-such-user": "Keystone has no user of exactly this name",
  "other-address": "Keystone has another address for this user, or none",
  "several-users": "Several users have this name and address, in different domains",
  "own-account": "It is the account you are signed in with",
  "privileged-account":
    "The account has rights over the cloud, or Keystone does not tell: a random password may stop a service, so answer it by itself",
  "account-disabled": "The account is disabled, so no link could set its password",
  "password-locked": "Keystone forbids this user to change the password",
  "pin-exhausted": "The PIN of the present link was guessed wrong too often",
  forbidden: "Keystone does not let you do this",
  "keystone-unavailable": "Keystone did not answer",
  changed: "Something has changed since you looked: look again",
  "redemption-under-way":
    "Its account's link is being used at this moment: the user may not need another",
  "being-answered": "Somebody else is answering it at this moment",
  "password-refused": "Keystone refused the random password",
};

export function wordsForAnswer(result: Exclude<AnswerResult, { ok: true }>): string {
  switch (result.reason) {
    case "password-refused":
      return `${WHY_NOT[result.reason]}: ${result.message}`;
    case "keystone-unavailable":
      return `${WHY_NOT[result.reason]}. A random password may have been set: issue a link to it`;
    default:
      return WHY_NOT[result.reason];
  }
}
