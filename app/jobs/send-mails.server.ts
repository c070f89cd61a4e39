import type { Database } from "../../db/client";
import {
  type ClaimedMail,
  claimDueMails,
  markCancelled,
  markFailed,
  markForRetry,
  markSent,
  releaseClaim,
} from "../../db/mails.store";
import type { MailContent } from "../../emails/mail-content";
import { ChangedMailError, openMail } from "../../emails/outbox";
import { type RenderedMail, renderMail } from "../../emails/render-mail";
import { keepableWords } from "../../emails/server-words";
import type { MailTransport } from "../../emails/transport";
import type { Config } from "../config/config.server";
import { languageOrDefault } from "../messages/languages";
import type { MailFailure } from "../messages/mail-failure-words";
import { describeError, type Log, type LogFields } from "../telemetry/log.server";
import { type Vault, VaultError } from "../vault/vault.server";
import {
  type LeasedRows,
  type LeasedRowsTiming,
  queueOfRows,
  type RowOutcome,
} from "./leased-rows.server";
import type { Queue } from "./worker.server";

export interface MailQueueOptions extends LeasedRowsTiming {
  readonly db: Database;
  readonly vault: Vault;
  readonly transport: MailTransport;
  readonly config: Pick<Config, "brand" | "languages" | "defaultLanguage">;
  readonly log: Log;
}

/**
 * The outbox. A mail is sent at least once. It is sent twice only where the server took it and the
 * worker could not learn or write that down (its answer lost, the process killed); both have the same
 * Message-ID.
 */
export const mailQueue = (options: MailQueueOptions): Queue =>
  queueOfRows({
    ...options,
    kind: "mails",
    noun: "mail",
    rows: rowsOf(options.db),
    handle: (mail, run) => deliver(options, mail, run),
    describe: named,
  });

const rowsOf = (db: Database): LeasedRows<ClaimedMail> => ({
  claim: (options) => claimDueMails(db, options),
  release: (mail) => releaseClaim(db, mail),
  // Whoever holds the claim by now: it is true.
  finish: ({ id }) => markSent(db, id),
  retry: (mail, later) => markForRetry(db, mail, later),
  fail: (mail, lastError) => markFailed(db, mail, lastError),
  cancel: (mail, reason) => markCancelled(db, mail, reason),
});

async function deliver(
  { vault, transport, config, log }: MailQueueOptions,
  mail: ClaimedMail,
  { timeoutSeconds }: { timeoutSeconds: number },
): Promise<RowOutcome> {
  const opened = open(vault, mail);
  if (!opened.ok)
    return failure("failed", opened.why, {
      reason: "unreadable",
      error: describeError(opened.error),
    });
  const { content } = opened;
  const link = mailedLink(content);
  if (link && Date.parse(link.expiresAt) <= Date.now())
    return failure("cancelled", "link-expired", { reason: "link-expired" });

  let rendered: RenderedMail;
  try {
    const language = languageOrDefault(config, content.language);
    rendered = await renderMail(content.template, content.props, config.brand, language);
  } catch (error) {
    log.error("mail.not-rendered", { ...named(mail), error: describeError(error) });
    return failure("retry", "not-written", { reason: "not-rendered" });
  }

  const startedAt = performance.now();
  const outcome = await transport.send(
    { ...rendered, mailId: mail.id, recipient: mail.recipient },
    { timeoutSeconds },
  );
  if (outcome.ok) {
    const durationMs = Math.round(performance.now() - startedAt);
    log.info("mail.sent", { ...named(mail), durationMs });
    return { is: "done" };
  }
  const { smtpCode, errorCode } = outcome;
  return {
    is: outcome.final ? "failed" : "retry",
    why: keepableWords(outcome.words, link?.url),
    fields: { reason: smtpCode === undefined ? "no-answer" : "refused", smtpCode, errorCode },
  };
}

const failure = (
  is: "retry" | "failed" | "cancelled",
  why: MailFailure,
  fields: LogFields,
): RowOutcome => ({ is, why, fields });

/** @returns the link a mail brings, which works for a time and is a secret */
const mailedLink = (content: MailContent) =>
  content.template === "link" || content.template === "reset-confirm" ? content.props : undefined;

const named = (mail: ClaimedMail): LogFields => ({
  mailId: mail.id,
  template: mail.template,
  attempt: mail.attempt,
  linkId: mail.linkId ?? undefined,
});

function open(
  vault: Vault,
  mail: ClaimedMail,
): { ok: true; content: MailContent } | { ok: false; why: MailFailure; error: Error } {
  try {
    return { ok: true, content: openMail(vault, mail) };
  } catch (error) {
    if (error instanceof VaultError) return { ok: false, why: "unreadable", error };
    if (error instanceof ChangedMailError) return { ok: false, why: "changed", error };
    throw error;
  }
}
