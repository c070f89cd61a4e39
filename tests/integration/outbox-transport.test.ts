import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import nodemailer from "nodemailer";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createMailTransport, type MailTransport } from "../../emails/transport";
import { getFreePort } from "../support/free-port";
import { listen } from "../support/listen";
import { startSmtpServer } from "../support/smtp";

const ended: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ended.splice(0)) await end();
});

type Step = "greeting" | "EHLO" | "HELO" | "AUTH" | "MAIL" | "RCPT" | "DATA" | "content";

/** A server that answers each step as it is told: also what no real one would be brought to say. */
async function startScriptedServer(script: Partial<Record<Step, string>> = {}) {
  const lines: string[] = [];
  let connections = 0;
  const replies: Record<Step, string> = {
    greeting: "220 test",
    EHLO: "250-test\r\n250 AUTH PLAIN",
    HELO: "250 test",
    AUTH: "235 2.7.0 Welcome",
    MAIL: "250 2.1.0 Fine",
    RCPT: "250 2.1.5 Fine",
    DATA: "354 Go on",
    content: "250 2.0.0 Taken",
    ...script,
  };
  const server = createServer((socket) => {
    connections += 1;
    let inContent = false;
    let rest = "";
    socket.on("error", () => {});
    socket.write(`${replies.greeting}\r\n`);
    socket.setEncoding("utf8").on("data", (text) => {
      const parts = (rest + text).split("\r\n");
      rest = parts.pop() ?? "";
      for (const line of parts) {
        if (inContent && line !== ".") continue;
        lines.push(line);
        const verb = line.split(" ", 1)[0] as Step;
        const reply = inContent ? replies.content : (replies[verb] ?? "221 Bye");
        inContent = !inContent && verb === "DATA" && reply.startsWith("354");
        socket.write(`${reply}\r\n`);
      }
    });
  });
  ended.push(() => server.close());
  const port = await listen(server);
  return { host: `127.0.0.1:${port}`, lines, connections: () => connections };
}

function transportTo(smtpUrl: string, options: { replyTo?: string } = {}): MailTransport {
  const transport = createMailTransport({
    smtpUrl,
    from: "Example Cloud <cloud@example.org>",
    replyTo: options.replyTo,
    publicUrl: new URL("https://setpass.example.org"),
  });
  ended.push(() => transport.close());
  return transport;
}

const send = (transport: MailTransport, recipient = "jane.doe@example.org") =>
  transport.send(
    { mailId: randomUUID(), recipient, subject: "Hello", text: "Hello\n", html: "<p>Hello</p>" },
    { timeoutSeconds: 10 },
  );

describe("an answer of the mail server's is", () => {
  it.each<[Step, number, "final" | "not final"]>([
    ["MAIL", 550, "final"],
    ["MAIL", 553, "final"],
    ["RCPT", 500, "final"],
    ["RCPT", 599, "final"],
    ["DATA", 554, "final"],
    ["content", 552, "final"],
    // For now.
    ["RCPT", 499, "not final"],
    ["content", 451, "not final"],
    // About the session: every mail is told the same, until the operator has seen to it.
    ["greeting", 554, "not final"],
    ["AUTH", 500, "not final"],
    ["AUTH", 535, "not final"],
    ["MAIL", 503, "not final"],
    ["MAIL", 530, "not final"],
    ["RCPT", 534, "not final"],
    ["DATA", 535, "not final"],
    ["MAIL", 538, "not final"],
    // No code of SMTP's.
    ["RCPT", 600, "not final"],
  ])("at %s, %i: %s", async (step, code, expected) => {
    const { host } = await startScriptedServer({ [step]: `${code} 5.0.0 No` });
    expect(await send(transportTo(`smtp://user:password@${host}`))).toEqual({
      ok: false,
      final: expected === "final",
      smtpCode: code,
      errorCode: undefined,
      words: expect.stringContaining(`${code} 5.0.0 No`),
    });
  });

  it("not final where nobody is there to give one", async () => {
    expect(await send(transportTo(`smtp://127.0.0.1:${await getFreePort()}`))).toMatchObject({
      ok: false,
      final: false,
      smtpCode: undefined,
      errorCode: "ECONNREFUSED",
    });
  });

  it("shown without the password, however the server quotes it", async () => {
    const password = "~~~???>>>";
    const encoded = "fn5+Pz8/Pj4+";
    const { host } = await startScriptedServer({ AUTH: `535 Not ${password} nor ${encoded}` });
    const outcome = await send(transportTo(`smtp://user:${encodeURIComponent(password)}@${host}`));
    expect(outcome).toMatchObject({
      words: expect.stringMatching(/Not \[password\] nor \[password\]$/),
    });
  });
});

