import type { SignInResult } from "../admins/sign-in.server";
import type { FieldErrors } from "../components/error-summary";

/** Why one is here, by the `reason` of the address. */
const NOTICES = new Map([
  ["ended", "Your session has ended. Sign in again to go on."],
  ["signed-out", "You are signed out."],
]);

/** @returns what is said of it, null where it is no reason of ours */
export const noticeFor = (reason: string | null): string | null =>
  NOTICES.get(reason ?? "") ?? null;

/** Why nobody is signed in, and what was typed. */
export interface SignInAnswer {
  typed: { userName: string; domainName: string };
  errors?: FieldErrors<"user_name" | "password" | "domain" | "passcode">;
  message?: string;
  askPasscode: boolean;
}

/** @returns what is missing, undefined where nothing is */
export function findErrors(typed: { userName: string; domainName: string; password: string }) {
  const errors: NonNullable<SignInAnswer["errors"]> = {};
  if (typed.userName === "") errors.user_name = "Type your user name.";
  if (typed.password === "") errors.password = "Type your password.";
  if (typed.domainName === "") errors.domain = "Type your domain. If you know of none: Default.";
  return Object.keys(errors).length > 0 ? errors : undefined;
}

const WRONG =
  "Check user name, password and domain. If they are right, your account lacks a role in the admin project.";
/** Keystone says no to all of them at once, and not which one was wrong. */
const WRONG_WITH_PASSCODE =
  "Check user name, password, domain and one-time code. A code works for 30 seconds, and only if your phone's clock is right: wait for the next one. If all are right, your account lacks a role in the admin project.";

/** @returns the status to answer with, and what the form says */
export function wordsForSignIn(
  result: Exclude<SignInResult, { ok: true }>,
  { askPasscode }: Pick<SignInAnswer, "askPasscode">,
): Partial<SignInAnswer> & { status: number; retryAfterSeconds?: number } {
  switch (result.reason) {
    case "refused":
      return { status: 403, message: askPasscode ? WRONG_WITH_PASSCODE : WRONG };
    case "passcode-needed":
      return {
        status: 403,
        askPasscode: true,
        errors: {
          passcode: "This account asks for a one-time code as well: type it, with your password.",
        },
      };
    case "keystone-unavailable":
      return {
        status: 503,
        retryAfterSeconds: result.retryAfterSeconds,
        message: `Keystone does not answer, so nobody can sign in right now. Try again in ${result.retryAfterSeconds} seconds.`,
      };
  }
}
