import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Mailbox, startMailbox } from "../../demo/mailbox/mailbox";
import type { MailboxMessage } from "../../demo/mailbox/pages";
import { renderMail } from "../../emails/render-mail";
import { createMailTransport, type MailTransport } from "../../emails/transport";

const LINK = "https://setpass.example.org/?token=3f0f9b8e-5d5f-4a06-9a53-6a3f8a0f1b2c";
const HOSTILE = '<script>alert("mail")</script>';

let mailbox: Mailbox;
let transport: MailTransport;

beforeAll(async () => {
  mailbox = await startMailbox();
  transport = createMailTransport({
    smtpUrl: mailbox.smtpUrl,
    from: "Example Cloud <cloud@example.org>",
    replyTo: undefined,
    publicUrl: new URL("https://setpass.example.org"),
  });
  const mail = await renderMail(
    "link",
    { userName: "jane.doe", url: LINK, expiresAt: "2031-06-03T14:05:11.000Z", pinLength: 4 },
    { appName: "Example Cloud", dashboardUrl: undefined, supportContact: undefined },
    "en",
  );
  const outgoing = [
    { ...mail, recipient: "jane.doe@example.org" },
    { subject: HOSTILE, text: HOSTILE, html: HOSTILE, recipient: "second@example.org" },
  ];
  for (const next of outgoing)
    expect(await transport.send({ ...next, mailId: randomUUID() }, { timeoutSeconds: 10 })).toEqual(
      { ok: true },
    );
});
afterAll(async () => {
  transport?.close();
  await mailbox?.stop();
});

const get = (path: string, init?: RequestInit) => fetch(new URL(path, mailbox.webUrl), init);
const messages = async () => (await (await get("/api/messages")).json()) as MailboxMessage[];

describe("the mailbox of the demo", () => {
  it("gives tests every mail as JSON, the newest first", async () => {
    const [newest, oldest] = await messages();
    expect(newest).toMatchObject({ to: ["second@example.org"], subject: HOSTILE });
    expect(oldest).toMatchObject({
      from: '"Example Cloud" <cloud@example.org>',
      to: ["jane.doe@example.org"],
      subject: "Your Example Cloud account: choose your password",
    });
    expect(oldest?.text.split("\n")).toContain(LINK);
    expect(oldest?.html).toContain(`href="${LINK}"`);
  });

  it("lists the mails on its page and escapes what is in them", async () => {
    const page = await (await get("/")).text();
    expect(page.indexOf("second@example.org")).toBeLessThan(page.indexOf("jane.doe@example.org"));
    expect(page).toContain("&lt;script&gt;alert(&quot;mail&quot;)&lt;/script&gt;");
    expect(page).not.toContain(HOSTILE);
  });

  it("shows a mail as plain text, with its links to press", async () => {
    const [newest, oldest] = await messages();
    const page = await (await get(`/messages/${oldest?.id}?view=text`)).text();
    expect(page).toContain(`<a href="${LINK}"`);
    expect(await (await get(`/messages/${newest?.id}?view=text`)).text()).not.toContain(HOSTILE);
  });

  it("shows a mail as it was sent, in a frame where nothing of it runs", async () => {
    const [newest] = await messages();
    const page = await (await get(`/messages/${newest?.id}`)).text();
    expect(page).toContain(`sandbox="allow-popups allow-popups-to-escape-sandbox"`);
    expect(page).not.toContain(HOSTILE);
    const framed = await get(`/messages/${newest?.id}/html`);
    expect(await framed.text()).toContain(HOSTILE);
    const policy = framed.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'none'");
    expect(policy).toMatch(/sandbox allow-popups allow-popups-to-escape-sandbox$/);
  });

  it("answers 404 for what it does not have and 405 for what it does not do", async () => {
    expect((await get(`/messages/${randomUUID()}`)).status).toBe(404);
    expect((await fetch(`${mailbox.webUrl}/`)).status).toBe(404);
    expect((await get("/", { method: "POST" })).status).toBe(405);
  });
});
