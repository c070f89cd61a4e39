import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type IssueRequest,
  type IssueResult,
  issueLink,
} from "../../../app/links/issue-link.server";
import type { LinkToken } from "../../../app/links/link-token.server";
import { sealPin } from "../../../app/links/pin.server";
import { redeemLink } from "../../../app/links/redeem/redeem-link.server";
import { type ResendResult, resendLink } from "../../../app/links/resend-link.server";
import { bindFormerSeals, rotateKeys } from "../../../app/vault/rotate-keys.server";
import { hashToken } from "../../../app/vault/vault.server";
import { oneWaitsForALock } from "../../support/database";
import { wrongPins } from "../../support/issued-links";
import { newAdmin, newOrigin, startTestServices, type TestServices } from "../../support/services";

/** No Keystone is asked in this file: who is refused by the PIN never comes that far. */
const keystoneUrl = "http://127.0.0.1:9";

describe("who writes to the database, but has neither the keys nor the link", () => {
  let started: TestServices;
  beforeAll(async () => {
    started = await startTestServices({ keystoneUrl });
  });
  afterAll(() => started?.stop());

  const newToken = () => randomUUID() as LinkToken;

  async function issue(parts: { pin?: string; userId?: string } = {}) {
    const { pin = "0420", userId = randomUUID().replaceAll("-", "") } = parts;
    const result = await issueLink(
      started.services,
      { userId, pin, initialPassword: "Initial-1", via: "api", mailTo: "jane@example.org" },
      newAdmin(),
    );
    if (!result.ok) throw new Error(result.reason);
    return { id: result.link.id, userId, pin, token: result.link.token };
  }
  const redeem = (token: LinkToken, pin: string) =>
    redeemLink(started.services, { token, pin, password: "Own-1-password" }, newOrigin());
  const renew = (request: Omit<IssueRequest, "via">) =>
    issueLink(started.services, { via: "api", ...request }, newAdmin());
  const resend = (linkId: string) =>
    resendLink(started.services, { linkId, mailTo: "jane@example.org" }, newAdmin());
  const renewed = (result: IssueResult) => (result.ok ? result.link.token : undefined);
  const resent = (result: ResendResult) => (result.ok ? result.token : undefined);
  const compared = async ({ id }: { id: string }) =>
    (
      await started.database.sql`
        select 1 from audit_events where link_id = ${id} and action = 'link.pin-refused'`
    ).length;

  it("has no guess compared at a link whose token they planted, however they reset its counters", async () => {
    const { sql } = started.database;
    const link = await issue();
    const token = newToken();
    await sql`update links set token_hash = ${hashToken(token)} where id = ${link.id}`;
    for (const pin of [...wrongPins(link.pin, 43), link.pin]) {
      await sql`update links set attempts = 0, pin_guesses = 0 where id = ${link.id}`;
      expect(await redeem(token, pin)).toEqual({ ok: false, reason: "unknown-link" });
    }
    expect(await compared(link)).toBe(0);
    expect(started.logged("link.seal-broken")).toHaveLength(44);
    expect(started.logged("link.seal-broken")[0]).toMatchObject({
      level: "error",
      linkId: link.id,
      userId: link.userId,
    });
  });

  it("has none compared with the PIN key of another link whose token they have", async () => {
    const { sql } = started.database;
    const own = await issue({ pin: "1111" });
    const victim = await issue({ pin: "2222" });
    await sql`
      update links set (sealed_pin_key, pin_mac, token_hash) =
        (select sealed_pin_key, pin_mac, decode(repeat('00', 32), 'hex') from links where id = ${own.id})
      where id = ${victim.id}`;
    await sql`update links set token_hash = null, sealed_pin_key = null, pin_mac = null,
      sealed_password = null, state = 'revoked' where id = ${own.id}`;
    await sql`update links set token_hash = ${hashToken(own.token)} where id = ${victim.id}`;
    expect(await redeem(own.token, own.pin)).toEqual({ ok: false, reason: "unknown-link" });
    expect(await compared(victim)).toBe(0);
  });

  it("gains nothing by a renewal or a mail sent again: the PIN goes on only under the new token", async () => {
    const { sql } = started.database;
    const planted = newToken();
    const first = await issue();
    const plant = () =>
      sql`update links set token_hash = ${hashToken(planted)} where id = ${first.id}`;
    await plant();
    expect(await renew({ userId: first.userId })).toEqual({
      ok: false,
      reason: "incomplete",
      missing: ["pin"],
    });
    expect(await resend(first.id)).toEqual({ ok: false, reason: "not-pending" });

    const again = await issue({ userId: first.userId });
    expect(await redeem(again.token, "9999")).toMatchObject({ reason: "wrong-pin" });
    await plant();
    expect(await redeem(planted, "0420")).toEqual({ ok: false, reason: "unknown-link" });
    expect(await compared(first)).toBe(1);
  });

  it.each<[string, (link: { id: string; userId: string }) => Promise<LinkToken | undefined>]>([
    ["renewals", async ({ userId }) => renewed(await renew({ userId }))],
    ["mails sent again", async ({ id }) => resent(await resend(id))],
    [
      "renewals with the same PIN",
      async ({ userId }) => renewed(await renew({ userId, pin: "0420" })),
    ],
    [
      "links over it",
      async ({ userId }) =>
        renewed(await renew({ userId, pin: "0420", initialPassword: "Initial-1" })),
    ],
    [
      "acts of every kind",
      async ({ id, userId }) => {
        const either = Math.random();
        if (either < 0.3) return resent(await resend(id));
        return renewed(await renew(either < 0.6 ? { userId } : { userId, pin: "0420" }));
      },
    ],
  ])(
    "is not who sends sixteen %s at once: each makes a link, and the PIN of the last one is compared",
    async (_, act) => {
      const link = await issue();
      const tokens = await Promise.all(Array.from({ length: 16 }, () => act(link)));
      expect(new Set(tokens).size).toBe(16);
      expect(tokens).not.toContain(undefined);
      const results = await Promise.all(tokens.map((token) => redeem(token as LinkToken, "9999")));
      const told = results.map((result) => (result.ok ? "ok" : result.reason)).sort();
      expect(told).toEqual([...Array(15).fill("unknown-link"), "wrong-pin"]);
      expect(
        started.logged("link.seal-broken").filter((line) => line.userId === link.userId),
      ).toEqual([]);
    },
  );

  it.each<[string, (link: { id: string; userId: string }) => Promise<LinkToken | undefined>]>([
    ["renewal", async ({ userId }) => renewed(await renew({ userId }))],
    ["mail sent again", async ({ id }) => resent(await resend(id))],
  ])(
    "is not who changes the PIN during a %s: the key that goes on is the new PIN's",
    async (_, act) => {
      const link = await issue();
      const { sql } = started.database;
      const owner = { userId: link.userId, tokenHash: hashToken(newToken()) };
      const other = sealPin(started.services.vault, { pin: "7777", owner });
      let acting: Promise<LinkToken | undefined> = Promise.resolve(undefined);
      await sql.begin(async (tx) => {
        await tx`select 1 from links where id = ${link.id} for update`;
        acting = act(link);
        await oneWaitsForALock(sql);
        // As it is after a revocation and a new link.
        await tx`
        update links set token_hash = ${owner.tokenHash}, sealed_pin_key = ${other.sealedPinKey},
          pin_mac = ${other.pinMac} where id = ${link.id}`;
      });
      const token = (await acting) as LinkToken;
      expect(await redeem(token, "0420")).toMatchObject({ reason: "wrong-pin" });
      // The right one: only then is Keystone asked, which is not there.
      expect(await redeem(token, "7777")).toMatchObject({ reason: "keystone-unavailable" });
    },
  );

  describe("of a link that was made before PINs were bound to their link", () => {
    async function issueFormerly() {
      const link = await issue();
      const { vault } = started.services;
      const { sql } = started.database;
      const [row] = await sql`select sealed_pin_key, token_hash from links where id = ${link.id}`;
      const column = "links.sealed_pin_key";
      const hash = hashToken(link.token).toString("hex");
      const key = vault.open(row?.sealed_pin_key, { column, row: `${link.userId} ${hash}` });
      const former = vault.seal(key, { column, row: link.userId });
      await sql`update links set sealed_pin_key = ${former} where id = ${link.id}`;
      return link;
    }
    const outdated = { ok: false, reason: "needs-administrator", problem: "link-outdated" };
    const guesses = async ({ id }: { id: string }) =>
      (await started.database.sql`select attempts, pin_guesses from links where id = ${id}`)[0];

    it("compares no guess, and counts none: an administrator has to renew it", async () => {
      const link = await issueFormerly();
      for (const pin of [...wrongPins(link.pin, 5), link.pin])
        expect(await redeem(link.token, pin)).toEqual(outdated);
      expect(await compared(link)).toBe(0);
      expect(await guesses(link)).toEqual({ attempts: 0, pin_guesses: 0 });
    });

    it.each<[string, (link: { id: string; userId: string }) => Promise<LinkToken | undefined>]>([
      ["renewed", async ({ userId }) => renewed(await renew({ userId }))],
      ["mailed again", async ({ id }) => resent(await resend(id))],
      [
        "renewed with the same PIN",
        async ({ userId }) => renewed(await renew({ userId, pin: "0420" })),
      ],
    ])("keeps its PIN, and the guesses made of it, when it is %s", async (_, act) => {
      const link = await issueFormerly();
      await started.database.sql`update links set pin_guesses = 2 where id = ${link.id}`;
      const token = await act(link);
      expect(await redeem(token as LinkToken, "9999")).toMatchObject({ reason: "wrong-pin" });
      expect(await guesses(link)).toMatchObject({ pin_guesses: 3 });
    });

    it("is bound once by a command, and by nothing else: a rotation leaves it as it was", async () => {
      const links = [await issueFormerly(), await issueFormerly()];
      const own = await issue();
      const { services } = started;
      expect(await rotateKeys(services)).toEqual({ resealed: 0, unopened: [] });
      for (const link of links) expect(await redeem(link.token, "9999")).toEqual(outdated);

      const bound = await bindFormerSeals(services);
      expect(bound.resealed).toBeGreaterThanOrEqual(2);
      for (const link of [...links, own])
        expect(await redeem(link.token, "9999")).toMatchObject({ reason: "wrong-pin" });
      expect(await bindFormerSeals(services)).toMatchObject({ resealed: 0 });
    });
  });

  it("meets the same where the initial password was swapped: no page breaks", async () => {
    const { sql } = started.database;
    const link = await issue();
    const other = await issue();
    await sql`
      update links set sealed_password = (select sealed_password from links where id = ${other.id})
      where id = ${link.id}`;
    expect(await redeem(link.token, link.pin)).toEqual({ ok: false, reason: "unknown-link" });
  });
});
