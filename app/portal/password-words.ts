import {
  MAX_PASSWORD_BYTES,
  type PasswordPolicyText,
  type PasswordProblem,
} from "../links/password-rules";
import type { Words } from "../messages/words";

export interface PasswordRule {
  /** By which the script finds it, to tick it off. */
  name: "policy" | "length" | "match";
  text: string;
}

const bytes = MAX_PASSWORD_BYTES;

/**
 * @param description Keystone's own words for its policy, where it has any
 * @returns what is wrong with a password, and what to do
 */
export function describePasswordProblem(
  words: Words,
  problem: PasswordProblem,
  description: string | null,
): string {
  switch (problem) {
    case "empty":
      return words("portal.problem.empty");
    case "too-long":
      return words("portal.problem.tooLong", { bytes });
    case "control-characters":
      return words("portal.problem.controlCharacters");
    case "policy":
      return description
        ? words("portal.problem.policy", { description })
        : words("portal.problem.policyUnknown");
  }
}

export function describeRules(words: Words, policy: PasswordPolicyText): readonly PasswordRule[] {
  return [
    { name: "policy", text: policy.description ?? words("portal.rule.policy") },
    { name: "length", text: words("portal.rule.length", { bytes }) },
  ];
}

export type ScriptWords = ReturnType<typeof scriptWords>;
export type StrengthWords = ScriptWords["strength"];

/** What the page's script says, handed to it with the form: it brings no texts of its own. */
export function scriptWords(words: Words, { description }: PasswordPolicyText) {
  const common = words("portal.strength.common");
  /** What makes a password weak, by zxcvbn's key for it. Not every key needs words. */
  const reasons: Record<string, string> = {
    straightRow: words("portal.strength.row"),
    keyPattern: words("portal.strength.keys"),
    simpleRepeat: words("portal.strength.repeat"),
    extendedRepeat: words("portal.strength.repeats"),
    sequences: words("portal.strength.sequence"),
    recentYears: words("portal.strength.year"),
    dates: words("portal.strength.date"),
    topTen: words("portal.strength.top"),
    topHundred: common,
    common,
    similarToCommon: words("portal.strength.similar"),
    wordByItself: words("portal.strength.word"),
    userInputs: words("portal.strength.user"),
  };
  return {
    problems: {
      "too-long": describePasswordProblem(words, "too-long", null),
      "control-characters": describePasswordProblem(words, "control-characters", null),
      policy: describePasswordProblem(words, "policy", description),
    },
    differ: words("portal.problem.differ"),
    met: words("portal.form.met"),
    notMet: words("portal.form.notMet"),
    show: words("portal.form.show"),
    hide: words("portal.form.hide"),
    showPasswords: words("portal.form.showPasswords"),
    hidePasswords: words("portal.form.hidePasswords"),
    strength: {
      levels: {
        1: words("portal.strength.weak"),
        2: words("portal.strength.fair"),
        3: words("portal.strength.good"),
        4: words("portal.strength.strong"),
      },
      reasons,
      more: words("portal.strength.more"),
    },
  };
}
