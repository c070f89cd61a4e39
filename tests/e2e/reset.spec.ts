import { randomBytes } from "node:crypto";
import { askAndConfirm, askByBrowser } from "../support/ask-by-browser";
import { expect, test } from "../support/browser-test";

for (const javaScriptEnabled of [true, false])
  test.describe(`a request for a link, ${javaScriptEnabled ? "with" : "without"} JavaScript`, () => {
    test.use({ javaScriptEnabled });

    test("counts once its mailbox has confirmed it, by the code its page shows", {
      tag: "@phone",
    }, async ({ page, stack }) => {
      const email = `asks-${randomBytes(5).toString("hex")}@example.org`;
      const request = { name: "newcomer", email, pin: "9371" };
      const { code, path } = await askByBrowser(stack, page, request);
      await page.goto(path);
      await expect(page.getByText(code, { exact: true }).first()).toBeVisible();
      // The token leaves the address where there is a script, and is in the form anyway.
      await expect(page).toHaveURL(javaScriptEnabled ? /\/reset\/confirm$/ : /token=/);
      // A second one, whose code is typed on the first one's page.
      const second = await askByBrowser(stack, page, request);
      expect(second.code).not.toBe(code);
      await page.goto(path);
      await page.getByText("My page shows another code").click();
      await page.getByLabel("Code on your page").fill("K7-QF2");
      await page.getByRole("button", { name: "Confirm that request" }).click();
      await expect(page.getByRole("alert")).toBeFocused();
      await expect(page.locator("#code-error")).toContainText("No request with this code");
      await page.getByLabel("Code on your page").fill(second.code.toLowerCase());
      await page.getByRole("button", { name: "Confirm that request" }).click();
      await expect(page.getByRole("heading", { name: "Request confirmed" })).toBeVisible();
      await expect(page.getByText(second.code, { exact: true })).toBeVisible();
      await page.goto(path);
      await page.getByRole("button", { name: `Confirm request ${code}` }).click();
      await expect(page.getByRole("heading", { name: "Request confirmed" })).toBeVisible();
      await page.goto(path);
      await expect(page.getByRole("heading", { name: "This request is confirmed" })).toBeVisible();
    });
  });

test("a reload after asking or confirming sends nothing again", async ({ page, stack }) => {
  const email = `asks-${randomBytes(5).toString("hex")}@example.org`;
  const { path } = await askByBrowser(stack, page, { name: "newcomer", email, pin: "9371" });
  const posted: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "POST") posted.push(request.url());
  });
  await page.reload();
  await expect(page.getByRole("heading", { name: "Request a new link" })).toBeVisible();
  await page.goto(path);
  await page.reload();
  await expect(page.getByRole("heading", { name: "Open the link in your email" })).toBeVisible();
  await page.goto(path);
  await page.getByRole("button", { name: "Confirm request" }).click();
  await expect(page.getByRole("heading", { name: "Request confirmed" })).toBeVisible();
  await page.reload();
  await expect(page.getByRole("heading", { name: "Open the link in your email" })).toBeVisible();
  expect(posted).toHaveLength(1);
});

test("the console tells of a mailbox that has asked more than once", async ({
  page,
  stack,
  signIn,
  asAnotherPerson,
}) => {
  const name = `twice-${randomBytes(5).toString("hex")}`;
  const email = `${name}@example.org`;
  const password = `Created1-${randomBytes(9).toString("base64url")}`;
  await stack.noteSecret("password of creation", password);
  await stack.admin.createUser({ name, email, password });
  const codes: string[] = [];
  for (const pin of ["5820", "6931"])
    await asAnotherPerson(async (portal) => {
      codes.push(await askAndConfirm(stack, portal, { name, email, pin }));
    });
  await signIn(page);
  await page.goto(`/admin/requests?q=${email}`);
  const row = page.getByRole("row", { name: codes[0] ?? "" });
  await expect(row).toContainText("One of 2 open requests from this address");
  await row.getByRole("link", { name: "Find user" }).click();
  await page.getByRole("link", { name, exact: true }).click();
  await expect(page.getByText(`This answers request ${codes[0]} of ${name}`)).toBeVisible();
  await expect(page.getByText(/which is the address in Keystone/)).toBeVisible();
  await page.getByRole("button", { name: "Issue link" }).click();
  const shown = page.getByLabel("The link", { exact: true });
  await stack.noteSecret(
    "link token",
    new URL(await shown.inputValue()).searchParams.get("token") ?? "",
  );
  await expect(page.getByText("Another request is still open")).toBeVisible();
  await page.getByRole("link", { name: "Show in the list" }).click();
  const other = page.getByRole("row", { name: codes[1] ?? "" });
  await expect(other).toContainText("Another request from this address was answered");
});
