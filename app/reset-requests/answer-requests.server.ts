import { holdResetRequest, releaseResetRequest } from "../../db/reset-requests.store";
import { type HandOverResult, handOver } from "../accounts/hand-over.server";
import { readLinkUser } from "../accounts/look-up-user.server";
import { readStanding } from "../accounts/privileged-user.server";
import { type Caller, type Permit, permitCaller } from "../admins/permit-caller.server";
import type { Initiator, PermittedInitiator } from "../audit/initiator.server";
import type { Config } from "../config/config.server";
import { isKeystoneError, isKeystoneOutage } from "../keystone/errors.server";
import { findUsersNamed, type KeystoneUser } from "../keystone/users.server";
import type { LinkContext } from "../links/link-context.server";
import { getLinkOfUser } from "../links/list-links.server";
import { isSameMailbox } from "../links/same-mailbox";
import { getRequest, openRequestPin, type ResetRequestSummary } from "./handle-requests.server";

export type AnswerContext = LinkContext & { readonly config: Pick<Config, "admin"> };

/** Why a request is not answered along with others. An administrator may still answer it by itself. */
export type WhyNot =
  | "not-open"
  /** Asked before requests were confirmed. */
  | "not-confirmed"
  /** The request is not as it was sealed: see `openRequest`. */
  | "unusable-pin"
  /** Another request of the same mailbox is open: whose PIN is meant, the codes tell, not we. */
  | "several-requests"
  | "no-such-user"
  /** There is such a user, but Keystone has another address for them, or none. */
  | "other-address"
  | "several-users"
  | "own-account"
  /** A random password would end more than one person's work: that is for somebody to judge. */
  | "privileged-account"
  | "account-disabled"
  | "password-locked"
  /** The PIN of the present link was guessed wrong too often; this one may be another, or the same. */
  | "pin-exhausted"
  | "forbidden"
  | "keystone-unavailable";

export interface AnswerPlan {
  readonly userId: string;
  /** The initial password of the pending link is kept, or the account gets a random one at once. */
  readonly password: "keep" | "random";
}

export type PlannedAnswer = { request: ResetRequestSummary } & (
  | { ok: true; plan: AnswerPlan }
  | { ok: false; reason: WhyNot }
);

/**
 * Says what answering a request would do, without doing it. It is answered along with others only where
 * nobody has to judge anything: its mailbox has confirmed it, no other request of that mailbox is open,
 * and there is one user of exactly that name for whom Keystone has that very address.
 *
 * @throws {KeystoneError} `unauthorized`, where the administrator's token is no longer good
 */
export async function planAnswer(
  context: AnswerContext,
  request: ResetRequestSummary,
  initiator: Initiator<Caller>,
): Promise<PlannedAnswer> {
  const { actor: admin, requestId } = initiator;
  const { keystoneToken: token } = admin;
  const not = (reason: WhyNot) => ({ request, ok: false, reason }) as const;
  if (request.state !== "open" || !request.hasPin) return not("not-open");
  if (!request.confirmedAt) return not("not-confirmed");
  if (request.openOfMailbox > 1) return not("several-requests");
  if ((await openRequestPin(context, request)) === undefined) return not("unusable-pin");
  let named: KeystoneUser[];
  try {
    named = await findUsersNamed(context.keystone, { token, name: request.name, requestId });
  } catch (error) {
    return not(whyKeystoneFailed(error));
  }
  const ofAddress = named.filter((user) => isSameMailbox(user.email, request.email));
  const [user] = ofAddress;
  if (!user) return not(named.length === 0 ? "no-such-user" : "other-address");
  if (ofAddress.length > 1) return not("several-users");
  if (user.id === admin.userId) return not("own-account");
  if (!user.enabled) return not("account-disabled");
  if (user.lockPassword) return not("password-locked");
  const link = await getLinkOfUser(context, user.id);
  // Seen before a random password is set: with a PIN that is used up there would be no link to it.
  if (link?.pinExhausted) return not("pin-exhausted");
  const keeps =
    link?.renewable === true && !link.scrambled && link.problem !== "initial-password-stale";
  const password = keeps ? "keep" : "random";
  const permit = await permitFor(context, user.id, initiator);
  if (!permit.ok) return not(permit.reason);
  if (password === "random") {
    const standing = await readStanding(context, { token, userId: user.id, requestId });
    if (standing !== "ordinary") return not("privileged-account");
  }
  return { request, ok: true, plan: { userId: user.id, password } };
}

