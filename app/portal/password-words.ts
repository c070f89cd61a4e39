import {
  MAX_PASSWORD_BYTES,
  type PasswordPolicyText,
  type PasswordProblem,
} from "../links/password-rules";

export interface PasswordRule {
  /** By which the script finds it, to tick it off. */
  name: "policy" | "length" | "match";
  text: string;
}

/** Shared by the server and the portal's script, so that both say the same. */
export const PASSWORDS_DIFFER = "The two passwords are not the same. Type the same one twice.";

/**
 * @param description Keystone's own words for its policy, where it has any
 * @returns what is wrong with a password, and what to do
 */
export function describePasswordProblem(
  problem: PasswordProblem,
  description: string | null,
): string {
  switch (problem) {
    case "empty":
      return "Type a password of your own.";
    case "too-long":
      return `This password is too long: ${MAX_PASSWORD_BYTES} bytes at most, which is ${MAX_PASSWORD_BYTES} plain letters and digits, or fewer with accents and symbols from other scripts.`;
    case "control-characters":
      return "This password holds a character that cannot be typed, such as a tab or a line break. Leave it out.";
    case "policy":
      return description
        ? `This password does not follow the rules: ${description}`
        : "This password does not follow the rules of your cloud.";
  }
}

/** @returns what the form says before anything is typed */
export function describeRules(policy: PasswordPolicyText): readonly PasswordRule[] {
  return [
    {
      name: "policy",
      text:
        policy.description ?? "Your cloud may have rules of its own; you are told if it refuses.",
    },
    {
      name: "length",
      text: `At most ${MAX_PASSWORD_BYTES} letters, digits and signs. Accents and other scripts count double or more.`,
    },
  ];
}
