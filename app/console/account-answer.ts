import type { Opened, OpeningStep, WhyNotOpened } from "../accounts/account-to-open";
import type { Words } from "../messages/words";
import type { AccountChoices, AccountErrors } from "./account-choices";

export interface OpenedAnswer {
  ok: true;
  url: string;
  expiresAt: Date;
  linkId: string;
  userId: string;
  userName: string;
  /** Null: it is not mailed. */
  mailTo: string | null;
  /** Null: the administrator typed it. */
  madeUpPin: string | null;
}

export interface NotOpenedAnswer {
  ok: false;
  choices: AccountChoices;
  errors?: AccountErrors;
  message?: string;
  /** What there is now that was not there before, and how to go on; a sentence each. */
  made: string[];
  /** The user who has the name, for the page where they are handed over. */
  existingUserId: string | null;
}

export type AccountAnswer = OpenedAnswer | NotOpenedAnswer;

/** At which field it is said, where it is not about the whole form. */
const FIELDS: Partial<Record<WhyNotOpened["reason"], keyof AccountErrors>> = {
  "name-taken": "user_name",
  "already-handed-over": "user_name",
  "account-disabled": "user_name",
  "unknown-domain": "domain",
  "read-only-domain": "domain",
  "unknown-project": "project_name",
  "project-name-taken": "project_name",
  "project-disabled": "project_name",
  "unknown-role": "role",
};

const STATUSES: Partial<Record<WhyNotOpened["reason"], number>> = {
  forbidden: 403,
  "keystone-unavailable": 503,
  "bad-request": 400,
  "unknown-domain": 400,
  "unknown-project": 400,
  "unknown-role": 400,
};

/** @returns what is said of each reason why an account was not opened, and the status it is answered with */
export function refusalOfOpening(
  words: Words,
  why: WhyNotOpened,
  step: OpeningStep,
): { status: number; errors?: AccountErrors; message?: string } {
  const status = STATUSES[why.reason] ?? 409;
  const message = messageOf(words, why, step);
  const field = FIELDS[why.reason];
  return field ? { status, errors: { [field]: message } } : { status, message };
}

function messageOf(words: Words, why: WhyNotOpened, step: OpeningStep): string {
  switch (why.reason) {
    case "in-progress":
      return words("console.newAccount.refusal.in-progress", { seconds: why.retryAfterSeconds });
    case "forbidden":
      return words(`console.newAccount.refusal.forbidden.${step}`);
    case "password-refused":
    case "bad-request":
      return words(`console.newAccount.refusal.${why.reason}`, { message: why.message });
    case "keystone-unavailable":
      return words("console.newAccount.refusal.keystone-unavailable", {
        unknown: why.isUnknown ? "yes" : "no",
      });
    default:
      return words(`console.newAccount.refusal.${why.reason}`);
  }
}

/** @returns what a try that failed has left, a sentence each, and how to go on; nothing where nothing is left */
export function whatIsThere(
  words: Words,
  { project, user, hasRole }: Opened,
  { userName, projectName }: Pick<AccountChoices, "userName" | "projectName">,
): string[] {
  const made: string[] = [];
  if (project?.isNew) made.push(words("console.newAccount.made.project", { name: projectName }));
  if (user) made.push(words("console.newAccount.made.user", { name: userName }));
  if (hasRole) made.push(words("console.newAccount.made.role"));
  return made.length > 0 ? [...made, words("console.newAccount.made.again")] : made;
}
