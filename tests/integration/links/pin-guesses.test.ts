import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { type IssueResult, issueLink } from "../../../app/links/issue-link.server";
import { getLink } from "../../../app/links/list-links.server";
import { resendLink } from "../../../app/links/resend-link.server";
import { describeWhere } from "../../support/describe-where";
import {
  type IssuedTestLink,
  type LinkStage,
  linkStage,
  newPassword,
  wrongPins,
} from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { newAdmin, startTestServices, type TestServices } from "../../support/services";

const provided = inject("keystone");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "wrong guesses of a PIN",
  () => {
    let started: TestServices;
    let stage: LinkStage;
    beforeAll(async () => {
      started = await startTestServices();
      stage = linkStage(started, keystoneAdmin(provided as KeystoneAccess));
    });
    afterAll(() => started?.stop());

    const renew = (
      link: IssuedTestLink,
      parts: { pin?: string; initialPassword?: string } = {},
    ): Promise<IssueResult> =>
      issueLink(started.services, { userId: link.userId, via: "api", ...parts }, newAdmin());

    async function renewed(
      link: IssuedTestLink,
      parts: { pin?: string; initialPassword?: string } = {},
    ) {
      const result = await renew(link, parts);
      if (!result.ok) throw new Error(result.reason);
      return { ...link, token: result.link.token, pin: parts.pin ?? link.pin };
    }

    /** @returns how many of them were compared */
    async function guess(link: IssuedTestLink, times: number): Promise<number> {
      let compared = 0;
      for (const pin of wrongPins(link.pin, times)) {
        const result = await stage.redeem(link, newPassword(), { pin });
        if (!result.ok && result.reason === "wrong-pin") compared++;
      }
      return compared;
    }

    it("are ten in all, over every link the PIN is kept for; then it takes a new one", async () => {
      let link = await stage.issue();
      const compared = [await guess(link, 5)];
      for (let round = 0; round < 3; round++) {
        link = await renewed(link);
        compared.push(await guess(link, 5));
      }
      expect(compared).toEqual([3, 3, 3, 1]);
      expect(await stage.redeem(link, newPassword())).toEqual({ ok: false, reason: "locked" });
      expect(await stage.row(link)).toMatchObject({ pin_guesses: 10 });
      expect((await getLink(started.services, link.id))?.link).toMatchObject({
        status: "locked",
        attemptsLeft: 0,
        pinExhausted: true,
      });

      const exhausted = { ok: false, reason: "pin-exhausted" };
      expect(await renew(link)).toEqual(exhausted);
      expect(await renew(link, { initialPassword: link.initialPassword })).toEqual(exhausted);
      expect(await renew(link, { pin: link.pin })).toEqual(exhausted);
      const { pin, initialPassword } = link;
      expect(await renew(link, { pin, initialPassword })).toEqual(exhausted);
      expect(await stage.redeem(link, newPassword())).toEqual({ ok: false, reason: "locked" });

      const fresh = await renewed(link, { pin: "8888" });
      expect(await stage.row(fresh)).toMatchObject({ pin_guesses: 0, attempts: 0 });
      expect(await guess(fresh, 5)).toBe(3);
      const again = await renewed(fresh, { pin: "7777", initialPassword });
      expect(await stage.redeem(again, newPassword())).toMatchObject({ ok: true });
    });

    it("are told as they are left, by the nearer of the two limits", async () => {
      let link = await stage.issue();
      for (let round = 0; round < 3; round++) {
        await guess(link, 3);
        link = await renewed(link);
      }
      const [pin = ""] = wrongPins(link.pin, 1);
      expect(await stage.redeem(link, newPassword(), { pin })).toEqual({
        ok: false,
        reason: "wrong-pin",
        attemptsLeft: 0,
      });
    });

    it.each<[string, (link: IssuedTestLink) => Promise<IssuedTestLink>]>([
      ["alone", (link) => renewed(link, { pin: link.pin })],
      [
        "with the same password",
        (link) => renewed(link, { pin: link.pin, initialPassword: link.initialPassword }),
      ],
      [
        "with another password and back",
        async (link) => {
          await renewed(link, { pin: link.pin, initialPassword: "Another-1" });
          return renewed(link, { pin: link.pin, initialPassword: link.initialPassword });
        },
      ],
    ])("are not forgotten when the same PIN is sent again %s", async (_, sendAgain) => {
      const link = await stage.issue();
      await guess(link, 3);
      const same = await sendAgain(link);
      expect(await stage.row(same)).toMatchObject({ attempts: 0, pin_guesses: 3 });
      expect(await stage.redeem(same, newPassword())).toMatchObject({ ok: true });
    });

    it("are forgotten with the PIN they were made at", async () => {
      const link = await stage.issue();
      await guess(link, 3);
      const { initialPassword } = link;
      const other = await renewed(link, { pin: "9999", initialPassword });
      expect(await stage.row(other)).toMatchObject({ attempts: 0, pin_guesses: 0 });
      expect(await stage.redeem(other, newPassword(), { pin: link.pin })).toMatchObject({
        reason: "wrong-pin",
      });
    });

    it("are given back by no mail that is sent again", async () => {
      const link = await stage.issue();
      await guess(link, 2);
      const resent = await resendLink(
        started.services,
        { linkId: link.id, mailTo: "jane@example.org" },
        newAdmin(),
      );
      if (!resent.ok) throw new Error(resent.reason);
      const again = { ...link, token: resent.token };
      expect(await stage.row(again)).toMatchObject({ attempts: 2, pin_guesses: 2 });
      expect(await guess(again, 3)).toBe(1);
      expect(await stage.redeem(again, newPassword())).toMatchObject({ reason: "locked" });
    });

    it("are counted in one number where renewals and guesses come at once", async () => {
      const first = await stage.issue();
      let link = first;
      let compared = 0;
      for (let round = 0; round < 6; round++) {
        const guesses = Promise.all(
          wrongPins(link.pin, 12).map((pin) => stage.redeem(link, newPassword(), { pin })),
        );
        const next = renew(link);
        compared += (await guesses).filter((one) => !one.ok && one.reason === "wrong-pin").length;
        const result = await next;
        if (result.ok) link = { ...link, token: result.link.token };
      }
      expect(compared).toBeLessThanOrEqual(10);
      expect(await stage.row(link)).toMatchObject({ pin_guesses: compared });
    });

    it("by another limit are as many as MAX_ATTEMPTS and MAX_PIN_GUESSES say", async () => {
      const lenient = await startTestServices({
        database: started.database,
        env: { MAX_ATTEMPTS: "5", MAX_PIN_GUESSES: "6" },
      });
      try {
        const own = linkStage(lenient, keystoneAdmin(provided as KeystoneAccess));
        const link = await own.issue();
        let compared = 0;
        for (const pin of wrongPins(link.pin, 8)) {
          const result = await own.redeem(link, newPassword(), { pin });
          if (!result.ok && result.reason === "wrong-pin") compared++;
        }
        expect(compared).toBe(5);
      } finally {
        await lenient.stop();
      }
    });
  },
);
