import { describe, expect, it } from "vitest";
import type { Brand } from "../../../app/config/config.server";
import { MAIL_TEMPLATES } from "../../../db/schema";
import type { MailProps } from "../../../emails/mail-content";
import { renderMail } from "../../../emails/render-mail";

const brand: Brand = {
  appName: "Example Cloud",
  dashboardUrl: "https://cloud.example.org/",
  supportContact: "help@example.org",
};
const bareBrand: Brand = { appName: "Setpass", dashboardUrl: undefined, supportContact: undefined };

const LINK = "https://setpass.example.org/?token=3f0f9b8e-5d5f-4a06-9a53-6a3f8a0f1b2c";
const CONFIRM = "https://setpass.example.org/reset/confirm?token=S3cret-S3cret";
const examples: MailProps = {
  link: {
    userName: "jane.doe",
    domainName: "students",
    url: LINK,
    expiresAt: "2031-06-03T14:05:11.000Z",
    pinLength: 6,
  },
  "link-changed": {
    userName: "jane.doe",
    domainName: "students",
    changes: ["pin-replaced", "recipient-changed"],
    at: "2031-06-03T14:05:11.000Z",
  },
  "password-set": { userName: "jane.doe", domainName: "students", at: "2031-06-03T14:05:11.000Z" },
  "link-problem": {
    userId: "9f0d3cbbf7584ea6a0f5d3bb1f6bb5a6",
    userName: "jane.doe",
    problem: "The initial password that was stored no longer works.",
    consoleUrl: "https://setpass.example.org/admin",
  },
  "reset-confirm": { code: "K7-QF2", url: CONFIRM, expiresAt: "2031-06-03T14:05:11.000Z" },
  "reset-digest": {
    requests: [
      {
        code: "K7-QF2",
        name: "Jane Doe",
        email: "jane@example.org",
        at: "2031-06-03T14:05:11.000Z",
      },
      { name: "Joe", email: "joe@example.org", at: "2031-06-03T13:05:11.000Z" },
    ],
    count: 39,
    consoleUrl: "https://setpass.example.org/admin/requests",
  },
};

const occurrences = (text: string, part: string) => text.split(part).length - 1;

describe("the mail with the link", () => {
  it("is from the service by name and says what to do", async () => {
    const mail = await renderMail("link", examples.link, brand);
    expect(mail.subject).toBe("Your Example Cloud account: choose your password");
    expect(mail.text).toContain("User name: jane.doe");
    expect(mail.text).toContain("Domain: students");
    expect(mail.text).toContain("6-digit PIN");
    expect(mail.text).toContain("The link works once, until Tuesday 3 June 2031 at 14:05 UTC.");
    expect(mail.text).toContain("If you did not expect this mail");
    expect(mail.text).toContain("sign in at https://cloud.example.org/");
    expect(mail.text).toContain("Questions? Ask help@example.org.");
  });

  it("has the link in its plain text exactly once, on a line of its own", async () => {
    const { text } = await renderMail("link", examples.link, brand);
    expect(text.split("\n").filter((line) => line === LINK)).toHaveLength(1);
    expect(occurrences(text, "token=")).toBe(1);
  });

  it("has the link in its HTML behind one button and written out once", async () => {
    const { html } = await renderMail("link", examples.link, brand);
    expect(occurrences(html, `href="${LINK}"`)).toBe(2);
    expect(html).toContain(`>${LINK}</a>`);
  });

  it("does without a user name, a dashboard and a support contact", async () => {
    const { userName: _, domainName: __, ...rest } = examples.link;
    const { text } = await renderMail("link", rest, bareBrand);
    expect(text).toContain(LINK);
    expect(text).not.toMatch(/undefined|User name|sign in at|Questions/);
  });
});

