import { randomBytes } from "node:crypto";
import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import type { BrowserStack } from "../support/browser-stack";
import { expect, test } from "../support/browser-test";
import { keystoneToken } from "../support/keystone-token";

/** An account made in one form, as far as its owner who works in the project. */
interface Newcomer {
  name: string;
  email: string;
  project: string;
}

function newcomer(): Newcomer {
  const unique = randomBytes(5).toString("hex");
  const name = `made-${unique}`;
  return { name, email: `${name}@example.org`, project: `project-${unique}` };
}

async function fillIn(page: Page, { name, email, project }: Newcomer): Promise<void> {
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Email address").fill(email);
  await page.getByLabel("Full name (optional)").fill("Nora Neu");
  await page.getByLabel("A new project, created with the account").check();
  await page.getByLabel("Name of the project").fill(project);
}

async function choosePassword(page: Page, link: string, pin: string, password: string) {
  await page.goto(link);
  await page.getByLabel("PIN").fill(pin);
  await page.getByLabel("New password", { exact: true }).fill(password);
  await page.getByLabel("Confirm new password").fill(password);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByRole("heading", { name: "Password set" })).toBeVisible();
}

const newPassword = () => `Own pass-wörd 1 ${randomBytes(6).toString("base64url")}`;

async function userNamed(stack: BrowserStack, name: string): Promise<{ id: string } | undefined> {
  const { users } = (await stack.admin.call("GET", `/users?name=${name}`)) as {
    users: { id: string }[];
  };
  return users[0];
}

/** Of the page as it is: whoever tells it gets the PIN from there. */
async function madeUpPin(stack: BrowserStack, page: Page): Promise<string> {
  const shown = page.locator("[data-pin]");
  await expect(shown).toBeVisible();
  const pin = (await shown.innerText()).trim();
  await stack.noteSecret("PIN", pin);
  return pin;
}

async function shownLink(stack: BrowserStack, page: Page): Promise<string> {
  const shown = page.getByLabel("The link", { exact: true });
  await expect(shown).toBeVisible();
  const link = await shown.inputValue();
  await stack.noteSecret("link token", new URL(link).searchParams.get("token") ?? "");
  return link;
}

test("an account is made in one form, and its owner works in the project", {
  tag: "@phone",
}, async ({ page, asAnotherPerson, stack, signIn }) => {
  const who = newcomer();
  const password = newPassword();
  await stack.noteSecret("user's own password", password);
  await signIn(page);
  await page.getByRole("link", { name: "Users", exact: true }).click();
  await page.getByRole("link", { name: "New account" }).click();
  await expect(page.getByRole("heading", { name: "New account" })).toBeVisible();
  await fillIn(page, who);
  // What is said as one types.
  await expect(page.getByText("This name is free.")).toBeVisible();
  await expect(page.getByText("There is no project with this name yet.")).toBeVisible();
  const { violations } = await new AxeBuilder({ page }).analyze();
  expect(violations.map(({ id }) => id)).toEqual([]);
  await page.getByRole("button", { name: "Create account" }).click();

  const link = await shownLink(stack, page);
  const pin = await madeUpPin(stack, page);
  expect(pin).toMatch(/^\d{4}$/);
  const after = await new AxeBuilder({ page }).analyze();
  expect(after.violations.map(({ id }) => id)).toEqual([]);
  const mail = await stack.waitForMail(who.email, /choose your password/);
  expect(mail.text).toContain(link);
  expect(mail.text).not.toContain(pin);

  await asAnotherPerson((portal) => choosePassword(portal, link, pin, password));
  const user = await userNamed(stack, who.name);
  const projectId = await stack.admin.projectId(who.project);
  const scope = { project: { id: projectId } };
  expect(
    await keystoneToken(stack.keystone, { userId: user?.id ?? "", password, scope }),
  ).toBeTruthy();
  await page.getByRole("link", { name: "Details of this link" }).click();
  await expect(page.getByText("Account created in Keystone")).toBeVisible();
});

