import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { RedeemResult } from "../../../app/links/redeem/redeem-link.server";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { describeWhere } from "../../support/describe-where";
import { type LinkStage, linkStage, newPassword, wrongPins } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { signsIn } from "../../support/keystone-token";
import { startTestServices, type TestServices } from "../../support/services";

const provided = inject("keystone");

/** How often each outcome came. */
function tally(results: readonly RedeemResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const result of results) {
    const name = result.ok ? "ok" : result.reason;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "one link, redeemed by many at once",
  () => {
    const keystone = provided as KeystoneAccess;
    const secretKeys = { SECRET_KEYS: Buffer.alloc(32, 5).toString("base64") };
    let database: TestDatabase;
    /** Two replicas on one database. */
    let replicas: [TestServices, TestServices];
    let stage: LinkStage;

    beforeAll(async () => {
      database = await createTestDatabase();
      replicas = [
        await startTestServices({ database, env: secretKeys }),
        await startTestServices({ database, env: secretKeys }),
      ];
      stage = linkStage(replicas[0], keystoneAdmin(keystone));
    });
    afterAll(async () => {
      for (const replica of replicas ?? []) await replica.stop();
      await database?.close();
    });

    const by = (index: number) => replicas[index % 2] as TestServices;

    it("has one winner among sixteen with the right PIN; none of the others costs an attempt", async () => {
      const link = await stage.issue({ mailTo: "winner@example.org" });
      const passwords = Array.from({ length: 16 }, newPassword);
      const results = await Promise.all(
        passwords.map((password, index) => stage.redeem(link, password, { by: by(index) })),
      );
      const { ok, "in-progress": inProgress = 0, "unknown-link": unknown = 0 } = tally(results);
      expect([ok, inProgress + unknown]).toEqual([1, 15]);

      const winner = passwords[results.findIndex((result) => result.ok)] as string;
      expect(await signsIn(keystone, { userId: link.userId, password: winner })).toBe(true);
      const [loser] = passwords.filter((password) => password !== winner);
      expect(await signsIn(keystone, { userId: link.userId, password: loser ?? "" })).toBe(false);
      expect(await stage.row(link)).toMatchObject({
        state: "completed",
        attempts: 0,
        pin_guesses: 0,
      });
      expect(
        (await stage.trail(link)).filter((event) => event === "link.redeemed ok"),
      ).toHaveLength(1);
      const mails = (await by(0).mails()).filter((mail) => mail.template === "password-set");
      expect(mails.filter((mail) => mail.linkId === link.id)).toHaveLength(1);
    });

    it("compares three hundred wrong PINs exactly three times", async () => {
      const link = await stage.issue();
      const results = await Promise.all(
        wrongPins(link.pin, 300).map((pin, index) =>
          stage.redeem(link, newPassword(), { pin, by: by(index) }),
        ),
      );
      expect(tally(results)).toEqual({ "wrong-pin": 3, locked: 297 });
      const left = results.flatMap((result) =>
        !result.ok && result.reason === "wrong-pin" ? [result.attemptsLeft] : [],
      );
      expect(left.sort()).toEqual([0, 1, 2]);
      expect(await stage.row(link)).toMatchObject({ attempts: 3, pin_guesses: 3 });
      expect(
        (await stage.trail(link)).filter((event) => event.startsWith("link.pin-refused")),
      ).toHaveLength(3);
      expect(await stage.redeem(link, newPassword())).toMatchObject({ reason: "locked" });
    });

    it("compares no more than three wrong PINs while right ones come in between", async () => {
      const link = await stage.issue();
      const wrong = wrongPins(link.pin, 60);
      const results = await Promise.all(
        wrong.flatMap((pin, index) => [
          stage.redeem(link, newPassword(), { pin, by: by(index) }),
          ...(index % 4 === 0 ? [stage.redeem(link, newPassword(), { by: by(index + 1) })] : []),
        ]),
      );
      const counts = tally(results);
      expect(counts["wrong-pin"] ?? 0).toBeLessThanOrEqual(3);
      expect(counts.ok ?? 0).toBeLessThanOrEqual(1);
      const compared = (await stage.trail(link)).filter((event) =>
        event.startsWith("link.pin-refused"),
      );
      expect(compared).toHaveLength(counts["wrong-pin"] ?? 0);
      // Whoever came first, it is the one or the other: redeemed, or locked.
      const { state, attempts } = await stage.row(link);
      expect(state === "completed" || attempts === 3).toBe(true);
      expect(state === "completed").toBe(counts.ok === 1);
    });

    it("is not locked by sixteen right PINs where two wrong ones came before", async () => {
      const link = await stage.issue();
      for (const pin of wrongPins(link.pin, 2)) await stage.redeem(link, newPassword(), { pin });
      const results = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          stage.redeem(link, newPassword(), { by: by(index) }),
        ),
      );
      const counts = tally(results);
      expect(counts.ok).toBe(1);
      expect(counts.locked).toBeUndefined();
      expect(counts["wrong-pin"]).toBeUndefined();
    });

    it("stays usable where sixteen are refused by Keystone's rules at once", async () => {
      const link = await stage.issue();
      const results = await Promise.all(
        Array.from({ length: 16 }, (_, index) => stage.redeem(link, "short1", { by: by(index) })),
      );
      const { "password-refused": refused = 0, "in-progress": inProgress = 0 } = tally(results);
      expect(refused).toBeGreaterThan(0);
      expect(refused + inProgress).toBe(16);
      expect(await stage.row(link)).toMatchObject({ attempts: 0, claim_id: null });
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
    });

    it("does not keep the owners of other links waiting", async () => {
      const attacked = await stage.issue();
      const other = await stage.issue();
      const attack = Promise.all(
        wrongPins(attacked.pin, 100).map((pin, index) =>
          stage.redeem(attacked, newPassword(), { pin, by: by(index) }),
        ),
      );
      expect(await stage.redeem(other, newPassword())).toMatchObject({ ok: true });
      expect(tally(await attack)).toEqual({ "wrong-pin": 3, locked: 97 });
    });
  },
);
