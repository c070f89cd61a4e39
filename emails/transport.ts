import nodemailer, { type NodemailerError } from "nodemailer";
import { readSmtpUrl } from "../app/config/smtp-url.server";
import type { MailFailure } from "../app/messages/mail-failure-words";
import type { RenderedMail } from "./render-mail";

/** A mail on its way to the server. */
export interface OutgoingMail extends RenderedMail {
  /** The outbox row: a mail sent again has the same Message-ID. */
  readonly mailId: string;
  readonly recipient: string;
}

export type SendOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** Whether trying this very mail again would be answered the same. */
      readonly final: boolean;
      /** The server's answer, where there was one. */
      readonly smtpCode?: number;
      /**
       * Where there was none: Node's, OpenSSL's or Nodemailer's name for why, such as ECONNREFUSED,
       * CERT_HAS_EXPIRED, ETLS.
       */
      readonly errorCode?: string;
      /** The server's or Nodemailer's words, which may quote the mail: not for the log. Or a `MailFailure`. */
      readonly words: string;
    };

export interface MailTransport {
  /**
   * Hands one mail to the server.
   *
   * @param options.timeoutSeconds for the whole of it; what was not answered by then may yet have
   *   been delivered
   */
  send(mail: OutgoingMail, options: { timeoutSeconds: number }): Promise<SendOutcome>;
  /** Connects and signs in, without sending anything. */
  verify(): Promise<SendOutcome>;
  /** Ends idle connections; those that deliver a mail finish it. */
  close(): void;
}

/** SMTP_URL cannot be used. The message says why, without the password. */
export class SmtpUrlError extends Error {
  override readonly name = "SmtpUrlError";
}

const ONE_ADDRESS = /^[^\s@<>()[\]\\,;:"]+@[^\s@<>()[\]\\,;:"]+$/;

/**
 * The pooled connections to the mail server. Nothing is connected before the first mail.
 *
 * @param options.publicUrl its host ends every Message-ID
 * @param options.maxConnections how many mails can be on their way at once
 * @throws {SmtpUrlError}
 */
export function createMailTransport(options: {
  smtpUrl: string;
  from: string;
  replyTo: string | undefined;
  publicUrl: URL;
  maxConnections?: number;
}): MailTransport {
  const read = readSmtpUrl(options.smtpUrl);
  if (!read.ok) throw new SmtpUrlError(`SMTP_URL ${read.problem}`);
  const { server } = read;
  const { credentials, certificate } = server;

  const transporter = nodemailer.createTransport(
    {
      pool: true,
      host: server.host,
      port: server.port,
      secure: server.tls === "implicit",
      requireTLS: server.tls === "required",
      ignoreTLS: server.tls === "never",
      auth: credentials && { user: credentials.user, pass: credentials.password },
      tls: {
        rejectUnauthorized: certificate.verify,
        ca: certificate.ca,
        servername: certificate.servername,
      },
      name: server.name,
      maxConnections: options.maxConnections ?? 5,
      maxMessages: 100,
      // Most servers end an idle session after some minutes: go before they do.
      idleTimeout: 30_000,
      // Once, for a connection that had died before a byte of the mail was sent; the rest is the
      // worker's to decide.
      maxRequeues: 1,
      connectionTimeout: 10_000,
      dnsTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 30_000,
      disableFileAccess: true,
      disableUrlAccess: true,
    },
    {
      from: options.from,
      replyTo: options.replyTo,
      headers: {
        // RFC 3834: nobody's absence notice shall answer.
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
      },
    },
  );

  /** A login that fails may be told with the credentials in it. */
  const withoutCredentials = (words: string) =>
    credentials === undefined
      ? words
      : [credentials.password, Buffer.from(credentials.password).toString("base64")].reduce(
          (text, secret) => text.replaceAll(secret, "[password]"),
          words,
        );

  const refusal = (error: NodemailerError): SendOutcome => ({
    ok: false,
    final: isFinal(error),
    smtpCode: error.responseCode,
    // Nodemailer puts a code of its own in the place of Node's, and keeps that beside it.
    errorCode: error.responseCode === undefined ? (error.originalCode ?? error.code) : undefined,
    words: withoutCredentials(explain(error)),
  });

  return {
    async send(mail, { timeoutSeconds }) {
      if (!ONE_ADDRESS.test(mail.recipient) || mail.recipient.length > 254)
        return { ok: false, final: true, words: "bad-address" satisfies MailFailure };
      try {
        await transporter.sendMail({
          to: { name: "", address: mail.recipient },
          subject: mail.subject,
          text: mail.text,
          html: mail.html,
          messageId: `<${mail.mailId}@${options.publicUrl.hostname}>`,
          signal: AbortSignal.timeout(timeoutSeconds * 1000),
        });
        return { ok: true };
      } catch (error) {
        return refusal(error as NodemailerError);
      }
    },
    async verify() {
      try {
        await transporter.verify();
        return { ok: true };
      } catch (error) {
        return refusal(error as NodemailerError);
      }
    },
    close: () => transporter.close(),
  };
}

/**
 * A 5xx answer to the mail itself is final (RFC 5321, 4.2.1). One to the session is not: greeting,
 * STARTTLS and login fail for every mail alike, until the operator has fixed the configuration.
 */
function isFinal(error: NodemailerError): boolean {
  const { responseCode: code, command = "" } = error;
  // Nodemailer found the envelope impossible before it asked anybody.
  if (code === undefined) return error.code === "EENVELOPE";
  const aboutTheSession =
    !["MAIL FROM", "RCPT TO", "DATA"].includes(command) ||
    // Bad sequence, and the login answers of RFC 4954.
    [503, 530, 534, 535, 538].includes(code);
  return code >= 500 && code < 600 && !aboutTheSession;
}

function explain(error: NodemailerError): string {
  if (error.response) return error.response;
  switch (error.code) {
    case "EABORT":
    case "ETIMEDOUT":
      return "timeout" satisfies MailFailure;
    case "EDNS":
      return "unknown-host" satisfies MailFailure;
    default:
      return error.message;
  }
}
