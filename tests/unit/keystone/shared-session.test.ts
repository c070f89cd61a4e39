import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { isKeystoneOutage, type KeystoneError } from "../../../app/keystone/errors.server";
import { createKeystoneSession, type KeystoneCall } from "../../../app/keystone/session.server";
import { type SharedKeystone, shareKeystone } from "../../../app/keystone/shared-session.server";
import { createLog } from "../../../app/telemetry/log.server";
import { createMetrics } from "../../../app/telemetry/metrics.server";
import { observeKeystone } from "../../../app/telemetry/observe-keystone.server";
import { httpAnswer, startRawServer } from "../../support/raw-server";

const toStop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

/** A Keystone that answers when it is told to, and counts who asks at the same time. */
async function startSlowKeystone(
  options: { concurrency?: number; timeoutSeconds?: number; longestWaitSeconds?: number } = {},
) {
  const open: Socket[] = [];
  let most = 0;
  const server = await startRawServer((socket) => {
    open.push(socket);
    most = Math.max(most, open.length);
  });
  toStop.push(() => server.stop());
  const calls: KeystoneCall[] = [];
  let logged = "";
  const metrics = createMetrics({
    mailsByState: async () => ({}),
    keystoneLoad: () => keystone.load(),
    jobsByState: async () => [],
    jobsUnderWay: () => ({}),
    isServiceCredentialAccepted: () => null,
  });
  const write = (line: string) => {
    logged += line;
  };
  const observe = observeKeystone({ log: createLog({ level: "debug" }, { write }), metrics });
  const onCall = (call: KeystoneCall) => {
    calls.push(call);
    observe(call);
  };
  const session = createKeystoneSession({
    authUrl: `http://127.0.0.1:${server.port}`,
    timeoutSeconds: options.timeoutSeconds ?? 5,
    onCall,
  });
  const keystone: SharedKeystone = shareKeystone(session, {
    concurrency: options.concurrency ?? 1,
    longestWaitSeconds: options.longestWaitSeconds ?? 30,
    onCall,
  });
  return {
    keystone,
    calls,
    metrics,
    logged: () =>
      logged
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line)),
    most: () => most,
    asked: () => server.requests.length,
    async answer() {
      await expect.poll(() => open.length).toBeGreaterThan(0);
      open.shift()?.end(httpAnswer(200, "{}"));
    },
  };
}

const read = { method: "GET", path: "/users/u1" } as const;

const failureOf = (call: Promise<unknown>): Promise<KeystoneError> =>
  call.then(
    () => {
      throw new Error("The call succeeded");
    },
    (error) => error,
  );

