/**
 * Holds passwords to the operator's regular expression, beside the page: one that backtracks must not
 * freeze it. `begun` starts the page's clock: until then this was loading.
 */
import type { TranslatedPolicy } from "../links/password-rules";

export interface PolicyQuestion extends TranslatedPolicy {
  readonly password: string;
}
/** `unknown`: the expression is none to this browser. */
export type PolicyAnswer = "begun" | "follows" | "breaks" | "unknown";

addEventListener("message", ({ data }: MessageEvent<PolicyQuestion>) => {
  const tell = (answer: PolicyAnswer) => postMessage(answer);
  tell("begun");
  try {
    tell(new RegExp(data.source, data.flags).test(data.password) ? "follows" : "breaks");
  } catch {
    tell("unknown");
  }
});
