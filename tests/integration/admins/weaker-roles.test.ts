import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { startTestApp, type TestApp } from "../../support/app";
import { readBuild } from "../../support/built-routes";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { describeWhere } from "../../support/describe-where";
import { type FaultProxy, faults, jsonInstead, startFaultProxy } from "../../support/fault-proxy";
import { keystoneAdmin } from "../../support/keystone-admin";
import {
  applicationCredentialToken,
  keystoneToken,
  signsIn,
  trustToken,
} from "../../support/keystone-token";
import { startRealKeystone } from "../../support/real-keystone";
import { askForLink, confirm } from "../../support/reset-requests";
import type { ProvidedKeystone } from "../../support/test-servers";
import { createVisitor, linkTokenIn, type Visitor } from "../../support/visitor";

/**
 * Somebody with another role than admin on the admin project, and a user who waits for a link: on the
 * built server, by script and in the console, over a real Keystone.
 */
const PUBLIC_URL = "https://setpass.example.org";
const CACHE_SECONDS = 1;
const MAY_THIS_CALLER = { method: "PATCH", path: /^\/v3\/users\/[^/]+$/ };
const provided = inject("keystone");
const unique = () => randomBytes(6).toString("hex");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "a role on the admin project that is not admin",
  () => {
    const keystone = provided as ProvidedKeystone;
    const admin = keystoneAdmin(keystone);
    const undo: (() => Promise<unknown>)[] = [];
    let projectId: string;
    let database: TestDatabase;
    let proxy: FaultProxy;
    /** As it comes. */
    let usual: Site;
    /** ADMIN_ROLES=*, as the original service was. */
    let open: Site;
    /** The same, on a Keystone that lets the role `helpdesk` change the users of its own domain. */
    let delegated: Site;

    interface Site {
      app: TestApp;
      visitor: Visitor;
    }

    beforeAll(async () => {
      projectId = await admin.projectId("admin");
      database = await createTestDatabase();
      undo.push(() => database.close());
      proxy = await startFaultProxy({ target: keystone.url });
      undo.push(() => proxy.stop());
      const folder = await mkdtemp(path.join(tmpdir(), "setpass-policy-"));
      undo.push(() => rm(folder, { recursive: true, force: true }));
      const policy = path.join(folder, "policy.yaml");
      const helpdesk =
        "rule:admin_required or (role:helpdesk and user_domain_id:%(target.user.domain_id)s)";
      await writeFile(
        policy,
        ["get_user", "update_user"].map((what) => `"identity:${what}": "${helpdesk}"\n`).join(""),
      );
      const withPolicy = await startRealKeystone({
        besides: keystone.folder,
        passwordHashRounds: 4,
        processes: 1,
        settings: { oslo_policy: { policy_file: policy } },
      });
      undo.push(() => withPolicy.stop());

      const build = await readBuild();
      const shared = {
        PUBLIC_URL,
        SECRET_KEYS: randomBytes(32).toString("base64"),
        AUTH_CACHE_SECONDS: String(CACHE_SECONDS),
        KEYSTONE_TIMEOUT: "30",
        RATE_LIMIT_PER_MINUTE: "100000",
      };
      const start = async (keystoneUrl: string, env: Record<string, string> = {}) => {
        const app = await startTestApp({
          keystoneUrl,
          database,
          build,
          env: { ...shared, ...env },
        });
        undo.push(() => app.stop());
        return { app, visitor: createVisitor(app.url, { publicUrl: PUBLIC_URL }) };
      };
      usual = await start(proxy.url);
      open = await start(proxy.url, { ADMIN_ROLES: "*" });
      delegated = await start(withPolicy.url, { ADMIN_ROLES: "*" });
    });
    afterAll(async () => {
      for (const step of undo.reverse()) await step();
    });
    afterEach(() => proxy.heal());

    interface Account {
      id: string;
      name: string;
      password: string;
    }

    /** @param roles on the admin project */
    async function newCaller(...roles: string[]): Promise<Account> {
      const name = `caller-${unique()}`;
      const password = `Caller-1-${unique()}`;
      const { id } = await admin.createUser({ name, password });
      for (const role of roles) await admin.assignRole({ userId: id, role, projectId });
      return { id, name, password };
    }

    const tokenOf = ({ id: userId, password }: Account) =>
      keystoneToken(keystone, { userId, password });

    async function cookieOf({ name: userName, password }: Account, { visitor }: Site) {
      const { cookie, status } = await visitor.signIn({ userName, password });
      if (cookie === undefined) throw new Error(`signing in answered ${status}`);
      return cookie;
    }

    /** Somebody whom the administrator has sent a link, and what setpass keeps of them. */
    async function newVictim(options: { domainId?: string; email?: string } = {}) {
      const password = `Initial-1-${unique()}`;
      const { id } = await admin.createUser({ name: `victim-${unique()}`, password, ...options });
      const issued = await usual.visitor.put(id, { pin: "4711", password }, await admin.token());
      expect(issued.status).toBe(200);
      // What Keystone says of the user comes behind the answer, and changes the row as well.
      await expect
        .poll(async () => (await rowOf(id))?.user_checked_at ?? null, { timeout: 20_000 })
        .not.toBeNull();
      return { id, password, token: issued.text, before: await keptOf(id) };
    }

    const rowOf = async (userId: string) =>
      (await database.sql`select * from links where user_id = ${userId}`)[0];

    /** All that setpass has of a user: the link, its mails and the trail. */
    const keptOf = async (userId: string) => ({
      link: await rowOf(userId),
      mails: await database.sql`
        select * from mails where link_id = (select id from links where user_id = ${userId})`,
      trail: await database.sql`select * from audit_events where user_id = ${userId} order by id`,
    });

    type Victim = Awaited<ReturnType<typeof newVictim>>;

    async function expectUntouched(victim: Victim) {
      expect(await keptOf(victim.id)).toEqual(victim.before);
      expect(await signsIn(keystone, { userId: victim.id, password: victim.password })).toBe(true);
    }

    /** Every way in which the review took a pending account over, by script. */
    const bodies = {
      "a PIN of one's own": { pin: "0000" },
      nothing: {},
      "a password of one's own": { password: "Attacker-1" },
      both: { pin: "0000", password: "Attacker-1" },
    };

    /** And in the console. */
    const forms = (victim: Victim) => {
      const link = `/admin/links/${victim.before.link?.id}`;
      return {
        "resending to one's own address": {
          path: link,
          form: { intent: "resend", mail_to: "attacker@example.org" },
        },
        revoking: { path: link, form: { intent: "revoke" } },
        "ending it by a random password": { path: link, form: { intent: "end" } },
        "renewing with what is kept": {
          path: `/admin/users/${victim.id}`,
          form: { pin: "", password: "keep", mail_to: "attacker@example.org" },
        },
        "renewing with a PIN of one's own": {
          path: `/admin/users/${victim.id}`,
          form: { pin: "0000", password: "keep", mail_to: "" },
        },
        "issuing anew": {
          path: `/admin/users/${victim.id}`,
          form: { pin: "0000", password: "typed", initial_password: "Attacker-1", mail_to: "" },
        },
        "setting a random password": {
          path: `/admin/users/${victim.id}`,
          form: { pin: "0000", password: "random", mail_to: "attacker@example.org" },
        },
      };
    };

    async function attackInTheConsole(victim: Victim, cookie: string, { visitor }: Site) {
      const statuses: Record<string, number> = {};
      for (const [what, { path: to, form }] of Object.entries(forms(victim)))
        statuses[what] = (await visitor.ask({ path: to, form, cookie })).status;
      return statuses;
    }

    const refusedEverywhere = {
      "resending to one's own address": 403,
      revoking: 403,
      "ending it by a random password": 403,
      "renewing with what is kept": 403,
      "renewing with a PIN of one's own": 403,
      "issuing anew": 403,
      "setting a random password": 403,
    };

    describe("as it comes", () => {
      it.each(["reader", "some-role"])(
        "opens nothing, by script or in the console: %s",
        async (role) => {
          const victim = await newVictim();
          const caller = await newCaller(role);
          const token = await tokenOf(caller);
          for (const [what, body] of Object.entries(bodies)) {
            const answer = await usual.visitor.put(victim.id, body, token);
            expect([what, answer.status]).toEqual([what, 403]);
          }
          const { name: userName, password } = caller;
          expect((await usual.visitor.signIn({ userName, password })).cookie).toBeUndefined();
          await expectUntouched(victim);
        },
      );

      it("does not grow from an application credential or a trust that was narrowed to it", async () => {
        const victim = await newVictim();
        const boss = await newCaller("admin");
        const trustee = await newCaller();
        const { id: userId, password } = boss;
        for (const roles of [["reader"], ["member", "reader"]]) {
          const credential = await admin.createApplicationCredential({
            ...{ userId, password, projectId, roles },
            name: `narrow-${unique()}`,
          });
          const trust = await admin.createTrust({
            ...{ userId, password, projectId, roles },
            trusteeId: trustee.id,
          });
          const tokens = {
            credential: await applicationCredentialToken(keystone, credential),
            trust: await trustToken(keystone, {
              ...{ userId: trustee.id, password: trustee.password },
              trustId: trust.id,
            }),
          };
          for (const [how, token] of Object.entries(tokens)) {
            for (const body of [bodies["a PIN of one's own"], bodies.both]) {
              const { status } = await usual.visitor.put(victim.id, body, token);
              expect([how, roles, status]).toEqual([how, roles, 403]);
            }
            const { status } = await open.visitor.put(victim.id, { pin: "0000" }, token);
            expect([how, roles, status]).toEqual([how, roles, 403]);
          }
        }
        await expectUntouched(victim);

        // And what was not narrowed works.
        const whole = await admin.createApplicationCredential({
          ...{ userId, password, projectId },
          name: `whole-${unique()}`,
        });
        const token = await applicationCredentialToken(keystone, whole);
        expect((await usual.visitor.put(victim.id, {}, token)).status).toBe(200);
      });

      it("ends a session once the role admin is taken, and no other one keeps it", async () => {
        const caller = await newCaller("admin", "reader");
        const cookie = await cookieOf(caller, usual);
        expect((await usual.visitor.ask({ path: "/admin", cookie })).status).toBe(200);
        await admin.takeRole({ userId: caller.id, role: "admin", projectId });
        await sleep(CACHE_SECONDS * 1000 + 50);
        const answer = await usual.visitor.ask({ path: "/admin", cookie });
        expect([answer.status, answer.headers.get("location")]).toEqual([
          302,
          "/admin/sign-in?reason=ended",
        ]);
      });
    });

    describe("with ADMIN_ROLES=*", () => {
      it("is let in, and may do nothing to a user whom Keystone does not let it change", async () => {
        const victim = await newVictim();
        const caller = await newCaller("reader");
        const token = await tokenOf(caller);
        for (const [what, body] of Object.entries(bodies)) {
          const answer = await open.visitor.put(victim.id, body, token);
          expect([what, answer.status]).toEqual([what, 403]);
          expect(JSON.parse(answer.text).error.message).toMatch(/may not change this user/);
        }
        const cookie = await cookieOf(caller, open);
        expect((await open.visitor.ask({ path: "/admin", cookie })).status).toBe(200);
        expect(await attackInTheConsole(victim, cookie, open)).toEqual(refusedEverywhere);
        await expectUntouched(victim);

        // Whoever has the link's own PIN still gets in with it.
        const redeemed = await open.visitor.redeem(victim.token, {
          pin: "4711",
          password: `Own-1-${unique()}`,
        });
        expect(redeemed.status).toBe(200);
      });

      it("ends nobody's request for a link, nor takes its PIN for another account", async () => {
        const cookie = await cookieOf(await newCaller("reader"), open);
        const asked = await askForLink(open.app, { email: `asks-${unique()}@example.org` });
        await confirm(open.app.services, asked.token);
        for (const path of ["/admin/requests", "/admin/requests/review"]) {
          const form = { act: "close", id: asked.id };
          expect([path, (await open.visitor.ask({ path, cookie, form })).status]).toEqual([
            path,
            403,
          ]);
        }
        const helpdesk = await cookieOf(await newCaller("helpdesk"), delegated);
        const own = await newVictim();
        const elsewhere = await askForLink(delegated.app, {
          email: `asks-${unique()}@example.org`,
        });
        await confirm(delegated.app.services, elsewhere.token);
        await delegated.visitor.ask({
          path: `/admin/users/${own.id}?request=${elsewhere.id}`,
          cookie: helpdesk,
          form: { pin_from: "request", pin: "", password: "keep", mail_to: "" },
        });
        for (const { id } of [asked, elsewhere]) {
          const [row] = await open.app.database.sql`
            select state, sealed_pin is null as erased from reset_requests where id = ${id}`;
          expect(row).toEqual({ state: "open", erased: false });
        }
      });

      it("answers nobody's request for a user to whom it gave that address", async () => {
        const cookie = await cookieOf(await newCaller("helpdesk"), delegated);
        const email = `asks-${unique()}@example.org`;
        const asked = await askForLink(delegated.app, { email, name: `asks-${unique()}` });
        await confirm(delegated.app.services, asked.token);
        const puppet = await newVictim({ email });
        await delegated.visitor.ask({
          path: `/admin/users/${puppet.id}?request=${asked.id}`,
          cookie,
          form: { pin_from: "request", pin: "", password: "keep", mail_to: "" },
        });
        const [row] = await open.app.database.sql`
          select state, sealed_pin is null as erased from reset_requests where id = ${asked.id}`;
        expect(row).toEqual({ state: "open", erased: false });
      });

      it("cannot issue a first link either, nor one for nobody", async () => {
        const { id } = await admin.createUser({ name: `user-${unique()}`, password: "Initial-1" });
        const token = await tokenOf(await newCaller("member"));
        for (const userId of [id, unique()]) {
          expect((await open.visitor.put(userId, bodies.both, token)).status).toBe(403);
          expect(await rowOf(userId)).toBeUndefined();
        }
      });

      it("lets administrators do all they could, and asks nothing more of Keystone", async () => {
        const victim = await newVictim();
        const boss = await newCaller("admin");
        const token = await tokenOf(boss);
        const before = proxy.count(MAY_THIS_CALLER);
        for (const body of [{ pin: "0001" }, {}, { pin: "0002", password: victim.password }])
          expect((await open.visitor.put(victim.id, body, token)).status).toBe(200);
        const cookie = await cookieOf(boss, open);
        const link = `/admin/links/${victim.before.link?.id}`;
        const resend = { intent: "resend", mail_to: "owner@example.org" };
        expect((await open.visitor.ask({ path: link, form: resend, cookie })).status).toBe(200);
        const revoke = { intent: "revoke" };
        expect((await open.visitor.ask({ path: link, form: revoke, cookie })).status).toBe(200);
        expect(proxy.count(MAY_THIS_CALLER)).toBe(before);
        // Who is nobody to Keystone is taken and marked, as ever.
        expect((await open.visitor.put(unique(), bodies.both, token)).status).toBe(200);
      });

      it("does nothing while Keystone does not say whether it may", async () => {
        const victim = await newVictim();
        const caller = await newCaller("reader");
        const token = await tokenOf(caller);
        const cookie = await cookieOf(caller, open);
        const troubles = ["500-before", "503-after", "reset-before", "html-after"] as const;
        for (const trouble of troubles) {
          const rule = proxy.inject(MAY_THIS_CALLER, faults[trouble]);
          const answer = await open.visitor.put(victim.id, { pin: "0000" }, token);
          expect([trouble, answer.status]).toEqual([trouble, 503]);
          expect(answer.headers.get("retry-after")).toMatch(/^\d+$/);
          const revoked = await open.visitor.ask({
            ...forms(victim).revoking,
            cookie,
          });
          expect([trouble, revoked.status]).toEqual([trouble, 503]);
          expect([trouble, rule.hits]).toEqual([trouble, 2]);
          rule.remove();
        }
        await expectUntouched(victim);
      });

      it("takes no other answer of Keystone for a yes", async () => {
        const victim = await newVictim();
        const token = await tokenOf(await newCaller("reader"));
        const answers: [number, unknown][] = [
          [200, { user: { id: victim.id } }],
          [204, undefined],
          [400, { error: { code: 400, message: "Invalid input for field 'user': {}" } }],
          [409, { error: { code: 409, message: "Conflict" } }],
        ];
        for (const [status, body] of answers) {
          const rule = proxy.inject(MAY_THIS_CALLER, jsonInstead(status, body));
          const answer = await open.visitor.put(victim.id, { pin: "0000" }, token);
          expect([status, answer.status, rule.hits]).toEqual([status, 503, 1]);
          rule.remove();
        }
        await expectUntouched(victim);
      });

      it("counts from when the role admin is taken in the middle of a session, in an outage too", async () => {
        const victim = await newVictim();
        const caller = await newCaller("admin", "reader");
        const cookie = await cookieOf(caller, open);
        await admin.takeRole({ userId: caller.id, role: "admin", projectId });
        await sleep(CACHE_SECONDS * 1000 + 50);
        expect((await open.visitor.ask({ path: "/admin", cookie })).status).toBe(200);
        expect(await attackInTheConsole(victim, cookie, open)).toEqual(refusedEverywhere);

        await sleep(CACHE_SECONDS * 1000 + 50);
        await proxy.goAway();
        try {
          const { revoking } = forms(victim);
          expect((await open.visitor.ask({ ...revoking, cookie })).status).toBe(503);
        } finally {
          await proxy.comeBack();
        }
        await expectUntouched(victim);
      });
    });

    it("whoever left gets no link mailed while Keystone cannot say so, and can only end one", async () => {
      const victim = await newVictim();
      const caller = await newCaller("admin");
      const cookie = await cookieOf(caller, usual);
      await admin.takeRole({ userId: caller.id, role: "admin", projectId });
      await sleep(CACHE_SECONDS * 1000 + 50);
      await proxy.goAway();
      try {
        const { revoking, "resending to one's own address": resending } = forms(victim);
        const resent = await usual.visitor.ask({ ...resending, cookie });
        expect([resent.status, linkTokenIn(resent.text)]).toEqual([503, undefined]);
        await expectUntouched(victim);
        expect((await usual.visitor.ask({ ...revoking, cookie })).status).toBe(200);
      } finally {
        await proxy.comeBack();
      }
    });

    describe("with ADMIN_ROLES=* and a policy that gives it power over users", () => {
      it("may do for those users all that administrators may, and nothing for others", async () => {
        const caller = await newCaller("helpdesk");
        const token = await tokenOf(caller);
        const cookie = await cookieOf(caller, delegated);
        const own = await newVictim();
        for (const [what, body] of Object.entries(bodies)) {
          const answer = await delegated.visitor.put(own.id, body, token);
          expect([what, answer.status]).toEqual([what, 200]);
        }
        const renewed = await delegated.visitor.issue(
          own.id,
          { pin: "", password: "random", mail_to: "" },
          { cookie },
        );
        expect([renewed.status, linkTokenIn(renewed.text)]).toEqual([200, expect.any(String)]);
        expect((await delegated.visitor.ask({ ...forms(own).revoking, cookie })).status).toBe(200);

        const domain = await admin.createDomain({ name: `domain-${unique()}` });
        const other = await newVictim({ domainId: domain.id });
        for (const [what, body] of Object.entries(bodies)) {
          const answer = await delegated.visitor.put(other.id, body, token);
          expect([what, answer.status]).toEqual([what, 403]);
        }
        expect(await attackInTheConsole(other, cookie, delegated)).toEqual(refusedEverywhere);
        await expectUntouched(other);
      });

      it("does not turn a link to itself unseen: the owner hears of it at Keystone's address", async () => {
        const sites = { delegated: await newCaller("helpdesk"), usual: await newCaller("admin") };
        for (const [where, caller] of Object.entries(sites)) {
          const site = where === "usual" ? usual : delegated;
          const email = `owner-${unique()}@example.org`;
          const attacker = `attacker-${unique()}@example.org`;
          const victim = await newVictim({ email });
          const cookie = await cookieOf(caller, site);
          const link = `/admin/links/${victim.before.link?.id}`;
          const form = { intent: "resend", mail_to: attacker };
          const resent = await site.visitor.ask({ path: link, form, cookie });
          expect([where, resent.status]).toEqual([where, 200]);
          const token = linkTokenIn(resent.text) ?? "";
          const pin = await site.visitor.put(victim.id, { pin: "0000" }, await tokenOf(caller));
          expect(pin.status).toBe(200);
          expect((await site.visitor.redeem(token, { pin: "4711", password: "x" })).status).toBe(
            404,
          );

          const mails = (await keptOf(victim.id)).mails.map(
            ({ template, recipient }) => `${template} to ${recipient}`,
          );
          expect(mails.sort()).toEqual(
            [
              `link to ${attacker}`,
              `link-changed to ${email}`,
              `link-changed to ${email}`,
              `link-changed to ${attacker}`,
            ].sort(),
          );
          const rows = (await keptOf(victim.id)).trail.slice(1);
          expect(rows.map(({ action, actor_id }) => [action, actor_id])).toEqual(
            ["resent", "recipient-changed", "renewed", "pin-replaced"].map((what) => [
              `link.${what}`,
              caller.id,
            ]),
          );
          const opened = await site.visitor.redeem(pin.text, {
            pin: "0000",
            password: `Own-1-${unique()}`,
          });
          expect(opened.status).toBe(200);
          const told = (await keptOf(victim.id)).mails.filter(
            ({ template }) => template === "password-set",
          );
          expect(told.map(({ recipient }) => recipient).sort()).toEqual([attacker, email].sort());
        }
      });
    });
  },
);
