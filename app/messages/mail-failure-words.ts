import type { Words } from "./words";

/** Why a mail did not go out, where no server said so itself: kept with the mail, by its name in the catalogs. */
const NAME_OF_FAILURE = {
  "bad-address": "badAddress",
  changed: "changed",
  "given-up": "givenUp",
  "link-expired": "linkExpired",
  "not-written": "notWritten",
  "quoted-link": "quotedLink",
  timeout: "timeout",
  unreadable: "unreadable",
  "unknown-host": "unknownHost",
} as const;

export type MailFailure = keyof typeof NAME_OF_FAILURE;

const isMailFailure = (kept: string): kept is MailFailure => Object.hasOwn(NAME_OF_FAILURE, kept);

/** @param kept with the mail: such a code, or the words of a server @returns a sentence */
export const mailFailureWords = (words: Words, kept: string): string =>
  isMailFailure(kept)
    ? words(`console.email.failure.${NAME_OF_FAILURE[kept]}`)
    : words("console.email.serverSaid", { text: kept });
