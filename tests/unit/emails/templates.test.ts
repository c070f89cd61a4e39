import { describe, expect, it } from "vitest";
import type { Brand } from "../../../app/config/config.server";
import { LANGUAGES } from "../../../app/messages/languages";
import { LINK_PROBLEMS, MAIL_TEMPLATES } from "../../../db/schema";
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
    problem: "account-disabled",
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

const stringsIn = (value: unknown): string[] =>
  typeof value === "object" && value !== null
    ? Object.values(value).flatMap(stringsIn)
    : [String(value)];
const occurrences = (text: string, part: string) => text.split(part).length - 1;

describe("the mail with the link", () => {
  it("is from the service by name and says what to do", async () => {
    const mail = await renderMail("link", examples.link, brand, "en");
    expect(mail.subject).toBe("Your Example Cloud account: choose your password");
    expect(mail.text).toContain("User name: jane.doe");
    expect(mail.text).toContain("Domain: students");
    expect(mail.text).toContain("6-digit PIN");
    expect(mail.text).toMatch(
      /The link works once, and only until Tuesday,? 3 June 2031 at 14:05 UTC\./,
    );
    expect(mail.text).toContain("If you did not expect this email");
    expect(mail.text).toContain("sign in at https://cloud.example.org/");
    expect(mail.text).toContain("Questions? Contact help@example.org.");
  });

  it("says the same in German, word for word, to an account of any age", async () => {
    const mail = await renderMail("link", examples.link, brand, "de");
    expect(mail.subject).toBe("Ihr Konto bei Example Cloud: Wählen Sie Ihr Passwort");
    expect(mail.html).toMatch(/<html[^>]* lang="de"/);
    expect(mail.text.split(/\n+/)).toEqual([
      "Example Cloud",
      "Wählen Sie Ihr Passwort",
      "Sie haben ein Konto bei Example Cloud. Um es zu benutzen, wählen Sie ein Passwort, das nur Sie kennen.",
      "Benutzername: jane.doe",
      "Domäne: students",
      "Ihr Link, zum Öffnen oder zum Kopieren in den Browser:",
      LINK,
      "Sie werden nach der PIN mit 6 Ziffern gefragt, die Sie bei der Registrierung oder beim Anfordern dieses Links gewählt haben.",
      "Der Link ist nur einmal gültig, und zwar bis Dienstag, 3. Juni 2031 um 14:05 UTC. Danach können Sie einen neuen anfordern.",
      "Sobald Ihr Passwort gesetzt ist, melden Sie sich hier an: https://cloud.example.org/",
      "Niemand wird Sie je per E-Mail oder Telefon nach Ihrer PIN oder Ihrem Passwort fragen. Wenn Sie diese E-Mail nicht erwartet haben, öffnen Sie den Link nicht; ohne die PIN ist er nutzlos. Bitte informieren Sie help@example.org.",
      "Fragen? Kontakt: help@example.org.",
      "Diese E-Mail wurde automatisch von Example Cloud gesendet.",
      "",
    ]);
  });

  it("is a reminder where they were sent a link before, and says that this one replaces it", async () => {
    const subjects = {
      en: "Reminder: choose the password of your Example Cloud account",
      de: "Erinnerung: Wählen Sie das Passwort für Ihr Konto bei Example Cloud",
    };
    const replaced = { en: "no longer works", de: "nicht mehr gültig" };
    for (const language of ["en", "de"] as const) {
      const props = { ...examples.link, isReminder: true };
      const reminder = await renderMail("link", props, brand, language);
      const first = await renderMail("link", examples.link, brand, language);
      expect(reminder.subject).toBe(subjects[language]);
      expect(reminder.text).toContain(replaced[language]);
      expect(first.text).not.toContain(replaced[language]);
      expect(occurrences(reminder.text, "token=")).toBe(1);
    }
  });

  it("claims nothing that is untrue for who asked for another link", async () => {
    for (const language of ["en", "de"] as const) {
      const { html } = await renderMail("link", examples.link, brand, language);
      expect(html).not.toMatch(/made for you|account is ready|new account|angelegt|neues Konto/i);
    }
  });

  it("has the link in its plain text exactly once, on a line of its own", async () => {
    const { text } = await renderMail("link", examples.link, brand, "en");
    expect(text.split("\n").filter((line) => line === LINK)).toHaveLength(1);
    expect(occurrences(text, "token=")).toBe(1);
  });

  it("has the link in its HTML behind one button and written out once", async () => {
    const { html } = await renderMail("link", examples.link, brand, "en");
    expect(occurrences(html, `href="${LINK}"`)).toBe(2);
    expect(html).toContain(`>${LINK}</a>`);
  });

  it("does without a user name, a dashboard and a support contact", async () => {
    const { userName: _, domainName: __, ...rest } = examples.link;
    const { text } = await renderMail("link", rest, bareBrand, "en");
    expect(text).toContain(LINK);
    expect(text).not.toMatch(/undefined|User name|sign in at|Questions/);
  });
});

