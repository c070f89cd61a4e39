import { randomBytes } from "node:crypto";
import postgres from "postgres";
import type { BrowserStack } from "../support/browser-stack";
import { expect, test } from "../support/browser-test";
import { issueByScript } from "../support/issue-by-script";
import { testPasswordRegexDescription } from "../support/real-keystone";

async function ownPassword(stack: BrowserStack): Promise<string> {
  const password = `Own portal pass 1 ${randomBytes(6).toString("hex")}`;
  await stack.noteSecret("user's own password", password);
  return password;
}

test("the portal loads no React, and what looks at passwords only when somebody types", async ({
  page,
  stack,
}) => {
  const { path } = await issueByScript(stack, "4826");
  const scripts: string[] = [];
  page.on("request", (request) => {
    if (request.resourceType() === "script") scripts.push(new URL(request.url()).pathname);
  });
  await page.goto(path);
  await expect(page.getByRole("button", { name: "Show passwords" })).toBeVisible();
  expect(scripts).toEqual([expect.stringMatching(/^\/assets\/portal-/)]);
  await page.getByLabel("New password", { exact: true }).fill("password");
  await expect(
    page.getByText("Easy to guess. It is one of the most common passwords."),
  ).toBeVisible();
  await expect
    .poll(() => scripts.slice(1).sort())
    .toEqual([
      expect.stringMatching(/^\/assets\/policy-worker-/),
      expect.stringMatching(/^\/assets\/strength-/),
    ]);
  for (const other of ["/reset", "/", "/nowhere"]) {
    scripts.length = 0;
    await page.goto(other);
    expect(scripts, other).toEqual([]);
  }
});

test("rules are ticked off while typing, and the browser sends no password that breaks them", {
  tag: "@phone",
}, async ({ page, stack }) => {
  const { path } = await issueByScript(stack, "5937");
  const own = await ownPassword(stack);
  await page.goto(path);
  const posted: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST") posted.push(request.url());
  });
  const password = page.getByLabel("New password", { exact: true });
  const again = page.getByLabel("Confirm new password");
  const policy = page.locator("[data-rule=policy]");
  const send = page.getByRole("button", { name: "Set password" });

  await page.getByLabel("PIN").fill("5937");
  await password.fill("short");
  // Half typed is not wrong yet; left, it is.
  await expect(policy).not.toHaveAttribute("data-met");
  await again.fill("shor");
  await expect(policy).toHaveAttribute("data-met", "no");
  await expect(policy).toContainText("(not yet)");
  await again.fill("short");
  await send.click();
  expect(posted).toEqual([]);
  await password.fill(own);
  await expect(policy).toHaveAttribute("data-met", "yes");
  await password.fill("é".repeat(37));
  await expect(page.locator("[data-rule=length]")).toHaveAttribute("data-met", "no");

  await password.fill(own);
  await again.fill(`${own}!`);
  await expect(page.locator("[data-rule=match]")).toHaveAttribute("data-met", "no");
  await send.click();
  expect(posted).toEqual([]);
  await again.fill(own);
  await expect(page.locator("[data-rule=match]")).toHaveAttribute("data-met", "yes");
  await send.click();
  await expect(page.getByRole("heading", { name: "Password set" })).toBeVisible();
  // Nothing but the origin: the token went in the form.
  expect(posted).toEqual([`${stack.url}/`]);
});

test("an operator's expression that backtracks does not freeze the page, and the form is sent", {
  tag: "@phone",
}, async ({ page, stack }) => {
  const { path, userId } = await issueByScript(stack, "3861");
  const sql = postgres(stack.databaseUrl, { max: 1 });
  // Takes minutes for thirty letters and a sign. Keystone itself has other rules.
  await sql`update links set policy_regex = '^([a-zA-Z]+[0-9]*)+$' where user_id = ${userId}`;
  await sql.end();
  const own = `${"a".repeat(30)}1!${randomBytes(6).toString("hex")}!`;
  await stack.noteSecret("user's own password", own);
  await page.goto(path);
  const password = page.getByLabel("New password", { exact: true });
  const policy = page.locator("[data-rule=policy]");
  await page.getByLabel("PIN").fill("3861");
  await password.fill("letters");
  await expect(policy).toHaveAttribute("data-met", "yes");
  await expect(page.locator("[data-strength-words]")).toContainText("Easy to guess");
  expect(page.workers()).toHaveLength(1);

  await page.evaluate(() => {
    const watch = { longestMs: 0, last: performance.now() };
    Object.assign(window, { watch });
    const frame = () => {
      const now = performance.now();
      watch.longestMs = Math.max(watch.longestMs, now - watch.last);
      watch.last = now;
      requestAnimationFrame(frame);
    };
    frame();
  });
  await password.fill("");
  await password.pressSequentially(own);
  await page.getByLabel("Confirm new password").fill(own);
  // Ended where it did not finish, and nothing said of it.
  await expect.poll(() => page.workers().length).toBe(0);
  await expect(policy).not.toHaveAttribute("data-met");
  const longestMs = await page.evaluate(
    () => (window as unknown as { watch: { longestMs: number } }).watch.longestMs,
  );
  expect(longestMs).toBeLessThan(1000);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByRole("heading", { name: "Password set" })).toBeVisible();
});

