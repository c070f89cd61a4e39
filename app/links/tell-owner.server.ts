import type { Transaction } from "../../db/client";
import type { ChangeToTell, LinkRow } from "../../db/link-row";
import { findLink, findUntoldOwners, markOwnerTold } from "../../db/links.store";
import { enqueueMail } from "../../emails/outbox";
import type { LinkContext } from "./link-context.server";
import { foldCase } from "./same-mailbox";

/**
 * Mails the owner of an account what they have not been told yet. What an administrator changed about a
 * waiting link goes to Keystone's address and to those the link has and had: otherwise whoever got hold of
 * an administrator's rights could redirect a link unseen. A password that was set before Keystone was asked
 * about the user goes to Keystone's address: the link's own was told at once.
 *
 * @param known.address whether Keystone was asked about the user just now. If not, and no address of
 *   Keystone's is known, nothing is done: the owner stays to be told, for when it was
 */
export async function tellOwner(
  { vault }: Pick<LinkContext, "vault">,
  tx: Transaction,
  linkId: string,
  known: { address: "asked" | "as-kept" },
): Promise<void> {
  const link = await findLink(tx, linkId, { lock: true });
  const owed = link?.ownerUntold;
  if (!link || !owed || (known.address === "as-kept" && link.userEmail === null)) return;
  await markOwnerTold(tx, link.id);
  const about = { linkId: link.id, language: link.language };
  const owner = {
    userName: link.userName ?? undefined,
    domainName: link.userDomainName ?? undefined,
  };
  const changes = [...new Set(owed)].filter((one) => one !== "password-set");
  if (changes.length > 0)
    for (const recipient of recipientsOf(link, changes))
      await enqueueMail(tx, vault, {
        template: "link-changed",
        recipient,
        ...about,
        props: { ...owner, changes, at: new Date().toISOString() },
      });
  if (owed.includes("password-set") && link.userEmail !== null && !wasToldAtOnce(link))
    await enqueueMail(tx, vault, {
      template: "password-set",
      recipient: link.userEmail,
      ...about,
      // Not kept by a link that was issued since.
      props: { ...owner, at: link.completedAt?.toISOString() },
    });
}

/** Of the password, at the address the link has. One that was issued since may have another. */
const wasToldAtOnce = ({ state, mailTo, userEmail }: LinkRow) =>
  state === "completed" && mailTo !== null && addressesOnce([mailTo, userEmail]).length === 1;

/** For those that a process did not come to, after it had written the change. */
export async function tellUntoldOwners(
  context: Pick<LinkContext, "db" | "vault" | "outbox">,
  { limit }: { limit: number },
): Promise<void> {
  const untold = await findUntoldOwners(context.db, { limit });
  for (const { id } of untold)
    await context.db.transaction((tx) => tellOwner(context, tx, id, { address: "as-kept" }));
  if (untold.length > 0) context.outbox.wake();
}

function recipientsOf(link: LinkRow, changes: readonly ChangeToTell[]): string[] {
  if (changes.includes("pin-replaced"))
    return addressesOnce([link.userEmail, link.previousMailTo, link.mailTo]);
  // Where the link goes to now, it tells of itself.
  const now = link.mailTo === null ? undefined : foldCase(link.mailTo);
  return addressesOnce([link.userEmail, link.previousMailTo]).filter(
    (address) => foldCase(address) !== now,
  );
}

/** @returns each address once, in the spelling that comes first; see `foldCase` */
export function addressesOnce(addresses: readonly (string | null)[]): string[] {
  const found = new Map<string, string>();
  for (const address of addresses)
    if (address !== null && !found.has(foldCase(address))) found.set(foldCase(address), address);
  return [...found.values()];
}
