/**
 * A proxy in front of an SMTP server, for plain connections: it reads the commands and the replies, so
 * that a test can stop the world before a command, or when its reply is there and not yet passed on.
 */
import { createServer, connect as dial, type Socket } from "node:net";
import { listen } from "./listen";

/** `connection`: before its first byte, and its greeting. `end-of-data`: the whole mail, and its reply. */
export type SmtpStage =
  | "connection"
  | "EHLO"
  | "AUTH"
  | "MAIL FROM"
  | "RCPT TO"
  | "DATA"
  | "end-of-data"
  | "QUIT";

type Verdict = "pass" | "cut";
type Act = () => Promise<Verdict | undefined> | Verdict | undefined;

export interface SmtpProxy {
  /** @returns the same server, through the proxy */
  through(smtpUrl: string): string;
  /** The next time that a connection comes to this stage, if need be a new one; `act` is awaited. */
  injectOnce(stage: SmtpStage, moment: "before" | "after", act: Act): void;
  /** Forgets what was injected and has not happened. */
  heal(): void;
  stop(): Promise<void>;
}

const STAGES: readonly [RegExp, SmtpStage][] = [
  [/^(EHLO|HELO)\b/i, "EHLO"],
  [/^AUTH\b/i, "AUTH"],
  [/^MAIL FROM\b/i, "MAIL FROM"],
  [/^RCPT TO\b/i, "RCPT TO"],
  [/^DATA\b/i, "DATA"],
  [/^QUIT\b/i, "QUIT"],
];
const ONCE_A_CONNECTION: readonly SmtpStage[] = ["connection", "EHLO", "AUTH"];
const END_OF_DATA = "\r\n.\r\n";

/** @param options.target an SMTP_URL; only its host and port are looked at */
export async function startSmtpProxy(options: { target: string }): Promise<SmtpProxy> {
  const target = new URL(options.target);
  const sockets = new Set<Socket>();
  let injected: { stage: SmtpStage; moment: "before" | "after"; act: Act }[] = [];

  const at = async (stage: SmtpStage | undefined, moment: "before" | "after") => {
    const found = injected.find((one) => one.stage === stage && one.moment === moment);
    if (!found) return "pass";
    injected = injected.filter((one) => one !== found);
    return (await found.act()) ?? "pass";
  };

  async function serve(client: Socket): Promise<void> {
    sockets.add(client);
    client.on("error", () => {});
    client.on("close", () => sockets.delete(client));
    if ((await at("connection", "before")) === "cut") {
      client.resetAndDestroy();
      return;
    }
    const server = dial(Number(target.port), target.hostname);
    sockets.add(server);
    const end = () => {
      client.destroy();
      server.destroy();
      sockets.delete(server);
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", end);
    }
    const cut = () => {
      client.resetAndDestroy();
      server.resetAndDestroy();
    };
    // The greeting is the reply to connecting.
    const unanswered: (SmtpStage | undefined)[] = ["connection"];
    let readsMail = false;

    const ask = async () => {
      let text = "";
      for await (const chunk of client as AsyncIterable<Buffer>) {
        text += chunk.toString("latin1");
        for (;;) {
          const ending = readsMail ? END_OF_DATA : "\r\n";
          const position = text.indexOf(ending);
          if (position === -1) break;
          const line = text.slice(0, position + ending.length);
          text = text.slice(line.length);
          const stage = readsMail ? "end-of-data" : STAGES.find(([shape]) => shape.test(line))?.[1];
          if ((await at(stage, "before")) === "cut") return cut();
          unanswered.push(stage);
          readsMail = false;
          server.write(line, "latin1");
        }
      }
    };
    const answer = async () => {
      let text = "";
      let reply = "";
      for await (const chunk of server as AsyncIterable<Buffer>) {
        text += chunk.toString("latin1");
        for (let lineEnd = text.indexOf("\r\n"); lineEnd !== -1; lineEnd = text.indexOf("\r\n")) {
          const line = text.slice(0, lineEnd + 2);
          text = text.slice(line.length);
          reply += line;
          if (!/^\d{3} /.test(line)) continue; // more of the same reply follows
          const stage = unanswered.shift();
          if ((await at(stage, "after")) === "cut") return cut();
          if (stage === "DATA" && line.startsWith("354")) readsMail = true;
          client.write(reply, "latin1");
          reply = "";
        }
      }
    };
    for (const direction of [ask, answer]) direction().then(end, end);
  }

  const listener = createServer((client) => void serve(client));
  const port = await listen(listener);
  return {
    through(smtpUrl) {
      const url = new URL(smtpUrl);
      url.hostname = "127.0.0.1";
      url.port = String(port);
      return url.href;
    },
    injectOnce(stage, moment, act) {
      injected = [...injected, { stage, moment, act }];
      // A connection that is kept for the next mail is past these.
      if (ONCE_A_CONNECTION.includes(stage)) for (const socket of sockets) socket.destroy();
    },
    heal() {
      injected = [];
    },
    stop: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
