import type { ActionFunctionArgs } from "@remix-run/node";
import { permitCaller } from "../admins/permit-caller.server";
import type { PermittedInitiator } from "../audit/initiator.server";
import { wordsIn } from "../messages/catalogs.server";
import { adminOf, endSession } from "./guard-console.server";
import { initiatorOf } from "./initiator.server";

export type ConsolePermit =
  | { ok: true; initiator: PermittedInitiator }
  | { ok: false; status: 403 | 404 | 503; message: string };

/**
 * Asks, before an administrator acts on a user in the console, whether they may.
 *
 * @returns the permit, or in words why there is none, and the status of the answer
 * @throws {Response} a redirect to the sign-in page where Keystone takes the session's token no more
 */
export async function requirePermitFor(
  args: ActionFunctionArgs,
  userId: string,
): Promise<ConsolePermit> {
  const { services, language } = args.context;
  const caller = initiatorOf(args.context, adminOf(args.context));
  const permit = await permitCaller(services, userId, caller);
  if (permit.ok) return permit;
  const words = wordsIn(language);
  switch (permit.reason) {
    case "forbidden":
      return { ok: false, status: 403, message: words("console.keystone.mayNotChange") };
    case "unknown-user":
      return { ok: false, status: 404, message: words("console.keystone.unknownUser") };
    case "token-ended":
      throw await endSession(args);
    case "keystone-unavailable":
      return { ok: false, status: 503, message: words("console.keystone.notAsked") };
  }
}
