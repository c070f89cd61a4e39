import type { SetRandomPasswordResult } from "../accounts/set-random-password.server";
import type { Words } from "../messages/words";

/** What a console page answers where no random password was set. */
export interface RandomPasswordRefusal {
  status: number;
  message: string;
}

/** @returns the status and the words for each reason of Keystone's */
export function refusalOfRandomPassword(
  words: Words,
  outcome: Exclude<SetRandomPasswordResult, { ok: true }>,
): RandomPasswordRefusal {
  switch (outcome.reason) {
    case "refused":
      return {
        status: 409,
        message: words("console.keystone.randomRefused", { message: outcome.message }),
      };
    case "forbidden":
      return { status: 403, message: words("console.keystone.randomForbidden") };
    case "unknown-user":
      return { status: 404, message: words("console.keystone.unknownUser") };
  }
}
