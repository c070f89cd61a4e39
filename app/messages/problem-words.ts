import type { LinkProblem } from "../../db/link-row";
import type { Words } from "./words";

export type { LinkProblem };

/** @returns what an administrator is told of a link that its user cannot use as it is */
export const problemWords = (words: Words, problem: LinkProblem) => ({
  why: words(`problem.${problem}.why`),
  whatToDo: words(`problem.${problem}.whatToDo`),
});

/** @returns the same in one paragraph */
export const describeProblem = (words: Words, problem: LinkProblem): string =>
  words("problem.inOne", problemWords(words, problem));
