import { randomBytes } from "node:crypto";
import type { Page } from "@playwright/test";
import { askAndConfirm } from "../support/ask-by-browser";
import type { BrowserStack } from "../support/browser-stack";
import { expect, test } from "../support/browser-test";
import { putLink } from "../support/issue-by-script";

interface Account {
  id: string;
  name: string;
  email: string;
}

async function account(
  stack: BrowserStack,
  more: { options?: Record<string, unknown> } = {},
): Promise<Account> {
  const name = `console-${randomBytes(5).toString("hex")}`;
  const email = `${name}@example.org`;
  const password = `Created1-${randomBytes(9).toString("base64url")}`;
  await stack.noteSecret("password of creation", password);
  const { id } = await stack.admin.createUser({ name, email, password, ...more });
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
  await expect(page.getByText(`Email to ${user.email}: Sent`)).toBeVisible();
  await expect(page.getByLabel("The link", { exact: true })).toHaveValue(link);
  await page.getByRole("link", { name: "Details of this link" }).click();
  await expect(page.getByRole("heading", { name: "History" })).toBeVisible();
  await expect(page.getByLabel("The link", { exact: true })).toHaveCount(0);
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Renew the link" })).toBeVisible();
  await expect(page.getByLabel("The link", { exact: true })).toHaveCount(0);
  expect(await page.content()).not.toContain(new URL(link).searchParams.get("token"));
});

test("renewing a link whose password is no longer good shows why, and chooses a new one", {
  tag: "@phone",
}, async ({ page, stack, signIn, asAnotherPerson }) => {
  const user = await account(stack);
  const pin = "7182";
  const token = await putLink(stack, user.id, {
    pin,
    password: `Never-in-force-1-${randomBytes(9).toString("base64url")}`,
  });
  const own = `Own console pass 1 ${randomBytes(6).toString("hex")}`;
  await stack.noteSecret("user's own password", own);
  await asAnotherPerson(async (portal) => {
    await portal.goto(`/?token=${token}`);
    await portal.getByLabel("PIN").fill(pin);
    await portal.getByLabel("New password", { exact: true }).fill(own);
    await portal.getByLabel("Confirm new password").fill(own);
    await portal.getByRole("button", { name: "Set password" }).click();
    await expect(portal.getByRole("button", { name: "Set password" })).toHaveCount(0);
  });
  await signIn(page);
  await page.goto(`/admin?q=${user.id}`);
  await page.getByRole("link", { name: new RegExp(`${user.name}|${user.id}`) }).click();
  await page.getByRole("link", { name: "Renew link" }).click();
  await expect(page.getByText("The current link could not set a password")).toBeVisible();
  await expect(page.getByText(/let setpass generate a random password/)).toBeVisible();
  await expect(page.getByLabel(/Generate a random password \(recommended\)/)).toBeChecked();
});

test("one is warned before a link is issued that cannot work, or that ends one's own password", async ({
  page,
  stack,
  signIn,
}) => {
  const locked = await account(stack, { options: { lock_password: true } });
  await signIn(page);
  await page.goto(`/admin/users/${locked.id}`);
  await expect(page.getByText("This user is not allowed to change the password")).toBeVisible();
  const { users } = (await stack.admin.call(
    "GET",
    `/users?name=${stack.keystone.adminUserName}`,
  )) as {
    users: { id: string }[];
  };
  await page.goto(`/admin/users/${users[0]?.id}`);
  await expect(page.getByText("This is the account you are signed in with")).toBeVisible();
  await expect(page.getByLabel("Generate a random password")).not.toBeChecked();
});

test("a PIN that is too long is refused, not cut", async ({ page, stack, signIn }) => {
  const user = await account(stack);
  await stack.noteSecret("PIN", "987654");
  await signIn(page);
  await page.goto(`/admin/users/${user.id}`);
  const field = page.getByLabel("PIN");
  await field.pressSequentially("987654");
  await expect(field).toHaveValue("987654");
  await page.getByRole("button", { name: "Issue link" }).click();
  await expect(field).toBeFocused();
  expect(await field.evaluate((input: HTMLInputElement) => input.validity.patternMismatch)).toBe(
    true,
  );
  // The browser's own check is for the hurried; the server's is the one that counts.
  await page.locator("form:has(#pin)").evaluate((form: HTMLFormElement) => {
    form.noValidate = true;
  });
  await page.getByRole("button", { name: "Issue link" }).click();
  await expect(page.locator("#pin-error")).toHaveText(
    "Enter the PIN the user gave: exactly 4 digits.",
  );
});