describe("every mail", () => {
  it.each(MAIL_TEMPLATES)("%s escapes what people chose", async (template) => {
    const hostile = '"><img src=x onerror=alert(1)>';
    const props = Object.fromEntries(
      Object.entries(examples[template]).map(([name, value]) => [
        name,
        ["userName", "domainName", "name", "email", "problem", "userId"].includes(name)
          ? hostile
          : value,
      ]),
    );
    const { html } = await renderMail(template, props as never, {
      appName: hostile,
      dashboardUrl: "https://cloud.example.org/",
      supportContact: hostile,
    });
    expect(html).not.toContain("<img");
    expect(html).toContain("&lt;img src=x onerror=alert(1)&gt;");
  });

  it.each(MAIL_TEMPLATES)("%s keeps its subject on one line", async (template) => {
    const broken = "Jane\r\nBcc: everybody@example.org\u2028";
    const { subject } = await renderMail(
      template,
      { ...examples[template], userName: broken, userId: broken, name: broken } as never,
      { ...brand, appName: `Cloud${broken}` },
    );
    expect(subject).not.toMatch(/[\r\n\u2028]/);
  });

  it.each(MAIL_TEMPLATES)("%s loads nothing from anywhere", async (template) => {
    const { html } = await renderMail(template, examples[template] as never, brand);
    expect(html).not.toMatch(/<img|<script|<link|@import|url\(|src=/i);
    for (const [, address] of html.matchAll(/href="([^"]*)"/g))
      expect(
        [LINK, CONFIRM, "https://cloud.example.org/", "mailto:help@example.org"].concat(
          "https://setpass.example.org/admin",
          "https://setpass.example.org/admin/requests",
        ),
      ).toContain(address);
  });

  it.each(MAIL_TEMPLATES)("%s says in plain text whatever it says in HTML", async (template) => {
    const { html, text } = await renderMail(template, examples[template] as never, brand);
    const words = (content: string) => content.replace(/[\s\u200c-\u200f\ufeff]+/g, " ");
    const body = words(
      html
        .replace(/<head>.*?<\/head>/s, "")
        .replace(/<div style="display:none.*?<\/div><\/div>/s, "")
        .replace(/<!--.*?-->/gs, "")
        .replace(/<a class="button".*?<\/a>/gs, "")
        .replace(/<[^>]*>/g, " "),
    );
    for (const word of body.split(" ")) expect(words(text)).toContain(word);
  });
});

describe("the mail that asks a mailbox to confirm", () => {
  it("has the code, the way to confirm, until when, and what to do if it was not you", async () => {
    const { subject, text } = await renderMail("reset-confirm", examples["reset-confirm"], brand);
    expect(subject).toBe("Example Cloud: confirm your request for a new link");
    expect(text).toContain("Code of the request: K7-QF2");
    expect(text).toContain("If it shows another one");
    expect(text.split("\n").filter((line) => line === CONFIRM)).toHaveLength(1);
    expect(text).toContain("until Tuesday 3 June 2031 at 14:05 UTC");
    expect(text).toContain("You did not ask for a link? Then leave this mail alone");
  });

  it("has its secret neither in its subject nor where inboxes preview it", async () => {
    const { subject, html } = await renderMail("reset-confirm", examples["reset-confirm"], brand);
    expect(subject).not.toContain("S3cret");
    const preview = /<div style="display:none.*?<\/div>/s.exec(html)?.[0];
    expect(preview).toContain("an administrator will see it");
    expect(preview).not.toContain("S3cret");
  });
});

describe("the mail to the helpdesk", () => {
  it("says how many have asked, by which codes, and that they have their mailbox alone", async () => {
    const { subject, text } = await renderMail("reset-digest", examples["reset-digest"], brand);
    expect(subject).toBe("Example Cloud: 39 new requests for a link");
    expect(text).toContain("Code: K7-QF2");
    expect(text).toContain("Code: none, and not confirmed");
    expect(text).toContain("And 37 more");
    expect(text).toContain("have them read out the code");
    const one = { ...examples["reset-digest"], count: 1 };
    expect((await renderMail("reset-digest", one, brand)).subject).toBe(
      "Example Cloud: one new request for a link",
    );
  });

  it("cannot be made to carry lines of its own by what a stranger typed", async () => {
    const { text, subject } = await renderMail(
      "reset-digest",
      {
        ...examples["reset-digest"],
        requests: [
          {
            code: "K7-QF2",
            name: "Jane\n\nYour mailbox is full, see https://evil.example",
            email: "jane@example.org\r\nBcc: all@example.org",
            at: "2031-06-03T14:05:11.000Z",
          },
        ],
      },
      brand,
    );
    expect(subject).not.toContain("Jane");
    expect(text).toContain("Name given: Jane Your mailbox is full, see https://evil.example");
    expect(text).toContain("Address: jane@example.org Bcc: all@example.org");
    expect(text).toContain("does not make the account theirs");
  });
});

describe("a PIN", () => {
  it.each(MAIL_TEMPLATES)(
    "is not in the %s mail, even where it is handed in by mistake",
    async (template) => {
      const mail = await renderMail(
        template,
        { ...examples[template], pin: "918273" } as never,
        brand,
      );
      expect(Object.values(mail).join()).not.toContain("918273");
    },
  );
});

describe("the mail about a problem", () => {
  it("names the user, the reason and what to do", async () => {
    const { subject, text } = await renderMail("link-problem", examples["link-problem"], brand);
    expect(subject).toBe("Example Cloud: jane.doe cannot set a password");
    expect(text).toContain("User ID: 9f0d3cbbf7584ea6a0f5d3bb1f6bb5a6");
    expect(text).toContain("Why: The initial password that was stored no longer works.");
    expect(text).toContain("issue a new link");
    expect(text).toContain("https://setpass.example.org/admin");
  });

  it("falls back to the user id where no name is known", async () => {
    const { userName: _, ...rest } = examples["link-problem"];
    const { subject } = await renderMail("link-problem", rest, brand);
    expect(subject).toBe("Example Cloud: 9f0d3cbbf7584ea6a0f5d3bb1f6bb5a6 cannot set a password");
  });
});

describe("the mail that a password was set", () => {
  it("says when, where to sign in, and what to do if it was somebody else", async () => {
    const { subject, text } = await renderMail("password-set", examples["password-set"], brand);
    expect(subject).toBe("Your Example Cloud password was set");
    expect(text).toContain("Set on: Tuesday 3 June 2031 at 14:05 UTC");
    expect(text).toContain("https://cloud.example.org/");
    expect(text).toContain("It was not you?");
    expect(text).toContain("Tell help@example.org at once.");
  });

  it("says nothing of the time where nobody knows it any more", async () => {
    const { at: _, ...undated } = examples["password-set"];
    const { text } = await renderMail("password-set", undated, brand);
    expect(text).toContain("User name: jane.doe");
    expect(text).not.toContain("Set on");
  });
});

describe("a mail in another script", () => {
  it("holds no zero bytes, wherever its letters fall", async () => {
    for (let length = 1; length <= 40; length++) {
      const appName = `Größenö${"ü".repeat(length)}`;
      const problem = "é".repeat(length);
      const props = { ...examples["link-problem"], problem };
      for (const mail of [
        await renderMail("link", examples.link, { ...brand, appName }),
        await renderMail("link-problem", props, { ...brand, appName }),
      ])
        expect(`${mail.subject}${mail.html}${mail.text}`).not.toContain("\0");
    }
  });
});
