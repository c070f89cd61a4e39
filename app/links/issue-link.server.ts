import type { Queryable, Transaction } from "../../db/client";
import {
  describeLinkUser,
  findKeptSecrets,
  findLinkOfUser,
  type IssuedLink,
  type LinkRow,
  type LinkUser,
  renewLink,
  upsertLink,
  type WrittenLink,
} from "../../db/links.store";
import { cancelQueuedMails } from "../../db/mails.store";
import { enqueueMail } from "../../emails/outbox";
import { hashToken } from "../vault/vault.server";
import type { LinkContext, Origin } from "./link-context.server";
import { createLinkToken, type LinkToken, linkUrl } from "./link-token.server";
import { type PermittedAdmin, requirePermit } from "./permitted-admin.server";
import { storePin } from "./pin.server";
import { sealPassword, sealsPassword } from "./sealed-fields.server";
import { tellOwner } from "./tell-owner.server";

export interface IssueRequest {
  userId: string;
  /** Left out: the PIN of the user's pending link is kept. Well-formed: see `isPin`. */
  pin?: string;
  /** Left out: the initial password of the user's pending link is kept. */
  initialPassword?: string;
  /** Keystone has just taken the initial password; else somebody says that it is in force. */
  initialPasswordIsSet?: boolean;
  via: LinkRow["issuedVia"];
  /** Where to mail the link. Left out: it is not mailed, the caller hands it over. */
  mailTo?: string;
  /** What Keystone says of the user, where the caller knows it already. */
  user?: LinkUser;
}

export interface IssuedLinkAnswer extends WrittenLink {
  userId: string;
  token: LinkToken;
  url: string;
}

export type IssueResult =
  | { ok: true; link: IssuedLinkAnswer }
  /** There is no pending link to take the missing parts from. */
  | { ok: false; reason: "incomplete"; missing: ("pin" | "password")[] }
  /** This PIN was guessed wrong too often: it takes a new one. */
  | { ok: false; reason: "pin-exhausted" };

/**
 * Issues a link, or renews the user's: a new link token, a new lifetime, the old token cancelled. The
 * row, its audit row and the mail are written together or not at all.
 */
export async function issueLink(
  context: LinkContext,
  admin: PermittedAdmin,
  request: IssueRequest,
  origin: Origin,
): Promise<IssueResult> {
  requirePermit(admin, request.userId);
  const token = createLinkToken();
  const act = { admin, request, origin, token };
  const { mailTo } = request;
  let result: IssueResult;
  const tellOfChanges = async (tx: Transaction, { id, ownerUntold }: WrittenLink) => {
    const address = request.user ? "asked" : "as-kept";
    if (ownerUntold) await tellOwner(context, tx, id, { address });
  };
  if (mailTo === undefined) {
    result = await writeLink(context, context.db, act);
    if (result.ok && result.link.ownerUntold) {
      const { link } = result;
      // Should this process die before that, the row still has it: see `tellUntoldOwners`.
      await context.db.transaction((tx) => tellOfChanges(tx, link));
      context.outbox.wake();
    }
  } else {
    result = await context.db.transaction(async (tx) => {
      const written = await writeLink(context, tx, act);
      if (written.ok) await mailLink(context, tx, { ...written.link, mailTo });
      if (written.ok) await tellOfChanges(tx, written.link);
      return written;
    });
    context.outbox.wake();
  }
  if (result.ok)
    context.log.info("link.issued", {
      linkId: result.link.id,
      userId: request.userId,
      actorId: admin.userId,
      requestId: origin.requestId,
    });
  return result;
}

/** The link and its audit row are one statement: without a mail, no transaction is needed around it. */
async function writeLink(
  { config, vault }: LinkContext,
  db: Queryable,
  act: { admin: PermittedAdmin; request: IssueRequest; origin: Origin; token: LinkToken },
): Promise<IssueResult> {
  const { admin, request, origin, token } = act;
  const { userId, pin, initialPassword } = request;
  const kept =
    pin === undefined && initialPassword === undefined
      ? undefined
      : await findKeptSecrets(db, userId);
  const issued: IssuedLink = {
    userId,
    tokenHash: hashToken(token),
    expiresAt: new Date(Date.now() + config.links.lifetimeSeconds * 1000),
    issuedById: admin.userId,
    issuedByName: admin.userName,
    issuedByEmail: admin.userEmail ?? null,
    issuedVia: request.via,
    mailTo: request.mailTo ?? null,
    voidsAttempts: request.initialPasswordIsSet === true,
    sameSealedPassword:
      initialPassword !== undefined &&
      kept?.sealedPassword &&
      sealsPassword(vault, userId, { sealed: kept.sealedPassword, password: initialPassword })
        ? kept.sealedPassword
        : null,
    clientAddress: origin.clientAddress ?? null,
    requestId: origin.requestId,
  };
  // Under the key the row has, a PIN that stays the same shows as the same.
  const storedPin =
    pin === undefined ? undefined : storePin(vault, { pin, userId, keptKey: kept?.sealedPinKey });
  const sealedPassword =
    initialPassword === undefined ? undefined : sealPassword(vault, userId, initialPassword);

  const written =
    storedPin && sealedPassword
      ? await upsertLink(db, { ...issued, ...storedPin, sealedPassword }, config.links)
      : await renewLink(db, { ...issued, pin: storedPin, sealedPassword }, config.links);
  if (!written) return whyNotWritten(db, request);
  if (request.user) await describeLinkUser(db, userId, request.user);
  return {
    ok: true,
    link: {
      ...written,
      ...(request.user && {
        userName: request.user.name,
        userDomainName: request.user.domainName,
      }),
      userId,
      token,
      url: linkUrl(config.publicUrl, token),
    },
  };
}

async function whyNotWritten(db: Queryable, request: IssueRequest): Promise<IssueResult> {
  const row = await findLinkOfUser(db, request.userId);
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
  { config, vault }: LinkContext,
  tx: Transaction,
  link: Pick<WrittenLink, "id" | "expiresAt" | "pinLength" | "userName" | "userDomainName"> & {
    token: LinkToken;
    mailTo: string;
  },
): Promise<void> {
  await cancelQueuedMails(tx, { linkId: link.id, template: "link" });
  await enqueueMail(tx, vault, {
    template: "link",
    recipient: link.mailTo,
    linkId: link.id,
    props: {
      userName: link.userName ?? undefined,
      domainName: link.userDomainName ?? undefined,
      url: linkUrl(config.publicUrl, link.token),
      expiresAt: link.expiresAt.toISOString(),
      pinLength: link.pinLength ?? config.links.pinLength,
    },
  });
}
