import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ParsedMail, simpleParser } from "mailparser";
import { SMTPServer, type SMTPServerSession } from "smtp-server";
import { getFreePort } from "./free-port";
import { makeSelfSignedCertificate } from "./self-signed-certificate";

/** A mail the server took, and how it came. */
export interface ReceivedMail {
  /** The envelope's, not the headers'. */
  readonly from: string;
  readonly to: readonly string[];
  readonly encrypted: boolean;
  /** Who had signed in, if anybody. */
  readonly user: string | undefined;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
  /** Everything else of it. */
  readonly parsed: ParsedMail;
  /** As it came over the wire. */
  readonly raw: string;
}

/** What the server shall do to the mails to come. */
export interface SmtpBehaviour {
  /** Whatever the password. */
  rejectLogin?: { code: number; text: string };
  rejectSender?: { code: number; text: string };
  rejectRecipient?: { code: number; text: string };
  /** After the whole mail was received. */
  rejectData?: { code: number; text: string };
  /** Never answers: a new connection, or the end of a mail. */
  hangAt?: "greeting" | "data";
  /** Takes the mail, and cuts the connection instead of saying so. */
  dropAfterData?: boolean;
  /** Keeps the answer to the end of a mail back that long. */
  delayDataMs?: number;
}

export interface TestSmtpServer {
  /** For SMTP_URL: with user, password and the certificate to trust. */
  readonly url: string;
  readonly port: number;
  /** PEM file. */
  readonly caPath: string;
  /** Oldest first. */
  readonly messages: readonly ReceivedMail[];
  /** Replaces what was set before; `{}` is an obliging server. */
  behave(behaviour: SmtpBehaviour): void;
  /** How many mails it began to take, also those it did not keep. */
  dataCount(): number;
  waitForMessage(
    predicate?: (mail: ReceivedMail) => boolean,
    timeoutMs?: number,
  ): Promise<ReceivedMail>;
  clear(): void;
  /** Cuts every connection and refuses new ones, until `comeBack`, on the same port. */
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * A real SMTP server on a loopback port of its own.
 *
 * @param options.user, options.password who may sign in (AUTH PLAIN and LOGIN)
 * @param options.requireAuth refuses mails of those who have not; true when left out
 * @param options.starttls offers STARTTLS, with a certificate that nobody knows; true when left out
 * @param options.implicitTls speaks TLS from the first byte
 */
export async function startSmtpServer(
  options: {
    user?: string;
    password?: string;
    requireAuth?: boolean;
    starttls?: boolean;
    implicitTls?: boolean;
  } = {},
): Promise<TestSmtpServer> {
  const user = options.user ?? "setpass";
  const password = options.password ?? "smtp-password/with:odd@signs%";
  const requireAuth = options.requireAuth ?? true;
  const starttls = options.starttls ?? true;
  const implicitTls = options.implicitTls ?? false;

  const { key, certificate } = makeSelfSignedCertificate();
  const folder = await mkdtemp(join(tmpdir(), "setpass-smtp-"));
  const caPath = join(folder, "ca.pem");
  await writeFile(caPath, certificate);

  const messages: ReceivedMail[] = [];
  const waiting = new Set<() => void>();
  const sockets = new Map<number, Socket>();
  let behaviour: SmtpBehaviour = {};
  let dataCount = 0;

  const refusal = ({ code, text }: { code: number; text: string }) =>
    Object.assign(new Error(text), { responseCode: code });

  const make = () => {
    const server = new SMTPServer({
      key,
      cert: certificate,
      secure: implicitTls,
      banner: "test",
      authMethods: ["PLAIN", "LOGIN"],
      authOptional: !requireAuth,
      allowInsecureAuth: !starttls && !implicitTls,
      disabledCommands: starttls && !implicitTls ? [] : ["STARTTLS"],
      disableReverseLookup: true,
      closeTimeout: 50,
      logger: false,
      onConnect(_session, callback) {
        if (behaviour.hangAt !== "greeting") callback();
      },
      onAuth(auth, _session, callback) {
        if (behaviour.rejectLogin) callback(refusal(behaviour.rejectLogin));
        else if (auth.username === user && auth.password === password) callback(null, { user });
        else callback(refusal({ code: 535, text: "5.7.8 Authentication credentials invalid" }));
      },
      onMailFrom(_address, _session, callback) {
        callback(behaviour.rejectSender ? refusal(behaviour.rejectSender) : null);
      },
      onRcptTo(_address, _session, callback) {
        callback(behaviour.rejectRecipient ? refusal(behaviour.rejectRecipient) : null);
      },
      onData(stream, session, callback) {
        dataCount += 1;
        const asked = behaviour;
        const chunks: Buffer[] = [];
        stream.on("data", (chunk: Buffer) => chunks.push(chunk));
        stream.on("end", () => {
          if (asked.hangAt === "data") return;
          if (asked.rejectData) return callback(refusal(asked.rejectData));
          void keep(Buffer.concat(chunks), session).then(async () => {
            if (asked.delayDataMs)
              await new Promise((resolve) => setTimeout(resolve, asked.delayDataMs).unref());
            if (asked.dropAfterData) sockets.get(session.remotePort)?.destroy();
            else callback(null, "2.0.0 Taken");
          });
        });
      },
    });
    // A connection that a test cuts is no reason to end the test.
    server.on("error", () => {});
    const listener = (server as unknown as { server: Server }).server;
    listener.on("connection", (socket: Socket) => {
      const remotePort = socket.remotePort ?? 0;
      sockets.set(remotePort, socket);
      socket.on("close", () => sockets.delete(remotePort));
    });
    return { server, listener };
  };

  const keep = async (raw: Buffer, session: SMTPServerSession) => {
    const parsed = await simpleParser(raw);
    messages.push({
      from: session.envelope.mailFrom ? session.envelope.mailFrom.address : "",
      to: session.envelope.rcptTo.map((recipient) => recipient.address),
      encrypted: session.secure,
      user: typeof session.user === "string" ? session.user : undefined,
      subject: parsed.subject ?? "",
      text: parsed.text ?? "",
      html: parsed.html || "",
      messageId: parsed.messageId ?? "",
      parsed,
      raw: raw.toString("latin1"),
    });
    for (const look of waiting) look();
  };

  const port = await getFreePort();
  let current = make();
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      current.listener.once("error", reject);
      current.server.listen(port, "127.0.0.1", () => {
        current.listener.off("error", reject);
        resolve();
      });
    });
  const close = () =>
    new Promise<void>((resolve) => {
      current.server.close(() => resolve());
      for (const socket of sockets.values()) socket.destroy();
    });
  await listen();

  const query = new URLSearchParams({ "tls.ca": caPath });
  if (starttls && !implicitTls) query.set("requireTLS", "true");
  const login = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;

  return {
    url: `${implicitTls ? "smtps" : "smtp"}://${login}@127.0.0.1:${port}?${query}`,
    port,
    caPath,
    messages,
    behave: (next) => {
      behaviour = next;
    },
    dataCount: () => dataCount,
    waitForMessage: (predicate = () => true, timeoutMs = 10_000) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = messages.find(predicate);
          if (!found) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(
            new Error(
              `no such mail within ${timeoutMs} ms; there are: ${JSON.stringify(messages.map((mail) => [mail.to, mail.subject]))}`,
            ),
          );
        }, timeoutMs);
        waiting.add(look);
        look();
      }),
    clear: () => {
      messages.length = 0;
    },
    goAway: close,
    comeBack: async () => {
      current = make();
      await listen();
    },
    stop: async () => {
      await close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
