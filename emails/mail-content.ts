import { type Language, localeOf } from "../app/messages/languages";
import type { ChangeToTell } from "../db/link-row";
import type { MailTemplate } from "../db/mails.store";

/** What each kind of mail says. Instants are ISO 8601 text, for the content is kept as JSON. */
export interface MailProps {
  /** To the new user: here is your link. */
  link: {
    userName?: string;
    domainName?: string;
    /** Holds the link token: a secret. */
    url: string;
    expiresAt: string;
    pinLength: number;
    /** They were sent a link before, which this one replaces. */
    isReminder?: boolean;
  };
  /** To the user: an administrator changed the link you wait for. */
  "link-changed": {
    userName?: string;
    domainName?: string;
    changes: ChangeToTell[];
    at: string;
  };
  /** To the user: your password was set. */
  "password-set": {
    userName?: string;
    domainName?: string;
    /** Undefined where the next link was issued before its owner could be told. */
    at?: string;
  };
  /** To the issuer: the user cannot use the link as it is. */
  "link-problem": {
    userId: string;
    userName?: string;
    /** A `LinkProblem`; in a mail that an earlier release wrote, a sentence. */
    problem: string;
    consoleUrl: string;
  };
  /**
   * To whoever has the mailbox: was it you who asked for a new link? Strangers have it sent, so it holds
   * nothing that they typed.
   */
  "reset-confirm": {
    /** Such as "K7-QF2". */
    code: string;
    /** Holds the confirm token: a secret. */
    url: string;
    expiresAt: string;
  };
  /** To the helpdesk: these ask for a new link. Names and addresses are as they typed them. */
  "reset-digest": {
    /** The first of them. */
    requests: {
      /** Undefined: asked before requests were confirmed. */
      code?: string;
      name: string;
      email: string;
      at: string;
    }[];
    /** All of them. */
    count: number;
    consoleUrl: string;
  };
}

/** The content of one mail, told apart by its template. */
export type MailContent = {
  [Template in MailTemplate]: { readonly template: Template; readonly props: MailProps[Template] };
}[MailTemplate] & {
  /** Its reader's; DEFAULT_LANGUAGE where it is left out or null, and where it is not offered any more. */
  readonly language?: string | null;
};

/**
 * @param text a name or an address that somebody else chose
 * @param options.maxCharacters the rest is cut
 * @returns it on one line and of bearable length, without control, direction or other invisible
 *   characters, so that it can neither forge lines of a mail nor break a header
 */
export function oneLine(text: string, { maxCharacters = 200 } = {}): string {
  const line = text
    // The two joiners stay: Persian and Indic names need them.
    .replace(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/\s+/g, " ")
    .trim();
  const characters = [...line];
  return characters.length > maxCharacters
    ? `${characters.slice(0, maxCharacters - 1).join("")}…`
    : line;
}

/** @returns such as "Tuesday 3 June 2025 at 14:05 UTC": readers are in every time zone */
export function utcTime(instant: string, language: Language): string {
  return new Intl.DateTimeFormat(localeOf(language), {
    timeZone: "UTC",
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    timeZoneName: "short",
  }).format(new Date(instant));
}
