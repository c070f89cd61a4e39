import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { type IssueRequest, issueLink } from "../../../app/links/issue-link.server";
import type { LinkToken } from "../../../app/links/link-token.server";
import { resendLink } from "../../../app/links/resend-link.server";
import { revokeLink } from "../../../app/links/revoke-link.server";
import type { LinkUser } from "../../../db/links.store";
import { startTestApp, type TestApp } from "../../support/app";
import { describeWhere } from "../../support/describe-where";
import { type FaultProxy, faults, startFaultProxy } from "../../support/fault-proxy";
import { linkStage, newPassword } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { newAdmin, newOrigin, testAdmin } from "../../support/services";
import { createVisitor } from "../../support/visitor";
import { runRounds } from "../../support/worker";

/** What an administrator changes of a link that somebody waits for: who learns of it, and where. */
const provided = inject("keystone");
const RACERS = 16;

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "a pending link that is changed",
  () => {
    const keystone = provided as KeystoneAccess;
    const admin = keystoneAdmin(keystone);
    let proxy: FaultProxy;
    let app: TestApp;
    let adminToken: string;

    beforeAll(async () => {
      proxy = await startFaultProxy({ target: keystone.url });
      app = await startTestApp({ keystoneUrl: proxy.url });
      adminToken = await admin.token();
    });
    afterAll(async () => {
      await app?.stop();
      await proxy?.stop();
    });
    afterEach(() => proxy.heal());

    const newId = () => randomUUID().replaceAll("-", "");
    const newAddress = () => `${randomBytes(6).toString("hex")}@example.org`;
    const first = { pin: "4711", initialPassword: "Initial-1" };
    const knownAs = (email: string | null): LinkUser => ({
      name: "jane",
      domainId: "default",
      domainName: "Default",
      email,
      policyRegex: null,
      policyDescription: null,
    });

    const issue = (userId: string, request: Omit<Partial<IssueRequest>, "userId"> = {}) =>
      issueLink(app.services, { userId, via: "console", ...request }, newAdmin());

    async function issued(userId: string, request: Omit<Partial<IssueRequest>, "userId"> = {}) {
      const result = await issue(userId, request);
      if (!result.ok) throw new Error(result.reason);
      return result.link;
    }

    /** The trail about a user, oldest first. */
    const trail = async (userId: string) =>
      (
        await app.database.sql`
          select action, outcome from audit_events where user_id = ${userId} order by id`
      ).map(({ action, outcome }) => `${action} ${outcome}`);

    /** What was done since the first link was issued. */
    const since = async (userId: string) => (await trail(userId)).slice(1);

    /** Who was told of what, by a mail about the user's link, by address; links themselves left out. */
    async function told(userId: string) {
      const [link] = await app.database.sql`select id from links where user_id = ${userId}`;
      return (await app.mails())
        .filter(({ linkId, template }) => linkId === link?.id && template !== "link")
        .map(({ template, recipient, props }) => ({ template, recipient, of: props?.changes }))
        .sort(byRecipient);
    }
    const byRecipient = (one: { recipient: string }, other: { recipient: string }) =>
      one.recipient < other.recipient ? -1 : 1;
    const toldOf = (recipient: string, ...of: string[]) => ({
      template: "link-changed",
      recipient,
      of,
    });

    describe("leaves a row of its own in the trail", () => {
      it("with who, from where and by which request, beside the act's own", async () => {
        const userId = newId();
        const link = await issued(userId, { ...first, mailTo: newAddress() });
        const origin = newOrigin("198.51.100.7");
        const change: IssueRequest = {
          ...{ userId, pin: "0000", initialPassword: "Other-1", mailTo: newAddress() },
          via: "console",
        };
        await issueLink(app.services, change, newAdmin(origin));
        const rows = await app.database.sql`
          select action, actor_kind, actor_id, actor_name, user_id, link_id, outcome,
            client_address, request_id
          from audit_events where request_id = ${origin.requestId} order by id`;
        expect(rows.map(({ action }) => action)).toEqual([
          "link.issued",
          "link.pin-replaced",
          "link.password-replaced",
          "link.recipient-changed",
        ]);
        for (const row of rows)
          expect(row).toMatchObject({
            actor_kind: "admin",
            actor_id: testAdmin.userId,
            actor_name: testAdmin.userName,
            user_id: userId,
            link_id: link.id,
            outcome: "ok",
            client_address: "198.51.100.7",
            request_id: origin.requestId,
          });
      });

      it.each<[string, Omit<Partial<IssueRequest>, "userId">, string[]]>([
        ["a new PIN", { pin: "0000" }, ["link.renewed", "link.pin-replaced"]],
        ["the same PIN", { pin: "4711" }, ["link.renewed"]],
        [
          "a new password",
          { initialPassword: "Other-1" },
          ["link.renewed", "link.password-replaced"],
        ],
        ["the same password", { initialPassword: "Initial-1" }, ["link.renewed"]],
        ["both as they were", first, ["link.issued"]],
        [
          "a new PIN and the same password",
          { ...first, pin: "0000" },
          ["link.issued", "link.pin-replaced"],
        ],
        ["nothing", {}, ["link.renewed"]],
        [
          "another recipient",
          { mailTo: "b@example.org" },
          ["link.renewed", "link.recipient-changed"],
        ],
        ["the same recipient in capitals", { mailTo: "A@Example.ORG" }, ["link.renewed"]],
      ])("where there is one to tell of: %s", async (_what, change, rows) => {
        const userId = newId();
        await issued(userId, { ...first, mailTo: "a@example.org" });
        await issued(userId, change);
        expect(await since(userId)).toEqual(rows.map((row) => `${row} ok`));
      });

      it("and none where nothing was kept: a first link, or one after it was used, revoked or purged", async () => {
        const anew = { pin: "0000", initialPassword: "Other-1", mailTo: newAddress() };
        const stage = linkStage(app, admin);
        const used = await stage.issue();
        await stage.redeem(used, newPassword());
        const revoked = await stage.issue();
        await revokeLink(app.services, { linkId: revoked.id }, newAdmin());
        const purged = await stage.issue();
        await app.database.sql`
          update links set sealed_password = null, pin_mac = null, sealed_pin_key = null,
            token_hash = null where id = ${purged.id}`;
        for (const userId of [newId(), used.userId, revoked.userId, purged.userId]) {
          await issued(userId, anew);
          const rows = await trail(userId);
          expect(rows.filter((row) => /replaced|changed/.test(row))).toEqual([]);
          expect(
            (await told(userId)).filter(({ template }) => template === "link-changed"),
          ).toEqual([]);
        }
      });

      it("also where only the link is sent elsewhere", async () => {
        const userId = newId();
        const mailTo = newAddress();
        const { id: linkId } = await issued(userId, { ...first, mailTo });
        const resend = (to: string) => resendLink(app.services, { linkId, mailTo: to }, newAdmin());
        await resend(mailTo.toUpperCase());
        expect(await since(userId)).toEqual(["link.resent ok"]);
        await resend(newAddress());
        expect(await since(userId)).toEqual([
          "link.resent ok",
          "link.resent ok",
          "link.recipient-changed ok",
        ]);
      });

      it("or is not changed: the rows and the change are one", async () => {
        const { sql } = app.database;
        const userId = newId();
        const link = await issued(userId, { ...first, mailTo: newAddress() });
        const before = await sql`select * from links where user_id = ${userId}`;
        await sql.unsafe(`
          create function refuse_this() returns trigger language plpgsql as
            $$ begin raise exception 'the trail is full'; end $$;
          create trigger refuse_this before insert on audit_events for each row
            when (new.user_id = '${userId}' and new.action ~ 'replaced|changed')
            execute function refuse_this();`);
        try {
          await expect(issue(userId, { pin: "0000" })).rejects.toThrow();
          await expect(issue(userId, { ...first, pin: "0000" })).rejects.toThrow();
          await expect(issue(userId, { mailTo: newAddress() })).rejects.toThrow();
          const away = { linkId: link.id, mailTo: newAddress() };
          await expect(resendLink(app.services, away, newAdmin())).rejects.toThrow();
        } finally {
          await sql.unsafe("drop function refuse_this cascade");
        }
        expect(await sql`select * from links where user_id = ${userId}`).toEqual(before);
        expect(await told(userId)).toEqual([]);
      });

      it("for each of sixteen who change it at the same time, and not for the one who made it", async () => {
        const pins = Array.from({ length: RACERS }, (_, index) => String(1000 + index));
        const userId = newId();
        await Promise.all(
          pins.map((pin) => issued(userId, { pin, initialPassword: `Password-${pin}` })),
        );
        const count = async (row: string) =>
          (await trail(userId)).filter((one) => one === row).length;
        expect(await count("link.issued ok")).toBe(RACERS);
        expect(await count("link.pin-replaced ok")).toBe(RACERS - 1);
        expect(await count("link.password-replaced ok")).toBe(RACERS - 1);

        // Each renewal brings another PIN than the one it finds, whichever that is.
        await Promise.all(pins.map((pin) => issued(userId, { pin: `9${pin.slice(1)}` })));
        expect(await count("link.renewed ok")).toBe(RACERS);
        expect(await count("link.pin-replaced ok")).toBe(RACERS - 1 + RACERS);

        // Of sixteen that bring the same one, the first replaces it.
        await Promise.all(pins.map(() => issued(userId, { pin: "5555" })));
        expect(await count("link.pin-replaced ok")).toBe(RACERS - 1 + RACERS + 1);

        const [link] = await app.database.sql`select id from links where user_id = ${userId}`;
        await Promise.all(
          pins.map((pin) =>
            resendLink(
              app.services,
              { linkId: link?.id, mailTo: `racer-${pin}@example.org` },
              newAdmin(),
            ),
          ),
        );
        expect(await count("link.recipient-changed ok")).toBe(RACERS);
      });
    });

    describe("is told to the owner by mail", () => {
      it("at Keystone's address and at the link's, where the PIN is replaced", async () => {
        const userId = newId();
        const own = newAddress();
        const mailTo = newAddress();
        await issued(userId, { ...first, mailTo, user: knownAs(own) });
        await issued(userId, { pin: "0000" });
        expect(await told(userId)).toEqual([
          ...[toldOf(own, "pin-replaced"), toldOf(mailTo, "pin-replaced")].sort(byRecipient),
        ]);
      });

      it("once where these are one, in whatever spelling", async () => {
        const userId = newId();
        const own = newAddress();
        await issued(userId, { ...first, mailTo: own.toUpperCase(), user: knownAs(own) });
        await issued(userId, { pin: "0000", initialPassword: "Other-1" });
        expect(await told(userId)).toEqual([toldOf(own, "pin-replaced")]);
      });

      it("at Keystone's address and at the one before, where the link goes elsewhere", async () => {
        const attacker = newAddress();
        const acts = {
          resending: (_: string, linkId: string) =>
            resendLink(app.services, { linkId, mailTo: attacker }, newAdmin()),
          renewing: (userId: string) => issue(userId, { mailTo: attacker }),
          "issuing anew": (userId: string) => issue(userId, { ...first, mailTo: attacker }),
        };
        for (const [what, act] of Object.entries(acts)) {
          const userId = newId();
          const own = newAddress();
          const before = newAddress();
          const { id } = await issued(userId, { ...first, mailTo: before, user: knownAs(own) });
          await act(userId, id);
          expect([what, await told(userId)]).toEqual([
            what,
            [own, before].map((to) => toldOf(to, "recipient-changed")).sort(byRecipient),
          ]);
        }
      });

      it.each([
        ["the Kelvin sign for a k", "jack", "jac\u212a"],
        ["a dotted capital I for an i", "mit-", "m\u0130t-"],
      ])("also where the other address only looks like it: %s", async (_, part, lookAlike) => {
        const userId = newId();
        const own = `${part}${randomBytes(4).toString("hex")}@${part}example.org`;
        const { id } = await issued(userId, { ...first, mailTo: own, user: knownAs(own) });
        const other = own.replaceAll(part, lookAlike);
        await resendLink(app.services, { linkId: id, mailTo: other }, newAdmin());
        expect(await since(userId)).toEqual(["link.resent ok", "link.recipient-changed ok"]);
        expect((await told(userId)).map(({ recipient }) => recipient)).toEqual([own]);
      });

      it("of the PIN also where the link goes now", async () => {
        const userId = newId();
        const [own, before, now] = [newAddress(), newAddress(), newAddress()];
        await issued(userId, { ...first, mailTo: before, user: knownAs(own) });
        await issued(userId, { pin: "0000", mailTo: now });
        const both = ["pin-replaced", "recipient-changed"];
        expect(await told(userId)).toEqual(
          [own, before, now].map((to) => toldOf(to, ...both)).sort(byRecipient),
        );
      });

      it("not of what he has by the link itself, nor of a password that administrators alone know", async () => {
        const userId = newId();
        const own = newAddress();
        await issued(userId, { ...first, user: knownAs(own) });
        // The first mail goes to Keystone's own address.
        await issued(userId, { mailTo: own, initialPassword: "Other-1" });
        expect(await told(userId)).toEqual([]);
      });

      it("as soon as Keystone has told the address, where a script is quicker", async () => {
        const email = newAddress();
        const { id } = await admin.createUser({ name: newId(), password: "Initial-1", email });
        const { put } = createVisitor(app.url);
        const held = proxy.inject({ method: "GET", path: `/v3/users/${id}` }, faults.paused);
        const both = { pin: "4711", password: "Initial-1" };
        expect((await put(id, both, adminToken)).status).toBe(200);
        expect((await put(id, { pin: "0000" }, adminToken)).status).toBe(200);
        expect(await told(id)).toEqual([]);
        held.remove();
        await held.release();
        await expect
          .poll(() => told(id), { timeout: 20_000 })
          .toEqual([toldOf(email, "pin-replaced")]);
      });

      it("at the next look-up, where Keystone could not be asked; and once", async () => {
        const email = newAddress();
        const { id } = await admin.createUser({ name: newId(), password: "Initial-1", email });
        const { put } = createVisitor(app.url);
        const asks = { method: "GET", path: `/v3/users/${id}` };
        const down = proxy.inject(asks, faults["500-before"]);
        await put(id, { pin: "4711", password: "Initial-1" }, adminToken);
        // Else both may be one look-up.
        await down.waitForHits(1);
        await put(id, { pin: "0000" }, adminToken);
        await down.waitForHits(2);
        down.remove();
        expect(await told(id)).toEqual([]);
        await put(id, {}, adminToken);
        await expect
          .poll(() => told(id), { timeout: 20_000 })
          .toEqual([toldOf(email, "pin-replaced")]);
        await put(id, {}, adminToken);
        await runRounds(app.services);
        expect(await told(id)).toHaveLength(1);
      });

      it("by whoever comes next, where the process died between the change and the mail", async () => {
        const userId = newId();
        const own = newAddress();
        await issued(userId, { ...first, user: knownAs(own) });
        await app.database.sql`
          update links set owner_untold = '{pin-replaced}' where user_id = ${userId}`;
        await Promise.all(Array.from({ length: 4 }, () => runRounds(app.services)));
        expect(await told(userId)).toEqual([toldOf(own, "pin-replaced")]);
      });

      it("without the link, the PIN or the new address in it", async () => {
        const userId = newId();
        const own = newAddress();
        const elsewhere = newAddress();
        await issued(userId, { ...first, user: knownAs(own) });
        const link = await issued(userId, { pin: "0000", mailTo: elsewhere });
        const mail = (await app.mails()).find(
          ({ template, recipient }) => template === "link-changed" && recipient === own,
        );
        const text = JSON.stringify(mail?.props);
        for (const secret of [link.token, "0000", elsewhere]) expect(text).not.toContain(secret);
      });
    });

    describe("and then redeemed", () => {
      it("is told of at both addresses", async () => {
        const stage = linkStage(app, admin);
        const [own, mailTo] = [newAddress(), newAddress()];
        const link = await stage.issue({ mailTo, user: knownAs(own) });
        expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
        expect(await told(link.userId)).toEqual(
          [own, mailTo]
            .map((recipient) => ({ template: "password-set", recipient, of: undefined }))
            .sort(byRecipient),
        );
        const [mail] = (await app.mails()).filter(({ recipient }) => recipient === own);
        expect(mail?.props).toMatchObject({ userName: "jane", domainName: "Default" });
      });

      describe("before Keystone was asked about the user", () => {
        /** A link that a script has just got, whose look-up waits in Keystone until `answer`. */
        async function justIssued({ mailTo }: { mailTo?: string } = {}) {
          const email = newAddress();
          const initialPassword = newPassword();
          const { id: userId } = await admin.createUser({
            ...{ name: newId(), password: initialPassword, email },
          });
          const held = proxy.inject({ method: "GET", path: `/v3/users/${userId}` }, faults.paused);
          const { put } = createVisitor(app.url);
          const asked = { pin: "0420", password: initialPassword };
          const token = (await put(userId, asked, adminToken)).text.trim() as LinkToken;
          const link = { userId, pin: "0420", initialPassword, token };
          if (mailTo === undefined) return { link, email, answer };
          const renewed = await issued(userId, { mailTo });
          return { link: { ...link, token: renewed.token }, email, answer };

          async function answer() {
            held.remove();
            await held.release();
            await expect
              .poll(async () => (await stage().row(link)).user_checked_at, { timeout: 20_000 })
              .not.toBeNull();
          }
        }
        const stage = () => linkStage(app, admin);
        const toldOfPassword = (recipient: string) => ({
          ...{ template: "password-set", recipient, of: undefined },
        });
        const owed = async (userId: string) => (await stage().row({ userId })).owner_untold;

        it("is told of once Keystone has told the address, with the time at which it was set", async () => {
          const { link, email, answer } = await justIssued();
          expect(await stage().redeem(link, newPassword())).toMatchObject({ ok: true });
          expect(await told(link.userId)).toEqual([]);
          await answer();
          await expect
            .poll(() => told(link.userId), { timeout: 20_000 })
            .toEqual([toldOfPassword(email)]);
          const { completed_at } = await stage().row(link);
          const [mail] = (await app.mails()).filter(({ recipient }) => recipient === email);
          expect(mail?.props).toMatchObject({
            userName: expect.any(String),
            domainName: "Default",
            at: completed_at.toISOString(),
          });
          await runRounds(app.services);
          expect(await told(link.userId)).toHaveLength(1);
        });

        it("is told of at the link's address at once, and at Keystone's once it is known", async () => {
          const mailTo = newAddress();
          const { link, email, answer } = await justIssued({ mailTo });
          expect(await stage().redeem(link, newPassword())).toMatchObject({ ok: true });
          const atOnce = (await told(link.userId)).filter(
            ({ template }) => template === "password-set",
          );
          expect(atOnce).toEqual([toldOfPassword(mailTo)]);
          await answer();
          const withPassword = async () =>
            (await told(link.userId)).filter(({ template }) => template === "password-set");
          await expect
            .poll(withPassword, { timeout: 20_000 })
            .toEqual([mailTo, email].map(toldOfPassword).sort(byRecipient));
        });

        it.each([
          ["in one spelling", (address: string) => address],
          ["in two", (address: string) => address.toUpperCase()],
        ])("is told of once where the link's address is Keystone's, %s", async (_, spelled) => {
          const userId = newId();
          const own = newAddress();
          await issued(userId, { ...first, mailTo: spelled(own) });
          await app.database.sql`
            update links set state = 'completed', owner_untold = '{password-set}', user_email = ${own},
              completed_at = now(), token_hash = null, sealed_pin_key = null, pin_mac = null,
              sealed_password = null
            where user_id = ${userId}`;
          await runRounds(app.services);
          expect(await told(userId)).toEqual([]);
          expect(await owed(userId)).toBeNull();
        });

        it("is told of also where the next link is issued first, beside what was changed", async () => {
          const { link, email, answer } = await justIssued();
          await issued(link.userId, { pin: "0000" });
          const { token } = await issued(link.userId, { pin: "0420" });
          expect(await stage().redeem({ ...link, token }, newPassword())).toMatchObject({
            ok: true,
          });
          await issued(link.userId, { ...first, mailTo: email });
          expect(await told(link.userId)).toEqual([]);
          await answer();
          await expect
            .poll(() => told(link.userId), { timeout: 20_000 })
            .toEqual(
              expect.arrayContaining([
                toldOfPassword(email),
                expect.objectContaining({ recipient: email, template: "link-changed" }),
              ]),
            );
          expect(await told(link.userId)).toHaveLength(2);
        });

        it("is told of by whoever comes next, where the process died with the look-up", async () => {
          const { link, email } = await justIssued();
          expect(await stage().redeem(link, newPassword())).toMatchObject({ ok: true });
          await issued(link.userId, { ...first, user: knownAs(email) });
          expect(await told(link.userId)).toEqual([toldOfPassword(email)]);
          expect(await owed(link.userId)).toBeNull();
        });

        it("is owed to nobody where Keystone was asked, and has no address", async () => {
          const link = await stage().issue({ user: knownAs(null) });
          expect(await stage().redeem(link, newPassword())).toMatchObject({ ok: true });
          expect(await owed(link.userId)).toBeNull();
        });
      });

      it("is told of once where they are one", async () => {
        const stage = linkStage(app, admin);
        const own = newAddress();
        const link = await stage.issue({ mailTo: own.toUpperCase(), user: knownAs(own) });
        expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
        expect(await told(link.userId)).toEqual([
          { template: "password-set", recipient: own.toUpperCase(), of: undefined },
        ]);
      });
    });
  },
);
