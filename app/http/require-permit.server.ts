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
  if (permit.reason === "token-ended") throw await endSession(args);
  const { status, words } = REFUSALS[permit.reason];
  return { ok: false, status, message: wordsIn(language)(`console.keystone.${words}`) };
}

const REFUSALS = {
  forbidden: { status: 403, words: "mayNotChange" },
  "unknown-user": { status: 404, words: "unknownUser" },
  "keystone-unavailable": { status: 503, words: "notAsked" },
} as const;
