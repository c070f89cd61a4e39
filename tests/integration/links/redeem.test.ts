import { describe, expect, inject, it } from "vitest";
import { issueLink } from "../../../app/links/issue-link.server";
import { createLinkToken } from "../../../app/links/link-token.server";
import type { PolicyCheck } from "../../../app/links/redeem/check-policy.server";
import { redeemLink } from "../../../app/links/redeem/redeem-link.server";
import { openUnsettled } from "../../../app/links/sealed-fields.server";
import { viewLink } from "../../../app/links/view-link.server";
import { startBehindProxy } from "../../support/behind-proxy";
import { describeWhere } from "../../support/describe-where";
import { type FaultProxy, faults } from "../../support/fault-proxy";
import {
  type IssuedTestLink,
  type LinkStage,
  newPassword,
  wrongPins,
} from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { signsIn } from "../../support/keystone-token";
import { testPasswordRegex, testPasswordRegexDescription } from "../../support/real-keystone";
import { newAdmin, newOrigin, type TestServices, testAdmin } from "../../support/services";

const provided = inject("keystone");

describeWhere({ has: provided !== undefined, what: "a real Keystone" }, "redeeming a link", () => {
  const keystone = provided as KeystoneAccess;
  const admin = keystoneAdmin(keystone);
  let proxy: FaultProxy;
  let started: TestServices;
  let stage: LinkStage;

  startBehindProxy({ keystone }, (parts) => {
    ({ proxy, started, stage } = parts);
  });

  const jane = {
    ...{ name: "jane", domainId: "default", domainName: "Default", email: null },
    ...{ policyRegex: testPasswordRegex, policyDescription: testPasswordRegexDescription },
  };
  const mailsTo = async (recipient: string) =>
    (await started.mails()).filter((mail) => mail.recipient === recipient);

  describe("with the right PIN and a good password", () => {
    it("sets it, in one call to Keystone, and the initial one is good for nothing any more", async () => {
      const link = await stage.issue();
      const { userId } = link;
      const password = newPassword();
      const before = proxy.calls.length;
      expect(await stage.redeem(link, password)).toEqual({
        ok: true,
        userName: null,
        domainName: null,
      });
      const calls = proxy.calls.slice(before);
      expect(calls.map((call) => [call.method, call.path])).toEqual([
        ["POST", `/v3/users/${userId}/password`],
      ]);
      expect(calls[0]?.headers["x-auth-token"]).toBeUndefined();
      expect(await signsIn(keystone, { userId, password })).toBe(true);
      expect(await signsIn(keystone, { userId, password: link.initialPassword })).toBe(false);
    });

    it("erases every secret, writes the trail and tells the user by mail", async () => {
      const mailTo = `${newPassword()}@example.org`;
      const link = await stage.issue({ mailTo });
      await stage.redeem(link, newPassword());
      expect(await stage.row(link)).toMatchObject({
        state: "completed",
        completed_at: expect.any(Date),
        token_hash: null,
        sealed_pin_key: null,
        pin_mac: null,
        sealed_password: null,
        sealed_attempts: null,
        claim_id: null,
        claimed_until: null,
        problem: null,
      });
      expect(await stage.trail(link)).toEqual(["link.issued ok", "link.redeemed ok"]);
      expect((await mailsTo(mailTo)).map((mail) => mail.template)).toEqual([
        "link",
        "password-set",
      ]);
    });

    it("writes down who it was, from where, under which request", async () => {
      const link = await stage.issue();
      await stage.redeem(link, newPassword());
      const [event] = await started.database.sql`
        select * from audit_events where user_id = ${link.userId} and action = 'link.redeemed'`;
      expect(event).toMatchObject({
        actor_kind: "user",
        link_id: link.id,
        client_address: "192.0.2.7",
        request_id: expect.stringMatching(/^req-/),
      });
      const told = proxy.calls.find((call) => call.path.includes(link.userId));
      expect(told?.headers["x-openstack-request-id"]).toBe(event?.request_id);
    });

    it("takes what people type: spaces, umlauts, other scripts, pictures", async () => {
      for (const password of [
        " two spaces 1 ",
        "Grüße-1-Größe",
        "пароль-слово-1a",
        "🔐🔑 pass 1",
      ]) {
        const link = await stage.issue();
        expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
        expect(await signsIn(keystone, { userId: link.userId, password })).toBe(true);
      }
    });

    it("works once: afterwards the link is unknown, to the portal as well", async () => {
      const link = await stage.issue();
      expect(await viewLink(started.services, link.token)).toMatchObject({ userId: link.userId });
      await stage.redeem(link, newPassword());
      const unknown = { ok: false, reason: "unknown-link" };
      expect(await stage.redeem(link, newPassword())).toEqual(unknown);
      expect(await stage.redeem(link, newPassword(), { pin: "9999" })).toEqual(unknown);
      expect(await viewLink(started.services, link.token)).toBeUndefined();
    });

    it("needs no second factor, where signing in does", async () => {
      const link = await stage.issue();
      await admin.updateUser(link.userId, {
        options: {
          multi_factor_auth_enabled: true,
          multi_factor_auth_rules: [["password", "totp"]],
        },
      });
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
    });
  });

  it("wakes the mail worker once its mail is in the outbox, for the user or for the issuer", async () => {
    let woken = 0;
    const counting = { ...started.services, outbox: { wake: () => void woken++ } };
    const redeem = async (link: IssuedTestLink) => {
      const { token, pin } = link;
      return redeemLink(counting, { token, pin, password: newPassword() }, newOrigin());
    };
    expect(await redeem(await stage.issue())).toMatchObject({ ok: true });
    expect(woken).toBe(1);
    const stale = await stage.issue({ userId: (await stage.newUser()).id, initialPassword: "x" });
    expect(await redeem(stale)).toMatchObject({ problem: "initial-password-stale" });
    expect(woken).toBe(2);
  });

  describe("by a token that opens nothing", () => {
    it("is answered alike for an unknown and for a replaced one, and compares no PIN", async () => {
      const link = await stage.issue();
      const { userId, initialPassword } = link;
      const newer = await stage.issue({ userId, initialPassword, pin: "1111" });
      const unknown = { ok: false, reason: "unknown-link" };
      const token = createLinkToken();
      expect(await stage.redeem({ token, pin: "0420" }, newPassword())).toEqual(unknown);
      expect(await stage.redeem(link, newPassword())).toEqual(unknown);
      expect(await stage.row(link)).toMatchObject({ attempts: 0 });
      expect(await stage.redeem(newer, newPassword())).toMatchObject({ ok: true });
    });
  });

  describe("with a wrong PIN", () => {
    it("tells how many are left, locks after the third, and asks Keystone nothing", async () => {
      const link = await stage.issue();
      const before = proxy.calls.length;
      for (const [index, pin] of wrongPins(link.pin, 3).entries())
        expect(await stage.redeem(link, newPassword(), { pin })).toEqual({
          ok: false,
          reason: "wrong-pin",
          attemptsLeft: 2 - index,
        });
      expect(await stage.redeem(link, newPassword(), { pin: "7777" })).toEqual({
        ok: false,
        reason: "locked",
      });
      expect(await stage.redeem(link, newPassword())).toEqual({ ok: false, reason: "locked" });
      expect(proxy.calls.length).toBe(before);
      expect(await stage.trail(link)).toEqual([
        "link.issued ok",
        ...Array.from({ length: 3 }, () => "link.pin-refused wrong-pin"),
      ]);
    });

    it("lets the right one in as long as one is left, and counts that one not", async () => {
      const link = await stage.issue();
      for (const pin of wrongPins(link.pin, 2)) await stage.redeem(link, newPassword(), { pin });
      expect(await stage.redeem(link, "short1")).toMatchObject({ reason: "password-refused" });
      expect(await stage.row(link)).toMatchObject({ attempts: 2, pin_guesses: 2 });
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
    });

    it("that is none at all costs no attempt", async () => {
      const link = await stage.issue();
      for (const pin of ["", "042", "04200", "o420", " 420", "٠٤٢٠", "0420\n"])
        expect(await stage.redeem(link, newPassword(), { pin })).toEqual({
          ok: false,
          reason: "malformed-pin",
          pinLength: 4,
        });
      expect(await stage.row(link)).toMatchObject({ attempts: 0, pin_guesses: 0 });
    });
  });

  describe("after it has expired", () => {
    const expire = ({ id }: { id: string }) =>
      started.database
        .sql`update links set expires_at = now() - interval '1 second' where id = ${id}`;

    it("says so, but only to who knows the PIN", async () => {
      const link = await stage.issue();
      await expire(link);
      const [pin = ""] = wrongPins(link.pin, 1);
      expect(await stage.redeem(link, newPassword(), { pin })).toMatchObject({
        reason: "wrong-pin",
        attemptsLeft: 2,
      });
      expect(await stage.redeem(link, newPassword())).toEqual({ ok: false, reason: "expired" });
      expect(await stage.row(link)).toMatchObject({ attempts: 1, claim_id: null });
    });

    it("locks like any other, and then says nothing but that", async () => {
      const link = await stage.issue();
      await expire(link);
      for (const pin of wrongPins(link.pin, 3)) await stage.redeem(link, newPassword(), { pin });
      expect(await stage.redeem(link, newPassword())).toEqual({ ok: false, reason: "locked" });
    });
  });

  describe("with a password that is refused", () => {
    const afterwardsItWorks = async (
      link: Parameters<typeof stage.redeem>[0] & { userId: string },
    ) => {
      expect(await stage.row(link)).toMatchObject({
        attempts: 0,
        pin_guesses: 0,
        claim_id: null,
        sealed_attempts: null,
        problem: null,
      });
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
    };

    it("by Keystone's rules gets Keystone's own words and costs no attempt", async () => {
      const link = await stage.issue();
      const refused = await stage.redeem(link, "short1");
      expect(refused).toEqual({
        ok: false,
        reason: "password-refused",
        message: expect.stringContaining(testPasswordRegexDescription),
      });
      expect(JSON.stringify(refused)).not.toContain("short1");
      await afterwardsItWorks(link);
    });

    const issueWithRules = () => stage.issue({ user: jane });
    const rulesBroken = {
      ok: false,
      reason: "password-problem",
      problem: "policy",
      description: testPasswordRegexDescription,
    };

    it("by Keystone's rules that are kept with the link is not even sent", async () => {
      const link = await issueWithRules();
      const before = proxy.calls.length;
      expect(await stage.redeem(link, "short1")).toEqual(rulesBroken);
      expect(proxy.calls.length).toBe(before);
      expect((await stage.trail(link)).at(-1)).toBe("link.redeem-refused password-problem");
      await afterwardsItWorks(link);
    });

    it("by those rules is not told so without the PIN, nor are they looked at", async () => {
      const link = await issueWithRules();
      let lookedAt = 0;
      const policyCheck: PolicyCheck = {
        async check() {
          lookedAt++;
          return "breaks";
        },
        async stop() {},
      };
      const redeem = (pin: string) =>
        redeemLink(
          { ...started.services, policyCheck },
          { token: link.token, pin, password: "short1" },
          newOrigin(),
        );
      const [wrong = ""] = wrongPins(link.pin, 1);
      expect(await redeem(wrong)).toEqual({ ok: false, reason: "wrong-pin", attemptsLeft: 2 });
      expect(await redeem("042")).toMatchObject({ reason: "malformed-pin" });
      expect(lookedAt).toBe(0);
      expect(await redeem(link.pin)).toEqual(rulesBroken);
      expect(lookedAt).toBe(1);
      expect(await stage.row(link)).toMatchObject({ attempts: 1, pin_guesses: 1, claim_id: null });
    });

    it("by those rules leaves one whose answer was lost as it was", async () => {
      const link = await issueWithRules();
      const lost = newPassword();
      proxy.inject({}, faults["reset-before"]);
      expect(await stage.redeem(link, lost)).toMatchObject({ reason: "keystone-unavailable" });
      proxy.heal();
      expect(await stage.redeem(link, "short1")).toEqual(rulesBroken);
      const { sealed_attempts: kept, claim_id: claimId } = await stage.row(link);
      expect(openUnsettled(started.services.vault, link.userId, kept)).toEqual([
        { by: "user", password: lost },
      ]);
      expect(claimId).toBeNull();
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
    });

    it("as the one it has already, in Keystone's words", async () => {
      const link = await stage.issue();
      expect(await stage.redeem(link, link.initialPassword)).toEqual({
        ok: false,
        reason: "password-refused",
        message: expect.stringMatching(/identical to a previous password/),
      });
      await afterwardsItWorks(link);
    });

    it("before Keystone sees it, where Keystone would store another one or break", async () => {
      const link = await stage.issue();
      const before = proxy.calls.length;
      for (const [password, problem] of [
        ["", "empty"],
        ["x1".repeat(37), "too-long"],
        [`é1${"é".repeat(36)}`, "too-long"],
        ["Nul-1\u0000-inside", "control-characters"],
        ["Tab-1\t-inside", "control-characters"],
        ["Half-1\ud83d-inside", "control-characters"],
      ] as const)
        expect(await stage.redeem(link, password)).toMatchObject({
          reason: "password-problem",
          problem,
        });
      expect(proxy.calls.length).toBe(before);
      await afterwardsItWorks(link);
    });

    it("does not: 72 bytes are taken, and all 72 count", async () => {
      const link = await stage.issue();
      const password = `a1${"é".repeat(35)}`;
      expect(Buffer.byteLength(password)).toBe(72);
      expect(await stage.redeem(link, password)).toMatchObject({ ok: true });
      expect(await signsIn(keystone, { userId: link.userId, password })).toBe(true);
      expect(
        await signsIn(keystone, { userId: link.userId, password: password.slice(0, -1) }),
      ).toBe(false);
    });
  });

  describe("of an account that cannot have its password set", () => {
    /** Three tries, and what came of them. */
    const tryThrice = async (link: Awaited<ReturnType<typeof stage.issue>>) => {
      const results = [];
      for (let round = 0; round < 3; round++) results.push(await stage.redeem(link, newPassword()));
      return results;
    };
    const problemMails = async ({ id }: { id: string }) =>
      (await started.mails()).filter(
        (mail) => mail.linkId === id && mail.template === "link-problem",
      );

    it("because it is disabled, tells the issuer once, and works when it is enabled", async () => {
      const link = await stage.issue({ user: { ...jane, policyRegex: null } });
      await admin.updateUser(link.userId, { enabled: false });
      const problem = "account-disabled";
      expect(new Set((await tryThrice(link)).map((result) => JSON.stringify(result)))).toEqual(
        new Set([JSON.stringify({ ok: false, reason: "needs-administrator", problem })]),
      );
      expect(await problemMails(link)).toEqual([
        expect.objectContaining({
          recipient: testAdmin.userEmail,
          props: expect.objectContaining({
            userId: link.userId,
            userName: "jane",
            problem: "account-disabled",
            consoleUrl: `https://setpass.example.org/admin/links/${link.id}`,
          }),
        }),
      ]);
      expect(await stage.row(link)).toMatchObject({ problem, attempts: 0, claim_id: null });
      await admin.updateUser(link.userId, { enabled: true });
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
      expect(await stage.row(link)).toMatchObject({ problem: null, state: "completed" });
    });

    it.each<[string, { pin?: string; initialPassword?: string }]>([
      ["renewed", {}],
      ["renewed with a PIN", { pin: "7531" }],
      ["renewed with a password", { initialPassword: "Stale-1-again" }],
      ["issued again", { pin: "7531", initialPassword: "Stale-1-again" }],
    ])("forgets why where it is %s: the issuer is told anew", async (_, parts) => {
      const user = await stage.newUser();
      const link = await stage.issue({ userId: user.id, initialPassword: "Stale-1-password" });
      await tryThrice(link);
      expect(await problemMails(link)).toHaveLength(1);
      const again = await issueLink(
        started.services,
        { userId: link.userId, via: "console", ...parts },
        newAdmin(),
      );
      if (!again.ok) throw new Error(again.reason);
      expect(await stage.row(link)).toMatchObject({ problem: null });
      const { token } = again.link;
      expect(
        await stage.redeem({ token, pin: parts.pin ?? link.pin }, newPassword()),
      ).toMatchObject({ problem: "initial-password-stale" });
      expect(await problemMails(link)).toHaveLength(2);
    });

    it("because of lock_password, and works when that is taken away", async () => {
      const link = await stage.issue();
      await admin.updateUser(link.userId, { options: { lock_password: true } });
      expect(await stage.redeem(link, newPassword())).toEqual({
        ok: false,
        reason: "needs-administrator",
        problem: "password-locked",
      });
      await admin.updateUser(link.userId, { options: { lock_password: false } });
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
    });

    it("because its initial password was changed, until the link is renewed with the new one", async () => {
      const link = await stage.issue();
      const changed = newPassword();
      await admin.updateUser(link.userId, { password: changed });
      for (const result of await tryThrice(link))
        expect(result).toEqual({
          ok: false,
          reason: "needs-administrator",
          problem: "initial-password-stale",
        });
      expect(await problemMails(link)).toHaveLength(1);
      expect(await signsIn(keystone, { userId: link.userId, password: changed })).toBe(true);
      const renewed = await issueLink(
        started.services,
        { userId: link.userId, initialPassword: changed, via: "api" },
        newAdmin(),
      );
      if (!renewed.ok) throw new Error(renewed.reason);
      const { token } = renewed.link;
      expect(await stage.redeem({ token, pin: link.pin }, newPassword())).toMatchObject({
        ok: true,
      });
    });

    it("because it is gone", async () => {
      const link = await stage.issue();
      await admin.deleteUser(link.userId);
      expect(await stage.redeem(link, newPassword())).toMatchObject({
        problem: "initial-password-stale",
      });
    });

    it("tells the helpdesk where the issuer has no address", async () => {
      const user = await stage.newUser();
      const { userEmail: _, ...nameless } = testAdmin;
      const issued = await issueLink(
        started.services,
        { userId: user.id, pin: "0420", initialPassword: "Not-its-1", via: "console" },
        newAdmin(newOrigin(), nameless),
      );
      if (!issued.ok) throw new Error(issued.reason);
      await stage.redeem({ token: issued.link.token, pin: "0420" }, newPassword());
      expect(await problemMails(issued.link)).toEqual([
        expect.objectContaining({ recipient: "helpdesk@example.org" }),
      ]);
    });
  });

  it("leaves no secret in the log", async () => {
    const link = await stage.issue();
    const password = newPassword();
    await stage.redeem(link, password, { pin: "1357" });
    await stage.redeem(link, password);
    for (const secret of [link.token, link.initialPassword, password, '"0420"', '"1357"'])
      expect(started.logText()).not.toContain(secret);
  });
});
