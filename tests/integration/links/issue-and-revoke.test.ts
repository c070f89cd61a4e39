import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type IssueRequest, issueLink } from "../../../app/links/issue-link.server";
import { getLink } from "../../../app/links/list-links.server";
import { resendLink } from "../../../app/links/resend-link.server";
import { revokeLink } from "../../../app/links/revoke-link.server";
import { viewLink } from "../../../app/links/view-link.server";
import { describeWhere } from "../../support/describe-where";
import { type LinkStage, linkStage, newPassword, wrongPins } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import {
  newAdmin,
  type OutboxMail,
  startTestServices,
  type TestServices,
  testAdmin,
} from "../../support/services";

const provided = inject("keystone");

describeWhere({ has: provided !== undefined, what: "a real Keystone" }, "an administrator", () => {
  let started: TestServices;
  let stage: LinkStage;
  beforeAll(async () => {
    started = await startTestServices();
    stage = linkStage(started, keystoneAdmin(provided as KeystoneAccess));
  });
  afterAll(() => started?.stop());

  const newId = () => randomBytes(16).toString("hex");
  const newAddress = () => `${randomBytes(6).toString("hex")}@example.org`;
  const whole = { pin: "0420", initialPassword: "Initial-1-password" };

  const issue = (request: Omit<IssueRequest, "via">) =>
    issueLink(started.services, { via: "console", ...request }, newAdmin());

  async function issued(request: Omit<IssueRequest, "via">) {
    const result = await issue(request);
    if (!result.ok) throw new Error(result.reason);
    return result.link;
  }

  const mailsOf = async (link: { id: string }): Promise<OutboxMail[]> =>
    (await started.mails()).filter((mail) => mail.linkId === link.id);
  const revoke = (link: { id: string }) =>
    revokeLink(started.services, { linkId: link.id }, newAdmin());
  const resend = (link: { id: string }, mailTo: string) =>
    resendLink(started.services, { linkId: link.id, mailTo }, newAdmin());

  describe("issues a link", () => {
    it("whose mail is queued with it: the address to open, until when, how long the PIN is", async () => {
      const mailTo = newAddress();
      const link = await issued({ userId: newId(), ...whole, mailTo });
      expect(link.url).toBe(`https://setpass.example.org/?token=${link.token}`);
      expect(await mailsOf(link)).toEqual([
        {
          linkId: link.id,
          template: "link",
          recipient: mailTo,
          state: "queued",
          language: null,
          props: { url: link.url, expiresAt: link.expiresAt.toISOString(), pinLength: 4 },
        },
      ]);
      expect((await getLink(started.services, link.id))?.link).toMatchObject({
        status: "pending",
        renewable: true,
        mailTo,
        mail: { recipient: mailTo },
        attemptsLeft: 3,
        issuedByName: testAdmin.userName,
        issuedVia: "console",
      });
    });

    it("and hands it over by hand where there is no address", async () => {
      const link = await issued({ userId: newId(), ...whole });
      expect(await mailsOf(link)).toEqual([]);
      expect(await viewLink(started.services, link.token)).toMatchObject({ pinLength: 4 });
    });

    it("for the first time only with both parts, and is told which are missing", async () => {
      const userId = newId();
      expect(await issue({ userId })).toEqual({
        ok: false,
        reason: "incomplete",
        missing: ["pin", "password"],
      });
      expect(await issue({ userId, pin: "0420" })).toMatchObject({ missing: ["password"] });
      expect(await issue({ userId, initialPassword: "x" })).toMatchObject({ missing: ["pin"] });
    });

    it("as a whole or not at all: where the trail cannot be written, nothing is", async () => {
      const { sql } = started.database;
      const userId = newId();
      const old = await issued({ userId, ...whole });
      await sql.unsafe(`
        create function refuse_this() returns trigger language plpgsql as
          $$ begin raise exception 'the trail is full'; end $$;
        create trigger refuse_this before insert on audit_events
          for each row when (new.user_id = '${userId}') execute function refuse_this();`);
      const mailTo = newAddress();
      try {
        await expect(issue({ userId, ...whole, mailTo })).rejects.toThrow();
        await expect(issue({ userId })).rejects.toThrow();
        await expect(revoke(old)).rejects.toThrow();
        await expect(resend(old, mailTo)).rejects.toThrow();
        const [pin = ""] = wrongPins(whole.pin, 1);
        await expect(stage.redeem({ ...old, pin }, newPassword())).rejects.toThrow();
      } finally {
        await sql.unsafe("drop function refuse_this cascade");
      }
      expect(await viewLink(started.services, old.token)).toMatchObject({ userId });
      expect(await stage.row({ userId })).toMatchObject({ state: "pending", attempts: 0 });
      expect(await mailsOf(old)).toEqual([]);
    });
  });

  describe("sees of a link's mails", () => {
    const mailShown = async (link: { id: string }) =>
      (await getLink(started.services, link.id))?.link.mail;

    it("the newest of this link, and none that brought an earlier one", async () => {
      const mailTo = newAddress();
      const userId = newId();
      const link = await issued({ userId, ...whole, mailTo });
      expect(await mailShown(link)).toMatchObject({ recipient: mailTo });
      const again = newAddress();
      await resend(link, again);
      expect(await mailShown(link)).toMatchObject({ recipient: again, state: "queued" });

      await issued({ userId });
      expect(await mailShown(link)).toBeNull();
      const renewed = await issued({ userId, mailTo });
      expect(await mailShown(renewed)).toMatchObject({ recipient: mailTo, state: "queued" });
      await issued({ userId, ...whole });
      expect(await mailShown(link)).toBeNull();
    });
  });

  describe("renews a link", () => {
    it("with a new token, a new lifetime and new attempts; the old token is good for nothing", async () => {
      const link = await stage.issue();
      const { sql } = started.database;
      await sql`update links set expires_at = now() - interval '1 hour' where id = ${link.id}`;
      for (const pin of wrongPins(link.pin, 3)) await stage.redeem(link, newPassword(), { pin });
      const renewed = await issued({ userId: link.userId });
      expect(renewed.id).toBe(link.id);
      expect(renewed.expiresAt.getTime()).toBeGreaterThan(Date.now() + 86_000_000);
      expect(await stage.row(link)).toMatchObject({ attempts: 0, pin_guesses: 3 });
      expect(await viewLink(started.services, link.token)).toBeUndefined();
      expect(await stage.trail(link)).toContain("link.renewed ok");
      const { token } = renewed;
      expect(await stage.redeem({ token, pin: link.pin }, newPassword())).toMatchObject({
        ok: true,
      });
    });

    it("with a new PIN: the old one is then a wrong one", async () => {
      const link = await stage.issue();
      const { token } = await issued({ userId: link.userId, pin: "7531" });
      expect(await stage.redeem({ token, pin: link.pin }, newPassword())).toMatchObject({
        reason: "wrong-pin",
      });
      expect(await stage.redeem({ token, pin: "7531" }, newPassword())).toMatchObject({ ok: true });
    });

    it("and the mail that still waits with the old token is not sent", async () => {
      const mailTo = newAddress();
      const link = await issued({ userId: newId(), ...whole, mailTo });
      await issued({ userId: link.userId });
      expect(await mailsOf(link)).toEqual([
        expect.objectContaining({ state: "cancelled", props: undefined }),
      ]);
      const again = await issued({ userId: link.userId, ...whole, mailTo });
      expect(await mailsOf(link)).toEqual([
        expect.objectContaining({ state: "cancelled" }),
        expect.objectContaining({
          state: "queued",
          props: expect.objectContaining({ url: again.url }),
        }),
      ]);
    });

    it("only as long as its parts are there: not after it is used, revoked or purged", async () => {
      const used = await stage.issue();
      await stage.redeem(used, newPassword());
      const revoked = await stage.issue();
      await revoke(revoked);
      const purged = await stage.issue();
      await started.database.sql`
        update links set sealed_password = null, pin_mac = null, sealed_pin_key = null,
          token_hash = null where id = ${purged.id}`;
      for (const { userId } of [used, revoked, purged]) {
        expect(await issue({ userId })).toMatchObject({ missing: ["pin", "password"] });
        expect(await issue({ userId, pin: "1234" })).toMatchObject({ missing: ["password"] });
        expect(await issue({ userId, initialPassword: "x" })).toMatchObject({ missing: ["pin"] });
        const { token } = await issued({ userId, ...whole });
        expect(await viewLink(started.services, token)).toMatchObject({ userId });
      }
    });
  });

  describe("mails a link again", () => {
    it("with a new token, to another address; lifetime and attempts stay as they are", async () => {
      const link = await stage.issue({ mailTo: newAddress() });
      const [pin = ""] = wrongPins(link.pin, 1);
      await stage.redeem(link, newPassword(), { pin });
      const before = await stage.row(link);
      const mailTo = newAddress();
      const resent = await resend(link, mailTo);
      if (!resent.ok) throw new Error(resent.reason);
      expect(await stage.row(link)).toMatchObject({
        attempts: 1,
        expires_at: before.expires_at,
        mail_to: mailTo,
      });
      expect(await mailsOf(link)).toEqual([
        expect.objectContaining({ state: "cancelled", props: undefined }),
        expect.objectContaining({
          recipient: mailTo,
          state: "queued",
          props: expect.objectContaining({ url: resent.url }),
        }),
      ]);
      expect(await viewLink(started.services, link.token)).toBeUndefined();
      expect(await stage.trail(link)).toContain("link.resent ok");
      const { token } = resent;
      expect(await stage.redeem({ token, pin: link.pin }, newPassword())).toMatchObject({
        ok: true,
      });
    });

    it("only as long as it is pending", async () => {
      const used = await stage.issue();
      await stage.redeem(used, newPassword());
      const revoked = await stage.issue();
      await revoke(revoked);
      for (const link of [used, revoked]) {
        expect(await resend(link, newAddress())).toEqual({ ok: false, reason: "not-pending" });
        expect((await mailsOf(link)).filter((mail) => mail.template === "link")).toEqual([]);
      }
    });

    it("is refused for a link that has expired or is locked, whose mail would open nothing", async () => {
      const expired = await stage.issue();
      const { sql } = started.database;
      await sql`update links set expires_at = now() - interval '1 second' where id = ${expired.id}`;
      const locked = await stage.issue();
      for (const pin of wrongPins(locked.pin, 3))
        await stage.redeem(locked, newPassword(), { pin });
      for (const link of [expired, locked]) {
        expect(await resend(link, newAddress())).toEqual({ ok: false, reason: "not-pending" });
        expect(await mailsOf(link)).toEqual([]);
        expect(await viewLink(started.services, link.token)).toBeDefined();
      }
    });

    it("is refused for a PIN that was guessed wrong too often over several links", async () => {
      const link = await issued({ userId: newId(), ...whole });
      await started.database.sql`
        update links set attempts = 0, pin_guesses = 10 where id = ${link.id}`;
      expect(await resend(link, newAddress())).toEqual({ ok: false, reason: "not-pending" });
      expect(await mailsOf(link)).toEqual([]);
      expect(await viewLink(started.services, link.token)).toBeDefined();
    });
  });

  describe("revokes a link", () => {
    it("and nothing is left of it that opens anything", async () => {
      const link = await stage.issue({ mailTo: newAddress() });
      expect(await revoke(link)).toEqual({ ok: true, unsettled: false });
      expect(await stage.row(link)).toMatchObject({
        state: "revoked",
        revoked_at: expect.any(Date),
        token_hash: null,
        sealed_pin_key: null,
        pin_mac: null,
        sealed_password: null,
        sealed_attempts: null,
      });
      expect(await mailsOf(link)).toEqual([
        expect.objectContaining({ state: "cancelled", props: undefined }),
      ]);
      expect(await stage.redeem(link, newPassword())).toMatchObject({ reason: "unknown-link" });
      expect(await viewLink(started.services, link.token)).toBeUndefined();
      expect(await stage.trail(link)).toEqual(["link.issued ok", "link.revoked ok"]);
    });

    it("once, and not one that was used", async () => {
      const link = await stage.issue();
      expect(await revoke(link)).toEqual({ ok: true, unsettled: false });
      expect(await revoke(link)).toEqual({ ok: false, reason: "not-pending" });
      const used = await stage.issue();
      await stage.redeem(used, newPassword());
      expect(await revoke(used)).toEqual({ ok: false, reason: "not-pending" });
      expect(await stage.row(used)).toMatchObject({ state: "completed" });
    });

    it("but not the mail that tells its user of a password that was set before", async () => {
      const mailTo = newAddress();
      const first = await stage.issue({ mailTo });
      await stage.redeem(first, newPassword());
      const { userId } = first;
      const second = await stage.issue({ userId, initialPassword: "Initial-1-again", mailTo });
      expect(second.id).toBe(first.id);
      await revoke(second);
      const told = (await mailsOf(first)).filter((mail) => mail.template === "password-set");
      expect(told).toEqual([expect.objectContaining({ state: "queued", recipient: mailTo })]);
    });
  });
});
