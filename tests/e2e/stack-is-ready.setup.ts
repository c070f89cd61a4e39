import { expect, test } from "../support/browser-test";

test("the server finds its database and its Keystone", async ({ request }) => {
  const answer = await request.get("/readyz");
  expect(answer.status()).toBe(200);
  expect(await answer.json()).toEqual({ ready: true, database: true, keystone: true });
});

test("an administrator can sign in", async ({ page, signIn }) => {
  await signIn(page);
});
