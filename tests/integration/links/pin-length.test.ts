import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { issueLink } from "../../../app/links/issue-link.server";
import { resendLink } from "../../../app/links/resend-link.server";
import { viewLink } from "../../../app/links/view-link.server";
import { describeWhere } from "../../support/describe-where";
import { linkStage, newPassword } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { newAdmin, startTestServices, type TestServices } from "../../support/services";
import { newSecretKey } from "../../support/stack";

const provided = inject("keystone");

/** An operator raises PIN_LENGTH; the links that are out keep the PINs their users know. */
describeWhere({ has: provided !== undefined, what: "a real Keystone" }, "a link", () => {
  let before: TestServices;
  let after: TestServices;
  beforeAll(async () => {
    const env = { SECRET_KEYS: newSecretKey() };
    before = await startTestServices({ env });
    const { database } = before;
    after = await startTestServices({ database, env: { ...env, PIN_LENGTH: "6" } });
  });
  afterAll(async () => {
    await after?.stop();
    await before?.stop();
  });
  const stageOf = (started: TestServices) =>
    linkStage(started, keystoneAdmin(provided as KeystoneAccess));

  it("asks for as many digits as its PIN has, whatever PIN_LENGTH is by now", async () => {
    const link = await stageOf(before).issue();
    const stage = stageOf(after);
    expect(await viewLink(after.services, link.token)).toMatchObject({ pinLength: 4 });
    const malformed = { ok: false, reason: "malformed-pin", pinLength: 4 };
    expect(await stage.redeem(link, newPassword(), { pin: "042000" })).toEqual(malformed);
    expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
  });

  it("keeps that through a renewal that keeps the PIN, and in the mail that tells of it", async () => {
    const { userId } = await stageOf(before).issue();
    const mailTo = `${randomBytes(6).toString("hex")}@example.org`;
    const renew = async (pin?: string) => {
      const request = { userId, pin, mailTo, via: "console" } as const;
      const result = await issueLink(after.services, request, newAdmin());
      if (!result.ok) throw new Error(result.reason);
      return result.link;
    };
    const lengthTold = async () =>
      (await after.mails()).filter((mail) => mail.recipient === mailTo).at(-1)?.props?.pinLength;

    const renewed = await renew();
    expect(renewed.pinLength).toBe(4);
    expect(await lengthTold()).toBe(4);
    const again = { linkId: renewed.id, mailTo };
    const resent = await resendLink(after.services, again, newAdmin());
    expect(await lengthTold()).toBe(4);
    const token = resent.ok ? resent.token : renewed.token;
    expect(await viewLink(after.services, token)).toMatchObject({ pinLength: 4 });

    const next = await renew("042013");
    expect(await lengthTold()).toBe(6);
    expect(await viewLink(after.services, next.token)).toMatchObject({ pinLength: 6 });
  });

  it("of a version that did not write it down has as many as PIN_LENGTH says", async () => {
    const link = await stageOf(before).issue();
    await before.database.sql`update links set pin_length = null where id = ${link.id}`;
    expect(await viewLink(before.services, link.token)).toMatchObject({ pinLength: 4 });
    expect(await stageOf(before).redeem(link, newPassword())).toMatchObject({ ok: true });
  });
});