test("a link nobody was mailed is mailed, not mailed again, and tells its expiry by the clock", {
  tag: "@phone",
}, async ({ page, stack, signIn }) => {
  const user = await account(stack);
  await putLink(stack, user.id, { pin: "1618", password: "Whatever it is 1" });
  await signIn(page);
  await page.goto(`/admin?q=${user.id}`);
  await page.getByRole("link", { name: new RegExp(`${user.name}|${user.id}`) }).click();
  await expect(page.getByRole("heading", { name: "Send it by email", exact: true })).toBeVisible();
  const state = page.getByRole("region", { name: "State of the link" });
  await expect(state).toContainText(/in 24 hours\d{1,2} \w{3,4} \d{4}, \d\d:\d\d UTC/);
  await page.getByLabel("To", { exact: true }).fill(user.email);
  await page.getByRole("button", { name: "Send", exact: true }).click();
  await shownLink(stack, page);
  await expect(page.getByText("Link sent by email", { exact: true })).toBeVisible();
  await expect(page.getByRole("heading", { name: "Send it again" })).toBeVisible();
});

test.describe("to a reader elsewhere", () => {
  test.use({ timezoneId: "Asia/Kolkata" });

  test("the clock is that reader's", async ({ page, stack, signIn }) => {
    const user = await account(stack);
    await signIn(page);
    await issue(stack, page, user, "2718");
    await page.getByRole("link", { name: "Details of this link" }).click();
    await expect(page.getByRole("heading", { name: "History" })).toBeVisible();
    // Once more from the server, which does not know where the reader is.
    await page.reload();
    await expect(page.getByText(/^\d{1,2} \w{3,4} \d{4}, \d\d:\d\d UTC\+5:30$/)).toBeVisible();
  });
});

test("a mail sent again brings a new link, and the one before no longer works", {
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
  await stack.waitForMail(`second-${user.email}`, undefined, second);
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
  await expect(page.getByText(`No locked link has “${user.name}”`)).toBeVisible();
  await page.getByRole("link", { name: "Show all statuses" }).click();
  await expect(page).toHaveURL(`${stack.url}/admin?q=${user.name}&sort=user`);
  await expect(page.getByRole("row")).toHaveCount(2);
  await page.goBack();
  await page.goBack();
  await expect(page.getByRole("row", { name: user.name })).toContainText("Pending");
  await expect(page.getByRole("searchbox")).toHaveValue(user.name);
  await expect(page.getByLabel("Order")).toHaveValue("user");
});

test("a page after the last one is one that there is, and a search that finds nothing says what for", async ({
  page,
  stack,
  signIn,
}) => {
  const user = await account(stack);
  await signIn(page);
  await issue(stack, page, user, "6931");
  const afterAll = "1999-12-31T00:00:00.000000Z~00000000-0000-4000-8000-000000000000";
  await page.goto(`/admin?q=${user.name}&after=${afterAll}`);
  await expect(page).toHaveURL(`${stack.url}/admin?q=${user.name}`);
  await expect(page.getByRole("row")).toHaveCount(2);
  await page.goto(`/admin/requests?state=closed&page=99`);
  await expect(page.getByText(/Page 99/)).toHaveCount(0);
  await page.goto(`/admin?q=nobody-${user.name}`);
  await expect(page.getByText(`No link has “nobody-${user.name}”`)).toBeVisible();
  await page.getByRole("link", { name: "Show all links" }).click();
  await expect(page.getByRole("row", { name: user.name })).toBeVisible();
});

