import { expect, it } from "vitest";
import { createUserLookup } from "../../../app/accounts/look-up-user.server";
import { lookUpQueue } from "../../../app/jobs/look-up-users.server";
import type { Log } from "../../../app/telemetry/log.server";
import { startQueue } from "../../support/worker";

/** A Keystone that says nothing until it is let fail. */
function startLookup() {
  const calls: { path: string; requestId?: string }[] = [];
  const callers: { rank: string; party: string }[] = [];
  let fail = () => {};
  const failing = new Promise<never>((_, reject) => {
    fail = () => reject(new Error("no answer"));
  });
  const session = {
    request: (call: { path: string; requestId?: string }) => {
      calls.push(call);
      return failing;
    },
  };
  const keystone = {
    as: (caller: { rank: string; party: string }) => {
      callers.push(caller);
      return session;
    },
  };
  const log = { warn() {} } as unknown as Log;
  const context = { keystone, log } as unknown as Parameters<typeof createUserLookup>[0];
  const lookup = createUserLookup(context, () => worker.wake());
  const worker = startQueue(lookUpQueue(lookup), log);
  const ask = (userId: string) =>
    lookup.enqueue({ userId, token: "t", checkedAt: null, requestId: `req-${userId}` });
  return { ask, calls, callers, fail: () => fail(), stop: () => worker.stop() };
}

it("a thousand users wait to be looked up, and no more; each is asked about by its request's name", async () => {
  const { ask, calls, callers, fail } = startLookup();
  ask("first");
  await expect.poll(() => calls.length).toBe(1);
  for (let index = 0; index < 1001; index++) ask(`waiting-${index}`);
  expect(calls.map(({ requestId }) => requestId)).toEqual(["req-first"]);
  fail();
  await expect.poll(() => calls.length).toBe(1001);
  expect(calls.at(-1)).toMatchObject({ path: "/users/waiting-999", requestId: "req-waiting-999" });
  // Behind people, who wait for an answer.
  expect(callers).toEqual([{ rank: "background", party: "look-ups" }]);

  // There is room again.
  ask("later");
  await expect.poll(() => calls.length).toBe(1002);
});

it("who waits when it is stopped is asked about no more, and the one under way is waited for", async () => {
  const { ask, calls, fail, stop } = startLookup();
  for (const userId of ["first", "second"]) ask(userId);
  await expect.poll(() => calls.length).toBe(1);
  let stopped = false;
  const stopping = stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toBe(false);
  fail();
  await stopping;
  expect(calls).toHaveLength(1);
});
