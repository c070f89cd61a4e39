import type { SignInResult } from "../admins/sign-in.server";
import type { FieldErrors } from "../components/error-summary";
import { readLine } from "../components/form-text";

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

/** @returns what was typed, what of it never goes back to the browser, and what is missing */
export function readSignIn(form: URLSearchParams) {
  const typed = { userName: readLine(form, "user_name"), domainName: readLine(form, "domain") };
  const password = form.get("password") ?? "";
  const passcode = (form.get("passcode") ?? "").replace(/\s/g, "");
  return {
    typed,
    secrets: { password, passcode },
    // Once asked for, the field stays: whoever mistypes the password next still needs it.
    askPasscode: passcode !== "" || form.get("passcode_asked") !== null,
    errors: findErrors({ ...typed, password }),
  };
}

function findErrors(typed: { userName: string; domainName: string; password: string }) {
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

/** @returns what to answer with, and what the form says */
export function wordsForSignIn(
  result: Exclude<SignInResult, { ok: true }>,
  { askPasscode }: Pick<SignInAnswer, "askPasscode">,
): Partial<SignInAnswer> & { init: { status: number; headers?: HeadersInit } } {
  switch (result.reason) {
    case "refused":
      return { init: { status: 403 }, message: askPasscode ? WRONG_WITH_PASSCODE : WRONG };
    case "passcode-needed":
      return {
        init: { status: 403 },
        askPasscode: true,
        errors: {
          passcode: "This account asks for a one-time code as well: type it, with your password.",
        },
      };
    case "keystone-unavailable":
      return {
        init: { status: 503, headers: { "Retry-After": String(result.retryAfterSeconds) } },
        message: `Keystone does not answer, so nobody can sign in right now. Try again in ${result.retryAfterSeconds} seconds.`,
      };
  }
}
