import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPolicyCheck, type PolicyCheck } from "../../../app/links/redeem/check-policy.server";
import type { LogFields } from "../../../app/telemetry/log.server";

/** Each takes minutes or longer for what is in SLOW_PASSWORD, and each in its own way. */
const SLOW = ["^([a-zA-Z]+[0-9]*)+$", "^(a+)+$", "^(.*)*\\d$", "(?=(a|aa)+$).{8,}"] as const;
const SLOW_PASSWORD = `${"a".repeat(60)}!`;
const GOOD = "^(?=.*\\d)(?=.*[a-zA-Z]).{8,}$";

let logged: [string, LogFields][];
let policies: PolicyCheck;

beforeEach(() => {
  logged = [];
  const warn = (event: string, fields: LogFields = {}) => logged.push([event, fields]);
  policies = createPolicyCheck({ log: { info() {}, debug() {}, error() {}, warn } });
});
afterEach(() => policies.stop());

/** @returns the longest that this thread was kept from what it had to do */
async function watchThread(until: Promise<unknown>): Promise<number> {
  let longestMs = 0;
  let last = performance.now();
  const look = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - last);
    last = performance.now();
  }, 5);
  await until;
  clearInterval(look);
  return longestMs;
}

describe("a password, held to the operator's expression", () => {
  it("follows it or breaks it", async () => {
    expect(await policies.check(GOOD, "longenough1")).toBe("follows");
    expect(await policies.check(GOOD, "short1")).toBe("breaks");
  });

  it.each([
    ["one of Python's alone", "(?i)abc"],
    ["one that is none", "(abc"],
    ["one that is too long", `${"a?".repeat(500)}b`],
  ])("is left to Keystone by %s, without a word", async (_what, regex) => {
    expect(await policies.check(regex, "anything")).toBe("unknown");
    expect(logged).toEqual([]);
  });

  it.each(SLOW)("is left to Keystone by %s, which does not finish", async (regex) => {
    const startedAt = performance.now();
    const verdict = policies.check(regex, SLOW_PASSWORD);
    expect(await watchThread(verdict)).toBeLessThan(1000);
    expect(await verdict).toBe("unknown");
    // Long enough for an honest one, also on a busy machine.
    expect(performance.now() - startedAt).toBeGreaterThan(245);
    expect(logged).toEqual([["policy.not-checked", { reason: "too-slow" }]]);
    // Another one is looked at as before.
    expect(await policies.check(GOOD, "short1")).toBe("breaks");
  });

  it("is not held again to an expression that did not finish, nor is that said again", async () => {
    await policies.check(SLOW[0], SLOW_PASSWORD);
    const later = new Promise((resolve) => setImmediate(resolve, "later"));
    expect(await Promise.race([policies.check(SLOW[0], "quick"), later])).toBe("unknown");
    expect(logged).toHaveLength(1);
  });

  it("waits for others a second at most, however many they are", async () => {
    const startedAt = performance.now();
    const slow = Array.from({ length: 300 }, (_, number) =>
      policies.check(`${SLOW[0]}|${number}x`, SLOW_PASSWORD),
    );
    const behind = policies.check(GOOD, "short1");
    expect(await watchThread(Promise.all(slow))).toBeLessThan(1000);
    expect(new Set(await Promise.all(slow))).toEqual(new Set(["unknown"]));
    expect(await behind).toBe("unknown");
    expect(performance.now() - startedAt).toBeLessThan(5000);
    // Only what was tried in that time.
    expect(logged.length).toBeLessThan(8);
    await expect.poll(() => policies.check(GOOD, "short1"), { timeout: 10_000 }).toBe("breaks");
  });

  it("is told that nobody knows when the process ends", async () => {
    const verdicts = [policies.check(SLOW[0], SLOW_PASSWORD), policies.check(GOOD, "short1")];
    await policies.stop();
    expect(await Promise.all(verdicts)).toEqual(["unknown", "unknown"]);
  });
});
