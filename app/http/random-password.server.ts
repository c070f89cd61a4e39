import type { SetRandomPasswordResult } from "../accounts/set-random-password.server";

/** What a console page answers where no random password was set. */
export interface RandomPasswordRefusal {
  status: number;
  message: string;
}

/** @returns the status and the words for each reason of Keystone's */
export function refusalOfRandomPassword(
  outcome: Exclude<SetRandomPasswordResult, { ok: true }>,
): RandomPasswordRefusal {
  switch (outcome.reason) {
    case "refused":
      return {
        status: 409,
        message: `Keystone refused the random password: ${outcome.message} Set one that it takes, and type it when you issue a link.`,
      };
    case "forbidden":
      return {
        status: 403,
        message:
          "Keystone does not let you set this user's password: your role does not allow it, or the user lives in a directory that cannot be written to.",
      };
    case "unknown-user":
      return { status: 404, message: "Keystone knows no such user any more." };
  }
}
