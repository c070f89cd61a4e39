import { randomBytes } from "node:crypto";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import type { BrowserStack } from "../support/browser-stack";
import { expect, test } from "../support/browser-test";

/** Every page, by the rules of WCAG 2.2 level AA that a program can check, and nothing wider than the screen. */
async function isAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"])
    .analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html)}`);
  expect(found, page.url()).toEqual([]);
  const overflow = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  expect(overflow, `${page.url()} is wider than the screen, in px`).toBeLessThanOrEqual(0);
}

/** @returns a mailed link's address and its PIN, issued by a script */
async function issueByScript(stack: BrowserStack) {
  const name = `axe-${randomBytes(5).toString("hex")}`;
  const password = `Created1-${randomBytes(9).toString("base64url")}`;
  const { id } = await stack.admin.createUser({ name, password, email: `${name}@example.org` });
  await stack.noteSecret("password of creation", password);
  const answer = await fetch(`${stack.url}/token/${id}`, {
    method: "PUT",
    headers: { "X-Auth-Token": await stack.admin.token(), "Content-Type": "application/json" },
    body: JSON.stringify({ pin: "8315", password }),
  });
  expect(answer.status).toBe(200);
  const token = await answer.text();
  await stack.noteSecret("link token", token);
  await stack.noteSecret("PIN", "8315");
  return { id, name, path: `/?token=${token}` };
}

for (const colorScheme of ["light", "dark"] as const) {
  test.describe(`in ${colorScheme} colours`, () => {
    test.use({ colorScheme });

    test("the pages of users can be used by everybody", { tag: "@phone" }, async ({
      page,
      stack,
    }) => {
      const { path } = await issueByScript(stack);
      await page.goto(path);
      await isAccessible(page);
      await page.getByLabel("PIN").fill("0000");
      await page.getByLabel("New password", { exact: true }).fill("Some password 1");
      await page.getByLabel("New password again").fill("Some password 1");
      await isAccessible(page);
      await page.getByRole("button", { name: "Set password" }).click();
      await expect(page.getByText(/not right/).first()).toBeVisible();
      await isAccessible(page);
      for (const other of ["/reset", "/", "/nowhere", "/?token=unknown"]) {
        await page.goto(other);
        await isAccessible(page);
      }
    });

    test("the console can be used by everybody", { tag: "@phone" }, async ({
      page,
      stack,
      signIn,
    }) => {
      const { id, name } = await issueByScript(stack);
      await page.goto("/admin/sign-in");
      await isAccessible(page);
      await signIn(page);
      for (const path of ["/admin", "/admin/users", `/admin/users/${id}`, "/admin/requests"]) {
        await page.goto(path);
        await isAccessible(page);
      }
      await page.goto(`/admin?q=${id}`);
      await page.getByRole("link", { name: new RegExp(`${name}|${id}`) }).click();
      await expect(page.getByRole("heading", { name: "History" })).toBeVisible();
      await isAccessible(page);
    });
  });
}

test("a password is set by keyboard alone", async ({ page, stack }) => {
  const { path } = await issueByScript(stack);
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
  await page.keyboard.type("8315");
  await tabTo("password");
  await page.keyboard.type(own);
  await tabTo("confirm_password");
  await page.keyboard.type(own);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Password set" })).toBeVisible();
});