describe("a Keystone that is shared", () => {
  it("is asked no more at once than KEYSTONE_CONCURRENCY says, and by everybody in the end", async () => {
    const slow = await startSlowKeystone({ concurrency: 3 });
    const calls = Array.from({ length: 10 }, (_, index) =>
      slow.keystone.request({ ...read, token: `token-${index}` }),
    );
    for (let index = 0; index < 10; index++) await slow.answer();
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(slow.most()).toBeLessThanOrEqual(3);
  });

  it("has the whole of KEYSTONE_TIMEOUT for each call: the wait does not count", async () => {
    const slow = await startSlowKeystone({ timeoutSeconds: 1 });
    const first = slow.keystone.inOneTurn({ rank: "people", party: "a" }, read, () => sleep(1200));
    const second = slow.keystone.request({ ...read, token: "b" });
    await first;
    await slow.answer();
    expect((await second).status).toBe(200);
  });

  it("is busy where the wait takes too long: nothing was sent, and the operator learns of it", async () => {
    const slow = await startSlowKeystone({ longestWaitSeconds: 0.1 });
    const first = slow.keystone.request(read);
    const requestId = "req-01234567-89ab-cdef-0123-456789abcdef";
    const change = { method: "POST", path: "/users/u1/password", requestId } as const;
    const secret = "PaSsWoRd-of-the-user";
    const error = await failureOf(
      slow.keystone.request({ ...change, json: { user: { password: secret } } }),
    );
    expect(error).toMatchObject({
      name: "KeystoneError",
      kind: "busy",
      mayHaveHappened: false,
      method: "POST",
      path: "/v3/users/u1/password",
      retryAfterSeconds: expect.any(Number),
    });
    expect(error.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect(isKeystoneOutage(error)).toBe(true);
    expect(slow.asked()).toBe(1);
    await slow.answer();
    await first;
    expect(slow.logged()).toMatchObject([
      {
        event: "keystone.unavailable",
        reason: "busy",
        method: "POST",
        path: "/v3/users/{id}/password",
        requestId,
      },
    ]);
    expect(JSON.stringify([slow.logged(), error.message])).not.toContain(secret);
    expect(await slow.metrics.registry.metrics()).toMatch(
      /call_duration_seconds_count\{method="POST",path="\/v3\/users\/\{id\}\/password",outcome="busy"\} 1\n/,
    );
  });

  it("tells how many have their turn, and how many wait", async () => {
    const slow = await startSlowKeystone();
    const calls = ["a", "b", "c"].map((token) => slow.keystone.request({ ...read, token }));
    await expect.poll(slow.asked).toBe(1);
    const text = await slow.metrics.registry.metrics();
    expect(text).toContain('setpass_keystone_calls{state="under-way"} 1\n');
    expect(text).toContain('setpass_keystone_calls{state="waiting"} 2\n');
    for (let index = 0; index < 3; index++) await slow.answer();
    await Promise.all(calls);
  });

  it("answers another token before the second call of one that has many", async () => {
    const slow = await startSlowKeystone();
    const order: string[] = [];
    const ask = (token: string) =>
      slow.keystone.request({ ...read, token }).then(() => void order.push(token));
    const calls = [ask("greedy"), ask("greedy"), ask("greedy"), ask("modest")];
    for (let index = 0; index < 4; index++) await slow.answer();
    await Promise.all(calls);
    expect(order.indexOf("modest")).toBeLessThanOrEqual(2);
  });

  it("serves several calls in one turn, and waits for none of them but the first", async () => {
    const slow = await startSlowKeystone({ longestWaitSeconds: 0.2 });
    const caller = { rank: "people", party: "a" } as const;
    const both = slow.keystone.inOneTurn(caller, read, async (session) => {
      await session.request(read);
      await session.request(read);
      return "both";
    });
    await expect.poll(slow.asked).toBe(1);
    const other = failureOf(slow.keystone.as({ rank: "people", party: "b" }).request(read));
    expect((await other).kind).toBe("busy");
    await slow.answer();
    await expect.poll(slow.asked).toBe(2);
    await slow.answer();
    expect(await both).toBe("both");
    expect(slow.keystone.load()).toEqual({ underWay: 0, waiting: 0 });
  });

  it("gives the turn back where what it was for fails", async () => {
    const slow = await startSlowKeystone();
    const caller = { rank: "people", party: "a" } as const;
    const failing = slow.keystone.inOneTurn(caller, read, async () => {
      throw new TypeError("ours");
    });
    expect(await failureOf(failing)).toBeInstanceOf(TypeError);
    expect(slow.keystone.load()).toEqual({ underWay: 0, waiting: 0 });
  });

  it("is asked for its version at once, so that /readyz learns how it is and not how long the line", async () => {
    const slow = await startSlowKeystone();
    const first = slow.keystone.request(read);
    const waiting = slow.keystone.request({ ...read, token: "other" });
    await expect.poll(slow.asked).toBe(1);
    const version = slow.keystone.request({ method: "GET", path: "" });
    await expect.poll(slow.asked).toBe(2);
    for (let index = 0; index < 3; index++) await slow.answer();
    await Promise.all([first, waiting, version]);
  });

  it("is closed after those under way; who still waits is told", async () => {
    const slow = await startSlowKeystone();
    const first = slow.keystone.request(read);
    const waiting = failureOf(slow.keystone.request({ ...read, token: "other" }));
    await expect.poll(slow.asked).toBe(1);
    const closed = slow.keystone.close();
    expect(await waiting).toMatchObject({ kind: "unreachable", mayHaveHappened: false });
    await slow.answer();
    expect((await first).status).toBe(200);
    await closed;
    expect(slow.asked()).toBe(1);
  });
});
