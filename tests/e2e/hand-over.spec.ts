import { randomBytes } from "node:crypto";
import type { Page } from "@playwright/test";
import type { BrowserStack } from "../support/browser-stack";
import { expect, test } from "../support/browser-test";
import { signInToKeystone } from "../support/keystone-sign-in";
import { testPasswordRegexDescription } from "../support/real-keystone";

/**
 * The main story, on real parts: an administrator issues a link, the user gets the mail, sets a
 * password, and OpenStack takes it and no longer the one the account began with.
 */
interface Newcomer {
  id: string;
  name: string;
  email: string;
  /** What the account was created with. */
  createdWith: string;
  pin: string;
  ownPassword: string;
}

async function newcomer(stack: BrowserStack, pin: string): Promise<Newcomer> {
  const unique = randomBytes(5).toString("hex");
  const name = `new-${unique}`;
  const email = `${name}@example.org`;
  const createdWith = `Created1-${randomBytes(9).toString("base64url")}`;
  const ownPassword = `Own pass-wörd 1 ${randomBytes(6).toString("base64url")}`;
  const { id } = await stack.admin.createUser({ name, email, password: createdWith });
  await stack.noteSecret("PIN", pin);
  await stack.noteSecret("password of creation", createdWith);
  await stack.noteSecret("user's own password", ownPassword);
  return { id, name, email, createdWith, pin, ownPassword };
}

/** In the console: finds the user and issues a link. @returns the link as the console shows it */
async function issueLink(
  stack: BrowserStack,
  page: Page,
  user: Newcomer,
  { initialPassword }: { initialPassword: "random" | "typed" },
): Promise<string> {
  await page.getByRole("link", { name: "Users" }).click();
  await page.getByLabel("Part of the user name").fill(user.name);
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("link", { name: user.name }).click();

  await expect(page.getByLabel("Email the link to")).toHaveValue(user.email);
  await page.getByLabel("PIN").fill(user.pin);
  if (initialPassword === "typed") {
    await page.getByLabel("Enter the password the account was created with").check();
    await page.getByLabel("Password of the account").fill(user.createdWith);
  } else {
    await expect(page.getByLabel("Generate a random password")).toBeChecked();
  }
  await page.getByRole("button", { name: "Issue link" }).click();
  const shown = page.getByLabel("The link", { exact: true });
  await expect(shown).toBeVisible();
  const link = await shown.inputValue();
  await stack.noteSecret("link token", new URL(link).searchParams.get("token") ?? "");
  return link;
}

async function linkInMail(stack: BrowserStack, user: Newcomer): Promise<string> {
  const mail = await stack.waitForMail(user.email, /choose your password/);
  const found = /http\S+\?token=[0-9a-f-]{36}/.exec(mail.text)?.[0] ?? "";
  // The same in both forms of the mail.
  expect(mail.html).toContain(found);
  // The mail alone must not let anybody in.
  expect(mail.text + mail.html).not.toContain(user.pin);
  return found;
}

async function setPassword(page: Page, user: Pick<Newcomer, "pin" | "ownPassword">) {
  await page.getByLabel("PIN").fill(user.pin);
  await page.getByLabel("New password", { exact: true }).fill(user.ownPassword);
  await page.getByLabel("Confirm new password").fill(user.ownPassword);
  await page.getByRole("button", { name: "Set password" }).click();
}

async function keystoneTakesOnlyTheNewPassword(stack: BrowserStack, user: Newcomer) {
  const { id, ownPassword, createdWith } = user;
  const { url } = stack.keystone;
  expect(await signInToKeystone(url, { id, password: ownPassword })).toEqual({ status: 201 });
  expect(await signInToKeystone(url, { id, password: createdWith })).toEqual({ status: 401 });
}

