import { randomBytes } from "node:crypto";
import type { Page } from "@playwright/test";
import type { BrowserStack } from "../support/browser-stack";
import { expect, test } from "../support/browser-test";

interface Account {
  id: string;
  name: string;
  email: string;
}

async function account(stack: BrowserStack): Promise<Account> {
  const name = `console-${randomBytes(5).toString("hex")}`;
  const email = `${name}@example.org`;
  const password = `Created1-${randomBytes(9).toString("base64url")}`;
  await stack.noteSecret("password of creation", password);
  const { id } = await stack.admin.createUser({ name, email, password });
  return { id, name, email };
}

/** On the user's page. @returns the link, as shown */
async function issue(stack: BrowserStack, page: Page, user: Account, pin: string) {
  await stack.noteSecret("PIN", pin);
  await page.goto(`/admin/users/${user.id}`);
  await page.getByLabel("PIN").fill(pin);
  await page.getByRole("button", { name: "Issue link" }).click();
  return shownLink(stack, page);
}

async function shownLink(stack: BrowserStack, page: Page): Promise<string> {
  const shown = page.getByLabel("The link", { exact: true });
  await expect(shown).toBeVisible();
  const link = await shown.inputValue();
  await stack.noteSecret("link token", new URL(link).searchParams.get("token") ?? "");
  return link;
}

test("a fresh link stays shown while its mail is sent, and is gone for good after that page", async ({
  page,
  stack,
  signIn,
}) => {
  const user = await account(stack);
  await signIn(page);
  const link = await issue(stack, page, user, "3141");
  // The page asks again by itself until the mail is sent.
  await expect(page.getByText(`Mail to ${user.email}: Sent`)).toBeVisible();
  await expect(page.getByLabel("The link", { exact: true })).toHaveValue(link);
  await page.getByRole("link", { name: "Details of this link" }).click();
  await expect(page.getByRole("heading", { name: "History" })).toBeVisible();
  await expect(page.getByLabel("The link", { exact: true })).toHaveCount(0);
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Renew the link" })).toBeVisible();
  await expect(page.getByLabel("The link", { exact: true })).toHaveCount(0);
  expect(await page.content()).not.toContain(new URL(link).searchParams.get("token"));
});

test("a mail sent again brings a new link, and the one before opens nothing", {
  tag: "@phone",
}, async ({ page, stack, signIn, asAnotherPerson }) => {
  const user = await account(stack);
  await signIn(page);
  const first = await issue(stack, page, user, "5926");
  await page.getByRole("link", { name: "Details of this link" }).click();
  await expect(page.getByLabel("To", { exact: true })).toHaveValue(user.email);
  await page.getByLabel("To", { exact: true }).fill(`second-${user.email}`);
  await page.getByRole("button", { name: "Send again" }).click();
  const second = await shownLink(stack, page);
  expect((await stack.waitForMail(`second-${user.email}`)).text).toContain(second);
  await asAnotherPerson(async (portal) => {
    await portal.goto(first);
    await expect(portal.getByRole("heading", { name: "This link does not work" })).toBeVisible();
    await portal.goto(second);
    await expect(portal.getByLabel("PIN")).toBeVisible();
  });
});

