import { describe, expect, inject, it } from "vitest";
import { setRandomPassword } from "../../../app/accounts/set-random-password.server";
import { settleLinks } from "../../../app/links/redeem/settle-links.server";
import { startBehindProxy } from "../../support/behind-proxy";
import { describeWhere } from "../../support/describe-where";
import {
  type FaultName,
  type FaultProxy,
  faults,
  type ProxiedCall,
} from "../../support/fault-proxy";
import { type IssuedTestLink, type LinkStage, newPassword } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { signsIn } from "../../support/keystone-token";
import { newAdmin, type TestServices } from "../../support/services";

const provided = inject("keystone");
const SET = { method: "POST", path: /^\/v3\/users\/[^/]+\/password$/ };
const ASK = { method: "POST", path: "/v3/auth/tokens" };

/** Keystone has done it, and nobody can tell. */
const LOST: FaultName[] = [
  ...(["reset-after", "close-after", "hang-after", "500-after", "502-after", "503-after"] as const),
  ...(["504-after", "html-after", "truncated-json", "oversized", "drip", "cut"] as const),
  ...(["endless", "not-http"] as const),
];
/** Keystone has not got it. All but the last look as if it might have. */
const NOT_DONE: FaultName[] = [
  ...(["reset-before", "close-before", "hang-before", "500-before", "502-before"] as const),
  ...(["503-before", "html-before", "redirect", "429"] as const),
];

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "an answer of Keystone that is lost",
  () => {
    const keystone = provided as KeystoneAccess;
    const admin = keystoneAdmin(keystone);
    let proxy: FaultProxy;
    let started: TestServices;
    let stage: LinkStage;

    startBehindProxy({ keystone, env: { KEYSTONE_TIMEOUT: "3" } }, (parts) => {
      ({ proxy, started, stage } = parts);
    });

    const settleNow = () => settleLinks(started.services, { olderThanSeconds: 0 });

    async function expectDone(link: IssuedTestLink, password: string): Promise<void> {
      const { userId } = link;
      expect(await signsIn(keystone, { userId, password })).toBe(true);
      expect(await stage.row(link)).toMatchObject({
        state: "completed",
        attempts: 0,
        sealed_password: null,
        sealed_attempts: null,
        claim_id: null,
      });
      const redeemed = (await stage.trail(link)).filter((event) =>
        event.startsWith("link.redeemed"),
      );
      expect(redeemed).toEqual(["link.redeemed ok"]);
    }

    async function expectAlive(link: IssuedTestLink): Promise<void> {
      expect(await stage.row(link)).toMatchObject({
        state: "pending",
        attempts: 0,
        pin_guesses: 0,
        claim_id: null,
        problem: null,
      });
    }

    const unavailable = {
      ok: false,
      reason: "keystone-unavailable",
      retryAfterSeconds: expect.any(Number),
    };

    /** Keystone takes the password and neither it nor the question about it is answered. */
    async function loseEverything(link: IssuedTestLink, password: string): Promise<void> {
      const rules = [
        proxy.inject(SET, faults["reset-after"]),
        proxy.inject(ASK, faults["reset-before"]),
      ];
      expect(await stage.redeem(link, password)).toEqual(unavailable);
      for (const rule of rules) rule.remove();
      await expectAlive(link);
    }

    describe("after Keystone has set the password", () => {
      it.each(LOST)("is asked for, so that the user is through at once: %s", async (name) => {
        const link = await stage.issue();
        const password = newPassword();
        const about = ({ path, body }: ProxiedCall) => `${path}${body}`.includes(link.userId);
        proxy.inject(SET, faults[name]);
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
        // One question, because a refused one would count towards Keystone's lockout.
        expect(proxy.calls.filter(about)).toHaveLength(2);
        await expectDone(link, password);
      });

      it("and cannot be asked for either is 503; the same password then ends it", async () => {
        const link = await stage.issue();
        const password = newPassword();
        await loseEverything(link, password);
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
        await expectDone(link, password);
      });

      it("and cannot be asked for either is 503; another password then ends it, and is the one", async () => {
        const link = await stage.issue();
        const first = newPassword();
        const second = newPassword();
        await loseEverything(link, first);
        expect(await stage.redeem(link, second)).toMatchObject({ ok: true });
        await expectDone(link, second);
        expect(await signsIn(keystone, { userId: link.userId, password: first })).toBe(false);
      });

      it("is still found where the next password is too weak, and the one after is good", async () => {
        const link = await stage.issue();
        const last = newPassword();
        await loseEverything(link, newPassword());
        expect(await stage.redeem(link, "short1")).toMatchObject({ reason: "password-refused" });
        await expectAlive(link);
        expect(await stage.redeem(link, last)).toMatchObject({ ok: true });
        await expectDone(link, last);
      });

      it("is still found where the next submission's answer is lost as well", async () => {
        const link = await stage.issue();
        const last = newPassword();
        await loseEverything(link, newPassword());
        await loseEverything(link, newPassword());
        expect(await stage.redeem(link, last)).toMatchObject({ ok: true });
        await expectDone(link, last);
      });

      it("is still found however many other passwords were tried while Keystone was away", async () => {
        const link = await stage.issue();
        const last = newPassword();
        await loseEverything(link, newPassword());
        const rule = proxy.inject({}, faults["502-before"]);
        for (let round = 0; round < 6; round++)
          expect(await stage.redeem(link, newPassword())).toEqual(unavailable);
        rule.remove();
        expect(await stage.redeem(link, last)).toMatchObject({ ok: true });
        await expectDone(link, last);
      });

      it("ends with the same password however often it was tried while Keystone was away", async () => {
        const link = await stage.issue();
        const password = newPassword();
        await loseEverything(link, password);
        const rule = proxy.inject({}, faults["502-before"]);
        for (let round = 0; round < 6; round++)
          expect(await stage.redeem(link, password)).toEqual(unavailable);
        rule.remove();
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
        await expectDone(link, password);
      });

      it("may be followed by a wrong PIN, which is counted and forgets nothing", async () => {
        const link = await stage.issue();
        const password = newPassword();
        await loseEverything(link, password);
        expect(await stage.redeem(link, password, { pin: "9999" })).toMatchObject({
          attemptsLeft: 2,
        });
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
      });
    });

    describe("before Keystone has set the password", () => {
      it.each(NOT_DONE)(
        "is 503, costs nothing, and the same link works afterwards: %s",
        async (name) => {
          const link = await stage.issue();
          const password = newPassword();
          const rule = proxy.inject(SET, faults[name]);
          const startedAt = Date.now();
          expect(await stage.redeem(link, newPassword())).toEqual(unavailable);
          expect(Date.now() - startedAt).toBeLessThan(15_000);
          await expectAlive(link);
          rule.remove();
          expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
          await expectDone(link, password);
        },
      );

      it("is 503 where nobody answers at all, and nothing is asked: it was certainly not sent", async () => {
        const link = await stage.issue();
        await proxy.goAway();
        const password = newPassword();
        expect(await stage.redeem(link, password)).toEqual(unavailable);
        await proxy.comeBack();
        await expectAlive(link);
        expect(await stage.row(link)).toMatchObject({ sealed_attempts: null });
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
      });

      it("passes on how long Keystone asks to wait", async () => {
        const link = await stage.issue();
        proxy.inject(SET, faults["429"]);
        expect(await stage.redeem(link, newPassword())).toMatchObject({ retryAfterSeconds: 3 });
      });
    });

    describe("long before Keystone sets the password", () => {
      async function giveUpOn(link: IssuedTestLink, password: string) {
        const rule = proxy.inject(SET, faults.late, { times: 1 });
        expect(await stage.redeem(link, password)).toEqual(unavailable);
        await expectAlive(link);
        return rule;
      }

      it("is overtaken by another password, which ends it although the first is in force", async () => {
        const link = await stage.issue();
        const late = newPassword();
        const last = newPassword();
        const rule = await giveUpOn(link, late);
        expect(await rule.release()).toEqual([204]);
        expect(await signsIn(keystone, { userId: link.userId, password: late })).toBe(true);
        expect(await stage.redeem(link, last)).toMatchObject({ ok: true });
        await expectDone(link, last);
      });

      it("is still found where a refused password came in between", async () => {
        const link = await stage.issue();
        const last = newPassword();
        const rule = await giveUpOn(link, newPassword());
        expect(await stage.redeem(link, "short1")).toMatchObject({ reason: "password-refused" });
        expect(await rule.release()).toEqual([204]);
        expect(await stage.redeem(link, last)).toMatchObject({ ok: true });
        await expectDone(link, last);
      });

      it("ends with the same password typed again", async () => {
        const link = await stage.issue();
        const password = newPassword();
        const rule = await giveUpOn(link, password);
        expect(await rule.release()).toEqual([204]);
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
        await expectDone(link, password);
      });

      it("comes too late to undo what the user has set meanwhile", async () => {
        const link = await stage.issue();
        const last = newPassword();
        const rule = await giveUpOn(link, newPassword());
        expect(await stage.redeem(link, last)).toMatchObject({ ok: true });
        expect(await rule.release()).toEqual([401]);
        await expectDone(link, last);
      });
    });

    describe("of a user who does not come back", () => {
      it("is asked for behind their back, and the link completed with mail and trail", async () => {
        const mailTo = `${newPassword()}@example.org`;
        const link = await stage.issue({ mailTo });
        const password = newPassword();
        await loseEverything(link, password);
        const { asked, completed } = await settleNow();
        expect(asked).toBeGreaterThan(0);
        expect(completed).toBeGreaterThan(0);
        await expectDone(link, password);
        const mails = (await started.mails()).filter((mail) => mail.recipient === mailTo);
        expect(mails.map((mail) => mail.template)).toContain("password-set");
      });

      it("is found although they tried another one that certainly was not set", async () => {
        for (const next of ["too weak", "held off"]) {
          const link = await stage.issue();
          const password = newPassword();
          await loseEverything(link, password);
          const heldOff = proxy.inject(SET, faults["429"], { skip: 1 });
          if (next === "too weak") heldOff.remove();
          const typed = next === "too weak" ? "short1" : newPassword();
          expect(await stage.redeem(link, typed)).toMatchObject({ ok: false });
          heldOff.remove();
          await expectAlive(link);
          await settleNow();
          await expectDone(link, password);
        }
      });

      it("ends the link at once for who types it again after another was refused", async () => {
        const link = await stage.issue();
        const password = newPassword();
        await loseEverything(link, password);
        expect(await stage.redeem(link, "short1")).toMatchObject({ reason: "password-refused" });
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
        await expectDone(link, password);
      });

      it("is not asked for while somebody else is at it, nor before its time", async () => {
        const link = await stage.issue();
        await loseEverything(link, newPassword());
        const { sql } = started.database;
        await settleLinks(started.services);
        expect(await stage.row(link)).toMatchObject({ state: "pending" });
        await sql`
        update links set claimed_until = now() + interval '1 minute', claim_id = gen_random_uuid()
        where id = ${link.id}`;
        await settleNow();
        expect(await stage.row(link)).toMatchObject({ state: "pending" });

        // The process that held the claim died: its lease runs out.
        await sql`update links set claimed_until = now() - interval '1 second' where id = ${link.id}`;
        await settleNow();
        expect(await stage.row(link)).toMatchObject({ state: "completed" });
      });

      it("whose password was not set leaves the link as it was", async () => {
        const link = await stage.issue();
        const rule = proxy.inject({}, faults["502-before"]);
        expect(await stage.redeem(link, newPassword())).toEqual(unavailable);
        rule.remove();
        await settleNow();
        await expectAlive(link);
        const password = newPassword();
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
        await expectDone(link, password);
      });

      it("waits while Keystone is away, and is found when it is back", async () => {
        const link = await stage.issue();
        const password = newPassword();
        await loseEverything(link, password);
        const rule = proxy.inject({}, faults["502-before"]);
        await settleNow();
        await expectAlive(link);
        rule.remove();
        await settleNow();
        await expectDone(link, password);
      });

      it("is found where another link's secrets cannot be opened any more", async () => {
        const broken = await stage.issue();
        const link = await stage.issue();
        const password = newPassword();
        await loseEverything(broken, newPassword());
        await loseEverything(link, password);
        // Sealed with a key that SECRET_KEYS does not hold any more.
        await started.database.sql`
        update links set sealed_attempts = set_byte(sealed_attempts, 3, get_byte(sealed_attempts, 3) # 1)
        where id = ${broken.id}`;
        await settleNow();
        await expectDone(link, password);
        expect(started.logged("link.settle-failed")).toEqual([
          expect.objectContaining({ linkId: broken.id }),
        ]);
        await started.database.sql`delete from links where id = ${broken.id}`;
      });
    });

    describe("of a random password that an administrator has set", () => {
      const setRandom = async (userId: string) =>
        setRandomPassword(
          started.services,
          { userId, adminToken: await admin.token() },
          newAdmin(),
        );
      const SET_RANDOM = { method: "PATCH", path: /^\/v3\/users\/[^/]+$/ };

      it("leaves the user's old link usable where the process ends before the new one is written", async () => {
        const link = await stage.issue();
        const random = await setRandom(link.userId);
        if (!random.ok) throw new Error(random.reason);
        expect(await signsIn(keystone, { userId: link.userId, password: random.password })).toBe(
          true,
        );
        const password = newPassword();
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
        await expectDone(link, password);
      });

      it.each<FaultName>(["reset-after", "reset-before", "500-after", "hang-after"])(
        "leaves the user's old link usable: %s",
        async (name) => {
          const link = await stage.issue();
          const rule = proxy.inject(SET_RANDOM, faults[name]);
          await expect(setRandom(link.userId)).rejects.toMatchObject({ name: "KeystoneError" });
          rule.remove();
          const password = newPassword();
          expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
          await expectDone(link, password);
        },
      );

      it("is written down all the same, because it may have been set", async () => {
        const link = await stage.issue();
        const rule = proxy.inject(SET_RANDOM, faults["reset-after"]);
        await expect(setRandom(link.userId)).rejects.toMatchObject({ name: "KeystoneError" });
        rule.remove();
        expect(await stage.trail(link)).toContain("user.initial-password-set unknown");
      });

      it("is found behind everybody's back: the old link then works in one call", async () => {
        const link = await stage.issue();
        await setRandom(link.userId);
        await settleNow();
        await expectAlive(link);
        const before = proxy.count(ASK);
        const password = newPassword();
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
        expect(proxy.count(ASK)).toBe(before);
        await expectDone(link, password);
      });

      it("does no harm where Keystone knows no such user, or refuses", async () => {
        const link = await stage.issue();
        expect(await setRandom("0".repeat(32))).toEqual({ ok: false, reason: "unknown-user" });
        const password = newPassword();
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
      });
    });
  },
);
