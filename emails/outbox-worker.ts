import type { Brand } from "../app/config/config.server";
import { describeError, type Log } from "../app/telemetry/log.server";
import { type Vault, VaultError } from "../app/vault/vault.server";
import type { Database } from "../db/client";
import {
  type ClaimedMail,
  claimDueMails,
  markCancelled,
  markFailed,
  markForRetry,
  markSent,
  releaseClaim,
} from "../db/mails.store";
import type { MailContent } from "./mail-content";
import { ChangedMailError, openMail } from "./outbox";
import { type RenderedMail, renderMail } from "./render-mail";
import { DEFAULT_MAX_ATTEMPTS, retryDelaySeconds } from "./retry-delay";
import { keepableWords } from "./server-words";
import type { MailTransport, SendOutcome } from "./transport";

export interface OutboxWorkerOptions {
  db: Database;
  vault: Vault;
  transport: MailTransport;
  brand: Brand;
  log: Log;
  /** How often to look for mails that nobody called `wake` for. */
  pollSeconds?: number;
  /** How long a claimed mail is this worker's; a mail is sent within three quarters of it. */
  leaseSeconds?: number;
  /** The most mails on their way at once. */
  batchSize?: number;
  /** After so many tries a mail has failed. */
  maxAttempts?: number;
  /** @param attempt the number of the try that failed, from 1 */
  retryDelaySeconds?: (attempt: number) => number;
}

export interface OutboxWorker {
  /** Looks at once: call it when a transaction that wrote a mail has committed. */
  wake(): void;
  /** Takes no more mails, and resolves when those under way are sent or refused, and it is written down. */
  stop(): Promise<void>;
}

/** Longer than connecting and the statement timeout together: then it is not going to answer. */
const DATABASE_ANSWER_MS = 20_000;
const SHORTEST_OUTAGE_WAIT_MS = 500;
const LONGEST_OUTAGE_WAIT_MS = 30_000;

/**
 * Sends what is in the outbox, in this process, until stopped. Any number of workers, in any number of
 * processes, share one outbox: a claimed mail is passed over by all others until its lease ends.
 *
 * A mail is sent at least once. It is sent twice only where the server took it and the worker could
 * not learn or write that down (its answer lost, the process killed); both have the same Message-ID.
 */