test("what is wrong is said at its field as one types, and when the form is sent", async ({
  page,
  stack,
  signIn,
}) => {
  const taken = newcomer();
  await stack.admin.createUser({ name: taken.name, email: taken.email });
  const domain = await stack.admin.createDomain({
    name: `off-${randomBytes(4).toString("hex")}`,
    enabled: false,
  });
  await signIn(page);
  await page.goto("/admin/users/new");
  await page.getByLabel("User name").fill(taken.name);
  await expect(page.getByText("There is a user with this name already.")).toBeVisible();
  await page.getByLabel("Email address").fill("nora@");
  await page.getByLabel("Full name (optional)").fill("Nora Neu");
  await expect(page.getByText(/^Enter an email address, such as/)).toBeVisible();
  await page.getByLabel("Domain").selectOption(domain.name);
  await expect(page.getByText("This domain is disabled")).toBeVisible();
  await page.getByLabel("Domain").selectOption("Default");
  await expect(page.getByText("This domain is disabled")).toHaveCount(0);
  await page.getByLabel("Email address").fill(taken.email);
  await page.getByLabel("Name of the project").fill(taken.project);
  await page.getByRole("button", { name: "Create account" }).click();
  const summary = page.getByRole("alert");
  await expect(summary).toBeFocused();
  await expect(summary.getByRole("link")).toHaveCount(2);
  await expect(page.locator("#user_name-error")).toBeVisible();
  await expect(page.locator("#project_name-error")).toContainText("There is no project");
  // Nothing is lost of what was typed.
  await expect(page.getByLabel("User name")).toHaveValue(taken.name);
  await expect(page.getByLabel("Name of the project")).toHaveValue(taken.project);
  await summary.getByRole("link").first().click();
  await expect(page.getByLabel("User name")).toBeFocused();
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("the same is checked and made, in German as well", async ({ page, stack, signIn }) => {
    const who = newcomer();
    const other = newcomer();
    await stack.admin.createUser({ name: other.name, email: other.email });
    await signIn(page);
    await page.goto("/admin/users/new?lang=de");
    await expect(page.getByRole("heading", { name: "Neues Konto" })).toBeVisible();
    await page.getByLabel("Benutzername").fill(other.name);
    await page.getByLabel("E-Mail-Adresse").fill(who.email);
    await page.getByLabel("Ein neues Projekt, das mit dem Konto erstellt wird").check();
    await page.getByLabel("Name des Projekts").fill(who.project);
    await page.getByLabel("PIN").fill("0815");
    await page.getByRole("button", { name: "Konto erstellen" }).click();
    await expect(page.locator("#user_name-error")).toContainText("Es gibt schon einen Benutzer");
    // Nothing was made, and nothing is lost but the PIN, which no page has.
    const { projects } = (await stack.admin.call("GET", `/projects?name=${who.project}`)) as {
      projects: unknown[];
    };
    expect(projects).toEqual([]);
    await expect(page.getByLabel("Name des Projekts")).toHaveValue(who.project);
    await expect(page.getByLabel("PIN")).toHaveValue("");
    await page.getByLabel("Benutzername").fill(who.name);
    await page.getByLabel("PIN").fill("0815");
    await page.getByRole("button", { name: "Konto erstellen" }).click();
    await expect(page.getByText("Der Link ist bereit")).toBeVisible();
    await expect(page.locator("[data-pin]")).toHaveCount(0);
    await stack.waitForMail(who.email, /./);
    expect(await userNamed(stack, who.name)).toBeDefined();
  });
});

test("an account is made by keyboard alone, and without a mail", async ({
  page,
  stack,
  signIn,
}) => {
  const who = newcomer();
  await signIn(page);
  await page.goto("/admin/users/new");
  const focused = () =>
    page.evaluate(() => (document.activeElement as HTMLInputElement | null)?.name ?? "");
  const tabTo = async (name: string) => {
    for (let presses = 0; presses < 25 && (await focused()) !== name; presses++)
      await page.keyboard.press("Tab");
    expect(await focused()).toBe(name);
  };
  await tabTo("user_name");
  await page.keyboard.type(who.name);
  await tabTo("email");
  await page.keyboard.type(who.email);
  await tabTo("mail");
  await page.keyboard.press("Space");
  await tabTo("project_from");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(page.getByLabel("Name of the project")).toBeHidden();
  await tabTo("pin");
  await page.keyboard.press("Enter");
  await shownLink(stack, page);
  await madeUpPin(stack, page);
  await expect(page.getByText("It is not sent by email.")).toBeVisible();
});
