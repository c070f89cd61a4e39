import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { type IssueRequest, issueLink } from "../../../app/links/issue-link.server";
import { resendLink } from "../../../app/links/resend-link.server";
import { answerRequest } from "../../../app/reset-requests/answer-requests.server";
import { parseConfirmToken } from "../../../app/reset-requests/confirm-token.server";
import { startTestApp, type TestApp } from "../../support/app";
import { readBuild } from "../../support/built-routes";
import { describeWhere } from "../../support/describe-where";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { confirmTokenIn } from "../../support/mailed-confirm-token";
import { confirm } from "../../support/reset-requests";
import { newAdmin, newOrigin, testAdmin } from "../../support/services";
import { type ReceivedMail, startSmtpServer, type TestSmtpServer } from "../../support/smtp";
import { createVisitor, linkTokenIn } from "../../support/visitor";

const provided = inject("keystone");
const PUBLIC_URL = "https://setpass.example.org";
const INITIAL = "Initial-1-password";
const CHOSEN = "Chosen-1-password";

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "the language of a link",
  () => {
    const admin = keystoneAdmin(provided as KeystoneAccess);
    let smtp: TestSmtpServer;
    let app: TestApp;
    let keystoneToken: string;
    beforeAll(async () => {
      smtp = await startSmtpServer();
      keystoneToken = await admin.token();
      app = await startTestApp({
        build: await readBuild(),
        env: { PUBLIC_URL, SMTP_URL: smtp.url, APP_NAME: "Example Cloud" },
      });
    });
    afterAll(async () => {
      await app?.stop();
      await smtp?.stop();
    });
    beforeEach(() => smtp.clear());

    const visitor = () => createVisitor(app.url, { publicUrl: PUBLIC_URL });
    const put = (userId: string, body: object) => visitor().put(userId, body, keystoneToken);
    async function newUser() {
      const name = `user-${randomBytes(6).toString("hex")}`;
      const email = `${name}@example.org`;
      return { ...(await admin.createUser({ name, password: INITIAL, email })), email };
    }
    const linkOf = async (userId: string) =>
      (await app.database.sql`select id, language from links where user_id = ${userId}`)[0];
    const mailTo = (email: string, subject: RegExp): Promise<ReceivedMail> =>
      smtp.waitForMessage((mail) => mail.to.includes(email) && subject.test(mail.subject));
    async function issue(request: Omit<IssueRequest, "via">) {
      const result = await issueLink(app.services, { via: "console", ...request }, newAdmin());
      if (!result.ok) throw new Error(result.reason);
      return result.link;
    }

    it("is that of its mails and of its page, from a script's call to the password", async () => {
      const { id, email } = await newUser();
      const issued = await put(id, { password: INITIAL, pin: "4071", language: "de" });
      expect(issued.status).toBe(200);
      const link = await linkOf(id);
      expect(link?.language).toBe("de");

      const sent = await resendLink(app.services, { linkId: link?.id, mailTo: email }, newAdmin());
      expect(sent).toMatchObject({ ok: true });
      const mail = await mailTo(email, /^Ihr Konto bei Example Cloud: Wählen Sie Ihr Passwort$/);
      expect(mail.text).toContain("Sie werden nach der PIN mit 4 Ziffern gefragt");
      expect(mail.text).toMatch(/gültig, und zwar bis \w+, \d+\. \S+ \d{4} um \d\d:\d\d UTC\./);
      expect(mail.html).toMatch(/<html[^>]* lang="de"/);
      const token = linkTokenIn(mail.text) ?? "";

      const page = await visitor().openLink(token);
      expect(page.headers.get("Content-Language")).toBe("de");
      expect(page.text).toMatch(/<html lang="de"/);
      expect(page.text).toContain("<title>Wählen Sie Ihr Passwort · Example Cloud</title>");
      expect(page.text).toContain("Neues Passwort bestätigen");
      const wrong = await visitor().redeem(token, { pin: "0000", password: CHOSEN });
      expect(wrong.text).toContain("Falsche PIN. Sie haben noch 2 Versuche.");
      const set = await visitor().redeem(token, { pin: "4071", password: CHOSEN });
      expect(set.status).toBe(200);
      expect(set.text).toContain("<title>Passwort gesetzt · Example Cloud</title>");
      expect(set.text).toContain("Der Link funktioniert nicht mehr.");

      const told = await mailTo(email, /^Ihr Passwort bei Example Cloud wurde gesetzt$/);
      expect(told.text).toContain("Das waren nicht Sie?");
    });

    it("gives way on its page to what the reader asks for, and to what their browser does", async () => {
      const { id } = await newUser();
      const token = (await put(id, { password: INITIAL, pin: "4071", language: "de" })).text;
      const heading = async (headers: Record<string, string>, query = "") => {
        const { text } = await visitor().ask({ path: `/?token=${token}${query}`, headers });
        return /<h1[^>]*>([^<]*)/.exec(text)?.[1];
      };
      expect(await heading({ "accept-language": "en-US,en;q=0.9" })).toBe("Choose your password");
      expect(await heading({ "accept-language": "tlh, *;q=0.5" })).toBe("Wählen Sie Ihr Passwort");
      expect(await heading({}, "&lang=en")).toBe("Choose your password");
      const { headers } = await visitor().ask({ path: `/?token=${token}&lang=en` });
      const cookie = headers.getSetCookie()[0]?.split(";", 1)[0] ?? "";
      expect(await heading({ cookie })).toBe("Choose your password");
    });

    it("is one that LANGUAGES offers: a call with another is told which, and stores nothing", async () => {
      const { id } = await newUser();
      for (const language of ["tlh", "DE", "en-XA", "", "__proto__"]) {
        const answer = await put(id, { password: INITIAL, pin: "4071", language });
        expect([language, answer.status, JSON.parse(answer.text)]).toEqual([
          language,
          400,
          {
            error: {
              code: 400,
              title: "Bad Request",
              message: "The language must be one of en, de.",
            },
          },
        ]);
      }
      for (const language of [7, null, ["de"]])
        expect((await put(id, { password: INITIAL, pin: "4071", language })).status).toBe(400);
      expect(await linkOf(id)).toBeUndefined();
    });

    it("stays when the link is renewed, mailed again or issued again, until another is named", async () => {
      const { id } = await newUser();
      const both = { password: INITIAL, pin: "4071" };
      const languages = [];
      for (const body of [
        { ...both, language: "de" },
        ...[{}, { pin: "1234" }, both, { language: "en" }, both],
      ]) {
        expect((await put(id, body)).status).toBe(200);
        languages.push((await linkOf(id))?.language);
      }
      expect(languages).toEqual(["de", "de", "de", "de", "en", "en"]);
    });

    it("is that of the mails that tell the owner of a change", async () => {
      const email = `${randomBytes(6).toString("hex")}@example.org`;
      const userId = randomBytes(16).toString("hex");
      const known = { name: "jane", domainId: "d", domainName: "students", email };
      const user = { ...known, policyRegex: null, policyDescription: null };
      await issue({ userId, pin: "4071", initialPassword: INITIAL, user, language: "de" });
      await issue({ userId, pin: "1234", user });
      const mail = await mailTo(
        email,
        /^Der Link zu Ihrem Konto bei Example Cloud wurde geändert$/,
      );
      expect(mail.text).toContain("Er verlangt jetzt eine andere PIN.");
    });

    it("is DEFAULT_LANGUAGE where nobody chose one, or it is not offered any more", async () => {
      for (const language of [undefined, "ar-XB"]) {
        const userId = randomBytes(16).toString("hex");
        const email = `${userId}@example.org`;
        const parts = { pin: "4071", initialPassword: INITIAL, mailTo: email };
        const { token } = await issue({ userId, ...parts, ...(language && { language }) });
        await mailTo(email, /^Your Example Cloud account: choose your password$/);
        expect((await visitor().openLink(token)).headers.get("Content-Language")).toBe("en");
      }
    });

    it("is that of the page where it was asked for, from the mail that confirms it to the link", async () => {
      const { id, name, email } = await newUser();
      const form = { name, email, confirm_email: email, pin: "8265" };
      const asked = await visitor().ask({
        path: "/reset",
        form,
        headers: { "accept-language": "de-AT" },
      });
      expect(asked.text).toContain("Bestätigen Sie sie jetzt per E-Mail");
      const mail = await mailTo(email, /Bitte bestätigen Sie, dass Sie einen neuen Link möchten$/);
      expect(mail.text).toContain("Die Anfrage zählt, sobald Sie sie bestätigen.");

      // From the mail: once it was sent, the outbox keeps no token.
      await confirm(app.services, parseConfirmToken(confirmTokenIn(mail.text)));
      const [request] = await app.database.sql`
        select id from reset_requests where email = ${email}`;
      // The helpdesk's is the service's own.
      const digest = await mailTo("helpdesk@example.org", /one new request for a link$/);
      expect(digest.text).toContain(`Name given: ${name}`);
      const who = newAdmin(newOrigin(), { ...testAdmin, keystoneToken });
      const agreed = { userId: id, password: "random" } as const;
      const answered = await answerRequest(
        app.services,
        { id: request?.id as string, agreed },
        who,
      );
      expect(answered).toMatchObject({ ok: true, mailTo: email });
      expect(await linkOf(id)).toMatchObject({ language: "de" });
      await mailTo(email, /^Ihr Konto bei Example Cloud: Wählen Sie Ihr Passwort$/);
    });

    describe("in the console", () => {
      let cookie: string;
      beforeAll(async () => {
        const { adminUserName: userName, adminPassword: password } = provided as KeystoneAccess;
        cookie = (await visitor().signIn({ userName, password })).cookie ?? "";
      });

      /** @returns the form's languages, the chosen one first */
      async function offeredFor(userId: string): Promise<string[]> {
        const { text } = await visitor().ask({ path: `/admin/users/${userId}`, cookie });
        const options = [...text.matchAll(/<option[^>]*>/g)].map(([option]) => ({
          value: /value="([^"]*)"/.exec(option)?.[1] ?? "",
          chosen: option.includes("selected"),
        }));
        return options.sort((a, b) => Number(b.chosen) - Number(a.chosen)).map((one) => one.value);
      }

      it("is chosen when a link is issued: DEFAULT_LANGUAGE until somebody chooses another", async () => {
        const { id, email } = await newUser();
        expect(await offeredFor(id)).toEqual(["en", "de"]);
        const form = { pin: "4071", password: "random", mail_to: email, language: "de" };
        const issued = await visitor().issue(id, form, { cookie });
        expect(issued.status).toBe(200);
        await mailTo(email, /^Ihr Konto bei Example Cloud: Wählen Sie Ihr Passwort$/);
        expect(await offeredFor(id)).toEqual(["de", "en"]);
      });

      it("is nothing to choose where there is one alone", async () => {
        const { id } = await newUser();
        const alone = await startTestApp({
          build: await readBuild(),
          database: app.database,
          env: { PUBLIC_URL, LANGUAGES: "en" },
        });
        try {
          const { adminUserName: userName, adminPassword: password } = provided as KeystoneAccess;
          const there = createVisitor(alone.url, { publicUrl: PUBLIC_URL });
          const signedIn = await there.signIn({ userName, password });
          const page = await there.ask({ path: `/admin/users/${id}`, cookie: signedIn.cookie });
          expect(page.text).toContain("Issue a link");
          expect(page.text).not.toContain('name="language"');
        } finally {
          await alone.stop();
        }
      });
    });
  },
);
