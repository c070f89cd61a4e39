import { zxcvbn, zxcvbnOptions } from "@zxcvbn-ts/core";
import graphs from "@zxcvbn-ts/language-common/dist/adjacencyGraphs.json.esm.js";
import passwords from "@zxcvbn-ts/language-common/dist/passwords.json.esm.js";
import commonWords from "@zxcvbn-ts/language-en/dist/commonWords.json.esm.js";
import type { StrengthWords } from "./password-words";

zxcvbnOptions.setOptions({ graphs, dictionary: { passwords, commonWords } });

export interface StrengthHint {
  /** 1 weak, 2 fair, 3 good, 4 strong. */
  level: 1 | 2 | 3 | 4;
  /** What is said of it, a sentence or two. */
  sentences: string[];
}

/** By zxcvbn's score. */
const LEVELS = { 0: 1, 1: 1, 2: 2, 3: 3, 4: 4 } as const;

/**
 * How hard a password is to guess: a hint, never a refusal.
 *
 * @param personal what others know of the user: it makes no password harder to guess
 */
export function judgePassword(
  words: StrengthWords,
  password: string,
  personal: readonly string[],
): StrengthHint {
  const known = personal.filter((word) => word !== "");
  const { score, feedback } = zxcvbn(password.slice(0, 100), known);
  const level = LEVELS[score];
  const verdict = words.levels[level];
  if (level >= 3) return { level, sentences: [verdict] };
  return { level, sentences: [verdict, words.reasons[feedback.warning ?? ""] ?? words.more] };
}
