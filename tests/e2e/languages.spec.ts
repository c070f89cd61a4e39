import { randomBytes } from "node:crypto";
import type { Page } from "@playwright/test";
import { askAndConfirm, askByBrowser } from "../support/ask-by-browser";
import type { BrowserStack } from "../support/browser-stack";
import { expect, test } from "../support/browser-test";
import { readBuiltRoutes } from "../support/built-routes";
import { issueByScript } from "../support/issue-by-script";
import { testPasswordRegexDescription } from "../support/real-keystone";

const PIN = "8315";

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("a link can be used in another language, which is kept from then on", async ({
    page,
    stack,
  }) => {
    const { path } = await issueByScript(stack, PIN);
    const own = `Own password 1 ${randomBytes(6).toString("hex")}`;
    await stack.noteSecret("user's own password", own);
    await page.goto(path);
    await expect(page.getByRole("heading", { name: "Choose your password" })).toBeVisible();
    await page.getByRole("button", { name: "Deutsch" }).click();
    await expect(page.getByRole("heading", { name: "Wählen Sie Ihr Passwort" })).toBeVisible();
    await page.getByLabel("PIN").fill(PIN);
    await page.getByLabel("Neues Passwort", { exact: true }).fill(own);
    await page.getByLabel("Neues Passwort bestätigen").fill(own);
    await page.getByRole("button", { name: "Passwort setzen" }).click();
    await expect(page.getByRole("heading", { name: "Passwort gesetzt" })).toBeVisible();
    // It would lead away from what is said only once.
    await expect(page.getByRole("button", { name: "English" })).toHaveCount(0);
    await page.goto("/reset");
    await expect(page.getByRole("heading", { name: "Neuen Link anfordern" })).toBeVisible();
  });
});

test("the console stays where it is in another language", async ({ page, stack, signIn }) => {
  const { name } = await issueByScript(stack, PIN);
  await signIn(page);
  await page.goto(`/admin?status=pending&q=${name}`);
  await page.getByRole("button", { name: "Deutsch" }).click();
  await expect(page).toHaveURL(`${stack.url}/admin?status=pending&q=${name}&lang=de`);
  await expect(page.getByRole("row", { name })).toContainText("Ausstehend");
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  // By React, with the texts that the browser fetched.
  await page.getByRole("link", { name: "Benutzer", exact: true }).click();
  await expect(page.getByRole("heading", { name: "Benutzer" })).toBeVisible();
  await expect(page).toHaveTitle("Benutzer · Example Cloud");
});

/** In no name, address or code of the tests that run at the same time. */
const NOTHING = "???";

/** Every page there is, by its address: with something on it, and where there is nothing to show. */
async function everyPage(stack: BrowserStack, page: Page, signIn: (page: Page) => Promise<void>) {
  const link = await issueByScript(stack, PIN);
  const given = { name: link.name, email: `${link.name}@example.org`, pin: PIN };
  const code = await askAndConfirm(stack, page, given);
  const unconfirmed = await askByBrowser(stack, page, given);
  await signIn(page);
  await page.goto(`/admin/requests?q=${code}`);
  const requestId = await page.getByRole("checkbox").getAttribute("value");
  await page.goto(`/admin?q=${link.name}`);
  await page.getByRole("link", { name: link.name }).click();
  await expect(page.getByRole("heading", { name: "History" })).toBeVisible();
  const linkPage = new URL(page.url()).pathname;

  const routes = (await readBuiltRoutes()).filter(({ isPage, isLayout }) => isPage && !isLayout);
  const addresses = routes.flatMap(({ path }) => {
    if (path.includes("*")) return ["/nowhere", "/?token=unknown", "/admin/links/nothing"];
    if (path === "/") return [path, link.path];
    if (path === "/reset/confirm") return [path, unconfirmed.path];
    if (path === "/admin") return [link.name, NOTHING].map((q) => `${path}?q=${q}`);
    if (path === "/admin/users")
      return [link.name, `${NOTHING}&request=${requestId}`].map((q) => `${path}?q=${q}`);
    if (path === "/admin/requests")
      return [`?q=${code}`, `?state=closed&q=${NOTHING}`].map((query) => path + query);
    if (path === "/admin/requests/review")
      return ["answer", "close"].map((act) => `${path}?act=${act}&id=${requestId}`);
    if (path === "/admin/users/:userId")
      return [`/admin/users/${link.userId}?request=${requestId}`];
    return [path === "/admin/links/:id" ? linkPage : path];
  });
  return { addresses, data: [link.name, link.userId, code, unconfirmed.code] };
}

/**
 * In the browser: the letters that stand in a page, seen, heard or in a hint, less what no catalog has:
 * what was typed by people, the names of languages, dates, codes and addresses.
 */
function lettersOf(data: string[]): string[] {
  const leftOut =
    "script, style, noscript, time, code, .font-mono, body [lang], select[name='domain'] option, select[name='role'] option";
  const found = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ALL);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node instanceof Element ? node : node.parentElement;
    if (!element || element.closest(leftOut)) continue;
    if (node instanceof Text) found.push(node.data);
    if (node instanceof Element)
      for (const name of ["aria-label", "title", "placeholder", "alt", "data-label"])
        found.push(node.getAttribute(name) ?? "");
  }
  return found
    .map((text) => data.reduce((rest, known) => rest.replaceAll(known, ""), text))
    .filter((text) => /[A-Za-z]/.test(text));
}

test.describe("on a narrow screen", () => {
  test.use({ viewport: { width: 360, height: 740 } });

  test("every page says only what is in the catalogs, has room for longer words, and can be mirrored", async ({
    page,
    stack,
    signIn,
    asAnotherPerson,
  }) => {
    const { addresses, data } = await everyPage(stack, page, signIn);
    const known = [...data, testPasswordRegexDescription, "Example Cloud", "helpdesk"];
    known.push("@example.org", "https://dashboard.example.org", "Default");
    known.push(stack.keystone.adminUserName);
    const cookie = (language: string) => ({
      name: "setpass-language",
      // As Remix writes a cookie: JSON, in base64.
      value: Buffer.from(JSON.stringify(language)).toString("base64"),
      url: stack.url,
    });
    const isOfConsole = (address: string) => /^\/admin(?!\/sign-in)/.test(address);
    const wrong: unknown[] = [];
    for (const language of ["en-XA", "ar-XB"]) {
      const look = async (there: Page, seen: string[]) => {
        await there.context().addCookies([cookie(language)]);
        for (const address of seen) {
          await there.goto(address);
          expect(new URL(there.url()).pathname).toBe(new URL(address, stack.url).pathname);
          const { lang, dir, overflow } = await there.evaluate(() => {
            const { lang, dir, scrollWidth, clientWidth } = document.documentElement;
            return { lang, dir, overflow: scrollWidth - clientWidth };
          });
          const letters = language === "en-XA" ? await there.evaluate(lettersOf, known) : [];
          const direction = language === "ar-XB" ? "rtl" : "ltr";
          if (lang !== language || dir !== direction || overflow > 0)
            wrong.push({ address, language, lang, dir, overflow });
          if (letters.length > 0) wrong.push({ address, letters });
        }
      };
      await look(page, addresses.filter(isOfConsole));
      const others = addresses.filter((address) => !isOfConsole(address));
      await asAnotherPerson((other) => look(other, others));
    }
    expect(wrong).toEqual([]);
    expect(addresses.length).toBeGreaterThan(15);
  });
});