describe("a recipient", () => {
  const longest = `${"a".repeat(64)}@${"b".repeat(185)}.org`;

  it.each([
    "a@example.org, b@example.org",
    "a@example.org>\r\nRCPT TO:<b@example.org",
    "a@example.org\r\nBcc: b@example.org",
    "Jane <a@example.org>",
    "a@example.org b",
    "b a@example.org",
    "nobody",
    "",
    `a${longest}`,
  ])("that is not one bare address gets nothing, and nobody is asked: %j", async (recipient) => {
    const server = await startScriptedServer();
    expect(await send(transportTo(`smtp://${server.host}`), recipient)).toEqual({
      ok: false,
      final: true,
      smtpCode: undefined,
      errorCode: undefined,
      words: "bad-address",
    });
    expect(server.connections()).toBe(0);
  });

  it.each(["jane+cloud@example.org", "o'neill@example.org", longest])(
    "that is one, of 254 characters at the most, is asked for: %s",
    async (recipient) => {
      expect(longest).toHaveLength(254);
      const server = await startScriptedServer();
      expect(await send(transportTo(`smtp://${server.host}`), recipient)).toEqual({ ok: true });
      expect(server.lines).toContainEqual(expect.stringContaining(`RCPT TO:<${recipient}>`));
    },
  );
});

describe("a connection", () => {
  it("greets by the name of SMTP_URL, and serves one mail after the other", async () => {
    const server = await startScriptedServer();
    const transport = transportTo(`smtp://${server.host}?name=setpass.example.org`);
    expect(await send(transport)).toEqual({ ok: true });
    expect(await send(transport, "second@example.org")).toEqual({ ok: true });
    expect(server.lines[0]).toBe("EHLO setpass.example.org");
    expect(server.connections()).toBe(1);
  });

  it("waits for no step longer than half a minute, ends when idle, and reads neither files nor URLs", () => {
    const create = vi.spyOn(nodemailer, "createTransport");
    ended.push(() => create.mockRestore());
    transportTo("smtp://127.0.0.1");
    // What would take too long to be seen.
    expect(create.mock.lastCall?.[0]).toMatchObject({
      maxConnections: 5,
      maxMessages: 100,
      idleTimeout: 30_000,
      maxRequeues: 1,
      dnsTimeout: 10_000,
      connectionTimeout: 10_000,
      greetingTimeout: 10_000,
      socketTimeout: 30_000,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  });

  it.each([
    ["as offered", "", true],
    ["not at all with ignoreTLS", "ignoreTLS=true", false],
    ["with any certificate where SMTP_URL says so", "tls.rejectUnauthorized=false", true],
  ])("uses STARTTLS %s", async (_, query, encrypted) => {
    const smtp = await startSmtpServer({ requireAuth: false });
    ended.push(() => smtp.stop());
    const trusted = query === "" ? `tls.ca=${smtp.caPath}` : query;
    expect(await send(transportTo(`smtp://127.0.0.1:${smtp.port}?${trusted}`))).toEqual({
      ok: true,
    });
    const [received] = smtp.messages;
    expect(received).toMatchObject({ encrypted, user: undefined });
    expect(received?.parsed.replyTo).toBeUndefined();
  });

  it("is verified by signing in, without a mail", async () => {
    const smtp = await startSmtpServer();
    ended.push(() => smtp.stop());
    expect(await transportTo(smtp.url).verify()).toEqual({ ok: true });
    const wrong = new URL(smtp.url);
    wrong.password = "not-the-password";
    expect(await transportTo(wrong.href).verify()).toMatchObject({
      ok: false,
      final: false,
      smtpCode: 535,
    });
    expect(smtp.dataCount()).toBe(0);
  });
});
