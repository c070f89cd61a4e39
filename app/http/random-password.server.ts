import type { SetRandomPasswordResult } from "../accounts/set-random-password.server";
import type { Words } from "../messages/words";

/** @returns what a console page answers where Keystone set no random password */
export function refusalOfRandomPassword(
  words: Words,
  outcome: Exclude<SetRandomPasswordResult, { ok: true }>,
): { status: number; message: string } {
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
