import type { Transaction } from "../../db/client";
import type { WrittenLink } from "../../db/issue-link.store";
import { cancelQueuedMails } from "../../db/mails.store";
import { enqueueMail } from "../../emails/outbox";
import type { LinkContext } from "./link-context.server";
import { type LinkToken, linkUrl } from "./link-token.server";

/** Puts the link in the outbox; a mail still queued holds a token that no longer works. */
export async function mailLink(
  { config, vault }: LinkContext,
  tx: Transaction,
  link: Omit<WrittenLink, "userCheckedAt" | "ownerUntold"> & {
    token: LinkToken;
    mailTo: string;
    isReminder?: boolean;
  },
): Promise<void> {
  await cancelQueuedMails(tx, { linkId: link.id, template: "link" });
  await enqueueMail(tx, vault, {
    template: "link",
    recipient: link.mailTo,
    linkId: link.id,
    language: link.language,
    props: {
      userName: link.userName ?? undefined,
      domainName: link.userDomainName ?? undefined,
      url: linkUrl(config.publicUrl, link.token),
      expiresAt: link.expiresAt.toISOString(),
      pinLength: link.pinLength ?? config.links.pinLength,
      ...(link.isReminder && { isReminder: true }),
    },
  });
}