test("the list's filter, search and order are in its address, and the back button knows them", async ({
  page,
  stack,
  signIn,
}) => {
  const user = await account(stack);
  await signIn(page);
  await issue(stack, page, user, "5358");
  await page.goto("/admin");
  await page.getByRole("searchbox").fill(user.name);
  await page.getByRole("button", { name: "Search" }).click();
  await expect(page).toHaveURL(`${stack.url}/admin?q=${user.name}&sort=newest`);
  await expect(page.getByRole("row")).toHaveCount(2);
  await page.getByLabel("Order").selectOption("user");
  await expect(page).toHaveURL(/sort=user/);
  await page.getByRole("link", { name: "Locked" }).click();
  await expect(page).toHaveURL(`${stack.url}/admin?status=locked&q=${user.name}&sort=user`);
  await expect(page.getByText("Nothing here")).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("row", { name: user.name })).toContainText("Pending");
  await expect(page.getByRole("searchbox")).toHaveValue(user.name);
  await expect(page.getByLabel("Order")).toHaveValue("user");
});

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("a link is revoked after one question", async ({
      page,
      stack,
      signIn,
      asAnotherPerson,
    }) => {
      const user = await account(stack);
      await signIn(page);
      const link = await issue(stack, page, user, "9793");
      await page.getByRole("link", { name: "Details of this link" }).click();
      await expect(page.getByRole("button", { name: "Yes, revoke it" })).toBeHidden();
      await page.getByText("Revoke this link…").click();
      await page.getByRole("button", { name: "Yes, revoke it" }).click();
      await expect(page.getByRole("status")).toContainText("The link is revoked");
      await asAnotherPerson(async (portal) => {
        await portal.goto(link);
        await expect(
          portal.getByRole("heading", { name: "This link does not work" }),
        ).toBeVisible();
      });
    });

    test("a user's request is answered with the PIN it came with, which nobody sees", async ({
      page,
      stack,
      signIn,
      asAnotherPerson,
    }) => {
      const user = await account(stack);
      const pin = "2384";
      const own = `Own console pass 1 ${randomBytes(6).toString("hex")}`;
      await stack.noteSecret("PIN", pin);
      await stack.noteSecret("user's own password", own);
      await asAnotherPerson(async (portal) => {
        await portal.goto("/reset");
        await portal.getByLabel("User name").fill(user.name);
        await portal.getByLabel("E-mail", { exact: true }).fill(`asking-${user.email}`);
        await portal.getByLabel("E-mail again").fill(`asking-${user.email}`);
        await portal.getByLabel("PIN").fill(pin);
        await portal.getByRole("button", { name: "Send request" }).click();
        await expect(portal.getByRole("heading", { name: "Request sent" })).toBeVisible();
      });

      await signIn(page);
      await page.goto("/admin/requests");
      await page
        .getByRole("row", { name: user.name })
        .getByRole("link", { name: "Find user" })
        .click();
      await page.getByRole("link", { name: user.name, exact: true }).click();
      await expect(page.getByLabel("Use the PIN given with the request")).toBeChecked();
      // The address of the request is nobody's until an administrator says so.
      await expect(page.getByLabel("Mail the link to")).toHaveValue(user.email);
      await page.getByRole("button", { name: "Issue link" }).click();
      const link = await shownLink(stack, page);
      expect(await page.content()).not.toContain(pin);

      await asAnotherPerson(async (portal) => {
        await portal.goto(link);
        await portal.getByLabel("PIN").fill(pin);
        await portal.getByLabel("New password", { exact: true }).fill(own);
        await portal.getByLabel("New password again").fill(own);
        await portal.getByRole("button", { name: "Set password" }).click();
        await expect(portal.getByRole("heading", { name: "Password set" })).toBeVisible();
      });
      await page.goto("/admin/requests?state=closed");
      await expect(page.getByRole("row", { name: user.name })).toContainText("by ");
    });

    test("what was typed survives a refusal, save secrets", async ({ page, stack, signIn }) => {
      const user = await account(stack);
      const wrong = `Wrong ${randomBytes(6).toString("hex")}`;
      await stack.noteSecret("mistyped password", wrong);
      await page.goto("/admin/sign-in");
      await page.getByLabel("User name").fill(user.name);
      await page.getByLabel("Password", { exact: true }).fill(wrong);
      await page.getByLabel("Domain").fill("Elsewhere");
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByRole("alert")).toContainText("You are not signed in");
      await expect(page.getByRole("alert")).toBeFocused();
      await expect(page.getByLabel("User name")).toHaveValue(user.name);
      await expect(page.getByLabel("Domain")).toHaveValue("Elsewhere");
      expect(await page.content()).not.toContain(wrong);

      await signIn(page);
      await page.goto(`/admin/users/${user.id}`);
      await page.getByLabel("PIN").fill("6264");
      await stack.noteSecret("PIN", "6264");
      await page.getByLabel("I type the one the account was created with").check();
      await page.getByLabel("Mail the link to").fill("elsewhere@example.org");
      await page.getByRole("button", { name: "Issue link" }).click();
      await expect(page.locator("#initial_password-error")).toContainText("let setpass set one");
      await expect(page.getByLabel("I type the one the account was created with")).toBeChecked();
      await expect(page.getByLabel("Mail the link to")).toHaveValue("elsewhere@example.org");
    });

    test("whoever signs out has to sign in again, and comes back to the page they wanted", async ({
      page,
      stack,
      signIn,
    }) => {
      await signIn(page);
      await page.getByRole("button", { name: "Sign out" }).click();
      await expect(page).toHaveURL(`${stack.url}/admin/sign-in`);
      await page.goto("/admin/requests?state=closed");
      await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
      await page.getByLabel("User name").fill(stack.keystone.adminUserName);
      await page.getByLabel("Password", { exact: true }).fill(stack.keystone.adminPassword);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page).toHaveURL(`${stack.url}/admin/requests?state=closed`);
    });
  });
}