async function permitFor(
  context: AnswerContext,
  userId: string,
  initiator: Initiator<Caller>,
): Promise<{ ok: true; initiator: PermittedInitiator } | { ok: false; reason: WhyNot }> {
  const permit = await permitCaller(context, userId, initiator);
  return permit.ok ? permit : { ok: false, reason: NOT_PERMITTED[permit.reason] };
}

const NOT_PERMITTED = {
  forbidden: "forbidden",
  "unknown-user": "no-such-user",
  "token-ended": "forbidden",
  "keystone-unavailable": "keystone-unavailable",
} as const satisfies Record<Exclude<Permit, { ok: true }>["reason"], WhyNot>;

export type AnswerResult =
  | { ok: true; linkId: string; mailTo: string }
  /** What it would do now is not what the administrator has agreed to. */
  | { ok: false; reason: WhyNot | "changed" | "being-answered" | "redemption-under-way" }
  /** Keystone's password rules, in its own words. */
  | { ok: false; reason: "password-refused"; message: string };

/** Longer than answering one takes, with Keystone slow. */
const HOLD_SECONDS = 120;

/**
 * Answers a request as planned: a link with its PIN, mailed to Keystone's address, and the request closed.
 * Of two administrators at the same time, one does it.
 *
 * @param agreed what the administrator was shown: where anything of it is another now, nothing is done
 * @throws {KeystoneError} `unauthorized`, where the administrator's token is no longer good
 */
export async function answerRequest(
  context: AnswerContext,
  { id, agreed }: { id: string; agreed: AnswerPlan },
  initiator: Initiator<Caller>,
): Promise<AnswerResult> {
  if (!(await holdResetRequest(context.db, { id, holdSeconds: HOLD_SECONDS })))
    return {
      ok: false,
      reason: (await getRequest(context, id))?.state === "open" ? "being-answered" : "not-open",
    };
  let answered = false;
  try {
    const result = await answerHeld(context, { id, agreed }, initiator);
    answered = result.ok;
    return result;
  } finally {
    if (!answered) await releaseResetRequest(context.db, id);
  }
}

function notHandedOver(
  refused: Exclude<HandOverResult, { ok: true }>,
): Exclude<AnswerResult, { ok: true }> {
  if (refused.reason !== "no-random-password")
    return { ok: false, reason: NOT_HANDED_OVER[refused.reason] };
  const { why } = refused;
  if (why.reason === "refused")
    return { ok: false, reason: "password-refused", message: why.message };
  return { ok: false, reason: why.reason === "unknown-user" ? "no-such-user" : "forbidden" };
}

const NOT_HANDED_OVER = {
  "request-closed": "not-open",
  "pin-exhausted": "pin-exhausted",
  "in-progress": "redemption-under-way",
  incomplete: "changed",
  scrambled: "changed",
} as const;

async function answerHeld(
  context: AnswerContext,
  { id, agreed }: { id: string; agreed: AnswerPlan },
  initiator: Initiator<Caller>,
): Promise<AnswerResult> {
  const { keystoneToken: adminToken } = initiator.actor;
  const request = await getRequest(context, id);
  if (!request) return { ok: false, reason: "not-open" };
  const planned = await planAnswer(context, request, initiator);
  if (!planned.ok) return planned;
  const { userId, password } = planned.plan;
  if (userId !== agreed.userId || password !== agreed.password)
    return { ok: false, reason: "changed" };
  const permit = await permitFor(context, userId, initiator);
  if (!permit.ok) return permit;
  try {
    const { requestId } = initiator;
    const user = await readLinkUser(context.keystone, { token: adminToken, userId, requestId });
    if (!user) return { ok: false, reason: "no-such-user" };
    if (!isSameMailbox(user.email, request.email) || user.email === null)
      return { ok: false, reason: "other-address" };
    const { email: mailTo } = user;
    const handedOver = await handOver(
      context,
      {
        userId,
        user,
        pin: "request",
        initialPassword: password,
        mailTo,
        language: request.language ?? undefined,
        requestId: id,
        adminToken,
      },
      permit.initiator,
    );
    return handedOver.ok
      ? { ok: true, linkId: handedOver.link.id, mailTo }
      : notHandedOver(handedOver);
  } catch (error) {
    return { ok: false, reason: whyKeystoneFailed(error) };
  }
}

/** @throws what is no failure of Keystone's, or ends the session */
function whyKeystoneFailed(error: unknown): WhyNot {
  if (isKeystoneOutage(error)) return "keystone-unavailable";
  if (isKeystoneError(error) && error.kind === "forbidden") return "forbidden";
  throw error;
}
