import { expect, type Page } from "@playwright/test";
import type { BrowserStack } from "./browser-stack";
import { confirmTokenIn } from "./mailed-confirm-token";

/** Asks for a new link at /reset. @returns the request's code, and where its mail leads to confirm it */
export async function askByBrowser(
  stack: BrowserStack,
  page: Page,
  request: { name: string; email: string; pin: string },
): Promise<{ code: string; path: string }> {
  await stack.noteSecret("PIN", request.pin);
  await page.goto("/reset");
  await page.getByLabel("User name").fill(request.name);
  await page.getByLabel("Email address", { exact: true }).fill(request.email);
  await page.getByLabel("Confirm email address").fill(request.email);
  await page.getByLabel("PIN").fill(request.pin);
  await page.getByRole("button", { name: "Send request" }).click();
  await expect(page.getByRole("heading", { name: "Now confirm it by email" })).toBeVisible();
  const code = await page.getByText(/^[0-9A-Z]{2}-[0-9A-Z]{3}$/).innerText();
  // The mail of an earlier request may lie there already.
  const { text } = await stack.waitForMail(request.email, /confirm your request/, code);
  const token = confirmTokenIn(text) ?? "";
  await stack.noteSecret("confirm token", token);
  return { code, path: `/reset/confirm?token=${token}` };
}

/** The same, and confirms it as well. @returns the code */
export async function askAndConfirm(
  stack: BrowserStack,
  page: Page,
  request: { name: string; email: string; pin: string },
): Promise<string> {
  const { code, path } = await askByBrowser(stack, page, request);
  await page.goto(path);
  await page.getByRole("button", { name: `Confirm request ${code}` }).click();
  await expect(page.getByRole("heading", { name: "Request confirmed" })).toBeVisible();
  return code;
}
