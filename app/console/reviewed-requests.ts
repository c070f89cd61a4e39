import type { AnswerPlan } from "../reset-requests/answer-requests.server";
import { isRowId } from "./addresses";

/** A page's worth of them, and some. */
const MOST_AT_ONCE = 50;

export type ReviewedAct = "answer" | "close";

export const readAct = (text: string | null): ReviewedAct =>
  text === "answer" ? "answer" : "close";

export const readIds = (texts: readonly string[]): string[] =>
  [...new Set(texts.filter(isRowId).map((id) => id.toLowerCase()))].slice(0, MOST_AT_ONCE);

/** What was shown, for the form to say what it agrees to. */
export const writePlan = (id: string, plan: AnswerPlan): string =>
  `${id} ${plan.password} ${plan.userId}`;

/** @returns the plans a form agrees to, by the request's id */
export function readPlans(texts: readonly string[]): Map<string, AnswerPlan> {
  const plans = texts.slice(0, MOST_AT_ONCE).flatMap((text): [string, AnswerPlan][] => {
    const [id, password, userId] = text.split(" ");
    if (!isRowId(id) || !userId || (password !== "keep" && password !== "random")) return [];
    return [[id.toLowerCase(), { userId, password }]];
  });
  return new Map(plans);
}