test("a key pressed while the page comes alive breaks nothing", async ({ page }) => {
  // One in every task: one of them falls between React's start and the end of its wait for the data.
  await page.addInitScript(() => {
    const { port1, port2 } = new MessageChannel();
    const until = performance.now() + 3000;
    port1.onmessage = () => {
      document.body?.dispatchEvent(new KeyboardEvent("keydown", { key: "a", bubbles: true }));
      if (performance.now() < until) port2.postMessage(null);
    };
    port2.postMessage(null);
  });
  await page.goto("/admin/sign-in");
  const field = page.getByLabel("User name");
  await expect.poll(() => field.evaluate((input) => Object.keys(input).length)).toBeGreaterThan(0);
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
        await askAndConfirm(stack, portal, {
          name: user.name,
          email: `asking-${user.email}`,
          pin,
        });
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
      await expect(page.getByLabel("Email the link to")).toHaveValue(user.email);
      await page.getByRole("button", { name: "Issue link" }).click();
      const link = await shownLink(stack, page);
      expect(await page.content()).not.toContain(pin);

      await asAnotherPerson(async (portal) => {
        await portal.goto(link);
        await portal.getByLabel("PIN").fill(pin);
        await portal.getByLabel("New password", { exact: true }).fill(own);
        await portal.getByLabel("Confirm new password").fill(own);
        await portal.getByRole("button", { name: "Set password" }).click();
        await expect(portal.getByRole("heading", { name: "Password set" })).toBeVisible();
      });
      await page.goto("/admin/requests?state=closed");
      await expect(page.getByRole("row", { name: user.name })).toContainText("by ");
    });

    test("a request by the person's own name leads on by the address it came with", async ({
      page,
      stack,
      signIn,
      asAnotherPerson,
    }) => {
      const user = await account(stack);
      const person = `Emmy ${randomBytes(4).toString("hex")}`;
      await stack.noteSecret("PIN", "4669");
      await asAnotherPerson(async (portal) => {
        await askAndConfirm(stack, portal, { name: person, email: user.email, pin: "4669" });
      });
      await signIn(page);
      await page.goto("/admin/requests");
      await page
        .getByRole("row", { name: person })
        .getByRole("link", { name: "Find user" })
        .click();
      await expect(page.getByText(`No user name contains “${person}”`)).toBeVisible();
      await page.getByRole("link", { name: `Search for “${user.name}”` }).click();
      await page.getByRole("link", { name: user.name, exact: true }).click();
      await expect(
        page.getByText(new RegExp(`This answers request .* of ${person}`)),
      ).toBeVisible();
    });

    test("many requests are answered or closed at once, after one look at what happens", async ({
      page,
      stack,
      signIn,
      asAnotherPerson,
    }) => {
      const users = await Promise.all([account(stack), account(stack)]);
      const stranger = { name: `nobody-${randomBytes(4).toString("hex")}`, pin: "7106" };
      const mark = randomBytes(4).toString("hex");
      const codes: string[] = [];
      for (const { name, email } of users)
        await asAnotherPerson(async (portal) => {
          codes.push(await askAndConfirm(stack, portal, { name, email, pin: "5820" }));
        });
      const email = `${mark}@example.org`;
      await asAnotherPerson(async (portal) => {
        codes.push(await askAndConfirm(stack, portal, { ...stranger, email }));
      });
      await signIn(page);
      // By its code, as it is read out on the phone.
      await page.goto("/admin/requests");
      await page
        .getByLabel("Search requests")
        .fill(codes[2]?.toLowerCase().replace("-", " ") ?? "");
      await page.getByRole("button", { name: "Search" }).click();
      await expect(page.getByRole("row", { name: stranger.name })).toContainText(codes[2] ?? "");
      await expect(page.getByRole("checkbox")).toHaveCount(1);

      await page.goto("/admin/requests");
      for (const name of [...users.map((user) => user.name), stranger.name])
        await page.getByRole("checkbox", { name }).check();
      await page.getByRole("button", { name: "Answer selected…" }).click();
      await expect(page.getByText("2 requests will be answered")).toBeVisible();
      await expect(page.getByText(/2 accounts have no pending link/)).toBeVisible();
      await expect(page.getByText("Keystone has no user with exactly this name")).toBeVisible();
      await page.getByRole("button", { name: "Answer 2 requests" }).click();
      await expect(page.getByRole("status")).toContainText("2 requests are answered");
      for (const user of users) {
        const { text } = await stack.waitForMail(user.email, /choose your password/);
        const token = /\/\?token=([\w-]{36})/.exec(text)?.[1] ?? "";
        await stack.noteSecret("link token", token);
      }

      await page.goto(`/admin/requests?q=${email}`);
      await page.getByRole("link", { name: "Select all on this page" }).click();
      await expect(page.getByRole("checkbox", { name: stranger.name })).toBeChecked();
      await page.getByRole("button", { name: "Close selected…" }).click();
      await expect(page.getByText("One request will be closed without a link")).toBeVisible();
      await page.getByRole("button", { name: "Close one request" }).click();
      await expect(page.getByRole("status")).toContainText("One request is closed");
      await page.goto(`/admin/requests?state=closed&q=${users[0]?.name}`);
      await expect(page.getByRole("row", { name: users[0]?.name })).toContainText("answered by");
      await page.goto("/admin/requests/review?act=close");
      await expect(page.getByText("Nothing is selected")).toBeVisible();
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
      await page.getByLabel("Enter the password the account was created with").check();
      await page.getByLabel("Email the link to").fill("elsewhere@example.org");
      await page.getByRole("button", { name: "Issue link" }).click();
      await expect(page.locator("#initial_password-error")).toContainText("generate a random one");
      await expect(
        page.getByLabel("Enter the password the account was created with"),
      ).toBeChecked();
      await expect(page.getByLabel("Email the link to")).toHaveValue("elsewhere@example.org");
    });

    test("whoever signs out has to sign in again, and comes back to the page they wanted", async ({
      page,
      stack,
      signIn,
    }) => {
      await signIn(page);
      await page.getByRole("button", { name: "Sign out" }).click();
      await expect(page).toHaveURL(/\/admin\/sign-in\?/);
      await expect(page.getByText("You are signed out.")).toBeVisible();
      await page.goto("/admin/requests?state=closed");
      await expect(page.getByRole("heading", { name: "Sign in" })).toBeVisible();
      await page.getByLabel("User name").fill(stack.keystone.adminUserName);
      await page.getByLabel("Password", { exact: true }).fill(stack.keystone.adminPassword);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page).toHaveURL(`${stack.url}/admin/requests?state=closed`);
    });
  });
}
