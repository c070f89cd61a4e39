import type { LinkUser } from "../../db/links.store";
import type { PermittedInitiator } from "../audit/initiator.server";
import { type IssueResult, issueLink } from "../links/issue-link.server";
import type { LinkContext } from "../links/link-context.server";
import { closeAnswered, openRequestPin } from "../reset-requests/handle-requests.server";
import { type SetRandomPasswordResult, setRandomPassword } from "./set-random-password.server";

export interface HandOver {
  userId: string;
  /** As Keystone has just told. */
  user: LinkUser;
  /** `keep`: the pending link's; `request`: the one given with the request that is answered. */
  pin: "keep" | "request" | { typed: string };
  /** `random`: the account gets one at once, which nobody ever sees. */
  initialPassword: "keep" | "random" | { typed: string };
  /** Left out: the link is not mailed, the administrator hands it over. */
  mailTo?: string;
  /** The user's. Left out: the one their link had before, if any. */
  language?: string;
  /** The open request that is answered: it is closed with the link. */
  requestId?: string;
  /** The administrator's Keystone token, scoped to the admin project. */
  adminToken: string;
}

export type HandOverResult =
  | IssueResult
  /** It was closed meanwhile, and its PIN is gone. */
  | { ok: false; reason: "request-closed" }
  /** Keystone took no random password. */
  | {
      ok: false;
      reason: "no-random-password";
      why: Exclude<SetRandomPasswordResult, { ok: true }>;
    };

/**
 * Hands an account over: finds the PIN, sets the initial password where it is to be random, issues or renews
 * the link, and closes the request that it answers. All rows are written together or not at all. A random
 * password set before something went wrong is known to the user's old link, if any; another try replaces it.
 *
 * @throws {KeystoneError} as `setRandomPassword` does
 */
export async function handOver(
  context: LinkContext,
  act: HandOver,
  initiator: PermittedInitiator,
): Promise<HandOverResult> {
  const { userId, user, requestId, mailTo, language } = act;
  const pin = await pinOf(context, act);
  if (pin === "closed") return { ok: false, reason: "request-closed" };

  let initialPassword: string | undefined;
  if (act.initialPassword === "random") {
    const set = await setRandomPassword(context, act, initiator);
    if (!set.ok) return { ok: false, reason: "no-random-password", why: set };
    initialPassword = set.password;
  } else if (act.initialPassword !== "keep") initialPassword = act.initialPassword.typed;

  return issueLink(
    context,
    {
      userId,
      user,
      mailTo,
      language,
      pin: pin?.typed,
      initialPassword,
      initialPasswordIsSet: act.initialPassword === "random",
      via: "console",
    },
    initiator,
    requestId === undefined
      ? undefined
      : async (tx, link) => {
          // Closed by somebody else meanwhile, it stays theirs.
          await closeAnswered(tx, { id: requestId, userId, linkId: link.id }, initiator);
        },
  );
}

/** @returns undefined to keep the link's, `closed` where the request's is gone */
async function pinOf(
  context: LinkContext,
  { pin, requestId }: HandOver,
): Promise<{ typed: string } | "closed" | undefined> {
  if (pin === "keep") return undefined;
  if (pin !== "request") return pin;
  const given =
    requestId === undefined ? undefined : await openRequestPin(context, { id: requestId });
  return given === undefined ? "closed" : { typed: given };
}
