import type { Caller } from "../admins/permit-caller.server";
import type { Admin, Initiator } from "../audit/initiator.server";
import type { LinkContext } from "../links/link-context.server";
import {
  type AnswerContext,
  type AnswerPlan,
  type AnswerResult,
  answerRequest,
  type PlannedAnswer,
  planAnswer,
} from "./answer-requests.server";
import { closeRequest, getRequests, type ResetRequestSummary } from "./handle-requests.server";
import { inParallel } from "./in-parallel";

/** Keystone is the slow part: more at a time would only make everybody else wait. */
const ANSWERS_AT_A_TIME = 3;

/** @returns those of them that are still open, oldest first */
export async function getOpenRequests(
  context: Pick<LinkContext, "db">,
  ids: readonly string[],
): Promise<ResetRequestSummary[]> {
  return (await getRequests(context, ids)).filter(({ state }) => state === "open");
}

/**
 * Says what answering each of them would do, without doing it.
 *
 * @throws {KeystoneError} as `planAnswer`
 */
export function planAnswers(
  context: AnswerContext,
  requests: readonly ResetRequestSummary[],
  initiator: Initiator<Caller>,
): Promise<PlannedAnswer[]> {
  return inParallel(requests, ANSWERS_AT_A_TIME, (request) =>
    planAnswer(context, request, initiator),
  );
}

/** A request, as it was before, and what became of it. */
export interface Answered {
  request: ResetRequestSummary;
  result: AnswerResult;
}

/**
 * Answers each of them as planned.
 *
 * @param agreed what the administrator was shown, by the request's id
 * @throws {KeystoneError} as `answerRequest`
 */
export async function answerRequests(
  context: AnswerContext,
  agreed: ReadonlyMap<string, AnswerPlan>,
  initiator: Initiator<Caller>,
): Promise<Answered[]> {
  const requests = await getRequests(context, [...agreed.keys()]);
  return inParallel(requests, ANSWERS_AT_A_TIME, async (request) => {
    const given = { id: request.id, agreed: agreed.get(request.id) as AnswerPlan };
    return { request, result: await answerRequest(context, given, initiator) };
  });
}

export async function closeRequests(
  context: Pick<LinkContext, "db">,
  ids: readonly string[],
  initiator: Initiator<Admin & { readonly holdsAdminRole: boolean }>,
): Promise<
  { ok: true; closed: number; closedBefore: number } | { ok: false; reason: "forbidden" }
> {
  if (!initiator.actor.holdsAdminRole) return { ok: false, reason: "forbidden" };
  let closed = 0;
  for (const id of ids) if ((await closeRequest(context, { id }, initiator)).ok) closed += 1;
  return { ok: true, closed, closedBefore: ids.length - closed };
}
