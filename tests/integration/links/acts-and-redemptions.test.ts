import { describe, expect, inject, it } from "vitest";
import { endLink } from "../../../app/accounts/end-link.server";
import { setRandomPassword } from "../../../app/accounts/set-random-password.server";
import { type IssueRequest, issueLink } from "../../../app/links/issue-link.server";
import { getLink } from "../../../app/links/list-links.server";
import { settleLinks } from "../../../app/links/redeem/settle-links.server";
import { resendLink } from "../../../app/links/resend-link.server";
import { revokeLink } from "../../../app/links/revoke-link.server";
import { openUnsettled, sealUnsettled } from "../../../app/links/sealed-fields.server";
import { saveLinkUser } from "../../../db/links.store";
import { startBehindProxy } from "../../support/behind-proxy";
import { oneWaitsForALock } from "../../support/database";
import { describeWhere } from "../../support/describe-where";
import {
  type Fault,
  type FaultProxy,
  type FaultRule,
  faults,
  refusal,
} from "../../support/fault-proxy";
import { type IssuedTestLink, type LinkStage, newPassword } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { signsIn } from "../../support/keystone-token";
import { newAdmin, startTestServices, type TestServices } from "../../support/services";
import { runRounds } from "../../support/worker";

const provided = inject("keystone");
const SET = { method: "POST", path: /^\/v3\/users\/[^/]+\/password$/ };
const SET_RANDOM = { method: "PATCH", path: /^\/v3\/users\/[^/]+$/ };
const ASK = { method: "POST", path: "/v3/auth/tokens", body: '"methods":["password"]' };
/** Keystone takes its time, and its answer does not come through. */
const PAUSED_AND_LOST = { carryOut: "on-release", answer: { kind: "reset" } } as const;
/** Keystone's words for a wrong password, and for the right one of a locked account. */
const LOCKED_OUT = refusal(401, "The request you have made requires authentication.");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "what an administrator does to a link that is being redeemed",
  () => {
    const keystone = provided as KeystoneAccess;
    const admin = keystoneAdmin(keystone);
    let proxy: FaultProxy;
    let started: TestServices;
    let stage: LinkStage;

    startBehindProxy({ keystone }, (parts) => {
      ({ proxy, started, stage } = parts);
    });

    const setPassword = ({ userId }: IssuedTestLink, password: string) =>
      admin.updateUser(userId, { password });
    const newAddress = () => `${newPassword()}@example.org`;
    const works = ({ userId }: { userId: string }, password: string) =>
      signsIn(keystone, { userId, password });
    const mailsTo = async (recipient: string) =>
      (await started.mails())
        .filter((mail) => mail.recipient === recipient)
        .map(({ template, state }) => `${template} ${state}`);
    const shown = async (link: IssuedTestLink) => (await getLink(started.services, link.id))?.link;

    const revoke = (link: IssuedTestLink) =>
      revokeLink(started.services, { linkId: link.id }, newAdmin());
    const resend = (link: IssuedTestLink) =>
      resendLink(started.services, { linkId: link.id, mailTo: newAddress() }, newAdmin());
    const renew = (link: IssuedTestLink, parts: Omit<IssueRequest, "userId" | "via"> = {}) =>
      issueLink(started.services, { userId: link.userId, via: "api", ...parts }, newAdmin());
    const adminToken = () => admin.token();
    async function setRandom({ userId }: IssuedTestLink): Promise<string> {
      const request = { userId, adminToken: await adminToken() };
      const set = await setRandomPassword(started.services, request, newAdmin());
      if (!set.ok) throw new Error(set.reason);
      return set.password;
    }
    const renewWithRandom = async (link: IssuedTestLink, parts: { mailTo?: string } = {}) => {
      const initialPassword = await setRandom(link);
      const result = await renew(link, { initialPassword, initialPasswordIsSet: true, ...parts });
      if (!result.ok) throw new Error(result.reason);
      return { ...link, initialPassword, token: result.link.token };
    };
    const end = async (link: IssuedTestLink) =>
      endLink(
        started.services,
        { linkId: link.id, userId: link.userId, adminToken: await adminToken() },
        newAdmin(),
      );
    const settleNow = () => settleLinks(started.services, { olderThanSeconds: 0 });
    /** As if the worker had asked, in vain, long enough ago to ask again. */
    const letTimePass = (link: IssuedTestLink) =>
      started.database.sql`
        update links set settle_asked_at = settle_asked_at - interval '36 minutes'
        where id = ${link.id}`;
    const endLease = (link: IssuedTestLink) =>
      started.database.sql`
        update links set claimed_until = now() - interval '1 second' where id = ${link.id}`;

    /** Keystone has got the redemption, and takes its time. */
    async function startRedeeming(link: IssuedTestLink, fault: Fault = faults.paused) {
      const password = newPassword();
      const rule = proxy.inject(SET, fault, { times: 1 });
      const result = stage.redeem(link, password);
      await rule.waitForHits(1);
      return { password, rule, result };
    }

    /** Keystone carries it out although another password was set meanwhile: it had let it in before. */
    async function carryOutAllTheSame(link: IssuedTestLink, rule: FaultRule) {
      await setPassword(link, link.initialPassword);
      expect(await rule.release()).toEqual([204]);
    }

    /** Keystone's answer, and the answer to the question about it, are lost. */
    async function loseAnswer(link: IssuedTestLink, when: "carried out" | "not carried out") {
      const password = newPassword();
      const rules = [
        proxy.inject(SET, faults[when === "carried out" ? "reset-after" : "reset-before"]),
        proxy.inject(ASK, faults["reset-before"]),
      ];
      expect(await stage.redeem(link, password)).toMatchObject({ reason: "keystone-unavailable" });
      for (const rule of rules) rule.remove();
      return password;
    }

    describe("at this moment", () => {
      it.each<[string, (link: IssuedTestLink) => Promise<unknown>]>([
        ["revoking", revoke],
        ["mailing it again", resend],
        ["renewing", (link) => renew(link)],
        ["renewing by mail", (link) => renew(link, { mailTo: newAddress() })],
        ["a new PIN", (link) => renew(link, { pin: "7531" })],
        ["a new password", (link) => renew(link, { initialPassword: newPassword() })],
        ["overwriting", (link) => renew(link, { pin: "7531", initialPassword: newPassword() })],
      ])("changes nothing and says why: %s", async (_, act) => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const { password, rule, result } = await startRedeeming(link);
        const [row, trail, mails] = [
          await stage.row(link),
          await stage.trail(link),
          await started.mails(),
        ];
        expect(await shown(link)).toMatchObject({ status: "pending", redeeming: true });
        expect(await act(link)).toEqual({ ok: false, reason: "in-progress" });
        expect(await stage.row(link)).toEqual(row);
        expect(await stage.trail(link)).toEqual(trail);
        expect(await started.mails()).toEqual(mails);

        expect(await rule.release()).toEqual([204]);
        expect(await result).toMatchObject({ ok: true });
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed", redeeming: false });
        expect(await stage.trail(link)).toEqual([...trail, "link.redeemed ok"]);
        // The link that was still to be mailed no longer works: it is not sent.
        expect(await mailsTo(mailTo)).toEqual(["link cancelled", "password-set queued"]);
      });

      it("is over a moment later: the same act then does what it says", async () => {
        const link = await stage.issue();
        const { rule, result } = await startRedeeming(link);
        expect(await revoke(link)).toMatchObject({ reason: "in-progress" });
        rule.remove();
        await setPassword(link, newPassword());
        await rule.release();
        expect(await result).toMatchObject({ reason: "needs-administrator" });
        expect(await revoke(link)).toEqual({ ok: true, unsettled: false });
      });

      it("is told from a PIN that is used up", async () => {
        const link = await stage.issue();
        const { sql } = started.database;
        await sql`
          update links set pin_guesses = 10, claim_id = gen_random_uuid(),
            claimed_until = now() + interval '1 minute' where id = ${link.id}`;
        expect(await renew(link)).toEqual({ ok: false, reason: "pin-exhausted" });
        expect(await renew(link, { pin: "7531" })).toEqual({ ok: false, reason: "in-progress" });
        await endLease(link);
        expect(await renew(link, { pin: "7531" })).toMatchObject({ ok: true });
      });
    });

    describe("by a random password", () => {
      it("ends it: the redeemer is refused, and the new link works with it", async () => {
        const link = await stage.issue();
        const { password, rule, result } = await startRedeeming(link);
        const renewed = await renewWithRandom(link);
        expect(await rule.release()).toEqual([401]);
        expect(await result).toMatchObject({ problem: "initial-password-stale" });
        expect(await works(link, password)).toBe(false);
        expect(await works(link, renewed.initialPassword)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "pending", problem: null });
        expect(await stage.redeem(renewed, newPassword())).toMatchObject({ ok: true });
      });

      it("is settled by one question, which no account is locked by, where the redeemer is never heard of", async () => {
        const link = await stage.issue();
        const { rule, result } = await startRedeeming(link, PAUSED_AND_LOST);
        const renewed = await renewWithRandom(link);
        proxy.inject(ASK, faults["reset-before"], { times: 1 });
        expect(await rule.release()).toEqual([401]);
        expect(await result).toMatchObject({ reason: "keystone-unavailable" });
        expect(await stage.row(link)).toMatchObject({ sealed_attempts: expect.any(Buffer) });
        const before = proxy.count(ASK);
        await settleNow();
        expect(proxy.count(ASK) - before).toBe(1);
        expect(await stage.row(link)).toMatchObject({ state: "pending", sealed_attempts: null });
        expect(await stage.trail(link)).toContain("link.redeem-refused not-in-force");
        expect(await stage.redeem(renewed, newPassword())).toMatchObject({ ok: true });
      });

      it("may be overtaken by a redemption that Keystone had let in: its end is told all the same", async () => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const { password, rule, result } = await startRedeeming(link);
        const renewed = await renewWithRandom(link, { mailTo });
        await carryOutAllTheSame(link, rule);
        expect(await result).toMatchObject({ ok: true });
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed", unsettled: false });
        expect((await stage.trail(link)).at(-1)).toBe("link.redeemed ok");
        expect(await mailsTo(mailTo)).toEqual([
          "link cancelled",
          "link cancelled",
          "password-set queued",
        ]);
        expect(await stage.redeem(renewed, newPassword())).toMatchObject({
          reason: "unknown-link",
        });
      });

      it("set again while Keystone's word on the redemption is on its way, is what counts", async () => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const { password, rule, result } = await startRedeeming(link);
        await renewWithRandom(link, { mailTo });
        await setPassword(link, link.initialPassword);
        const asking = proxy.inject(ASK, {
          carryOut: "first",
          answer: { kind: "drip", everyMs: 2 },
        });
        expect(await rule.release()).toEqual([204]);
        // Keystone has said that the redeemer's password is in force, and before that is heard it is not.
        await asking.waitForHits(1);
        const again = await renewWithRandom(link, { mailTo });
        expect(await result).toMatchObject({ ok: false, reason: "superseded" });
        asking.remove();
        expect(await works(link, password)).toBe(false);
        expect(await works(link, again.initialPassword)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "pending" });
        expect(await mailsTo(mailTo)).not.toContain("password-set queued");
        expect(await stage.redeem(again, newPassword())).toMatchObject({ ok: true });
      });

      it("overtaken by one whose answer is lost as well: the worker finds out", async () => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const { rule, result } = await startRedeeming(link, PAUSED_AND_LOST);
        await renewWithRandom(link);
        proxy.inject(ASK, faults["reset-before"], { times: 1 });
        await carryOutAllTheSame(link, rule);
        expect(await result).toMatchObject({ reason: "keystone-unavailable" });
        await settleNow();
        expect(await shown(link)).toMatchObject({ status: "completed" });
        expect((await stage.trail(link)).at(-1)).toBe("link.redeemed ok");
        expect(await mailsTo(mailTo)).toContain("password-set queued");
      });

      it("is said to have taken the redeemer's place where it has", async () => {
        const link = await stage.issue();
        const { password, rule, result } = await startRedeeming(link);
        const asked = proxy.inject(ASK, faults.paused, { times: 1 });
        await renewWithRandom(link);
        await carryOutAllTheSame(link, rule);
        await asked.waitForHits(1);
        const initialPassword = await setRandom(link);
        await asked.release();
        expect(await result).toEqual({ ok: false, reason: "superseded" });
        expect(await works(link, password)).toBe(false);
        expect(await works(link, initialPassword)).toBe(true);
        expect(await stage.trail(link)).toContain("link.redeemed superseded");
        expect(await shown(link)).toMatchObject({ status: "pending" });
      });

      it("and a revocation at once is what really ends a link, also while it is redeemed", async () => {
        const link = await stage.issue();
        const { password, rule, result } = await startRedeeming(link);
        expect(await revoke(link)).toEqual({ ok: false, reason: "in-progress" });
        expect(await end(link)).toEqual({ ok: true });
        expect(await rule.release()).toEqual([401]);
        expect(await result).toMatchObject({ ok: false });
        expect(await works(link, password)).toBe(false);
        expect(await stage.row(link)).toMatchObject({ state: "revoked", sealed_password: null });
        await settleNow();
        expect(await shown(link)).toMatchObject({ status: "revoked", unsettled: false });
        expect(await stage.redeem(link, newPassword())).toMatchObject({ reason: "unknown-link" });
      });

      it("is not forgotten by the redeemer's refusal, where the new link is never written", async () => {
        const link = await stage.issue();
        const { rule, result } = await startRedeeming(link);
        const random = await setRandom(link);
        expect(await rule.release()).toEqual([401]);
        expect(await result).toMatchObject({ problem: "initial-password-stale" });
        expect(await works(link, random)).toBe(true);
        const last = newPassword();
        expect(await stage.redeem(link, last)).toMatchObject({ ok: true });
        expect(await works(link, last)).toBe(true);
      });

      it("nor by what the redeemer would try next, which is not sent any more", async () => {
        const link = await stage.issue();
        await loseAnswer(link, "carried out");
        const asked = proxy.inject(ASK, faults.paused, { times: 1 });
        const redeeming = stage.redeem(link, newPassword());
        await asked.waitForHits(1);
        // Its answer is lost: it may come into force yet.
        const lost = proxy.inject(SET_RANDOM, faults["reset-before"]);
        await expect(setRandom(link)).rejects.toThrow();
        lost.remove();
        const noted = (await stage.row(link)).sealed_attempts;
        await asked.release();
        expect(await redeeming).toEqual({ ok: false, reason: "superseded" });
        expect((await stage.row(link)).sealed_attempts).toEqual(noted);
        await endLease(link);
        const last = newPassword();
        expect(await stage.redeem(link, last)).toMatchObject({ ok: true });
        expect(await works(link, last)).toBe(true);
      });

      it("that Keystone does not take pushes out nothing that must be settled", async () => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const password = await loseAnswer(link, "carried out");
        expect(await revoke(link)).toEqual({ ok: true, unsettled: true });
        for (let time = 0; time < 4; time++) {
          const rule = proxy.inject(
            SET_RANDOM,
            refusal(403, "You are not authorized to perform the requested action."),
          );
          expect(await end(link)).toEqual({ ok: false, reason: "forbidden" });
          rule.remove();
        }
        const before = proxy.count(ASK);
        await settleNow();
        expect(proxy.count(ASK) - before).toBe(1);
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed" });
      });

      it("set while a redeemer writes down theirs forgets neither", async () => {
        const link = await stage.issue();
        const password = await loseAnswer(link, "carried out");
        const { sql } = started.database;
        const [noted] = await sql`select sealed_attempts from links where id = ${link.id}`;
        await sql`update links set sealed_attempts = null where id = ${link.id}`;
        // The redeemer holds the row, and writes: what is read before that is not the truth.
        proxy.inject(SET_RANDOM, faults["reset-before"]);
        let setting: Promise<unknown> = Promise.resolve();
        await sql.begin(async (tx) => {
          await tx`select 1 from links where id = ${link.id} for update`;
          setting = setRandom(link).catch(() => "lost");
          await oneWaitsForALock(sql);
          await tx`update links set sealed_attempts = ${noted?.sealed_attempts} where id = ${link.id}`;
        });
        expect(await setting).toBe("lost");
        await settleNow();
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed" });
      });
    });

    describe("in the very moment of another statement", () => {
      it("keeps the random password that is noted while the PIN is tried", async () => {
        const link = await stage.issue();
        const { vault } = started.services;
        const { sql } = started.database;
        const random = { by: "admin", password: newPassword() } as const;
        const password = newPassword();
        const rule = proxy.inject(SET, faults.paused, { times: 1 });
        let redeeming: Promise<unknown> = Promise.resolve();
        await sql.begin(async (tx) => {
          await tx`select 1 from links where id = ${link.id} for update`;
          redeeming = stage.redeem(link, password);
          await oneWaitsForALock(sql);
          const noted = sealUnsettled(vault, link.userId, [random]);
          await tx`update links set sealed_attempts = ${noted} where id = ${link.id}`;
        });
        await rule.waitForHits(1);
        const { sealed_attempts: kept } = await stage.row(link);
        expect(openUnsettled(vault, link.userId, kept)).toEqual([random, { by: "user", password }]);
        expect(await rule.release()).toEqual([204]);
        expect(await redeeming).toMatchObject({ ok: true });
        expect(await stage.row(link)).toMatchObject({ attempts: 0, pin_guesses: 0 });
      });

      it("tells the address, too, that a look-up brings while Keystone sets the password", async () => {
        const [mailTo, email] = [newAddress(), newAddress()];
        const link = await stage.issue({ mailTo });
        const { password, rule, result } = await startRedeeming(link);
        await saveLinkUser(started.services.db, link.userId, {
          ...{ name: "jane", domainId: "default", domainName: "Default", email },
          ...{ policyRegex: null, policyDescription: null },
        });
        expect(await rule.release()).toEqual([204]);
        expect(await result).toEqual({ ok: true, userName: "jane", domainName: "Default" });
        expect(await works(link, password)).toBe(true);
        expect(await mailsTo(email)).toEqual(["password-set queued"]);
        expect(await mailsTo(mailTo)).toEqual(["link cancelled", "password-set queued"]);
        expect((await stage.trail(link)).filter((row) => row.startsWith("link.redeemed"))).toEqual([
          "link.redeemed ok",
        ]);
      });
    });

    describe("and whose answer was lost", () => {
      it("is revoked at once; that the password is in force is found out, and told everywhere", async () => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const password = await loseAnswer(link, "carried out");
        expect(await revoke(link)).toEqual({ ok: true, unsettled: true });
        expect(await stage.row(link)).toMatchObject({
          state: "revoked",
          token_hash: null,
          sealed_pin_key: null,
          pin_mac: null,
          sealed_password: null,
          sealed_attempts: expect.any(Buffer),
        });
        expect(await shown(link)).toMatchObject({ status: "revoked", unsettled: true });
        expect(await stage.redeem(link, password)).toMatchObject({ reason: "unknown-link" });
        expect(await mailsTo(mailTo)).toEqual(["link cancelled"]);

        await settleNow();
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({
          status: "completed",
          unsettled: false,
          revokedAt: expect.any(Date),
        });
        expect(await stage.row(link)).toMatchObject({ sealed_attempts: null, claim_id: null });
        expect((await stage.trail(link)).slice(-2)).toEqual([
          "link.revoked ok",
          "link.redeemed after-revocation",
        ]);
        expect(await mailsTo(mailTo)).toEqual(["link cancelled", "password-set queued"]);
      });

      it("is revoked, and stays so where the password is not in force: asked twice, half an hour apart", async () => {
        const link = await stage.issue();
        await loseAnswer(link, "not carried out");
        expect(await revoke(link)).toEqual({ ok: true, unsettled: true });
        const before = proxy.count(ASK);
        await settleNow();
        await settleNow();
        expect(proxy.count(ASK) - before).toBe(1);
        expect(await shown(link)).toMatchObject({ status: "revoked", unsettled: true });
        await letTimePass(link);
        await settleNow();
        expect(proxy.count(ASK) - before).toBe(2);
        expect(await shown(link)).toMatchObject({ status: "revoked", unsettled: false });
        expect((await stage.trail(link)).at(-1)).toBe("link.redeem-refused not-in-force");
        const [found] = await started.database.sql`
          select actor_kind, link_id, request_id from audit_events
          where user_id = ${link.userId} and outcome = 'not-in-force'`;
        expect(found).toEqual({
          ...{ actor_kind: "system", link_id: link.id },
          request_id: expect.stringMatching(/^req-[0-9a-f]{8}-[0-9a-f-]{27}$/),
        });
        expect(await works(link, link.initialPassword)).toBe(true);
      });

      it("is ended for good by a random password, which one question then confirms", async () => {
        const link = await stage.issue();
        const password = await loseAnswer(link, "carried out");
        await revoke(link);
        expect(await end(link)).toEqual({ ok: true });
        expect(await works(link, password)).toBe(false);
        const before = proxy.count(ASK);
        await settleNow();
        expect(proxy.count(ASK) - before).toBe(1);
        expect(await shown(link)).toMatchObject({ status: "revoked", unsettled: false });
        expect((await stage.trail(link)).filter((event) => event.includes("redeem"))).toEqual([
          "link.redeem-refused keystone-unavailable",
          "link.redeem-refused not-in-force",
        ]);
      });

      it.each<[string, (link: IssuedTestLink) => Promise<unknown>]>([
        ["renewed", (link) => renew(link)],
        ["renewed with a password", (link) => renew(link, { initialPassword: newPassword() })],
        ["overwritten", (link) => renew(link, { pin: "7531", initialPassword: newPassword() })],
        ["mailed again", resend],
      ])("is %s; the worker finds the password in force, and ends the new link", async (_, act) => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const password = await loseAnswer(link, "carried out");
        expect(await act(link)).toMatchObject({ ok: true });
        await started.database.sql`update links set mail_to = ${mailTo} where id = ${link.id}`;
        await settleNow();
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed" });
        expect((await stage.trail(link)).at(-1)).toBe("link.redeemed ok");
        expect(await mailsTo(mailTo)).toContain("password-set queued");
      });

      it("keeps nothing of a random password alone, which is nobody's", async () => {
        const link = await stage.issue();
        const rule = proxy.inject(SET_RANDOM, faults["reset-after"]);
        await expect(setRandom(link)).rejects.toThrow();
        rule.remove();
        expect(await stage.row(link)).toMatchObject({ sealed_attempts: expect.any(Buffer) });
        expect(await revoke(link)).toEqual({ ok: true, unsettled: false });
        expect(await stage.row(link)).toMatchObject({ sealed_attempts: null });
      });

      it("is purged of everything but that: what became of it is still found out", async () => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const { sql } = started.database;
        const password = await loseAnswer(link, "carried out");
        await sql`update links set expires_at = now() - interval '1 year' where id = ${link.id}`;
        await runRounds(started.services);
        expect(await stage.row(link)).toMatchObject({
          token_hash: null,
          sealed_pin_key: null,
          pin_mac: null,
          sealed_password: null,
          sealed_attempts: expect.any(Buffer),
        });
        await settleNow();
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed" });
        expect(await mailsTo(mailTo)).toContain("password-set queued");
      });

      it("is purged where a random password is in force: nothing is left, and nothing breaks", async () => {
        const link = await stage.issue();
        await setRandom(link);
        await started.database.sql`
          update links set expires_at = now() - interval '1 year' where id = ${link.id}`;
        await runRounds(started.services);
        await settleNow();
        expect(await stage.row(link)).toMatchObject({
          state: "pending",
          sealed_attempts: null,
          sealed_password: null,
          claim_id: null,
        });
      });

      it("is not forgotten by one refusal: a locked account refuses the right password, too", async () => {
        const link = await stage.issue();
        const password = await loseAnswer(link, "carried out");
        const lock = proxy.inject(ASK, LOCKED_OUT);
        await settleNow();
        lock.remove();
        expect(await stage.row(link)).toMatchObject({ sealed_attempts: expect.any(Buffer) });
        await letTimePass(link);
        await settleNow();
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed" });
      });

      it.each<[string, (link: IssuedTestLink) => Promise<unknown>]>([
        ["another password of the user's", (link) => loseAnswer(link, "not carried out")],
        [
          "a random one",
          async (link) => {
            const rule = proxy.inject(SET_RANDOM, faults["reset-before"]);
            await setRandom(link).catch(() => undefined);
            rule.remove();
          },
        ],
      ])("and a refusal from before says nothing of %s that was sent since", async (_, send) => {
        const link = await stage.issue();
        const password = await loseAnswer(link, "carried out");
        const lock = proxy.inject(ASK, LOCKED_OUT);
        await settleNow();
        await letTimePass(link);
        lock.remove();
        await send(link);
        const again = proxy.inject(ASK, LOCKED_OUT);
        await settleNow();
        again.remove();
        expect(await stage.row(link)).toMatchObject({ sealed_attempts: expect.any(Buffer) });
        await letTimePass(link);
        await settleNow();
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed" });
      });
    });

    describe("by a process that was taken for dead", () => {
      it("and revoked: what Keystone carried out is told when it comes back", async () => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const { password, rule, result } = await startRedeeming(link);
        await endLease(link);
        expect(await revoke(link)).toEqual({ ok: true, unsettled: true });
        expect(await rule.release()).toEqual([204]);
        expect(await result).toMatchObject({ ok: true });
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed", unsettled: false });
        expect((await stage.trail(link)).at(-1)).toBe("link.redeemed after-revocation");
        expect(await mailsTo(mailTo)).toEqual(["link cancelled", "password-set queued"]);
      });

      it("and overwritten: what Keystone carried out is told, and the new link is done with it", async () => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const { password, rule, result } = await startRedeeming(link);
        await endLease(link);
        const initialPassword = newPassword();
        expect(await renew(link, { pin: "7531", initialPassword, mailTo })).toMatchObject({
          ok: true,
        });
        expect(await rule.release()).toEqual([204]);
        expect(await result).toMatchObject({ ok: true });
        expect(await works(link, password)).toBe(true);
        expect(await shown(link)).toMatchObject({ status: "completed" });
        expect(await mailsTo(mailTo)).toContain("password-set queued");
      });

      it("and completed meanwhile: the user reads that it is set, and is told by no second mail", async () => {
        const mailTo = newAddress();
        const link = await stage.issue({ mailTo });
        const { password, rule, result } = await startRedeeming(link);
        // As the worker leaves it, which found the password in force.
        await started.database.sql`
          update links set state = 'completed', completed_at = now(), token_hash = null,
            sealed_pin_key = null, pin_mac = null, sealed_password = null, sealed_attempts = null,
            claim_id = null, claimed_until = null where id = ${link.id}`;
        expect(await rule.release()).toEqual([204]);
        expect(await result).toMatchObject({ ok: true });
        expect(await works(link, password)).toBe(true);
        expect((await stage.trail(link)).at(-1)).toBe("link.redeemed already-completed");
        expect(await mailsTo(mailTo)).toEqual(["link queued"]);
      });

      it.each<[string, "refused" | "lost"]>([
        ["a refusal of its redemption", "refused"],
        ["a lost answer", "lost"],
      ])("leaves the claim of the next one alone, and what that one wrote: %s", async (_, how) => {
        const link = await stage.issue();
        const slow = await startRedeeming(
          link,
          how === "refused" ? faults.paused : PAUSED_AND_LOST,
        );
        await endLease(link);
        const { sql } = started.database;
        const claim = { claimId: "6f2f0c9a-8b0f-4f0e-9d3c-2b1f2a9c1d11" };
        // The next one's, as its claim left the row.
        await sql`
          update links set claim_id = ${claim.claimId}, claimed_until = now() + interval '1 minute',
            sealed_attempts = sealed_attempts || '\\x00'::bytea where id = ${link.id}`;
        const row = await stage.row(link);
        if (how === "refused") await setPassword(link, newPassword());
        else proxy.inject(ASK, faults["reset-before"], { times: 1 });
        await slow.rule.release();
        expect(await slow.result).toMatchObject({ ok: false });
        expect(await stage.row(link)).toEqual(row);
      });

      it("sends no more, once the link is another's: neither notes nor tries a password", async () => {
        const link = await stage.issue();
        const earlier = await loseAnswer(link, "carried out");
        const { sql } = started.database;
        const asked = proxy.inject(ASK, faults.paused, { times: 1 });
        const redeeming = stage.redeem(link, newPassword());
        await asked.waitForHits(1);
        await sql`
          update links set claim_id = gen_random_uuid(), claimed_until = now() + interval '1 minute'
          where id = ${link.id}`;
        const row = await stage.row(link);
        const sets = proxy.count(SET);
        await asked.release();
        expect(await redeeming).toEqual({ ok: false, reason: "superseded" });
        expect(proxy.count(SET)).toBe(sets);
        expect(await stage.row(link)).toEqual(row);
        expect(await works(link, earlier)).toBe(true);
      });

      it("is no more than that one's: six calls' time, 180 seconds where each may take thirty", async () => {
        const patient = await startTestServices({
          keystoneUrl: proxy.url,
          database: started.database,
          env: {
            KEYSTONE_TIMEOUT: "30",
            SECRET_KEYS: started.config.secretKeys.map((key) => key.toString("base64")).join(","),
          },
        });
        try {
          for (const [by, seconds] of [
            [patient, 180],
            [started, 60],
          ] as const) {
            const link = await stage.issue();
            const rule = proxy.inject(SET, faults.paused, { times: 1 });
            const redeeming = stage.redeem(link, newPassword(), { by });
            await rule.waitForHits(1);
            const [lease] = await started.database.sql`
              select extract(epoch from claimed_until - clock_timestamp())::float as seconds
              from links where id = ${link.id}`;
            await rule.release();
            await redeeming;
            expect(lease?.seconds).toBeGreaterThan(seconds - 20);
            expect(lease?.seconds).toBeLessThanOrEqual(seconds);
          }
        } finally {
          await patient.stop();
        }
      });
    });
  },
);
