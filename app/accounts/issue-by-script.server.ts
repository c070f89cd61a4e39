import type { PermittedInitiator } from "../audit/initiator.server";
import { isKeystoneError } from "../keystone/errors.server";
import { type IssueRequest, type IssueResult, issueLink } from "../links/issue-link.server";
import type { LinkContext } from "../links/link-context.server";
import { type SetRandomPasswordResult, setRandomPassword } from "./set-random-password.server";

export type IssueByScriptResult =
  | Exclude<IssueResult, { reason: "scrambled" }>
  /** Keystone took no random password. */
  | {
      ok: false;
      reason: "no-random-password";
      why: Exclude<SetRandomPasswordResult, { ok: true }>;
    }
  /** Keystone takes the script's token no more. */
  | { ok: false; reason: "token-ended" }
  | { ok: false; reason: "keystone-unavailable"; retryAfterSeconds: number };

const RETRY_AFTER_SECONDS = 10;

/**
 * Issues or renews a link as a script asks. Where it gives no initial password, and the one that the link
 * had was replaced by setpass since, the account gets a random one by the script's own rights.
 *
 * @param callerToken the script's Keystone token
 * @returns every outcome as a value; throws only where the database fails
 */
export async function issueByScript(
  context: LinkContext,
  request: Omit<IssueRequest, "via" | "initialPasswordIsSet">,
  { initiator, callerToken }: { initiator: PermittedInitiator; callerToken: string },
): Promise<IssueByScriptResult> {
  const issued = await issueLink(context, { ...request, via: "api" }, initiator);
  if (issued.ok || issued.reason !== "scrambled") return issued;
  const { userId } = request;
  let set: SetRandomPasswordResult;
  try {
    set = await setRandomPassword(context, { userId, adminToken: callerToken }, initiator);
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (error.kind === "unauthorized") return { ok: false, reason: "token-ended" };
    const { retryAfterSeconds = RETRY_AFTER_SECONDS } = error;
    return { ok: false, reason: "keystone-unavailable", retryAfterSeconds };
  }
  if (!set.ok) return { ok: false, reason: "no-random-password", why: set };
  const renewed = await issueLink(
    context,
    { ...request, initialPassword: set.password, initialPasswordIsSet: true, via: "api" },
    initiator,
  );
  // With a password of its own, it cannot lack one.
  return renewed as Exclude<IssueResult, { reason: "scrambled" }>;
}
