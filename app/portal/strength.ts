import { zxcvbn, zxcvbnOptions } from "@zxcvbn-ts/core";
import graphs from "@zxcvbn-ts/language-common/dist/adjacencyGraphs.json.esm.js";
import passwords from "@zxcvbn-ts/language-common/dist/passwords.json.esm.js";
import commonWords from "@zxcvbn-ts/language-en/dist/commonWords.json.esm.js";

zxcvbnOptions.setOptions({ graphs, dictionary: { passwords, commonWords } });

export interface StrengthHint {
  /** 1 weak, 2 fair, 3 good, 4 strong. */
  level: 1 | 2 | 3 | 4;
  /** One line: the verdict, and where there is one, the reason. */
  words: string;
}

/** By zxcvbn's score. */
const LEVELS = { 0: 1, 1: 1, 2: 2, 3: 3, 4: 4 } as const;

const VERDICTS = { 1: "Easy to guess", 2: "Could be better", 3: "Good", 4: "Very good" } as const;

/** By zxcvbn's key for what it found. Not every key needs words: the verdict says enough. */
const REASONS: Record<string, string> = {
  straightRow: "it is a row of keys",
  keyPattern: "it is a pattern on the keyboard",
  simpleRepeat: "it repeats one character",
  extendedRepeat: "it repeats a few characters",
  sequences: "it is a sequence such as abc or 123",
  recentYears: "it holds a year",
  dates: "it holds a date",
  topTen: "it is one of the most used passwords",
  topHundred: "it is a much used password",
  common: "it is a much used password",
  similarToCommon: "it is like a much used password",
  wordByItself: "it is a single word",
  userInputs: "it holds your user name",
};

/**
 * How hard a password is to guess: a hint, never a refusal.
 *
 * @param personal what others know of the user: it makes no password harder to guess
 */
export function judgePassword(password: string, personal: readonly string[]): StrengthHint {
  const known = personal.filter((word) => word !== "");
  const { score, feedback } = zxcvbn(password.slice(0, 100), known);
  const level = LEVELS[score];
  const reason = level < 3 && feedback.warning ? REASONS[feedback.warning] : undefined;
  const advice = level < 3 ? (reason ?? "a few more words or characters help") : undefined;
  return { level, words: advice ? `${VERDICTS[level]}: ${advice}.` : `${VERDICTS[level]}.` };
}