export function startOutboxWorker(options: OutboxWorkerOptions): OutboxWorker {
  const { db, vault, transport, brand, log } = options;
  const pollMs = (options.pollSeconds ?? 5) * 1000;
  const leaseSeconds = options.leaseSeconds ?? 120;
  const sendTimeoutSeconds = leaseSeconds * 0.75;
  const batchSize = options.batchSize ?? 5;
  const maxAttempts = options.maxAttempts ?? DEFAULT_MAX_ATTEMPTS;
  const delayAfter = options.retryDelaySeconds ?? retryDelaySeconds;

  const underWay = new Set<Promise<void>>();
  /** Taken by the server, but the database could not be told yet: not to be sent again from here. */
  const sentUnrecorded = new Set<string>();
  let stopping = false;
  let databaseIsAway = false;
  let lookAgain = false;
  let interrupt: () => void = () => {};

  /** Waits, but not past a wake or a stop. */
  const idle = async (ms: number) => {
    if (!lookAgain && !stopping)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        interrupt = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    lookAgain = false;
  };

  const wake = () => {
    lookAgain = true;
    interrupt();
  };

  const outageWaitMs = (failures: number) =>
    Math.min(SHORTEST_OUTAGE_WAIT_MS * 2 ** (failures - 1), LONGEST_OUTAGE_WAIT_MS);

  /** An outage is one line in the log, and so is its end. */
  const databaseFailed = (error: unknown) => {
    if (!databaseIsAway) log.error("outbox.database-lost", { error: describeError(error) });
    databaseIsAway = true;
  };
  const databaseAnswered = () => {
    if (databaseIsAway) log.info("outbox.database-back");
    databaseIsAway = false;
  };

  let stopped: () => void = () => {};
  const stopAsked = new Promise<void>((resolve) => {
    stopped = resolve;
  });

  /**
   * Writes down what became of a mail, for as long as it takes. Once stopping, it gives up after a
   * few tries: the lease ends by itself.
   */
  const record = async (write: () => Promise<unknown>) => {
    let triesWhileStopping = 0;
    for (let failures = 1; ; failures += 1) {
      try {
        await answered(write());
        databaseAnswered();
        return;
      } catch (error) {
        databaseFailed(error);
        if (stopping) triesWhileStopping += 1;
        if (triesWhileStopping >= 3) return;
        const waitMs = stopping ? SHORTEST_OUTAGE_WAIT_MS : outageWaitMs(failures);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, waitMs);
          if (stopping) return;
          void stopAsked.then(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
    }
  };

  const fail = async (mail: ClaimedMail, failure: Failure) => {
    await record(() => markFailed(db, mail, failure.lastError));
    log.error("mail.failed", { ...named(mail), ...why(failure) });
  };

  const retry = async (mail: ClaimedMail, failure: Failure) => {
    if (mail.attempt >= maxAttempts) return fail(mail, failure);
    const delaySeconds = delayAfter(mail.attempt);
    await record(() => markForRetry(db, mail, { delaySeconds, lastError: failure.lastError }));
    log.warn("mail.retry", { ...named(mail), ...why(failure) });
  };

  const deliver = async (mail: ClaimedMail) => {
    if (sentUnrecorded.has(mail.id)) return;
    if (mail.attempt > maxAttempts)
      return fail(mail, {
        reason: "given-up",
        lastError: `Given up after ${maxAttempts} tries: none of them was finished.`,
      });

    const opened = open(vault, mail);
    if (!opened.ok) return fail(mail, { reason: "unreadable", lastError: opened.sentence });
    const { content } = opened;
    const link = mailedLink(content);
    if (link && Date.parse(link.expiresAt) <= Date.now()) {
      await record(() =>
        markCancelled(db, mail, "The link expired before the mail could be delivered."),
      );
      log.info("mail.cancelled", { ...named(mail), reason: "link-expired" });
      return;
    }

    let rendered: RenderedMail;
    try {
      rendered = await renderMail(content.template, content.props, brand);
    } catch (error) {
      log.error("mail.not-rendered", { ...named(mail), error: describeError(error) });
      return retry(mail, { reason: "not-rendered", lastError: "The mail could not be written." });
    }

    const startedAt = performance.now();
    const outcome: SendOutcome = await transport.send(
      { ...rendered, mailId: mail.id, recipient: mail.recipient },
      { timeoutSeconds: sendTimeoutSeconds },
    );
    if (outcome.ok) {
      sentUnrecorded.add(mail.id);
      log.info("mail.sent", {
        ...named(mail),
        durationMs: Math.round(performance.now() - startedAt),
      });
      await record(() => markSent(db, mail.id));
      sentUnrecorded.delete(mail.id);
      return;
    }
    const failure = {
      reason: outcome.smtpCode === undefined ? "no-answer" : "refused",
      smtpCode: outcome.smtpCode,
      errorCode: outcome.errorCode,
      lastError: keepableWords(outcome.words, link?.url),
    };
    return outcome.final ? fail(mail, failure) : retry(mail, failure);
  };

  const start = (mail: ClaimedMail) => {
    const delivery = deliver(mail)
      .catch((error: unknown) => {
        // Nothing is written down then: the lease ends, and the mail is tried again.
        log.error("mail.not-handled", { ...named(mail), error: describeError(error) });
      })
      .finally(() => {
        const wasFull = underWay.size >= batchSize;
        underWay.delete(delivery);
        if (wasFull) wake();
      });
    underWay.add(delivery);
  };

  const run = async () => {
    let failures = 0;
    while (!stopping) {
      let claimed: ClaimedMail[];
      try {
        const limit = batchSize - underWay.size;
        claimed = await answered(claimDueMails(db, { limit, leaseSeconds }));
        databaseAnswered();
        failures = 0;
      } catch (error) {
        databaseFailed(error);
        failures += 1;
        await idle(outageWaitMs(failures));
        continue;
      }
      for (const mail of claimed) {
        if (stopping) underWay.add(record(() => releaseClaim(db, mail)));
        else start(mail);
      }
      // Where all are taken, the first that is done wakes it.
      await idle(pollMs);
    }
    await Promise.all(underWay);
  };

  const running = run();
  return {
    wake,
    async stop() {
      stopping = true;
      stopped();
      interrupt();
      await running;
    },
  };
}

/** A connection that is accepted and then never answers must not hold up the worker, nor its end. */
function answered<Result>(query: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`no answer within ${DATABASE_ANSWER_MS / 1000} s`)),
      DATABASE_ANSWER_MS,
    );
    query.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** @returns the link a mail brings, which works for a time and is a secret */
const mailedLink = (content: MailContent) =>
  content.template === "link" || content.template === "reset-confirm" ? content.props : undefined;

const named = (mail: ClaimedMail) => ({
  mailId: mail.id,
  template: mail.template,
  attempt: mail.attempt,
  linkId: mail.linkId ?? undefined,
});

interface Failure {
  readonly reason: string;
  readonly lastError: string;
  readonly smtpCode?: number | undefined;
  readonly errorCode?: string | undefined;
}

/** What the log may have of it: not the words. */
const why = ({ reason, smtpCode, errorCode }: Failure) => ({ reason, smtpCode, errorCode });

function open(
  vault: Vault,
  mail: ClaimedMail,
): { ok: true; content: MailContent } | { ok: false; sentence: string } {
  try {
    return { ok: true, content: openMail(vault, mail) };
  } catch (error) {
    if (error instanceof VaultError || error instanceof ChangedMailError)
      return {
        ok: false,
        sentence: `The mail could not be opened, and was not sent: ${error.message}.`,
      };
    throw error;
  }
}
