import { recordEvent } from "../../db/audit-events.store";
import type { Transaction } from "../../db/client";
import {
  findLinkOfUser,
  type LinkRow,
  type LinkUser,
  renewLink,
  upsertLink,
} from "../../db/links.store";
import { cancelQueuedMails } from "../../db/mails.store";
import { enqueueMail } from "../../emails/outbox";
import { hashToken } from "../vault/vault.server";
import type { Admin, LinkContext, Origin } from "./link-context.server";
import { createLinkToken, type LinkToken, linkUrl } from "./link-token.server";
import { storePin } from "./pin.server";
import { sealPassword } from "./sealed-fields.server";

export interface IssueRequest {
  userId: string;
  /** Left out: the PIN of the user's pending link is kept. Well-formed: see `isPin`. */
  pin?: string;
  /** Left out: the initial password of the user's pending link is kept. */
  initialPassword?: string;
  via: LinkRow["issuedVia"];
  /** Where to mail the link. Left out: it is not mailed, the caller hands it over. */
  mailTo?: string;
  /** What Keystone says of the user, where the caller knows it already. */
  user?: LinkUser;
}

export interface IssuedLinkAnswer {
  id: string;
  userId: string;
  token: LinkToken;
  url: string;
  expiresAt: Date;
  /** When Keystone was last asked about the user; null: never. */
  userCheckedAt: Date | null;
}

export type IssueResult =
  | { ok: true; link: IssuedLinkAnswer }
  /** There is no pending link to take the missing parts from. */
  | { ok: false; reason: "incomplete"; missing: ("pin" | "password")[] }
  /** This PIN was guessed wrong too often: it takes a new one. */
  | { ok: false; reason: "pin-exhausted" };

/**
 * Issues a link, or renews the user's: a new link token, a new lifetime, the old token cancelled, all
 * in one transaction with the audit row and the mail.
 */
export async function issueLink(
  context: LinkContext,
  admin: Admin,
  request: IssueRequest,
  origin: Origin,
): Promise<IssueResult> {
  const token = createLinkToken();
  const result = await context.db.transaction((tx) =>
    writeLink(context, tx, { admin, request, origin, token }),
  );
  if (result.ok) {
    if (request.mailTo !== undefined) context.outbox.wake();
    context.log.info("link.issued", {
      linkId: result.link.id,
      userId: request.userId,
      actorId: admin.userId,
      requestId: origin.requestId,
    });
  }
  return result;
}

async function writeLink(
  context: LinkContext,
  tx: Transaction,
  act: { admin: Admin; request: IssueRequest; origin: Origin; token: LinkToken },
): Promise<IssueResult> {
  const { config, vault } = context;
  const { admin, request, origin, token } = act;
  const { userId, pin, initialPassword, mailTo } = request;

  // The row's PIN key is only needed to see whether a PIN is new.
  const before = pin === undefined ? undefined : await findLinkOfUser(tx, userId);
  const issued = {
    userId,
    tokenHash: hashToken(token),
    expiresAt: new Date(Date.now() + config.links.lifetimeSeconds * 1000),
    issuedById: admin.userId,
    issuedByName: admin.userName,
    issuedByEmail: admin.userEmail ?? null,
    issuedVia: request.via,
    ...(mailTo !== undefined && { mailTo }),
    ...(request.user && { user: request.user }),
  };
  const storedPin =
    pin === undefined ? undefined : storePin(vault, { pin, userId, keptKey: before?.sealedPinKey });
  const sealedPassword =
    initialPassword === undefined ? undefined : sealPassword(vault, userId, initialPassword);

  const row =
    storedPin && sealedPassword
      ? await upsertLink(tx, { ...issued, ...storedPin, sealedPassword }, config.links)
      : await renewLink(
          tx,
          {
            ...issued,
            ...(storedPin && { pin: storedPin }),
            ...(sealedPassword && { sealedPassword }),
          },
          config.links,
        );
  if (!row) return whyNotWritten(tx, request);

  const renewed = row.state === "pending" && (pin === undefined || initialPassword === undefined);
  await recordEvent(tx, {
    action: renewed ? "link.renewed" : "link.issued",
    actorKind: "admin",
    actorId: admin.userId,
    actorName: admin.userName,
    userId,
    linkId: row.id,
    outcome: "ok",
    clientAddress: origin.clientAddress,
    requestId: origin.requestId,
  });
  if (mailTo !== undefined) await mailLink(context, tx, { row, token, mailTo });
  return {
    ok: true,
    link: {
      id: row.id,
      userId,
      token,
      url: linkUrl(config.publicUrl, token),
      expiresAt: row.expiresAt,
      userCheckedAt: row.userCheckedAt,
    },
  };
}

async function whyNotWritten(tx: Transaction, request: IssueRequest): Promise<IssueResult> {
  const row = await findLinkOfUser(tx, request.userId);
  const whole = row?.state === "pending" && row.pinMac !== null && row.sealedPassword !== null;
  if (whole || (request.pin !== undefined && request.initialPassword !== undefined))
    return { ok: false, reason: "pin-exhausted" };
  const missing: ("pin" | "password")[] = [];
  if (request.pin === undefined) missing.push("pin");
  if (request.initialPassword === undefined) missing.push("password");
  return { ok: false, reason: "incomplete", missing };
}

/** Puts the link in the outbox; a mail still queued holds a token that opens nothing any more. */
export async function mailLink(
  context: LinkContext,
  tx: Transaction,
  { row, token, mailTo }: { row: LinkRow; token: LinkToken; mailTo: string },
): Promise<void> {
  await cancelQueuedMails(tx, { linkId: row.id, template: "link" });
  await enqueueMail(tx, context.vault, {
    template: "link",
    recipient: mailTo,
    linkId: row.id,
    props: {
      userName: row.userName ?? undefined,
      domainName: row.userDomainName ?? undefined,
      url: linkUrl(context.config.publicUrl, token),
      expiresAt: row.expiresAt.toISOString(),
      pinLength: context.config.links.pinLength,
    },
  });
}
