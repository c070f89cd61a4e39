/**
 * A mail server for trying things out: takes every mail, delivers none, and shows them on a web page.
 */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Server } from "node:net";
import { simpleParser } from "mailparser";
import { SMTPServer } from "smtp-server";
import {
  listPage,
  MAIL_POLICY,
  type MailboxMessage,
  mailDocument,
  messagePage,
  notFoundPage,
  PAGE_POLICY,
} from "./pages";

export interface Mailbox {
  /** For SMTP_URL. */
  readonly smtpUrl: string;
  /** The web page; `/api/messages` there gives the mails as JSON, newest first. */
  readonly webUrl: string;
  stop(): Promise<void>;
}

const MOST_KEPT = 500;

/**
 * Starts both servers on the loopback address. The mails are kept in memory, the newest 500.
 *
 * @param options.smtpPort, options.webPort free ports when left out
 */
export async function startMailbox(
  options: { smtpPort?: number; webPort?: number } = {},
): Promise<Mailbox> {
  const messages: MailboxMessage[] = [];

  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    closeTimeout: 200,
    size: 10 * 1024 * 1024,
    logger: false,
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        simpleParser(Buffer.concat(chunks))
          .then((parsed) => {
            messages.unshift({
              id: randomUUID(),
              receivedAt: new Date().toISOString(),
              from: parsed.from?.text ?? "",
              to: session.envelope.rcptTo.map((recipient) => recipient.address),
              subject: parsed.subject ?? "",
              text: parsed.text ?? "",
              html: parsed.html || "",
              messageId: parsed.messageId ?? "",
            });
            messages.length = Math.min(messages.length, MOST_KEPT);
            callback();
          })
          .catch(callback);
      });
    },
  });
  // A client that hangs up is nothing to end the demo for.
  smtp.on("error", () => {});
  const smtpListener = (smtp as unknown as { server: Server }).server;

  const web = createServer((request, response) => answer(messages, request, response));

  await listening(smtpListener, () => smtp.listen(options.smtpPort ?? 0, "127.0.0.1"));
  try {
    await listening(web, () => web.listen(options.webPort ?? 0, "127.0.0.1"));
  } catch (error) {
    smtp.close();
    throw error;
  }

  return {
    smtpUrl: `smtp://127.0.0.1:${portOf(smtpListener)}`,
    webUrl: `http://127.0.0.1:${portOf(web)}/`,
    stop: async () => {
      web.closeAllConnections();
      const closed = (server: typeof web | typeof smtp) =>
        new Promise<void>((resolve) => void server.close(() => resolve()));
      await Promise.all([closed(web), closed(smtp)]);
    },
  };
}

interface Answer {
  status: number;
  type: "text/html" | "application/json";
  policy: string;
  body: string;
}

function answer(
  messages: readonly MailboxMessage[],
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { Allow: "GET, HEAD" }).end();
    return;
  }
  const { status, type, policy, body } = look(messages, request.url ?? "/");
  response.writeHead(status, {
    "Content-Type": `${type}; charset=utf-8`,
    "Content-Security-Policy": policy,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function look(messages: readonly MailboxMessage[], target: string): Answer {
  const html = (body: string, status = 200): Answer => ({
    status,
    type: "text/html",
    policy: PAGE_POLICY,
    body,
  });
  const [path = "/", query = ""] = target.split("?", 2);
  if (path === "/") return html(listPage(messages));
  if (path === "/api/messages")
    return {
      status: 200,
      type: "application/json",
      policy: "default-src 'none'",
      body: JSON.stringify(messages),
    };

  const [, id, form] = /^\/messages\/([0-9a-f-]{36})(\/html)?$/.exec(path) ?? [];
  const message = messages.find((candidate) => candidate.id === id);
  if (!message) return html(notFoundPage(), 404);
  if (form)
    return { status: 200, type: "text/html", policy: MAIL_POLICY, body: mailDocument(message) };
  return html(messagePage(message, query === "view=text" ? "text" : "html"));
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    listen();
  });
}