test("whoever sends the form before the rules are looked at is told by the server", async ({
  page,
  stack,
}) => {
  const { path } = await issueByScript(stack, "4972");
  // It never comes.
  await page.route(/\/assets\/policy-worker-/, () => {});
  await page.goto(path);
  await page.getByLabel("PIN").fill("4972");
  await page.getByLabel("New password", { exact: true }).fill("short");
  await page.getByLabel("Confirm new password").fill("short");
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.locator("#password-error")).toContainText(testPasswordRegexDescription);
});

test("what is shown can be hidden, and is hidden before it is sent", async ({ page, stack }) => {
  const { path } = await issueByScript(stack, "6048");
  const own = await ownPassword(stack);
  await page.goto(path);
  const password = page.getByLabel("New password", { exact: true });
  const again = page.getByLabel("Confirm new password");
  const show = page.getByRole("button", { name: "Show passwords" });
  const hide = page.getByRole("button", { name: "Hide passwords" });
  await page.getByLabel("PIN").fill("6048");
  await password.fill(own);
  await again.fill(own);
  await show.click();
  await expect(hide).toHaveText("Hide");
  await expect(password).toHaveAttribute("type", "text");
  await expect(again).toHaveAttribute("type", "text");
  await hide.click();
  await expect(show).toHaveText("Show");
  await expect(password).toHaveAttribute("type", "password");
  await expect(again).toHaveAttribute("type", "password");
  await show.click();

  const sent: unknown[] = [];
  await page.exposeFunction("tell", (what: unknown) => sent.push(what));
  // Added last, so it sees what the page's own script has made of the form.
  await page.locator("main form").evaluate((form: HTMLFormElement) => {
    form.addEventListener("submit", () => {
      const button = form.querySelector<HTMLButtonElement>("button[type=submit]");
      const types = [...form.querySelectorAll("input[name*=password]")].map(
        (input) => (input as HTMLInputElement).type,
      );
      const { tell } = window as unknown as { tell(what: unknown): void };
      tell({ words: button?.textContent, disabled: button?.disabled, types });
    });
  });
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByRole("heading", { name: "Password set" })).toBeVisible();
  expect(sent).toEqual([
    { words: "Setting your password…", disabled: true, types: ["password", "password"] },
  ]);
});

test("whoever has set a password is told so by the used link, and not sent for a new one", {
  tag: "@phone",
}, async ({ page, stack }) => {
  const { path } = await issueByScript(stack, "3715");
  const own = await ownPassword(stack);
  await page.goto(path);
  await page.getByLabel("PIN").fill("3715");
  await page.getByLabel("New password", { exact: true }).fill(own);
  await page.getByLabel("Confirm new password").fill(own);
  await page.getByRole("button", { name: "Set password" }).click();
  await expect(page.getByRole("heading", { name: "Password set" })).toBeVisible();
  const signIn = page.getByRole("link", { name: /^Sign in to / });
  const dashboard = await signIn.getAttribute("href");

  const seen: string[] = [];
  for (const open of [
    () => page.reload(),
    () => page.goto(path),
    () => page.goto("/?token=00000000-0000-4000-8000-000000000000"),
  ]) {
    const answer = await open();
    expect(answer?.status()).toBe(404);
    await expect(page.getByText("Then you are done")).toBeVisible();
    await expect(signIn).toHaveAttribute("href", dashboard ?? "");
    await expect(page.getByRole("link", { name: "Request a new link" })).toBeVisible();
    seen.push(await page.locator("main").innerHTML());
  }
  // An unknown link looks no different.
  expect(new Set(seen).size).toBe(1);
});

