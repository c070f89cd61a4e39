import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type IssueRequest, issueLink } from "../../../app/links/issue-link.server";
import { resendLink } from "../../../app/links/resend-link.server";
import { tellUntoldOwners } from "../../../app/links/tell-owner.server";
import {
  newAdmin,
  newOrigin,
  startTestServices,
  type TestServices,
  testAdmin,
} from "../../support/services";

/** No Keystone is asked in this file. */
const keystoneUrl = "http://127.0.0.1:9";

describe("the mails of a link", () => {
  let started: TestServices;
  /** How often the worker was told that there is something to send. */
  let woken = 0;
  beforeAll(async () => {
    started = await startTestServices({ keystoneUrl });
  });
  afterAll(() => started?.stop());
  beforeEach(() => {
    woken = 0;
  });

  const newId = () => randomBytes(16).toString("hex");
  const newAddress = () => `${randomBytes(6).toString("hex")}@example.org`;
  const whole = { pin: "0420", initialPassword: "Initial-1" };
  const counting = () => ({
    ...started.services,
    outbox: {
      wake: () => {
        woken++;
      },
    },
  });
  const knownAs = (email: string | null) => ({
    ...{ name: "jane.doe", domainId: "d", domainName: "students", email },
    ...{ policyRegex: null, policyDescription: null },
  });
  async function issued(request: Omit<IssueRequest, "via">, by = testAdmin) {
    const result = await issueLink(
      counting(),
      { via: "console", ...request },
      newAdmin(newOrigin(), by),
    );
    if (!result.ok) throw new Error(result.reason);
    return result.link;
  }
  const mailsOf = async ({ id }: { id: string }) =>
    (await started.mails()).filter(({ linkId }) => linkId === id);
  const row = async ({ id }: { id: string }) =>
    (await started.database.sql`select * from links where id = ${id}`)[0];
  const resend = (link: { id: string }, mailTo = newAddress()) =>
    resendLink(counting(), { linkId: link.id, mailTo }, newAdmin());

  it("say whose account it is, as Keystone names it: the first, the next, and that of a change", async () => {
    const names = { userName: "jane.doe", domainName: "students" };
    const userId = newId();
    const link = await issued({ userId, ...whole, mailTo: newAddress(), user: knownAs(null) });
    expect(link).toMatchObject({ userName: "jane.doe", userDomainName: "students" });
    expect((await mailsOf(link)).map(({ props }) => props)).toEqual([
      expect.objectContaining(names),
    ]);
    await issued({ userId, pin: "1111", mailTo: newAddress(), user: knownAs(newAddress()) });
    const later = (await mailsOf(link)).filter(({ state }) => state === "queued");
    expect(later.map(({ template }) => template).sort()).toEqual([
      ...["link", "link-changed", "link-changed", "link-changed"].sort(),
    ]);
    for (const { props } of later) expect(props).toMatchObject(names);
  });

  it("wake the worker, and where there are none it sleeps on", async () => {
    const userId = newId();
    const silent = await issued({ userId, ...whole, user: knownAs(newAddress()) });
    await issued({ userId });
    expect(woken).toBe(0);
    await issued({ userId, mailTo: newAddress() });
    expect(woken).toBe(1);
    // A notice to the owner, without a link to mail.
    await issued({ userId, pin: "1111" });
    expect(woken).toBe(2);
    expect(await resend(silent)).toMatchObject({ ok: true, ownerUntold: false });
    expect(woken).toBe(3);
    await tellUntoldOwners(counting(), { limit: 100 });
    expect(woken).toBe(3);
    const { sql } = started.database;
    await sql`update links set owner_untold = '{pin-replaced}' where id = ${silent.id}`;
    await tellUntoldOwners(counting(), { limit: 100 });
    expect(woken).toBe(4);
  });

  it("that were sent stay sent, whatever comes after", async () => {
    const userId = newId();
    const link = await issued({ userId, ...whole, mailTo: newAddress() });
    await started.database.sql`update mails set state = 'sent' where link_id = ${link.id}`;
    await issued({ userId });
    await resend(link);
    await issued({ userId, ...whole });
    expect((await mailsOf(link)).map(({ state }) => state)).toEqual(["sent", "cancelled"]);
  });

  it("are told of to the caller where the owner is still to hear, for want of an address", async () => {
    const mailTo = newAddress();
    const unknown = await issued({ userId: newId(), ...whole, mailTo });
    expect(await resend(unknown, mailTo)).toMatchObject({ ok: true, ownerUntold: false });
    expect(await resend(unknown)).toMatchObject({ ok: true, ownerUntold: true });
    const known = await issued({ userId: newId(), ...whole, mailTo, user: knownAs(newAddress()) });
    expect(await resend(known)).toMatchObject({ ok: true, ownerUntold: false });
  });

  it("that was bound for another address before anybody knew the owner is told of as such", async () => {
    const [before, own] = [newAddress(), newAddress()];
    const link = await issued({ userId: newId(), ...whole, mailTo: before });
    await resend(link);
    await issued({ userId: link.userId, user: knownAs(own) });
    const told = (await mailsOf(link)).filter(({ template }) => template === "link-changed");
    expect(told.map(({ recipient }) => recipient).sort()).toEqual([before, own].sort());
    expect(await row(link)).toMatchObject({ owner_untold: null, previous_mail_to: null });
  });

  describe("are mailed again", () => {
    it.each([
      ["expired", "expires_at = now() - interval '1 second'"],
      ["locked", "attempts = 3"],
      ["with the PIN's guesses used up", "pin_guesses = 10"],
    ])("not where the link is %s, also if a redemption was under way once", async (_, change) => {
      const link = await issued({ userId: newId(), ...whole });
      await started.database.sql.unsafe(`
        update links set ${change}, claim_id = gen_random_uuid(),
          claimed_until = now() - interval '1 minute' where id = '${link.id}'`);
      expect(await resend(link)).toEqual({ ok: false, reason: "not-pending" });
    });

    it("while one try is left", async () => {
      const link = await issued({ userId: newId(), ...whole });
      await started.database.sql`
        update links set attempts = 2, pin_guesses = 9 where id = ${link.id}`;
      expect(await resend(link)).toMatchObject({ ok: true });
      expect(await row(link)).toMatchObject({ attempts: 2, pin_guesses: 9 });
    });
  });

  describe("whose PIN has no guesses left", () => {
    const anew = "Another-1";
    const act = (userId: string, parts: Partial<IssueRequest>) =>
      issueLink(counting(), { userId, via: "api", ...parts }, newAdmin());
    const usedUp = async (guesses: number) => {
      const link = await issued({ userId: newId(), ...whole });
      const { sql } = started.database;
      await sql`update links set attempts = 3, pin_guesses = ${guesses} where id = ${link.id}`;
      return link;
    };

    it.each<[string, Partial<IssueRequest>]>([
      ["nothing", {}],
      ["a password", { initialPassword: anew }],
      ["a password that Keystone has taken", { initialPassword: anew, initialPasswordIsSet: true }],
      ["the same PIN", { pin: whole.pin }],
      ["the same PIN and a password", { pin: whole.pin, initialPassword: anew }],
      ["both again", whole],
      ["an address", { mailTo: "elsewhere@example.org" }],
    ])("get no new link by %s", async (_, parts) => {
      const link = await usedUp(10);
      const before = await row(link);
      expect(await act(link.userId, parts)).toEqual({ ok: false, reason: "pin-exhausted" });
      expect(await row(link)).toEqual(before);
      expect(await mailsOf(link)).toEqual([]);

      const oneLeft = await usedUp(9);
      expect(await act(oneLeft.userId, parts)).toMatchObject({ ok: true });
      expect(await row(oneLeft)).toMatchObject({ attempts: 0, pin_guesses: 9 });
    });

    it.each<[string, Partial<IssueRequest>]>([
      ["a new PIN", { pin: "1111" }],
      ["a new PIN and the same password", { ...whole, pin: "1111" }],
      ["both new", { pin: "1111", initialPassword: anew }],
    ])("get one by %s, with new guesses", async (_, parts) => {
      const link = await usedUp(10);
      expect(await act(link.userId, parts)).toMatchObject({ ok: true });
      expect(await row(link)).toMatchObject({ attempts: 0, pin_guesses: 0, pin_length: 4 });
    });
  });

  it("say of the link who renewed it, and by which way", async () => {
    const userId = newId();
    const link = await issued({ userId, ...whole });
    const other = {
      ...testAdmin,
      ...{ userId: "other", userName: "operator", userEmail: "operator@example.org" },
    };
    await started.database.sql`
      update links set issued_at = now() - interval '1 day', problem = 'account-disabled',
        expires_at = now() - interval '1 hour' where id = ${link.id}`;
    await issueLink(counting(), { userId, via: "api" }, newAdmin(newOrigin(), other));
    const renewed = await row(link);
    expect(renewed).toMatchObject({
      ...{ issued_by_id: "other", issued_by_name: "operator", issued_via: "api" },
      ...{ issued_by_email: "operator@example.org", problem: null },
    });
    expect(renewed?.issued_at.getTime()).toBeGreaterThan(Date.now() - 60_000);
    // TOKEN_EXPIRATION's default.
    const leftMs = renewed?.expires_at.getTime() - Date.now();
    expect(Math.abs(leftMs - 86_400_000)).toBeLessThan(60_000);
  });

  it("begin anew with a link that was used, or revoked: nothing of its end is left", async () => {
    for (const state of ["completed", "revoked"]) {
      const link = await issued({ userId: newId(), ...whole });
      await started.database.sql`
        update links set state = ${state}, completed_at = now(), revoked_at = now(), problem = 'account-locked',
          claim_id = gen_random_uuid(), token_hash = null, sealed_pin_key = null, pin_mac = null,
          sealed_password = null
        where id = ${link.id}`;
      await issued({ userId: link.userId, ...whole });
      expect(await row(link)).toMatchObject({
        ...{ state: "pending", completed_at: null, revoked_at: null, problem: null },
        ...{ claim_id: null, claimed_until: null, last_changes: [] },
      });
    }
  });
});
