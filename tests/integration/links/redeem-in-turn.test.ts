import { afterEach, expect, inject, it } from "vitest";
import { settleLinks } from "../../../app/links/redeem/settle-links.server";
import { startBehindProxy } from "../../support/behind-proxy";
import { describeWhere } from "../../support/describe-where";
import { type FaultProxy, faults } from "../../support/fault-proxy";
import { type LinkStage, newPassword } from "../../support/issued-links";
import type { KeystoneAccess } from "../../support/keystone-admin";
import { signsIn } from "../../support/keystone-token";
import { newOrigin, type TestServices } from "../../support/services";

const provided = inject("keystone");
const CALL = { method: "GET", path: "/users" } as const;
/** More than one party's line is long. */
const TOO_MANY = 300;

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "a redemption that waits for its turn at Keystone",
  () => {
    const keystone = provided as KeystoneAccess;
    let proxy: FaultProxy;
    let started: TestServices;
    let stage: LinkStage;
    let letGo: (() => void)[] = [];

    startBehindProxy(
      { keystone, env: { KEYSTONE_CONCURRENCY: "1", KEYSTONE_TIMEOUT: "3" } },
      (parts) => {
        ({ proxy, started, stage } = parts);
      },
    );
    afterEach(() => {
      for (const one of letGo) one();
      letGo = [];
    });

    const shared = () => started.services.keystone;

    /** Takes the one place there is, until the returned function is called or the test is over. */
    async function holdKeystone(): Promise<() => void> {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      letGo.push(release);
      void shared().inOneTurn({ rank: "people", party: "the test" }, CALL, () => held);
      await expect.poll(() => shared().load().underWay).toBe(1);
      return release;
    }

    /** Fills the line of one party, so that its next call is refused at once. */
    function fillLine(rank: "people" | "background", party: string): void {
      for (let call = 0; call < TOO_MANY; call++)
        void shared()
          .inOneTurn({ rank, party }, CALL, async () => {})
          .catch(() => {});
    }

    it("claims the link only when it has come, so that the claim's lease is for the calls alone", async () => {
      const link = await stage.issue();
      const release = await holdKeystone();
      const password = newPassword();
      const redeemed = stage.redeem(link, password);
      await expect.poll(() => shared().load().waiting).toBe(1);
      expect(await stage.row(link)).toMatchObject({
        state: "pending",
        attempts: 0,
        claim_id: null,
        claimed_until: null,
        sealed_attempts: null,
      });
      release();
      expect(await redeemed).toMatchObject({ ok: true });
      expect(await signsIn(keystone, { userId: link.userId, password })).toBe(true);
    });

    it("waits once: the questions after a lost answer wait for nobody", async () => {
      const link = await stage.issue();
      const change = { method: "POST", path: /password$/ };
      const rule = proxy.inject(change, faults.paused, { times: 1 });
      const password = newPassword();
      const redeemed = stage.redeem(link, password);
      await rule.waitForHits(1);
      fillLine("people", "others");
      await expect.poll(() => shared().load().waiting).toBe(250);
      const asked = { method: "POST", path: "/v3/auth/tokens" };
      const before = proxy.count(asked);
      // Longer than KEYSTONE_TIMEOUT: the answer is lost, and Keystone is asked what is in force.
      await expect.poll(() => proxy.count(asked) - before, { timeout: 10_000 }).toBe(1);
      expect(await redeemed).toMatchObject({ ok: false, reason: "keystone-unavailable" });
      await rule.release();
    });

    it("comes to nothing where too many wait: no PIN is compared, nothing is spent or sent", async () => {
      const link = await stage.issue();
      const before = proxy.calls.length;
      const release = await holdKeystone();
      // `newOrigin`'s address.
      fillLine("people", "192.0.2.7");
      const refused = { ok: false, reason: "keystone-unavailable" };
      const result = await stage.redeem(link, newPassword());
      expect(result).toMatchObject({ ...refused, retryAfterSeconds: expect.any(Number) });
      expect(await stage.redeem(link, newPassword(), { pin: "9999" })).toMatchObject(refused);
      expect(await stage.row(link)).toMatchObject({
        state: "pending",
        attempts: 0,
        pin_guesses: 0,
        claim_id: null,
        sealed_attempts: null,
      });
      expect(await stage.trail(link)).toEqual(["link.issued ok"]);
      const busy = started.logged("keystone.unavailable").at(-1);
      expect(busy).toMatchObject({ reason: "busy", path: "/v3/users/{id}/password" });
      expect(proxy.calls.length).toBe(before);
      release();
      await expect.poll(() => shared().load()).toEqual({ underWay: 0, waiting: 0 });
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
    });

    it("is not held up by a line of somebody else's", async () => {
      const link = await stage.issue();
      const release = await holdKeystone();
      const order: string[] = [];
      for (let call = 0; call < 100; call++)
        void shared().inOneTurn({ rank: "people", party: "crowd" }, CALL, async () => {
          order.push("crowd");
        });
      const redeemed = stage.redeem(link, newPassword()).then(() => order.push("user"));
      await expect.poll(() => shared().load().waiting).toBe(101);
      release();
      await redeemed;
      expect(order.indexOf("user")).toBeLessThanOrEqual(2);
    });

    it("leaves settling for the next minute, without a claim, where that would wait too long", async () => {
      const link = await stage.issue();
      proxy.inject({ method: "POST" }, faults["500-before"]);
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: false });
      proxy.heal();
      const release = await holdKeystone();
      fillLine("background", "settling");
      const settled = settleLinks(started.services, { olderThanSeconds: 0 });
      expect(await settled).toMatchObject({ completed: 0 });
      expect(await stage.row(link)).toMatchObject({ claim_id: null });
      expect((await stage.row(link)).sealed_attempts).not.toBeNull();
      release();
      expect(newOrigin().clientAddress).toBe("192.0.2.7");
    });
  },
);
