import { randomBytes } from "node:crypto";
import { expect } from "@playwright/test";
import type { BrowserStack } from "./browser-stack";
import { testPasswordRegexDescription } from "./real-keystone";

export interface ScriptedLink {
  readonly userId: string;
  /** The user's, in the default domain. */
  readonly name: string;
  readonly pin: string;
  readonly token: string;
  /** Of the mailed address: `/?token=…` */
  readonly path: string;
}

/** By `PUT /token/:userId`, with the password the user has. @returns the link's token */
export async function putLink(
  stack: BrowserStack,
  userId: string,
  { pin, password }: { pin: string; password: string },
): Promise<string> {
  await stack.noteSecret("PIN", pin);
  await stack.noteSecret("initial password", password);
  const answer = await fetch(`${stack.url}/token/${userId}`, {
    method: "PUT",
    headers: { "X-Auth-Token": await stack.admin.token(), "Content-Type": "application/json" },
    body: JSON.stringify({ pin, password }),
  });
  expect(answer.status).toBe(200);
  const token = await answer.text();
  await stack.noteSecret("link token", token);
  return token;
}

/** A new user of Keystone's, and a link for them by `PUT /token/:userId`. */
export async function issueByScript(stack: BrowserStack, pin: string): Promise<ScriptedLink> {
  const name = `scripted-${randomBytes(5).toString("hex")}`;
  const password = `Created1-${randomBytes(9).toString("base64url")}`;
  const email = `${name}@example.org`;
  const { id: userId } = await stack.admin.createUser({ name, password, email });
  const token = await putLink(stack, userId, { pin, password });
  const path = `/?token=${token}`;
  // Name and password rules are fetched behind the answer of PUT.
  await expect
    .poll(async () => (await fetch(stack.url + path)).text())
    .toContain(testPasswordRegexDescription);
  return { userId, name, pin, token, path };
}
