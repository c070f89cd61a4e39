import type { SignInResult } from "../admins/sign-in.server";
import type { FieldErrors } from "../components/error-summary";
import { readLine } from "../components/form-text";
import type { Words } from "../messages/words";

export type SignInNotice = "ended" | "signedOut";

/** @returns why one is here, by the `reason` of the address; null where it is no reason of ours */
export const readNotice = (reason: string | null): SignInNotice | null =>
  reason === "ended" ? "ended" : reason === "signed-out" ? "signedOut" : null;

/** Why nobody is signed in, and what was typed. */
export interface SignInAnswer {
  typed: { userName: string; domainName: string };
  errors?: FieldErrors<"user_name" | "password" | "domain" | "passcode">;
  message?: string;
  askPasscode: boolean;
}

/** @returns what was typed, what of it never goes back to the browser, and what is missing */
export function readSignIn(words: Words, form: URLSearchParams) {
  const typed = { userName: readLine(form, "user_name"), domainName: readLine(form, "domain") };
  const password = form.get("password") ?? "";
  const passcode = (form.get("passcode") ?? "").replace(/\s/g, "");
  const errors: NonNullable<SignInAnswer["errors"]> = {};
  if (typed.userName === "") errors.user_name = words("console.signIn.problem.userName");
  if (password === "") errors.password = words("console.signIn.problem.password");
  if (typed.domainName === "") errors.domain = words("console.signIn.problem.domain");
  return {
    typed,
    secrets: { password, passcode },
    // Once asked for, the field stays: whoever mistypes the password next still needs it.
    askPasscode: passcode !== "" || form.get("passcode_asked") !== null,
    errors: Object.keys(errors).length > 0 ? errors : undefined,
  };
}

/** @returns what to answer with, and what the form says */
export function wordsForSignIn(
  words: Words,
  result: Exclude<SignInResult, { ok: true }>,
  { askPasscode }: Pick<SignInAnswer, "askPasscode">,
): Partial<SignInAnswer> & { init: { status: number; headers?: HeadersInit } } {
  switch (result.reason) {
    case "refused":
      return {
        init: { status: 403 },
        // Keystone says no to all of them at once, and not which one was wrong.
        message: words(askPasscode ? "console.signIn.refusedWithCode" : "console.signIn.refused"),
      };
    case "passcode-needed":
      return {
        init: { status: 403 },
        askPasscode: true,
        errors: { passcode: words("console.signIn.problem.codeNeeded") },
      };
    case "keystone-unavailable":
      return {
        init: { status: 503, headers: { "Retry-After": String(result.retryAfterSeconds) } },
        message: words("console.signIn.keystoneAway", { seconds: result.retryAfterSeconds }),
      };
  }
}
