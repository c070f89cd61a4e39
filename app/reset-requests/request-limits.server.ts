import type { Database } from "../../db/client";
import { limitKeyOf } from "../../db/limit-key";
import { createRateLimit, type HashKey } from "../../db/rate-limits.store";
import { canonicalAddress, foldCase } from "../links/same-mailbox";

/** What /reset takes, and what it mails. Counted in the database, for all replicas together. */
export interface RequestLimits {
  /**
   * Counts one request.
   *
   * @returns whether it is taken; and then, whether its mailbox may be mailed once more
   */
  admit(request: {
    clientAddress: string | undefined;
    email: string;
  }): Promise<{ ok: true; mayMail: boolean } | { ok: false; retryAfterSeconds: number }>;
}

const WINDOW_SECONDS = 3600;
/** Of one sender to one person, however the person's address is spelled. */
const MAILS_FROM_SENDER = 3;
/** Of all senders together. */
const MAILS_TO_MAILBOX = 6;

/** @param options.perSender how many requests of one sender are taken in an hour */
export function createRequestLimits(
  db: Database,
  options: { perSender: number; hashKey: HashKey },
): RequestLimits {
  const limit = (name: string, points: number) =>
    createRateLimit(db, { name, points, windowSeconds: WINDOW_SECONDS, hashKey: options.hashKey });
  const ofSender = limit("reset-from", options.perSender);
  const mailsFromSender = limit("reset-mails-from", MAILS_FROM_SENDER);
  const mailsToMailbox = limit("reset-mails", MAILS_TO_MAILBOX);
  return {
    async admit({ clientAddress = "unknown", email }) {
      const senderKey = limitKeyOf(clientAddress);
      const taken = await ofSender.take(senderKey);
      if (!taken.ok) return taken;
      const { mailbox, person } = mailboxKeys(email);
      // The sender first: one alone must not use up what is for all.
      const mayMail =
        (await mailsFromSender.take(`${person} ${senderKey}`)).ok &&
        (await mailsToMailbox.take(mailbox)).ok;
      return { ok: true, mayMail };
    },
  };
}

/**
 * What an address is counted by.
 *
 * `mailbox`: spellings that reach the same mailbox for certain are one, namely upper and lower case and a
 * domain's forms; and no others, because a mail that may not reach it must not use up what is its own,
 * and its link would not confirm the other's request. `person`: whatever may be the same, so Unicode's
 * look-alikes, a tag (`jane+a@`) and dots are left out; two whom this takes for one share what a single
 * sender may send them.
 */
export function mailboxKeys(email: string): { mailbox: string; person: string } {
  const loose = email.normalize("NFKC").toLowerCase();
  const address = canonicalAddress(loose) ?? loose;
  const at = address.lastIndexOf("@");
  const local = address.slice(0, at);
  const name = local.replace(/^([^+]+)\+.*/s, "$1");
  return {
    mailbox: foldCase(canonicalAddress(email) ?? email),
    person: `${name.replaceAll(".", "") || name}${address.slice(at)}`,
  };
}