test("an account is handed over", { tag: "@phone" }, async ({
  page,
  asAnotherPerson,
  stack,
  signIn,
}) => {
  const user = await newcomer(stack, "4719");
  await signIn(page);
  const link = await issueLink(stack, page, user, { initialPassword: "random" });

  // From here on nobody has a password for the account, whoever created it.
  const before = await signInToKeystone(stack.keystone.url, {
    id: user.id,
    password: user.createdWith,
  });
  expect(before).toEqual({ status: 401 });
  expect(await linkInMail(stack, user)).toBe(link);

  await asAnotherPerson(async (portal) => {
    await portal.goto(link);
    await expect(portal.getByLabel("User name")).toHaveValue(user.name);
    await expect(portal.getByText(testPasswordRegexDescription)).toBeVisible();
    // Neither the address bar nor the history keeps the token.
    await expect(portal).toHaveURL(`${stack.url}/`);
    await setPassword(portal, user);
    await expect(portal.getByRole("heading", { name: "Password set" })).toBeVisible();
    await expect(portal.getByRole("link", { name: /Sign in/ })).toBeVisible();

    // It works once.
    await portal.goto(link);
    await expect(portal.getByLabel("PIN")).toHaveCount(0);
  });

  await keystoneTakesOnlyTheNewPassword(stack, user);
  await stack.waitForMail(user.email, /password was set|password is set|new password/i);
  await page.goto(`/admin?q=${user.name}`);
  await expect(page.getByRole("row", { name: user.name })).toContainText("Completed");
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("an account is handed over", { tag: "@phone" }, async ({
    page,
    asAnotherPerson,
    stack,
    signIn,
  }) => {
    const user = await newcomer(stack, "5830");
    await signIn(page);
    const link = await issueLink(stack, page, user, { initialPassword: "typed" });
    expect(await linkInMail(stack, user)).toBe(link);

    await asAnotherPerson(async (portal) => {
      await portal.goto(link);
      await setPassword(portal, user);
      await expect(portal.getByRole("heading", { name: "Password set" })).toBeVisible();
    });
    await keystoneTakesOnlyTheNewPassword(stack, user);
  });
});

test("a wrong PIN says how many tries are left, and the right one then works", {
  tag: "@phone",
}, async ({ asAnotherPerson, stack, page, signIn }) => {
  const user = await newcomer(stack, "6941");
  await signIn(page);
  const link = await issueLink(stack, page, user, { initialPassword: "random" });
  await asAnotherPerson(async (portal) => {
    await portal.goto(link);
    await setPassword(portal, { ...user, pin: "7052" });
    await expect(portal.locator("#pin-error")).toContainText("2 attempts left");
    await expect(portal.getByLabel("New password", { exact: true })).toHaveValue("");
    await setPassword(portal, user);
    await expect(portal.getByRole("heading", { name: "Password set" })).toBeVisible();
  });
  await stack.noteSecret("wrong PIN", "7052");
  await keystoneTakesOnlyTheNewPassword(stack, user);
});

test("a password that Keystone refuses is explained in its own words and costs no attempt", async ({
  asAnotherPerson,
  stack,
  page,
  signIn,
}) => {
  const user = await newcomer(stack, "8163");
  await signIn(page);
  const link = await issueLink(stack, page, user, { initialPassword: "typed" });
  await asAnotherPerson(async (portal) => {
    await portal.goto(link);
    // Keystone remembers passwords that were used before; the page cannot know them.
    await setPassword(portal, { ...user, ownPassword: user.createdWith });
    await expect(portal.locator("#password-error")).toContainText(
      "cannot be identical to a previous password",
    );
    await setPassword(portal, user);
    await expect(portal.getByRole("heading", { name: "Password set" })).toBeVisible();
  });
  await keystoneTakesOnlyTheNewPassword(stack, user);
});

test("a script's link, made with PUT, is redeemed in the browser", async ({ page, stack }) => {
  const user = await newcomer(stack, "9274");
  const adminToken = await stack.admin.token();
  await stack.noteSecret("Keystone token", adminToken);
  const issued = await fetch(`${stack.url}/token/${user.id}`, {
    method: "PUT",
    headers: { "X-Auth-Token": adminToken, "Content-Type": "application/json" },
    body: JSON.stringify({ pin: user.pin, password: user.createdWith }),
  });
  expect(issued.status).toBe(200);
  const token = await issued.text();
  await stack.noteSecret("link token", token);
  await page.goto(`/?token=${token}`);
  await setPassword(page, user);
  await expect(page.getByRole("heading", { name: "Password set" })).toBeVisible();
  await keystoneTakesOnlyTheNewPassword(stack, user);
});