test("nothing moves when the verdict on a password comes, or goes", { tag: "@phone" }, async ({
  page,
  stack,
}) => {
  await page.goto((await issueByScript(stack, "2604")).path);
  const password = page.getByLabel("New password", { exact: true });
  const words = page.locator("[data-strength-words]");
  const button = page.getByRole("button", { name: "Set password" });
  await expect(page.getByRole("button", { name: "Show passwords" })).toBeVisible();
  /** From the page's top: typing may scroll it. */
  const placeOfButton = () =>
    button.evaluate((element) => element.getBoundingClientRect().top + window.scrollY);
  const before = await placeOfButton();
  const advice = await words.textContent();
  for (const [typed, verdict] of [
    ["password", "Easy to guess. It is one of the most common passwords."],
    ["qwertzuiop kitten", /^Could be better\. |^Easy to guess\. |^Good/],
    ["Seven quiet rivers cross 4 maps", "Very good."],
    ["", advice ?? ""],
  ] as const) {
    await password.fill(typed);
    await expect(words).toHaveText(verdict);
    expect(await placeOfButton()).toBeCloseTo(before, 0);
  }
});

test("what was wrong with a field is no longer said once something else is typed in it", {
  tag: "@phone",
}, async ({ page, stack }) => {
  await page.goto((await issueByScript(stack, "1593")).path);
  const form = page.locator("main form");
  const password = page.getByLabel("New password", { exact: true });
  const again = page.getByLabel("Confirm new password");
  await page.getByLabel("PIN").fill("1593");
  await password.fill("Two different passwords 1");
  await again.fill("Two different passwords 2");
  // As a browser sends it that checks nothing, the PIN too short to be a try.
  await page.getByLabel("PIN").fill("");
  await form.evaluate((element: HTMLFormElement) => {
    element.noValidate = true;
  });
  await page.getByRole("button", { name: "Set password" }).click();
  const summary = page.getByRole("alert");
  await expect(summary.getByRole("listitem")).toHaveCount(2);
  // What is typed before the page's script runs, it cannot hear.
  await page.waitForLoadState("load");
  await expect(again).toHaveAttribute("aria-describedby", "confirm_password-error");

  await page.getByLabel("PIN").pressSequentially("1");
  await expect(page.locator("#pin-error")).toHaveCount(0);
  await expect(page.getByLabel("PIN")).not.toHaveAttribute("aria-invalid");
  await expect(page.getByLabel("PIN")).toHaveAttribute("aria-describedby", "pin-hint");
  // The others stand until they are mended themselves.
  await expect(summary.getByRole("listitem")).toHaveText([/not the same/]);
  await password.pressSequentially("T");
  await expect(page.locator("#confirm_password-error")).toBeVisible();
  await again.pressSequentially("T");
  await expect(page.locator("#confirm_password-error")).toHaveCount(0);
  await expect(again).not.toHaveAttribute("aria-invalid");
  await expect(again).not.toHaveAttribute("aria-describedby");
  await expect(page.locator("[data-rule=match]")).toHaveAttribute("data-met", "yes");
  await expect(summary).toHaveText("Your password has not been set yet");
});

