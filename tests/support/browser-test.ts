/** What every browser test starts from: `import { expect, test } from "../support/browser-test"`. */
import { test as base, type Page } from "@playwright/test";
import { type BrowserStack, openBrowserStack } from "./browser-stack";

export { expect } from "@playwright/test";

interface Fixtures {
  stack: BrowserStack;
  /**
   * What the browser complained of in `page`: script errors, and what the Content-Security-Policy
   * refused. Nothing may be left in it at the end of a test.
   */
  complaints: string[];
  /** Somebody else at another computer, watched for complaints as well. */
  asAnotherPerson: (use: (page: Page) => Promise<void>) => Promise<void>;
  /** Signs the administrator in to the console. */
  signIn: (page: Page) => Promise<void>;
}

/** The answers that tests provoke on purpose are no complaints. */
const expected = /^Failed to load resource: the server responded with a status of (4\d\d|503)/;

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of what a fixture needs
  stack: async ({}, use) => {
    await use(await openBrowserStack());
  },
  baseURL: async ({ stack }, use) => {
    await use(stack.url);
  },
  complaints: [
    async ({ page }, use) => {
      const complaints = watch(page);
      await use(complaints);
      base.expect(complaints, "what the browser complained of").toEqual([]);
    },
    { auto: true },
  ],
  asAnotherPerson: async ({ browser }, use) => {
    await use(async (act) => {
      const context = await browser.newContext();
      try {
        const page = await context.newPage();
        const complaints = watch(page);
        await act(page);
        base.expect(complaints, "what the browser complained of").toEqual([]);
      } finally {
        await context.close();
      }
    });
  },
  signIn: async ({ stack }, use) => {
    await use(async (page) => {
      await page.goto("/admin/sign-in");
      await page.getByLabel("User name").fill(stack.keystone.adminUserName);
      await page.getByLabel("Password", { exact: true }).fill(stack.keystone.adminPassword);
      await page.getByLabel("Domain").fill("Default");
      await page.getByRole("button", { name: "Sign in" }).click();
      await base.expect(page).toHaveURL(`${stack.url}/admin`);
    });
  },
});

function watch(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !expected.test(message.text()))
      complaints.push(message.text());
  });
  return complaints;
}
