import { randomUUID } from "node:crypto";
import type { Vault } from "../app/vault/vault.server";
import type { Queryable } from "../db/client";
import { type ClaimedMail, insertMail, type NewMail } from "../db/mails.store";
import type { MailContent } from "./mail-content";

/** A mail to write into the outbox. */
export type MailToSend = MailContent & {
  /** One bare address, such as `jane@example.org`. */
  readonly recipient: string;
  /** The link the mail is about, which shows the mail's state. */
  readonly linkId?: string;
};

/** What a seal holds. The recipient is in it, so that a changed row cannot send a link elsewhere. */
type SealedMail = MailContent & { readonly recipient: string };

const sealFor = (mailId: string) => ({ column: "mails.sealed_props", row: mailId });

/**
 * Writes a mail into the outbox; call the worker's `wake` once the transaction has committed.
 *
 * @param tx the transaction of the act the mail tells of: both happen, or neither
 * @param vault seals the content, which can hold a link
 */
export async function enqueueMail(tx: Queryable, vault: Vault, mail: MailToSend): Promise<string> {
  const sealed = sealMail(vault, mail);
  await insertMail(tx, sealed);
  return sealed.id;
}

/** @returns the mail for a statement that writes it along with the act */
export function sealMail(vault: Vault, mail: MailToSend): NewMail {
  const id = randomUUID();
  const { template, props, recipient, linkId, language } = mail;
  const content = JSON.stringify({ template, props, recipient, language });
  const sealedProps = vault.seal(content, sealFor(id));
  return { id, linkId, template, recipient, sealedProps };
}

/** The row and its seal disagree: somebody wrote into the table. */
export class ChangedMailError extends Error {
  override readonly name = "ChangedMailError";
}

/**
 * @returns what a claimed mail says
 * @throws {VaultError} the seal cannot be opened
 * @throws {ChangedMailError} the row's recipient or template is not the sealed one
 */
export function openMail(vault: Vault, mail: ClaimedMail): MailContent {
  if (!mail.sealedProps) throw new ChangedMailError("the mail's content is not there any more");
  const sealed: SealedMail = JSON.parse(
    vault.open(mail.sealedProps, sealFor(mail.id)).toString("utf8"),
  );
  if (sealed.recipient !== mail.recipient || sealed.template !== mail.template)
    throw new ChangedMailError("the mail's recipient or kind was changed after it was written");
  return sealed;
}
