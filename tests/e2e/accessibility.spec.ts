import { randomBytes } from "node:crypto";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { askAndConfirm, askByBrowser } from "../support/ask-by-browser";
import { expect, test } from "../support/browser-test";
import { issueByScript } from "../support/issue-by-script";

const PIN = "8315";

/**
 * Every page, by the rules of WCAG 2.2 level AA that a program can check, and nothing wider than the screen.
 * In dark colours it is asked again for what depends on colours.
 */
async function isAccessible(page: Page): Promise<void> {
  // Without motion no colour is still on its way.
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  await breaksNone(page, new AxeBuilder({ page }).withTags(rules));
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow, `${page.url()} is wider than the screen, in px`).toBeLessThanOrEqual(0);
  await page.emulateMedia({ colorScheme: "dark" });
  await breaksNone(
    page,
    new AxeBuilder({ page }).withRules(["color-contrast", "link-in-text-block"]),
  );
}

async function breaksNone(page: Page, rules: AxeBuilder): Promise<void> {
  const { violations } = await rules.analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html)}`);
  expect(found, page.url()).toEqual([]);
}

test("the pages of users can be used by everybody", { tag: "@phone" }, async ({ page, stack }) => {
  const { path } = await issueByScript(stack, PIN);
  await page.goto(path);
  await isAccessible(page);
  await page.getByLabel("PIN").fill("0000");
  await page.getByLabel("New password", { exact: true }).fill("Some password 1");
  await page.getByLabel("Confirm new password").fill("Some password 1");
  await isAccessible(page);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByText(/Wrong PIN/).first()).toBeVisible();
  await isAccessible(page);
  const email = `axe-${randomBytes(5).toString("hex")}@example.org`;
  const request = { name: "newcomer", email, pin: PIN };
  const confirm = await askByBrowser(stack, page, request);
  await isAccessible(page);
  await page.goto(confirm.path);
  await page.getByText("My page shows another code").click();
  await isAccessible(page);
  await page.getByLabel("Code on your page").fill("K7-QF2");
  await page.getByRole("button", { name: "Confirm that request" }).click();
  await expect(page.locator("#code-error")).toBeVisible();
  await isAccessible(page);
  await page.getByRole("button", { name: `Confirm request ${confirm.code}` }).click();
  await expect(page.getByRole("heading", { name: "Request confirmed" })).toBeVisible();
  await isAccessible(page);
  for (const other of ["/reset", "/", "/nowhere", "/?token=unknown", "/reset/confirm"]) {
    await page.goto(other);
    await isAccessible(page);
  }
});

test("the console can be used by everybody", { tag: "@phone" }, async ({ page, stack, signIn }) => {
  const { userId, name } = await issueByScript(stack, PIN);
  const requests = [];
  for (const who of [name, `nobody-${randomBytes(4).toString("hex")}`]) {
    const request = { name: who, email: `${who}@example.org`, pin: PIN };
    requests.push(await askAndConfirm(stack, page, request));
  }
  await page.goto("/admin/sign-in");
  await isAccessible(page);
  await signIn(page);
  const pages = ["/admin", "/admin/users", "/admin/users/new"];
  for (const path of [...pages, `/admin/users/${userId}`, "/admin/requests"]) {
    await page.goto(path);
    await isAccessible(page);
  }
  await page.goto("/admin/requests?select=all");
  for (const act of ["Answer selected…", "Close selected…"]) {
    await page.getByRole("button", { name: act }).click();
    await expect(page.getByRole("link", { name: "Requests", exact: true })).toBeVisible();
    await expect(page.getByText(requests[0] ?? "")).toBeVisible();
    await isAccessible(page);
    await page.goBack();
  }
  await page.goto(`/admin?q=${userId}`);
  await page.getByRole("link", { name: new RegExp(`${name}|${userId}`) }).click();
  await expect(page.getByRole("heading", { name: "History" })).toBeVisible();
  await isAccessible(page);
});

test("a password is set by keyboard alone", async ({ page, stack }) => {
  const { path } = await issueByScript(stack, PIN);
  const own = `Typed by keyboard ${randomBytes(6).toString("hex")}`;
  await stack.noteSecret("user's own password", own);
  await page.goto(path);
  const focused = () =>
    page.evaluate(() => (document.activeElement as HTMLInputElement | null)?.name ?? "");
  const tabTo = async (name: string) => {
    for (let presses = 0; presses < 15 && (await focused()) !== name; presses++)
      await page.keyboard.press("Tab");
    expect(await focused()).toBe(name);
  };
  await tabTo("pin");
  await page.keyboard.type(PIN);
  await tabTo("password");
  await page.keyboard.type(own);
  await tabTo("confirm_password");
  await page.keyboard.type(own);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Password set" })).toBeVisible();
});
