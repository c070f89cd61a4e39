import postgres from "postgres";
import { expect, test } from "../support/browser-test";
import { issueByScript } from "../support/issue-by-script";

test("a link that is being redeemed cannot be revoked; a random password ends it", {
  tag: "@phone",
}, async ({ page, stack, signIn }) => {
  const link = await issueByScript(stack, "6180");
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    await signIn(page);
    await page.goto(`/admin?q=${link.name}`);
    await page.getByRole("link", { name: link.name }).click();
    await expect(page.getByRole("heading", { name: "History" })).toBeVisible();
    await expect(page.getByText("Set a random password…")).toHaveCount(0);

    await sql`
      update links set claim_id = gen_random_uuid(), claimed_until = now() + interval '1 minute'
      where user_id = ${link.userId}`;
    await page.getByText("Revoke this link…").click();
    await page.getByRole("button", { name: "Yes, revoke it" }).click();
    const notice = page.getByRole("alert");
    await expect(notice).toContainText("Nothing was changed");
    await expect(notice).toContainText("This link is being used");
    await expect(notice).toContainText("Try again in a moment");
    await page.getByText("Set a random password…").click();
    await page.getByRole("button", { name: "Yes, set a random password" }).click();
    await expect(page.getByText("A random password is set")).toBeVisible();
    await expect(page.getByLabel("State of the link")).toContainText("Revoked");
    await expect(page.getByText("Random initial password set")).toBeVisible();
  } finally {
    await sql.end();
  }
});

test("a link whose answer was lost before it was revoked says so, in the list as well", async ({
  page,
  stack,
  signIn,
}) => {
  const link = await issueByScript(stack, "6181");
  const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    // Never asked after: no time is given. Its content does not matter to the pages.
    await sql`
      update links set state = 'revoked', revoked_at = now(), token_hash = null, pin_mac = null,
        sealed_pin_key = null, sealed_password = null,
        sealed_attempts = decode('01' || repeat('00', 80), 'hex')
      where user_id = ${link.userId}`;
    await signIn(page);
    await page.goto(`/admin?q=${link.name}`);
    await expect(page.getByRole("row", { name: link.name })).toContainText("Outcome not known yet");
    await page.getByRole("link", { name: link.name }).click();
    await expect(
      page.getByText("It is not known yet whether the user's own password is in force"),
    ).toBeVisible();
    await expect(page.getByText("Set a random password…")).toBeVisible();

    await sql`
      update links set state = 'completed', completed_at = now(), sealed_attempts = null
      where user_id = ${link.userId}`;
    await page.reload();
    await expect(page.getByText("The user's own password is in force")).toBeVisible();
    await expect(page.getByText("Set a random password…")).toBeVisible();
  } finally {
    await sql.end();
  }
});
