import type { Words } from "../messages/words";
import type { AnswerResult } from "../reset-requests/answer-requests.server";

/** @returns why a request is not answered along with others, once that was tried */
export function wordsForAnswer(words: Words, result: Exclude<AnswerResult, { ok: true }>): string {
  switch (result.reason) {
    case "password-refused":
      return words("console.review.passwordRefused", { message: result.message });
    case "keystone-unavailable":
      return words("console.review.keystoneAway");
    default:
      return words(`console.review.reason.${result.reason}`);
  }
}
