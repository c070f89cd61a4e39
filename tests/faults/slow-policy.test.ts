import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { describeWhere } from "../support/describe-where";
import { type FaultProxy, startFaultProxy } from "../support/fault-proxy";
import type { KeystoneAccess } from "../support/keystone-admin";
import { testPasswordRegexDescription } from "../support/real-keystone";
import { type Stack, startStack } from "../support/stack";
import { createVisitor, type Visitor } from "../support/visitor";

/** What an operator may well write, and what backtracks for minutes on thirty letters and a sign. */
const SLOW = "^([a-zA-Z]+[0-9]*)+$";
const PIN = "4071";
const provided = inject("keystone");

/** Refused by SLOW, after minutes; to Keystone, whose real rules are others, as good as any. */
const slowPassword = () => `${"a".repeat(30)}1!${randomBytes(4).toString("hex")}!`;

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "a policy that backtracks",
  () => {
    const keystone = provided as KeystoneAccess;
    let proxy: FaultProxy;
    let stack: Stack;
    let visitor: Visitor;
    let adminToken: string;

    beforeAll(async () => {
      proxy = await startFaultProxy({ target: keystone.url });
      const body = JSON.stringify({
        config: {
          security_compliance: {
            password_regex: SLOW,
            password_regex_description: testPasswordRegexDescription,
          },
        },
      });
      // Python's `re` would hang on it as well: the real rules of the Keystone behind are others.
      proxy.inject(
        { method: "GET", path: /\/config\/security_compliance$/ },
        {
          carryOut: "never",
          answer: {
            kind: "reply",
            status: 200,
            headers: { "content-type": "application/json" },
            body,
          },
        },
      );
      stack = await startStack({
        keystone,
        authUrl: proxy.url,
        postgresUrl: inject("postgresUrl"),
      });
      visitor = createVisitor(stack.url);
      adminToken = await stack.keystone.token();
    });
    afterAll(async () => {
      await stack?.stop();
      await proxy?.stop();
    });

    /** A new user's link, once it knows the policy. */
    async function issue(): Promise<string> {
      const name = `policy-${randomBytes(5).toString("hex")}`;
      const password = `Initial-1-${randomBytes(9).toString("base64url")}`;
      const { id } = await stack.keystone.createUser({ name, password });
      const answer = await visitor.put(id, { pin: PIN, password }, adminToken);
      expect(answer.status).toBe(200);
      await expect
        .poll(async () => (await visitor.openLink(answer.text)).text, { timeout: 30_000 })
        .toContain("data-policy-regex");
      return answer.text;
    }

    const notChecked = () =>
      stack.server.events().filter((line) => line.event === "policy.not-checked");

    /** The longest that a probe waited, asking all the while. */
    async function probeUntil(done: Promise<unknown>): Promise<number> {
      let over = false;
      const end = () => {
        over = true;
      };
      done.then(end, end);
      let longestMs = 0;
      while (!over) {
        const startedAt = performance.now();
        const answer = await fetch(`${stack.url}/healthz`, { signal: AbortSignal.timeout(5000) });
        expect(answer.status).toBe(200);
        longestMs = Math.max(longestMs, performance.now() - startedAt);
        await sleep(10);
      }
      return longestMs;
    }

    it("is not looked at for whoever does not know the PIN", async () => {
      const link = await issue();
      const answer = await visitor.redeem(link, { pin: "9999", password: slowPassword() });
      expect(answer.status).toBe(403);
      expect(answer.text).toContain("2 attempts left");
      expect(answer.tookMs).toBeLessThan(2000);
      expect(notChecked()).toEqual([]);
    });

    it("stops nobody: twenty such passwords at once are Keystone's to judge, and probes are answered", async () => {
      const links = await Promise.all(Array.from({ length: 20 }, () => issue()));
      const redemptions = Promise.all(
        links.map((link) => visitor.redeem(link, { pin: PIN, password: slowPassword() })),
      );
      expect(await probeUntil(redemptions)).toBeLessThan(500);
      const answers = await redemptions;
      expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
      expect(notChecked()).toEqual([
        expect.objectContaining({ level: "warn", reason: "too-slow" }),
      ]);
    });

    it("leaves the refusal to Keystone, in its own words, and no try is spent", async () => {
      const link = await issue();
      const answer = await visitor.redeem(link, { pin: PIN, password: `${"a".repeat(30)}!` });
      expect(answer.status).toBe(400);
      expect(answer.text).toContain("The password does not match the requirements");
      const wrong = await visitor.redeem(link, { pin: "9999", password: slowPassword() });
      expect(wrong.text).toContain("2 attempts left");
    });
  },
);