const everyMail = MAIL_TEMPLATES.flatMap((template) =>
  LANGUAGES.map((language) => [template, language] as const),
);

describe("every mail", () => {
  it.each(everyMail)("%s in %s escapes what people chose", async (template, language) => {
    const hostile = '"><img src=x onerror=alert(1)>';
    const props = Object.fromEntries(
      Object.entries(examples[template]).map(([name, value]) => [
        name,
        ["userName", "domainName", "name", "email", "problem", "userId"].includes(name)
          ? hostile
          : value,
      ]),
    );
    const { html } = await renderMail(
      template,
      props as never,
      {
        appName: hostile,
        dashboardUrl: "https://cloud.example.org/",
        supportContact: hostile,
      },
      language,
    );
    expect(html).not.toContain("<img");
    expect(html).toContain("&lt;img src=x onerror=alert(1)&gt;");
  });

  it.each(everyMail)("%s in %s keeps its subject on one line", async (template, language) => {
    const broken = "Jane\r\nBcc: everybody@example.org\u2028";
    const { subject } = await renderMail(
      template,
      { ...examples[template], userName: broken, userId: broken, name: broken } as never,
      { ...brand, appName: `Cloud${broken}` },
      language,
    );
    expect(subject).not.toMatch(/[\r\n\u2028]/);
  });

  it.each(everyMail)("%s in %s loads nothing from anywhere", async (template, language) => {
    const { html } = await renderMail(template, examples[template] as never, brand, language);
    expect(html).not.toMatch(/<img|<script|<link|@import|url\(|src=/i);
    for (const [, address] of html.matchAll(/href="([^"]*)"/g))
      expect(
        [LINK, CONFIRM, "https://cloud.example.org/", "mailto:help@example.org"].concat(
          "https://setpass.example.org/admin",
          "https://setpass.example.org/admin/requests",
        ),
      ).toContain(address);
  });

  it.each(everyMail)(
    "%s in %s says in plain text whatever it says in HTML",
    async (template, language) => {
      const { html, text } = await renderMail(
        template,
        examples[template] as never,
        brand,
        language,
      );
      const words = (content: string) => content.replace(/[\s\u200c-\u200f\ufeff]+/g, " ");
      const body = words(
        html
          .replace(/<head>.*?<\/head>/s, "")
          .replace(/<div style="display:none.*?<\/div><\/div>/s, "")
          .replace(/<!--.*?-->/gs, "")
          .replace(/<a class="button".*?<\/a>/gs, "")
          .replace(/<[^>]*>/g, " ")
          .replaceAll("&#x27;", "'"),
      );
      for (const word of body.split(" ")) expect(words(text)).toContain(word);
    },
  );
});

describe("a mail in the language that shows what stands in no catalog", () => {
  it.each(MAIL_TEMPLATES)("says no word of its own: %s", async (template) => {
    const mail = await renderMail(template, examples[template] as never, brand, "en-XA");
    const given = stringsIn([examples[template], brand]).sort((a, b) => b.length - a.length);
    const own = given.reduce(
      (text, part) => text.replaceAll(part, ""),
      `${mail.subject}\n${mail.text}`.replace(/\w+, \w+ 3, 2031 at .* UTC/g, ""),
    );
    expect(own).not.toMatch(/[a-z]/i);
  });
});

describe("the mail that asks a mailbox to confirm", () => {
  it("has the code, the way to confirm, until when, and what to do if it was not you", async () => {
    const { subject, text } = await renderMail(
      "reset-confirm",
      examples["reset-confirm"],
      brand,
      "en",
    );
    expect(subject).toBe("Example Cloud: confirm your request for a new link");
    expect(text).toContain("Code of the request: K7-QF2");
    expect(text).toContain("If it shows another one");
    expect(text.split("\n").filter((line) => line === CONFIRM)).toHaveLength(1);
    expect(text).toMatch(/until Tuesday,? 3 June 2031 at 14:05 UTC/);
    expect(text).toContain("You did not request a link? Then ignore this email");
  });

  it("is in the language of the page it was asked on", async () => {
    const { subject, text } = await renderMail(
      "reset-confirm",
      examples["reset-confirm"],
      brand,
      "de",
    );
    expect(subject).toBe("Example Cloud: Bitte bestätigen Sie, dass Sie einen neuen Link möchten");
    expect(text).toContain("Code der Anfrage: K7-QF2");
    expect(text).toContain("Sie können sie bis Dienstag, 3. Juni 2031 um 14:05 UTC bestätigen.");
    expect(text).toContain("Dann ignorieren Sie diese E-Mail");
  });

  it("has its secret neither in its subject nor where inboxes preview it", async () => {
    const { subject, html } = await renderMail(
      "reset-confirm",
      examples["reset-confirm"],
      brand,
      "en",
    );
    expect(subject).not.toContain("S3cret");
    const preview = /<div style="display:none.*?<\/div>/s.exec(html)?.[0];
    expect(preview).toContain("an administrator will see it");
    expect(preview).not.toContain("S3cret");
  });
});

describe("the mail to the helpdesk", () => {
  it("says how many have asked, by which codes, and that they have their mailbox alone", async () => {
    const { subject, text } = await renderMail(
      "reset-digest",
      examples["reset-digest"],
      brand,
      "en",
    );
    expect(subject).toBe("Example Cloud: 39 new requests for a link");
    expect(text).toContain("Code: K7-QF2");
    expect(text).toContain("Code: none, and not confirmed");
    expect(text).toContain("And 37 more");
    expect(text).toContain("have them read out the code");
    const one = { ...examples["reset-digest"], count: 1 };
    expect((await renderMail("reset-digest", one, brand, "en")).subject).toBe(
      "Example Cloud: one new request for a link",
    );
    const german = await renderMail("reset-digest", examples["reset-digest"], brand, "de");
    expect(german.subject).toBe("Example Cloud: 39 neue Anfragen nach einem Link");
    expect(german.text).toContain("Angegebener Name: Jane Doe");
    expect(german.text).toContain("Und 37 weitere, die in der Konsole stehen.");
    expect((await renderMail("reset-digest", one, brand, "de")).subject).toBe(
      "Example Cloud: eine neue Anfrage nach einem Link",
    );
  });

  it("calls nothing confirmed that was not", async () => {
    const { requests, ...rest } = examples["reset-digest"];
    const props = { ...rest, requests: requests.slice(1), count: 1 };
    const { text } = await renderMail("reset-digest", props, brand, "en");
    expect(text).toContain("Code: none, and not confirmed");
    expect(text).not.toMatch(/requests? .* (was|were) confirmed|, and confirmed/);
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
      "en",
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
        "en",
      );
      expect(Object.values(mail).join()).not.toContain("918273");
    },
  );
});

describe("the mail about a problem", () => {
  it("names the user, the reason and what to do", async () => {
    const { subject, text } = await renderMail(
      "link-problem",
      examples["link-problem"],
      brand,
      "en",
    );
    expect(subject).toBe("Example Cloud: jane.doe cannot set a password");
    expect(text).toContain("User ID: 9f0d3cbbf7584ea6a0f5d3bb1f6bb5a6");
    expect(text).toContain("Why: The account is disabled in Keystone.");
    expect(text).toContain(
      "What to do: Enable it, then tell the user to open the same link again.",
    );
    expect(text).toContain("https://setpass.example.org/admin");
  });

  /** What helps against each, and against no other. */
  const helps = {
    "initial-password-stale": [/What to do: Issue a new link/, /Was zu tun ist: Stellen Sie einen/],
    "account-disabled": [/What to do: Enable it/, /Was zu tun ist: Aktivieren Sie es/],
    "account-locked": [/What to do: Nothing, if it can wait/, /Was zu tun ist: Nichts, wenn es/],
    "password-locked": [
      /What to do: Remove the option/,
      /Was zu tun ist: Entfernen Sie die Option/,
    ],
    "link-outdated": [/What to do: Renew the link/, /Was zu tun ist: Erneuern Sie den Link/],
    "read-only-account": [/What to do: Set the .* in that directory/, /in diesem Verzeichnis/],
  } as const;
  it.each(LINK_PROBLEMS)("says what helps against this one: %s", async (problem) => {
    const props = { ...examples["link-problem"], problem };
    const texts = [
      (await renderMail("link-problem", props, brand, "en")).text,
      (await renderMail("link-problem", props, brand, "de")).text,
    ];
    for (const [other, expected] of Object.entries(helps))
      for (const [index, text] of texts.entries())
        expect([other, expected[index]?.test(text)]).toEqual([other, other === problem]);
  });

  it("keeps the sentence of one that an earlier release wrote", async () => {
    const problem = "The account is disabled in Keystone. Enable it.";
    const props = { ...examples["link-problem"], problem };
    const { text } = await renderMail("link-problem", props, brand, "en");
    expect(text).toContain(`Why: ${problem}`);
    expect(text).not.toContain("What to do");
  });

  it("falls back to the user id where no name is known", async () => {
    const { userName: _, ...rest } = examples["link-problem"];
    const { subject } = await renderMail("link-problem", rest, brand, "en");
    expect(subject).toBe("Example Cloud: 9f0d3cbbf7584ea6a0f5d3bb1f6bb5a6 cannot set a password");
  });
});

describe("the mail that a link was changed", () => {
  it("says what was changed, and no more", async () => {
    const text = async (changes: MailProps["link-changed"]["changes"], language: "en" | "de") =>
      (await renderMail("link-changed", { ...examples["link-changed"], changes }, brand, language))
        .text;
    const pin = await text(["pin-replaced"], "en");
    expect(pin).toContain("It now requires a different PIN.");
    expect(pin).not.toContain("different address");
    expect(pin).toMatch(/Changed on: Tuesday,? 3 June 2031 at 14:05 UTC/);
    const german = await text(["recipient-changed"], "de");
    expect(german).toContain("Er wurde an eine andere Adresse gesendet.");
    expect(german).not.toContain("PIN.\n");
    expect(german).toContain("Geändert am: Dienstag, 3. Juni 2031 um 14:05 UTC");
    expect(german).toContain("kann Ihr Konto übernehmen");
  });
});

describe("the mail that a password was set", () => {
  it("says when, where to sign in, and what to do if it was somebody else", async () => {
    const { subject, text } = await renderMail(
      "password-set",
      examples["password-set"],
      brand,
      "en",
    );
    expect(subject).toBe("Your Example Cloud password was set");
    expect(text).toMatch(/Set on: Tuesday,? 3 June 2031 at 14:05 UTC/);
    expect(text).toContain("https://cloud.example.org/");
    expect(text).toContain("This was not you?");
    expect(text).toContain("Contact help@example.org immediately.");
    const german = await renderMail("password-set", examples["password-set"], brand, "de");
    expect(german.subject).toBe("Ihr Passwort bei Example Cloud wurde gesetzt");
    expect(german.text).toContain("Gesetzt am: Dienstag, 3. Juni 2031 um 14:05 UTC");
    expect(german.text).toContain("Das waren nicht Sie?");
    expect(german.text).toContain("Wenden Sie sich sofort an help@example.org.");
    const bare = await renderMail("password-set", examples["password-set"], bareBrand, "de");
    expect(bare.text).toContain("an die Stelle, von der Sie das Konto erhalten haben.");
  });

  it("says nothing of the time where nobody knows it any more", async () => {
    const { at: _, ...undated } = examples["password-set"];
    const { text } = await renderMail("password-set", undated, brand, "en");
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
        await renderMail("link", examples.link, { ...brand, appName }, "en"),
        await renderMail("link-problem", props, { ...brand, appName }, "en"),
      ])
        expect(`${mail.subject}${mail.html}${mail.text}`).not.toContain("\0");
    }
  });
});
