import type { HandOverResult } from "../accounts/hand-over.server";
import type { Words } from "../messages/words";
import type { IssueChoices, IssueErrors } from "./issue-choices";

export interface Issued {
  ok: true;
  url: string;
  expiresAt: Date;
  mailTo: string | null;
  /** What else is open of the mailbox whose request this answered. */
  others: { count: number; email: string } | null;
}

/** What is wrong, by field or as a whole. */
export interface HandOverWords {
  errors?: IssueErrors;
  message?: string;
}

export type HandOverAnswer = Issued | ({ ok: false; choices: IssueChoices } & HandOverWords);

/** Of enabling the account. `message`: why it was not. */
export type EnableAnswer = { intent: "enable" } & ({ ok: true } | { ok: false; message: string });

/** @returns what is said of each reason why no link was issued */
export function wordsForHandOver(
  words: Words,
  reason: Exclude<Exclude<HandOverResult, { ok: true }>["reason"], "no-random-password">,
): HandOverWords {
  const message = words(`console.issue.refusal.${reason}`);
  return reason === "pin-exhausted" ? { errors: { pin: message } } : { message };
}
