import type { Words } from "./words";

/** Why a mail did not go out, where no server said so itself: kept with the mail. */
const MAIL_FAILURES = [
  "bad-address",
  "changed",
  "given-up",
  "link-expired",
  "not-written",
  "quoted-link",
  "timeout",
  "unreadable",
  "unknown-host",
] as const;

export type MailFailure = (typeof MAIL_FAILURES)[number];

/** @param kept with the mail: such a code, or the words of a server @returns a sentence */
export function mailFailureWords(words: Words, kept: string): string {
  const failure = MAIL_FAILURES.find((one) => one === kept);
  return failure
    ? words(`console.email.failure.${failure}`)
    : words("console.email.serverSaid", { text: kept });
}
