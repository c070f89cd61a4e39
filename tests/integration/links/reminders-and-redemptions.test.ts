import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { issueLink } from "../../../app/links/issue-link.server";
import type { LinkToken } from "../../../app/links/link-token.server";
import { redeemLink } from "../../../app/links/redeem/redeem-link.server";
import { remindUsers } from "../../../app/links/remind-users.server";
import { describeWhere } from "../../support/describe-where";
import { keystoneAdmin } from "../../support/keystone-admin";
import { signsIn } from "../../support/keystone-token";
import { newAdmin, newOrigin, startTestServices, type TestServices } from "../../support/services";
import type { ProvidedKeystone } from "../../support/test-servers";

const provided = inject("keystone");
const LINKS = 6;

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "a reminder at the moment the link is used",
  () => {
    const keystone = provided as ProvidedKeystone;
    const admin = keystoneAdmin(keystone);
    let started: TestServices;
    beforeAll(async () => {
      started = await startTestServices();
    });
    afterAll(() => started?.stop());

    async function waiting() {
      const name = `user-${randomBytes(6).toString("hex")}`;
      const initialPassword = `Initial-1-${name}`;
      const { id: userId } = await admin.createUser({ name, password: initialPassword });
      const result = await issueLink(
        started.services,
        { userId, pin: "0420", initialPassword, via: "console", mailTo: `${name}@example.org` },
        newAdmin(),
      );
      if (!result.ok) throw new Error(result.reason);
      const { id, token } = result.link;
      const { sql } = started.database;
      await sql`
        update links set issued_at = now() - interval '23 hours', expires_at = now() + interval '1 hour'
        where id = ${id}`;
      await sql`
        update mails set state = 'sent', sealed_props = null, created_at = now() - interval '23 hours'
        where link_id = ${id}`;
      return { id, userId, token, chosen: `Chosen-1-${name}` };
    }

    it("waits for the one who is first, or sends a link that works: sixteen at once", async () => {
      for (let round = 0; round < LINKS; round++) {
        const link = await waiting();
        const redeem = (token: LinkToken) =>
          redeemLink(started.services, { token, pin: "0420", password: link.chosen }, newOrigin());
        const redeemed: Awaited<ReturnType<typeof redeem>>[] = [];
        let reminded = 0;
        await Promise.all(
          Array.from({ length: 16 }, async (_, index) => {
            if ((index + round) % 2) redeemed.push(await redeem(link.token));
            else reminded += (await remindUsers(started.services)).reminded;
          }),
        );
        const set = redeemed.filter(({ ok }) => ok).length;
        expect([set, reminded].sort()).toEqual([0, 1]);
        if (reminded) {
          const mail = (await started.mails()).find(
            ({ linkId, state }) => linkId === link.id && state === "queued",
          );
          const token = new URL(String(mail?.props?.url)).searchParams.get("token") as LinkToken;
          for (const result of redeemed) expect(result).toMatchObject({ reason: "unknown-link" });
          expect(await redeem(token)).toMatchObject({ ok: true });
        }
        expect(await signsIn(keystone, { userId: link.userId, password: link.chosen })).toBe(true);
        // No reminder is left behind of a link that is done.
        const queued = (await started.mails()).filter(
          ({ linkId, state, template }) =>
            linkId === link.id && state === "queued" && template === "link",
        );
        expect(queued).toEqual([]);
      }
    });
  },
);
