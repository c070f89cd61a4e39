import type { ActionFunctionArgs, LoaderFunctionArgs } from "@remix-run/node";
import type { SetRandomPasswordResult } from "../accounts/set-random-password.server";
import { isKeystoneError, isKeystoneOutage } from "../keystone/errors.server";
import { wordsIn } from "../messages/catalogs.server";
import type { Words } from "../messages/words";
import { endSession } from "./guard-console.server";

export type KeystoneAnswer<T> =
  | { ok: true; value: T }
  | { ok: false; reason: "unavailable" | "forbidden"; status: 403 | 503; message: string };

/**
 * Asks Keystone something for a console page, with the administrator's own token.
 *
 * @returns the answer, or in words why there is none; the page shows them in the answer's place
 * @throws {Response} a redirect to the sign-in page where the token is no longer good: a session never
 *   outlives its Keystone token
 */
export async function withKeystone<T>(
  args: LoaderFunctionArgs | ActionFunctionArgs,
  ask: () => Promise<T>,
): Promise<KeystoneAnswer<T>> {
  const { context } = args;
  try {
    return { ok: true, value: await ask() };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    // An outage is in the log already, as `keystone.unavailable`.
    if (!isKeystoneOutage(error))
      context.services.log.warn("keystone.failed", {
        reason: error.kind,
        status: error.status,
        method: error.method,
        path: error.path,
        requestId: context.requestId,
        keystoneRequestId: error.keystoneRequestId,
      });
    if (error.kind === "unauthorized") throw await endSession(args);
    const reason = error.kind === "forbidden" ? "forbidden" : "unavailable";
    const message = wordsIn(context.language)(`console.keystone.${reason}`);
    return { ok: false, reason, status: reason === "forbidden" ? 403 : 503, message };
  }
}

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
