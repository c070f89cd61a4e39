import { pathOf } from "./ask.server";
import { authenticate, passwordAuth } from "./auth.server";
import { isKeystoneError, isKeystoneOutage, type KeystoneError } from "./errors.server";
import type { KeystoneSession } from "./session.server";

export type SetUserPasswordOutcome =
  | { ok: true }
  /** Keystone's password rules, in its own words. */
  | { ok: false; reason: "refused"; message: string }
  /** The token has no right to it, or the user lives in a read-only backend (LDAP). */
  | { ok: false; reason: "forbidden" }
  | { ok: false; reason: "unknown-user" };

/**
 * Sets another's password with administrator's rights. Keystone API: PATCH /v3/users/{id}.
 * @throws KeystoneError for an outage and for a token that is not good (`unauthorized`)
 */
export async function setUserPassword(
  session: KeystoneSession,
  options: { token: string; userId: string; password: string; requestId?: string },
): Promise<SetUserPasswordOutcome> {
  try {
    await session.request({
      method: "PATCH",
      path: pathOf(session, "users", options.userId),
      token: options.token,
      json: { user: { password: options.password } },
      requestId: options.requestId,
    });
    return { ok: true };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (error.kind === "bad-request" || error.kind === "conflict") return refusedInWords(error);
    if (error.kind === "forbidden")
      return says("passwordTooLong", error)
        ? refusedInWords(error)
        : { ok: false, reason: "forbidden" };
    if (error.kind === "not-found") return { ok: false, reason: "unknown-user" };
    throw error;
  }
}

function refusedInWords(error: KeystoneError): { ok: false; reason: "refused"; message: string } {
  const message = error.detail ?? "Keystone refused the password without saying why.";
  return { ok: false, reason: "refused", message };
}

export type ChangePasswordOutcome =
  | { ok: true }
  /** Keystone's password rules (too weak, used before), in its own words. */
  | { ok: false; reason: "refused"; message: string }
  /**
   * The original password is wrong, or there is no such user, or too many sign-ins failed and the
   * account is locked for a while: since CVE-2021-38155 Keystone does not tell which. So it may be
   * right again later.
   */
  | { ok: false; reason: "wrong-original" }
  | { ok: false; reason: "disabled" }
  /** Too many failed sign-ins; Keystone unlocks it after a while. Only older Keystones tell. */
  | { ok: false; reason: "account-locked" }
  /** Keystone's option `lock_password`: the user may not change it. */
  | { ok: false; reason: "password-locked" }
  /** The user's backend cannot be written to (LDAP). */
  | { ok: false; reason: "read-only" }
  /** No answer one could go by. `mayHaveHappened`: the password may have been changed all the same. */
  | {
      ok: false;
      reason: "unavailable";
      mayHaveHappened: boolean;
      error: KeystoneError;
      retryAfterSeconds?: number;
    };

/**
 * Changes a user's own password, the original one being the proof. Sends no token, so it works on a
 * password that has expired or must be changed at first use, and needs no second factor.
 * Keystone API: POST /v3/users/{id}/password.
 *
 * @returns every outcome as a value, outages too; does not throw for anything Keystone does
 */
export async function changePassword(
  session: KeystoneSession,
  options: { userId: string; originalPassword: string; password: string; requestId?: string },
): Promise<ChangePasswordOutcome> {
  try {
    await session.request({
      method: "POST",
      path: `${pathOf(session, "users", options.userId)}/password`,
      json: {
        user: { password: options.password, original_password: options.originalPassword },
      },
      requestId: options.requestId,
    });
    return { ok: true };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    return changeRefused(error);
  }
}

function changeRefused(error: KeystoneError): ChangePasswordOutcome {
  switch (error.kind) {
    case "bad-request":
    case "conflict":
      if (says("passwordLocked", error)) return { ok: false, reason: "password-locked" };
      return refusedInWords(error);
    case "unauthorized":
    case "mfa-required":
    case "not-found":
      if (says("accountDisabled", error)) return { ok: false, reason: "disabled" };
      if (says("accountLocked", error)) return { ok: false, reason: "account-locked" };
      return { ok: false, reason: "wrong-original" };
    case "forbidden":
      if (says("passwordTooLong", error)) return refusedInWords(error);
      return { ok: false, reason: "read-only" };
    default:
      return {
        ok: false,
        reason: "unavailable",
        mayHaveHappened: error.mayHaveHappened,
        error,
        retryAfterSeconds: error.retryAfterSeconds,
      };
  }
}

// Keystone tells these apart only by its words (the class names in its exception.py are given). It
// says them in the language asked for, and the session asks for English.
const words = {
  /** UserDisabled */
  accountDisabled: /account is disabled/i,
  /** AccountLocked; since CVE-2021-38155 Keystone no longer says it */
  accountLocked: /account is locked/i,
  /** PasswordExpired */
  passwordExpired: /password is expired/i,
  /** PasswordSelfServiceDisabled: the user's option `lock_password` */
  passwordLocked: /disallowing password changes/i,
  /** PasswordValidationError and PasswordRequirementsValidationError, beside other 400s */
  passwordRefused: /^(password validation error|the password does not match the requirements)/i,
  /** PasswordVerificationError: a 403, of all things, with strict_password_check */
  passwordTooLong: /password length must be/i,
};

/**
 * @param error a refusal of a call that sent a password among other things
 * @returns Keystone's own words, where it was the password that it refused
 */
export function wordsOfRefusedPassword(error: KeystoneError): string | undefined {
  const isIt = says("passwordRefused", error) || says("passwordTooLong", error);
  return isIt ? error.detail : undefined;
}

const says = (what: keyof typeof words, { detail = "" }: KeystoneError): boolean =>
  words[what].test(detail);

/**
 * Whether this is the user's password, as far as Keystone can be made to say so: asks for an
 * unscoped token. A refusal counts as a failed sign-in towards Keystone's own lockout, so ask only
 * where the answer is needed. Keystone API: POST /v3/auth/tokens.
 *
 * For a disabled or locked account Keystone 22 gives a plain 401 without looking at the password, which
 * cannot but read as `refused` here. One that names the account as disabled has looked at it.
 *
 * @returns `unknown` where Keystone gives no answer, or none about the password; throws for nothing it does
 */
export async function isPasswordAccepted(
  session: KeystoneSession,
  options: { userId: string; password: string; requestId?: string },
): Promise<"accepted" | "refused" | "unknown"> {
  try {
    await authenticate(
      session,
      passwordAuth({ userId: options.userId, password: options.password }),
      { scope: "unscoped", requestId: options.requestId },
    );
    return "accepted";
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (isKeystoneOutage(error)) return "unknown";
    // Another method is asked for only after the password was found right.
    if (error.kind === "mfa-required") return "accepted";
    if (error.kind !== "unauthorized") return "unknown";
    if (says("accountLocked", error)) return "unknown";
    const isRight = says("passwordExpired", error) || says("accountDisabled", error);
    return isRight ? "accepted" : "refused";
  }
}
