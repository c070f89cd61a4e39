import { afterAll, beforeAll, expect, it } from "vitest";
import type { MailProps } from "../../emails/mail-content";
import { renderMail } from "../../emails/render-mail";
import { startTestApp, type TestApp } from "../support/app";
import { readBuild } from "../support/built-routes";

/** What `?lang`, its cookie, `Accept-Language` and names that people choose can do to pages and mails. */
let app: TestApp;
beforeAll(async () => {
  app = await startTestApp({ keystoneUrl: "http://127.0.0.1:9", build: await readBuild() });
});
afterAll(() => app?.stop());

const get = (target: string, headers: Record<string, string> = {}) =>
  fetch(`${app.url}${target}`, {
    redirect: "manual",
    headers: { accept: "text/html", ...headers },
  });
const PAGES = ["/", "/reset", "/reset/confirm?token=x", "/admin/sign-in", "/nothing-here"];
const withLang = (page: string, lang: string) =>
  `${page}${page.includes("?") ? "&" : "?"}lang=${lang}`;

it("takes one that is offered, and keeps that and nothing else", async () => {
  for (const page of PAGES) {
    const answer = await get(withLang(page, "de"));
    expect([page, answer.headers.get("content-language")]).toEqual([page, "de"]);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    for (const cookie of answer.headers.getSetCookie().filter((one) => /language/.test(one)))
      expect(cookie).toMatch(
        /^setpass-language=[\w%=+/-]+; Max-Age=31536000; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      );
  }
});

it.each([
  "de%0d%0aSet-Cookie:a=b",
  "../../../etc/passwd",
  "en-XA",
  "ar-XB",
  "__proto__",
  "constructor",
  "toString",
  "DE",
  "de&lang=de",
  "de,en",
  "%00",
  "<script>",
  "//evil.example",
])("keeps no %s", async (lang) => {
  for (const page of PAGES) {
    const answer = await get(withLang(page, lang));
    expect(answer.status).toBeLessThan(500);
    expect(answer.headers.getSetCookie().filter((one) => /language|a=b/.test(one))).toEqual([]);
    const text = await answer.text();
    expect(text).not.toContain("<script>//");
    expect(text).not.toContain("evil.example");
    expect(text).not.toContain("root:");
  }
});

it.each<Record<string, string>>([
  { cookie: "setpass-language=%E0%A4%A" },
  { cookie: "setpass-language=Ii4uLy4uL2V0Yy9wYXNzd2Qi" },
  { cookie: `setpass-language=${Buffer.from('{"__proto__":1}').toString("base64")}` },
  { cookie: `setpass-language=${Buffer.from('["de"]').toString("base64")}` },
  { "accept-language": "de;q=NaN,*;q=-1,xx-".padEnd(15_000, "a-") },
  {
    "accept-language": Array.from({ length: 2500 }, (_, n) => `a${n};q=0.${n}`)
      .join(",")
      .slice(0, 15_000),
  },
  { "accept-language": `${" ".repeat(7000)};${" ".repeat(7000)}x` },
])("answers in the usual one, soon: %#", async (headers) => {
  const startedAt = performance.now();
  const answer = await get("/reset", headers);
  expect([answer.status, answer.headers.get("content-language")]).toEqual([200, "en"]);
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

it("sets no cookie for machines", async () => {
  for (const target of ["/healthz?lang=de", "/token/abc?lang=de"]) {
    const answer = await get(target);
    expect([target, answer.headers.getSetCookie()]).toEqual([target, []]);
  }
});

it.each([
  "//evil.example",
  "/\\evil.example",
  "https://evil.example",
  "/.//evil.example",
  "/\t/evil.example",
  "/admin\r\nX: y",
])("sends nobody elsewhere behind the language: %s", async (next) => {
  const target = `/admin/sign-in?lang=de&next=${encodeURIComponent(next)}`;
  const answer = await get(target, { host: "evil.example", "x-forwarded-host": "evil.example" });
  expect(answer.headers.get("location") ?? "").not.toContain("evil");
  expect(await answer.text()).not.toMatch(/(href|action)="[^"]*evil\.example/);
});

const EVIL = [
  '<script>alert(1)</script><a href="https://evil.example">x</a>',
  "jane\r\nBcc: everybody@evil.example\r\n\r\nbody",
  "{appName} {count, plural, one {#} other {#}} '{'",
  "<link>evil</link><strong>evil</strong></strong><fact>f</fact>",
  "\u202etxt.exe\u2066\u2067\u2068\u200f\u061c",
  "&lt;img src=x onerror=alert(1)&gt;",
];
const brand = {
  appName: "Example Cloud",
  dashboardUrl: undefined,
  supportContact: "help@example.org",
};
const contents = (name: string): { [T in keyof MailProps]: MailProps[T] } => ({
  link: {
    userName: name,
    domainName: name,
    url: "https://s.example/?token=t",
    expiresAt: "2026-01-01T00:00:00Z",
    pinLength: 4,
  },
  "link-changed": {
    userName: name,
    domainName: name,
    changes: ["pin-replaced", "recipient-changed"],
    at: "2026-01-01T00:00:00Z",
  },
  "password-set": { userName: name, domainName: name, at: "2026-01-01T00:00:00Z" },
  "link-problem": {
    userId: name,
    userName: name,
    problem: name,
    consoleUrl: "https://s.example/admin",
  },
  "reset-confirm": {
    code: name,
    url: "https://s.example/?token=t",
    expiresAt: "2026-01-01T00:00:00Z",
  },
  "reset-digest": {
    requests: [{ code: name, name, email: name, at: "2026-01-01T00:00:00Z" }],
    count: 1,
    consoleUrl: "https://s.example/admin",
  },
});

it.each(EVIL)("writes a name as a name, in each mail: %j", async (name) => {
  for (const language of ["en", "de"] as const)
    for (const [template, props] of Object.entries(contents(name))) {
      const mail = await renderMail(
        template as "link",
        props as MailProps["link"],
        brand as never,
        language,
      );
      const where = [template, language];
      expect([where, /[\r\n\p{Cf}]/u.test(mail.subject)]).toEqual([where, false]);
      expect([
        where,
        /<script>alert|<img src=x|href="https:\/\/evil|<link>|<fact>/.test(mail.html),
      ]).toEqual([where, false]);
      // Isolates of our own are fine; what turns the rest of a line is not.
      expect([where, /[\u202e\u2066\u2067]/.test(mail.html + mail.text)]).toEqual([where, false]);
      expect([where, /^Bcc:/m.test(mail.text)]).toEqual([where, false]);
    }
});
