import { domainToASCII, domainToUnicode } from "node:url";
import type { Database } from "../../db/client";
import { limitKeyOf } from "../../db/limit-key";
import { createRateLimit, type HashKey } from "../../db/rate-limits.store";
import { foldCase } from "./same-mailbox";

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
 * `mailbox`: spellings that reach the same mailbox are one, namely upper and lower case and a domain's two
 * forms; and no others, because a mail that does not reach it must not use up what is its own. So all
 * tags (`jane+a@`, `jane+b@`) are one as well, but apart from the address without one, whose provider
 * may know no tags. `person`: whatever may be the same, so Unicode's look-alikes, the tag and dots are
 * left out; two whom this takes for one share what a single sender may send them.
 */
export function mailboxKeys(email: string): { mailbox: string; person: string } {
  const exact = partsOf(foldCase(email));
  const loose = partsOf(email.normalize("NFKC").toLowerCase());
  return {
    mailbox: `${exact.name}${exact.isTagged ? "+" : ""}@${canonicalHost(exact.domain)}`,
    person: `${loose.name.replaceAll(".", "") || loose.name}@${domainToASCII(loose.domain) || loose.domain}`,
  };
}

function partsOf(address: string): { name: string; isTagged: boolean; domain: string } {
  const at = address.lastIndexOf("@");
  const local = address.slice(0, at);
  const plus = local.indexOf("+");
  const isTagged = plus > 0;
  const domain = address.slice(at + 1).replace(/\.$/, "");
  return { name: isTagged ? local.slice(0, plus) : local, isTagged, domain };
}

/** In ASCII, where that is the form mail goes to: of other spellings, what it goes to is another's. */
function canonicalHost(domain: string): string {
  const ascii = domainToASCII(domain);
  return ascii !== "" && domainToUnicode(ascii) === domain ? ascii : domain;
}
