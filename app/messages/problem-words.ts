import type { LinkProblem } from "../../db/link-row";
import type { Words } from "./words";

export type { LinkProblem };

/** What each is called in the catalogs. */
export const NAME_OF_PROBLEM = {
  "initial-password-stale": "stale",
  "account-disabled": "disabled",
  "account-locked": "accountLocked",
  "password-locked": "passwordLocked",
  "link-outdated": "outdated",
  "read-only-account": "readOnly",
} as const satisfies Record<LinkProblem, string>;

export const isLinkProblem = (code: string): code is LinkProblem =>
  Object.hasOwn(NAME_OF_PROBLEM, code);

/** @returns what an administrator is told of a link that its user cannot use as it is */
export function problemWords(
  words: Words,
  problem: LinkProblem,
): { why: string; whatToDo: string } {
  const name = NAME_OF_PROBLEM[problem];
  return { why: words(`problem.${name}.why`), whatToDo: words(`problem.${name}.whatToDo`) };
}

/** @returns the same in one paragraph */
export const describeProblem = (words: Words, problem: LinkProblem): string =>
  words("problem.inOne", problemWords(words, problem));
