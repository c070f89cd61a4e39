import type { HandOverResult } from "../accounts/hand-over.server";
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

/** What the page says once its form was sent. */
export type HandOverAnswer = Issued | ({ ok: false; choices: IssueChoices } & HandOverWords);

export const NO_SUCH_USER = "Keystone knows no such user any more.";

/** For each reason why no link was issued. */
export const NOT_HANDED_OVER: Record<
  Exclude<Exclude<HandOverResult, { ok: true }>["reason"], "no-random-password">,
  HandOverWords
> = {
  "request-closed": { message: "The request was closed meanwhile. Type the PIN." },
  "pin-exhausted": {
    errors: { pin: "This PIN was guessed wrong too often. Ask the user for a new one." },
  },
  incomplete: {
    message:
      "The current link has ended meanwhile, so nothing of it can be kept. Type the PIN and choose a password.",
  },
  "in-progress": {
    message:
      "The current link is being redeemed: the right PIN was typed, and Keystone is setting the user's own password. Nothing was changed. Try again in a moment, or let setpass set a random password: that ends it.",
  },
};
