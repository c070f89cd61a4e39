import { randomBytes } from "node:crypto";
import type { BrowserStack } from "../support/browser-stack";
import { expect, test } from "../support/browser-test";
import { base32, totp } from "../support/totp";

/** An administrator whose account requires a one-time code. */
async function adminWithCode(stack: BrowserStack) {
  const { admin, keystone } = stack;
  const name = `console-${randomBytes(5).toString("hex")}`;
  const password = `Console1-${randomBytes(9).toString("base64url")}`;
  await stack.noteSecret("password of an administrator", password);
  const { id } = await admin.createUser({ name, password });
  const secret = randomBytes(20);
  await stack.noteSecret("TOTP secret", base32(secret));
  await admin.createTotpCredential({ userId: id, base32Secret: base32(secret) });
  const projectId = await admin.projectId(keystone.adminProjectName);
  await admin.assignRole({ userId: id, role: "admin", projectId });
  const rules = {
    multi_factor_auth_enabled: true,
    multi_factor_auth_rules: [["password", "totp"]],
  };
  await admin.updateUser(id, { options: rules });
  return { name, password, secret };
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "with JavaScript" : "without JavaScript", () => {
    test.use({ javaScriptEnabled });

    test("an account with a second factor is asked for its code, and is in with it @phone", async ({
      page,
      stack,
    }) => {
      const { name, password, secret } = await adminWithCode(stack);
      await page.goto("/admin/sign-in");
      const code = page.getByLabel("One-time code");
      await expect(code).toBeHidden();
      const send = async () => {
        await page.getByLabel("Password", { exact: true }).fill(password);
        await page.getByRole("button", { name: "Sign in" }).click();
      };
      await page.getByLabel("User name").fill(name);
      await send();

      await expect(code).toBeVisible();
      await expect(code).toHaveAccessibleDescription(/requires a one-time code/);
      await expect(page.getByLabel("User name")).toHaveValue(name);
      await code.fill("000000");
      await send();
      const alert = page.getByRole("alert");
      await expect(alert).toContainText("Check your user name, password, domain and one-time code");
      await expect(alert).toContainText("clock");

      // A slip in the password next, with no code at all: the field is still there.
      await expect(code).toBeVisible();
      await page.getByLabel("Password", { exact: true }).fill("Wrong-password-1");
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(alert).toContainText("Check your user name, password, domain and one-time code");
      await expect(code).toBeVisible();
      await code.fill(totp(secret));
      await send();
      await expect(page).toHaveURL(`${stack.url}/admin`);
    });

    test("an account without one is told nothing of codes", async ({ page, stack }) => {
      await page.goto("/admin/sign-in");
      await page.getByLabel("User name").fill(stack.keystone.adminUserName);
      await page.getByLabel("Password", { exact: true }).fill("Wrong-password-1");
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.getByRole("alert")).toContainText(
        "Check your user name, password and domain.",
      );
      await expect(page.getByLabel("One-time code")).toBeHidden();
    });
  });
}