test("reloading the page after a wrong PIN spends no other try", { tag: "@phone" }, async ({
  page,
  stack,
}) => {
  const { path } = await issueByScript(stack, "5086");
  await stack.noteSecret("wrong PIN", "6805");
  const own = await ownPassword(stack);
  const tryWrongPin = async () => {
    await page.getByLabel("PIN").fill("6805");
    await page.getByLabel("New password", { exact: true }).fill(own);
    await page.getByLabel("Confirm new password").fill(own);
    await page.getByRole("button", { name: "Set password" }).click();
  };
  await page.goto(path);
  await tryWrongPin();
  await expect(page.locator("#pin-error")).toContainText("2 attempts left");
  // The script has run.
  await expect(page.getByRole("button", { name: "Show passwords" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Open the link in your email" })).toBeVisible();
  await page.goto(path);
  await tryWrongPin();
  await expect(page.locator("#pin-error")).toContainText("1 attempt left");
});

test("the third wrong PIN is told what it did: the link is locked, and the way on is a new one", {
  tag: "@phone",
}, async ({ page, stack }) => {
  const { path } = await issueByScript(stack, "6193");
  await stack.noteSecret("wrong PIN", "3916");
  const own = await ownPassword(stack);
  await page.goto(path);
  for (const left of ["2 attempts left", "1 attempt left", undefined]) {
    await page.getByLabel("PIN").fill("3916");
    await page.getByLabel("New password", { exact: true }).fill(own);
    await page.getByLabel("Confirm new password").fill(own);
    await page.getByRole("button", { name: "Set password" }).click();
    if (left) await expect(page.locator("#pin-error")).toContainText(left);
  }
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("This link is locked");
  await expect(page.getByText("left", { exact: false })).toHaveCount(0);
  await expect(page.locator("main form")).toHaveCount(0);
  await expect(page.getByRole("link", { name: "Request a new link" })).toBeVisible();
});

test("whoever reloads the page learns how to get back to it", { tag: "@phone" }, async ({
  page,
  stack,
}) => {
  const { path } = await issueByScript(stack, "7159");
  await page.goto(path);
  await expect(page).toHaveURL(`${stack.url}/`);
  const answer = await page.reload();
  expect(answer?.status()).toBe(404);
  await expect(page.getByRole("heading", { name: "Open the link in your email" })).toBeVisible();
  await page.goto(path);
  await expect(page.getByLabel("PIN")).toBeVisible();
});

test("an error page is titled by its heading, and the portal's leads back to the mail", async ({
  page,
  stack,
}) => {
  await page.goto("/nowhere");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Page not found");
  await expect(page).toHaveTitle(/^Page not found · /);

  const answer = await page.request.post(`${stack.url}/`, {
    headers: { Origin: "https://elsewhere.example" },
    form: { pin: "0000" },
  });
  expect(answer.status()).toBe(403);
  const text = await answer.text();
  expect(text).toContain("Open the link in your email again");
  expect(text).toMatch(/<title>Not allowed · /);
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("no control stands on the portal that would do nothing", { tag: "@phone" }, async ({
    page,
    stack,
  }) => {
    await page.goto((await issueByScript(stack, "8260")).path);
    await expect(page.locator("main").getByRole("button")).toHaveText(["Set password"]);
    await expect(page.locator(".meter")).toBeHidden();
  });

  test("a PIN that is too long is refused, not cut to one that would be tried", {
    tag: "@phone",
  }, async ({ page, stack }) => {
    const { path } = await issueByScript(stack, "9482");
    await stack.noteSecret("PIN", "948265");
    await page.goto(path);
    const pin = page.getByLabel("PIN");
    await expect(pin).toHaveAttribute("autocomplete", "off");
    await pin.pressSequentially("948265");
    await expect(pin).toHaveValue("948265");
    const own = await ownPassword(stack);
    await page.getByLabel("New password", { exact: true }).fill(own);
    await page.getByLabel("Confirm new password").fill(own);
    await page.getByRole("button", { name: "Set password" }).click();
    // The browser does not send it …
    expect(await pin.evaluate((input: HTMLInputElement) => input.validity.patternMismatch)).toBe(
      true,
    );
    await expect(page.getByRole("alert")).toHaveCount(0);
    // … and one that does not look at patterns is told by the server.
    await page.locator("main form").evaluate((form: HTMLFormElement) => {
      form.noValidate = true;
    });
    await page.getByRole("button", { name: "Set password" }).click();
    await expect(page.locator("#pin-error")).toHaveText(
      "The PIN has exactly 4 digits. This did not count as an attempt.",
    );

    await page.goto("/reset");
    await page.getByLabel("PIN").pressSequentially("948265");
    await expect(page.getByLabel("PIN")).toHaveValue("948265");
    await expect(page.getByLabel("PIN")).toHaveAttribute("autocomplete", "off");
  });

  test("a request for a new link keeps what was typed, save the PIN", async ({ page, stack }) => {
    await stack.noteSecret("PIN", "9371");
    await page.goto("/reset");
    await page.getByLabel("User name").fill("newcomer");
    await page.getByLabel("Email address", { exact: true }).fill("newcomer@example.org");
    await page.getByLabel("Confirm email address").fill("other@example.org");
    await page.getByLabel("PIN").fill("9371");
    await page.getByRole("button", { name: "Send request" }).click();
    await expect(page.getByRole("alert")).toBeFocused();
    await expect(page.locator("#confirm_email-error")).toContainText("not the same");
    await expect(page.getByLabel("User name")).toHaveValue("newcomer");
    await expect(page.getByLabel("Email address", { exact: true })).toHaveValue(
      "newcomer@example.org",
    );
    await expect(page.getByLabel("Confirm email address")).toHaveValue("other@example.org");
    await expect(page.getByLabel("PIN")).toHaveValue("");
  });
});
