import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, inject, it } from "vitest";
import { createUserLookup } from "../../../app/accounts/look-up-user.server";
import { lookUpQueue } from "../../../app/jobs/look-up-users.server";
import { startBehindProxy } from "../../support/behind-proxy";
import { describeWhere } from "../../support/describe-where";
import { type FaultProxy, faults } from "../../support/fault-proxy";
import type { LinkStage } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { testPasswordRegex, testPasswordRegexDescription } from "../../support/real-keystone";
import type { TestServices } from "../../support/services";
import { startQueue } from "../../support/worker";

const provided = inject("keystone");
const USER = { method: "GET", path: /^\/v3\/users\// };
const DOMAIN = { method: "GET", path: /^\/v3\/domains\// };

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "looking up the users of links, behind the answers to scripts",
  () => {
    const keystone = provided as KeystoneAccess;
    const admin = keystoneAdmin(keystone);
    let proxy: FaultProxy;
    let started: TestServices;
    let stage: LinkStage;
    let token: string;

    startBehindProxy({ keystone }, async (parts) => {
      ({ proxy, started, stage } = parts);
      token = await admin.token();
    });

    function startLookups() {
      const { services } = started;
      const lookup = createUserLookup(services, () => worker.wake());
      const worker = startQueue(lookUpQueue(lookup), services.log);
      return { enqueue: lookup.enqueue, stop: worker.stop };
    }

    const ask = (
      lookup: ReturnType<typeof startLookups>,
      userId: string,
      checkedAt: Date | null = null,
    ) => lookup.enqueue({ userId, token, checkedAt, requestId: `req-${randomUUID()}` });

    async function until(what: () => Promise<boolean>): Promise<void> {
      for (let tries = 0; tries < 200; tries++) {
        if (await what()) return;
        await sleep(50);
      }
      throw new Error("it did not come to that");
    }
    const asked = (userId: string) => proxy.count({ ...USER, path: `/v3/users/${userId}` });

    it("asks about one after the other, and about their domain once", async () => {
      const lookup = startLookups();
      const links: { userId: string }[] = [];
      for (let index = 0; index < 5; index++) links.push(await stage.issue());
      const domains = proxy.count(DOMAIN);
      const rule = proxy.inject(USER, faults.paused);
      for (const link of links) ask(lookup, link.userId);
      await rule.waitForHits(1);
      await sleep(200);
      expect(rule.hits).toBe(1);
      rule.remove();
      await rule.release();
      await until(async () => {
        const rows = await Promise.all(links.map((link) => stage.row(link)));
        return rows.every((row) => row.user_found === true);
      });
      // Its name and its password rules.
      expect(proxy.count(DOMAIN) - domains).toBe(2);
      await lookup.stop();
    });

    it("asks once for a user who is waiting already, and not again while the answer is fresh", async () => {
      const lookup = startLookups();
      const first = await stage.issue();
      const twice = await stage.issue();
      const fresh = await stage.issue();
      ask(lookup, first.userId);
      ask(lookup, twice.userId);
      ask(lookup, twice.userId);
      ask(lookup, fresh.userId, new Date());
      ask(lookup, first.userId, new Date(Date.now() - 11 * 60_000));
      await until(async () => (await stage.row(twice)).user_found === true);
      await lookup.stop();
      expect(asked(twice.userId)).toBe(1);
      expect(asked(fresh.userId)).toBe(0);
      expect((await stage.row(fresh)).user_found).toBeNull();
    });

    it("asks again after ten minutes, and not before", async () => {
      const lookup = startLookups();
      const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
      const [recent, older, last] = [await stage.issue(), await stage.issue(), await stage.issue()];
      ask(lookup, recent.userId, minutesAgo(9.5));
      ask(lookup, older.userId, minutesAgo(10.5));
      ask(lookup, last.userId);
      await until(async () => (await stage.row(last)).user_found === true);
      await lookup.stop();
      expect([asked(recent.userId), asked(older.userId)]).toEqual([0, 1]);
    });

    it("writes down what Keystone says of a user, and that there is no such user", async () => {
      const lookup = startLookups();
      const email = `${randomBytes(5).toString("hex")}@example.org`;
      const user = await stage.newUser();
      await admin.updateUser(user.id, { email });
      const link = await stage.issue({ userId: user.id, initialPassword: user.password });
      const nobody = await stage.issue({ userId: randomBytes(16).toString("hex") });
      ask(lookup, link.userId);
      ask(lookup, nobody.userId);
      await until(async () => (await stage.row(nobody)).user_checked_at !== null);
      await lookup.stop();
      expect(await stage.row(link)).toMatchObject({
        ...{ user_found: true, user_checked_at: expect.any(Date), user_email: email },
        ...{ user_name: user.name, user_domain_id: "default", user_domain_name: "Default" },
        ...{ policy_regex: testPasswordRegex, policy_description: testPasswordRegexDescription },
      });
      expect(await stage.row(nobody)).toMatchObject({ user_found: false, user_name: null });
    });

    it("goes on after a failure, and does not take an outage for an unknown user", async () => {
      const lookup = startLookups();
      const failing = await stage.issue();
      const next = await stage.issue();
      proxy.inject({ ...USER, path: `/v3/users/${failing.userId}` }, faults["502-before"]);
      ask(lookup, failing.userId);
      ask(lookup, next.userId);
      await until(async () => (await stage.row(next)).user_found === true);
      expect((await stage.row(failing)).user_found).toBeNull();
      proxy.heal();
      ask(lookup, failing.userId);
      await until(async () => (await stage.row(failing)).user_found === true);
      await lookup.stop();
    });

    it("keeps the address an administrator typed, and fills in Keystone's where there is none", async () => {
      const lookup = startLookups();
      const email = `${randomBytes(5).toString("hex")}@example.org`;
      const typed = await stage.issue({ mailTo: "typed@example.org" });
      const empty = await stage.issue();
      for (const { userId } of [typed, empty]) {
        await admin.updateUser(userId, { email });
        ask(lookup, userId);
      }
      await until(async () => (await stage.row(empty)).user_found === true);
      expect((await stage.row(typed)).mail_to).toBe("typed@example.org");
      expect((await stage.row(empty)).mail_to).toBe(email);
      await lookup.stop();
    });

    it("finishes the one under way when it is stopped, and forgets the others", async () => {
      const lookup = startLookups();
      const one = await stage.issue();
      const other = await stage.issue();
      const rule = proxy.inject(USER, faults.paused, { times: 1 });
      ask(lookup, one.userId);
      ask(lookup, other.userId);
      await rule.waitForHits(1);
      const stopping = lookup.stop();
      await rule.release();
      await stopping;
      expect((await stage.row(one)).user_found).toBe(true);
      expect(asked(other.userId)).toBe(0);
    });
  },
);
