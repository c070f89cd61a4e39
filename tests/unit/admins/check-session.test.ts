import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Authorization, TokenAuthorizer } from "../../../app/admins/authorize-token.server";
import { createSessionCheck } from "../../../app/admins/check-session.server";
import type { AdminSession } from "../../../app/admins/session.server";
import { createLog } from "../../../app/telemetry/log.server";

const PATIENCE_MS = 2000;
const requestId = "req-1";
const good = (holdsAdminRole: boolean): Authorization => ({
  ok: true,
  caller: { kind: "admin", userId: "u1", userName: "jane", keystoneToken: "t", holdsAdminRole },
});
const away: Authorization = { ok: false, reason: "keystone-unavailable", retryAfterSeconds: 5 };

let logged: Record<string, unknown>[] = [];
beforeEach(() => {
  logged = [];
});

/** @param answers of Keystone, one after the other; the last one stays */
function checkWith(...answers: (Authorization | Promise<Authorization>)[]) {
  const asked: { token: string; options: unknown }[] = [];
  const log = createLog({ level: "debug" }, { write: (line) => logged.push(JSON.parse(line)) });
  const tokenAuthorizer: TokenAuthorizer = {
    async authorize(token, options) {
      asked.push({ token, options });
      return (answers.length > 1 ? answers.shift() : answers[0]) as Authorization;
    },
    remember: () => {},
  };
  const sessionCheck = createSessionCheck({ tokenAuthorizer, log });
  return {
    asked,
    check: (keystoneToken = "token-1") =>
      sessionCheck.check({ keystoneToken, userId: "u1" } as AdminSession, { requestId }),
  };
}

describe("a session", () => {
  it("is good while its token is an administrator's, with the role that it has now", async () => {
    const { asked, check } = checkWith(good(true), good(false));
    expect(await check()).toEqual({ is: "good", holdsAdminRole: true });
    expect(await check()).toEqual({ is: "good", holdsAdminRole: false });
    // Its own token is no stranger's: nobody's address is counted.
    expect(asked).toEqual(Array(2).fill({ token: "token-1", options: { requestId } }));
    expect(logged).toEqual([]);
  });

  it.each(["unknown-token", "not-admin"] as const)(
    "is ended for good by %s, and no other session is",
    async (reason) => {
      const { asked, check } = checkWith({ ok: false, reason }, good(true));
      expect(await check()).toEqual({ is: "ended" });
      expect(await check()).toEqual({ is: "ended" });
      expect(asked).toHaveLength(1);
      expect(await check("token-2")).toMatchObject({ is: "good" });
      expect(logged).toEqual([]);
    },
  );

  it.each<Authorization>([away, { ok: false, reason: "too-many-refused", retryAfterSeconds: 5 }])(
    "is not ended where Keystone has said nothing, which the log is told once: %j",
    async (answer) => {
      const { asked, check } = checkWith(answer, answer, good(true));
      for (let time = 0; time < 2; time++) expect(await check()).toEqual({ is: "unanswered" });
      expect(logged).toMatchObject([
        { event: "admin.session-unchecked", actorId: "u1", requestId },
      ]);
      expect(asked).toHaveLength(2);
    },
  );

  it("is waited for once, while Keystone hangs, and its late answer counts for the next request", async () => {
    let answer: (given: Authorization) => void = () => {};
    const late = new Promise<Authorization>((resolve) => {
      answer = resolve;
    });
    const { check } = checkWith(late);
    const tookMs = async () => {
      const startedAt = performance.now();
      expect(await check()).toEqual({ is: "unanswered" });
      return performance.now() - startedAt;
    };
    const firstTookMs = await tookMs();
    expect(firstTookMs).toBeGreaterThan(PATIENCE_MS - 100);
    expect(firstTookMs).toBeLessThan(2 * PATIENCE_MS - 100);
    expect(await tookMs()).toBeLessThan(PATIENCE_MS / 2);
    expect(logged).toHaveLength(1);
    answer({ ok: false, reason: "unknown-token" });
    await late;
    await expect.poll(() => check()).toEqual({ is: "ended" });
  });

  it("is waited for again once Keystone has answered", async () => {
    const soon = new Promise<Authorization>((resolve) => {
      setTimeout(resolve, 100, good(true));
    });
    const { check } = checkWith(away, good(true), soon);
    expect(await check()).toEqual({ is: "unanswered" });
    // Nobody waits for this one, whose answer is there for the one after it.
    await check();
    expect(await check()).toEqual({ is: "good", holdsAdminRole: true });
    expect(logged).toHaveLength(1);
  });

  it("is waited for again ten seconds after Keystone has said nothing", async () => {
    let gone = 0;
    const start = performance.now();
    // What caches tell the time by.
    const now = vi.spyOn(performance, "now").mockImplementation(() => start + gone);
    try {
      const soon = () =>
        new Promise<Authorization>((resolve) => {
          setTimeout(resolve, 100, good(true));
        });
      const { check } = checkWith(away, away, soon(), soon());
      for (const token of ["token-1", "token-2"]) await check(token);
      gone = 9000;
      expect(await check("token-1")).toEqual({ is: "unanswered" });
      gone = 11_000;
      await sleep(5);
      expect(await check("token-2")).toMatchObject({ is: "good" });
    } finally {
      now.mockRestore();
    }
  });

  it("that is ended is remembered among the latest thousand, and else asked about again", async () => {
    const { asked, check } = checkWith({ ok: false, reason: "unknown-token" });
    for (let count = 0; count < 1001; count++) await check(`token-${count}`);
    await check("token-1");
    expect(asked).toHaveLength(1001);
    await check("token-0");
    expect(asked).toHaveLength(1002);
  });

  it("that is answered leaves nothing behind which keeps the process", async () => {
    const timers = () => process.getActiveResourcesInfo().filter((one) => one === "Timeout").length;
    const { check } = checkWith(good(true));
    const before = timers();
    for (let time = 0; time < 20; time++) await check();
    expect(timers() - before).toBeLessThan(10);
  });
});
