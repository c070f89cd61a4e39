import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from "vitest";
import { findSession } from "../../../app/admins/session.server";
import { startSandboxKeystone } from "../../../demo/keystone/sandbox-keystone";
import { startTestApp, type TestApp } from "../../support/app";
import { readBuild } from "../../support/built-routes";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import {
  type FaultName,
  type FaultProxy,
  faults,
  refusal,
  startFaultProxy,
} from "../../support/fault-proxy";
import {
  type KeystoneAccess,
  type KeystoneAdmin,
  keystoneAdmin,
} from "../../support/keystone-admin";
import { revokeKeystoneToken } from "../../support/keystone-token";
import { confirmTokenIn } from "../../support/mailed-confirm-token";
import { type Answer, createVisitor, newRequestId, type Visitor } from "../../support/visitor";

/**
 * The console once Keystone has ended an administrator's token before its time: on the built server, in
 * several replicas over one database.
 */
const PUBLIC_URL = "https://setpass.example.org";
const CACHE_SECONDS = 1;
/** Two seconds for Keystone, and all that the page itself may take before it were a second wait. */
const ONE_WAIT_MS = 3900;
const NO_WAIT_MS = 1900;
const tokens = { method: "POST", path: "/v3/auth/tokens" };
const byToken = { ...tokens, body: '"methods":["token"]' };

const unique = () => randomBytes(6).toString("hex");

describe.each(inject("keystone") ? ["sandbox", "real"] : ["sandbox"])(
  "a session whose token is ended by the %s Keystone",
  (name) => {
    const undo: (() => Promise<unknown>)[] = [];
    let keystone: KeystoneAccess & KeystoneAdmin;
    let proxy: FaultProxy;
    let database: TestDatabase;
    let projectId: string;
    /** What scripts issue links with. */
    let scriptToken: string;
    let app: TestApp;
    /** Remembers for a minute, as most do. */
    let usual: TestApp;
    let visitor: Visitor;
    let otherVisitor: Visitor;

    beforeAll(async () => {
      let access = inject("keystone") as KeystoneAccess;
      if (name === "sandbox") {
        const sandbox = await startSandboxKeystone();
        undo.push(() => sandbox.stop());
        access = sandbox;
      }
      keystone = { ...access, ...keystoneAdmin(access) };
      projectId = await keystone.projectId(access.adminProjectName);
      scriptToken = await keystone.token();
      proxy = await startFaultProxy({ target: access.url });
      undo.push(() => proxy.stop());
      database = await createTestDatabase();
      undo.push(() => database.close());
      const build = await readBuild();
      const shared = {
        PUBLIC_URL,
        SECRET_KEYS: randomBytes(32).toString("base64"),
        KEYSTONE_TIMEOUT: "5",
        RATE_LIMIT_PER_MINUTE: "100000",
        RESET_LIMIT_PER_HOUR: "100000",
      };
      const start = async (cacheSeconds: number) => {
        const env = { ...shared, AUTH_CACHE_SECONDS: String(cacheSeconds) };
        const one = await startTestApp({ keystoneUrl: proxy.url, database, build, env });
        undo.push(() => one.stop());
        return one;
      };
      app = await start(CACHE_SECONDS);
      usual = await start(60);
      visitor = createVisitor(app.url, { publicUrl: PUBLIC_URL });
      otherVisitor = createVisitor(usual.url, { publicUrl: PUBLIC_URL });
    });
    afterAll(async () => {
      for (const step of undo.reverse()) await step();
    });
    afterEach(() => proxy.heal());

    // People, and what they have

    interface Account {
      id: string;
      name: string;
      password: string;
    }

    async function newAdministrator(): Promise<Account> {
      const account = { name: `admin-${unique()}`, password: `Console-1-${unique()}` };
      const { id } = await keystone.createUser(account);
      await keystone.assignRole({ userId: id, role: "admin", projectId });
      return { id, ...account };
    }

    async function signIn({ name: userName, password }: Account, by = visitor): Promise<string> {
      const { cookie, status } = await by.signIn({ userName, password });
      if (cookie === undefined) throw new Error(`signing in answered ${status}`);
      return cookie;
    }

    async function tokenOf(cookie: string): Promise<string> {
      const value = decodeURIComponent(cookie.slice(cookie.indexOf("=") + 1));
      const sessionId: string = JSON.parse(Buffer.from(value, "base64").toString("utf8"));
      return (await findSession(app.services, sessionId))?.keystoneToken ?? "";
    }

    /** A link that could be revoked and mailed again, and a request that could be closed. */
    let work: { linkId: string; requestId: string };
    beforeEach(async () => {
      const { id } = await keystone.createUser({ name: `user-${unique()}` });
      const issued = await visitor.put(id, { pin: "4711", password: "Initial-1" }, scriptToken);
      expect(issued.status).toBe(200);
      const email = `${unique()}@example.org`;
      const asked = { name: "Jane", email, confirm_email: email, pin: "4711" };
      expect((await visitor.ask({ path: "/reset", form: asked })).status).toBe(200);
      const mail = (await app.mails()).find(({ recipient }) => recipient === email);
      const confirm = { token: confirmTokenIn(String(mail?.props?.url)) ?? "" };
      expect((await visitor.ask({ path: "/reset/confirm", form: confirm })).status).toBe(200);
      const [link] = await database.sql`select id from links where user_id = ${id}`;
      const [request] = await database.sql`select id from reset_requests where email = ${email}`;
      work = { linkId: link?.id, requestId: request?.id };
    });

    /** Those who ask Keystone nothing by themselves. */
    const doors: Record<string, (cookie: string) => Promise<Answer>> = {
      "the links": (cookie) => visitor.ask({ path: "/admin", cookie }),
      "the links, as data": (cookie) => visitor.ask({ path: "/admin.data", cookie }),
      "a link": (cookie) => visitor.ask({ path: `/admin/links/${work.linkId}`, cookie }),
      revoking: (cookie) => revoke(cookie),
      "revoking, as data": (cookie) => revoke(cookie, ".data"),
      "mailing again": (cookie) =>
        visitor.ask({
          path: `/admin/links/${work.linkId}`,
          form: { intent: "resend", mail_to: "thief@example.org" },
          cookie,
        }),
      "the requests": (cookie) => visitor.ask({ path: "/admin/requests", cookie }),
      "closing a request": (cookie) =>
        visitor.ask({ path: "/admin/requests", form: { id: work.requestId }, cookie }),
    };

    const revoke = (cookie: string, suffix = "") =>
      visitor.ask({
        path: `/admin/links/${work.linkId}${suffix}`,
        form: { intent: "revoke" },
        cookie,
      });

    const isSentToSignIn = ({ status, headers, text }: Answer) =>
      status === 202
        ? text.includes("/admin/sign-in?") && text.includes("reason=ended")
        : status === 302 && /^\/admin\/sign-in\?.*reason=ended/.test(headers.get("location") ?? "");

    const stateOfWork = async () => {
      const [row] = await database.sql`
        select
          (select state from links where id = ${work.linkId}) as link,
          (select count(*)::int from mails where link_id = ${work.linkId}) as mails,
          (select state from reset_requests where id = ${work.requestId}) as request`;
      return { ...row };
    };
    const untouched = { link: "pending", mails: 0, request: "open" };

    /** What the trail has of somebody, but for the sign-ins. */
    const trailOf = async ({ id }: Account) =>
      (
        await database.sql`
          select action, outcome from audit_events
          where actor_id = ${id} and action <> 'admin.signed-in' order by id`
      ).map(({ action, outcome }) => `${action} ${outcome}`);

    const countSessions = async ({ id }: Account) =>
      (await database.sql`select 1 from admin_sessions where user_id = ${id}`).length;

    const untilForgotten = () => sleep(CACHE_SECONDS * 1000 + 50);
    const disable = ({ id }: Account) => keystone.updateUser(id, { enabled: false });

    const endings: Record<string, (who: Account, cookies: string[]) => Promise<unknown>> = {
      "the account is disabled": disable,
      "the account is deleted": ({ id }) => keystone.deleteUser(id),
      "the role is taken": ({ id }) => keystone.takeRole({ userId: id, role: "admin", projectId }),
      "the password is changed": ({ id, password }) =>
        keystone.call("POST", `/users/${id}/password`, {
          user: { original_password: password, password: `Other-1-${unique()}` },
        }),
      "a second factor is asked of the account": ({ id }) =>
        keystone.updateUser(id, {
          options: {
            multi_factor_auth_enabled: true,
            multi_factor_auth_rules: [["password", "totp"]],
          },
        }),
      "the token is revoked": async (_who, cookies) => {
        for (const cookie of cookies) await revokeKeystoneToken(keystone, await tokenOf(cookie));
      },
    };

    it.each(Object.entries(endings))(
      "is over within AUTH_CACHE_SECONDS, whatever it asks for: %s",
      async (_name, end) => {
        const who = await newAdministrator();
        const colleague = await signIn(await newAdministrator());
        const cookies: string[] = [];
        for (const _ of Object.keys(doors)) cookies.push(await signIn(who));
        for (const cookie of cookies)
          expect((await visitor.ask({ path: "/admin", cookie })).status).toBe(200);

        await end(who, cookies);
        await untilForgotten();
        for (const [index, [door, open]] of Object.entries(doors).entries()) {
          const answer = await open(cookies[index] ?? "");
          expect([door, isSentToSignIn(answer)]).toEqual([door, true]);
          expect([door, answer.headers.getSetCookie()[0]?.split(";")[0]]).toEqual([
            door,
            "__Host-setpass=",
          ]);
        }
        expect(await stateOfWork()).toEqual(untouched);
        expect(await trailOf(who)).toEqual(cookies.map(() => "admin.signed-out token-ended"));
        expect(await countSessions(who)).toBe(0);
        for (const cookie of cookies) expect(app.logText()).not.toContain(cookie.split("=")[1]);

        expect((await visitor.ask({ path: "/admin", cookie: colleague })).status).toBe(200);
        expect((await revoke(colleague)).status).toBe(200);
        expect(await stateOfWork()).toEqual({ ...untouched, link: "revoked" });
      },
    );

    it.each([
      ["/admin", "/admin/sign-in"],
      ["/admin/requests", "/admin/sign-in?next=%2Fadmin%2Frequests"],
      ["/admin/links/1?from=list", "/admin/sign-in?next=%2Fadmin%2Flinks%2F1%3Ffrom%3Dlist"],
      ["/admin/requests.data", "/admin/sign-in?next=%2Fadmin%2Frequests"],
      [
        "/admin/requests.data?_routes=routes%2Fadmin&page=2",
        "/admin/sign-in?next=%2Fadmin%2Frequests%3Fpage%3D2",
      ],
    ])("leads back, after signing in, to what was asked for: %s", async (path, expected) => {
      const { status, headers, text } = await visitor.ask({ path });
      if (status === 302) expect(headers.get("location")).toBe(expected);
      else expect([status, text]).toEqual([202, expect.stringContaining(`"${expected}"`)]);
    });

    it("ends once, with one row in the trail, however many ask at the same time and wherever", async () => {
      const who = await newAdministrator();
      const cookie = await signIn(who);
      await disable(who);
      await untilForgotten();
      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, index) =>
          (index % 2 ? visitor : otherVisitor).ask({ path: "/admin", cookie }),
        ),
      );
      expect(answers.filter(isSentToSignIn)).toHaveLength(16);
      expect(await trailOf(who)).toEqual(["admin.signed-out token-ended"]);
    });

    it("ends once where its owner signs out at that moment", async () => {
      const who = await newAdministrator();
      const cookie = await signIn(who);
      await disable(who);
      await untilForgotten();
      const [out, ...pages] = await Promise.all([
        visitor.ask({ path: "/admin/sign-out", form: {}, cookie }),
        ...Array.from({ length: 6 }, () => otherVisitor.ask({ path: "/admin", cookie })),
      ]);
      expect(out.status).toBe(302);
      expect(pages.filter(isSentToSignIn)).toHaveLength(6);
      expect(await trailOf(who)).toHaveLength(1);
    });

    describe("is asked about", () => {
      it("not at all after signing in, for as long as an answer is remembered", async () => {
        const cookie = await signIn(await newAdministrator(), otherVisitor);
        const before = proxy.calls.length;
        for (const path of ["/admin", "/admin/requests", `/admin/links/${work.linkId}`])
          expect((await otherVisitor.ask({ path, cookie })).status).toBe(200);
        expect(proxy.calls.length).toBe(before);
      });

      it("once by a replica that has not met it, for a page of two loaders and those that follow", async () => {
        const cookie = await signIn(await newAdministrator());
        const requestId = newRequestId();
        const first = await otherVisitor.ask({ path: "/admin", cookie, requestId });
        expect(first.status).toBe(200);
        expect(proxy.count({ requestId })).toBe(1);
        const before = proxy.calls.length;
        expect((await otherVisitor.ask({ path: "/admin/requests", cookie })).status).toBe(200);
        expect(proxy.calls.length).toBe(before);
      });

      it("by its own scope where Keystone forbids to scope a token anew", async () => {
        const who = await newAdministrator();
        const cookie = await signIn(who);
        await untilForgotten();
        proxy.inject(byToken, refusal(403, "You are not authorized."));
        expect((await visitor.ask({ path: "/admin", cookie })).status).toBe(200);
        await disable(who);
        await untilForgotten();
        expect(isSentToSignIn(await visitor.ask({ path: "/admin", cookie }))).toBe(true);
      });
    });

    describe("goes on while Keystone cannot tell,", () => {
      it("and a link can be revoked: Keystone hangs", async () => {
        const who = await newAdministrator();
        const cookie = await signIn(who);
        await untilForgotten();
        proxy.inject({}, faults["hang-before"]);
        const first = await visitor.ask({ path: "/admin", cookie });
        expect(first.status).toBe(200);
        expect(first.tookMs).toBeLessThan(ONE_WAIT_MS);
        // Waited for once, not for every click.
        const second = await visitor.ask({ path: "/admin", cookie });
        expect(second.status).toBe(200);
        expect(second.tookMs).toBeLessThan(NO_WAIT_MS);
        expect((await revoke(cookie)).status).toBe(200);
        expect(await stateOfWork()).toEqual({ ...untouched, link: "revoked" });
        const told = app.logged("admin.session-unchecked");
        expect(told.filter(({ actorId }) => actorId === who.id)).toHaveLength(1);

        // And not for longer than that.
        await disable(who);
        proxy.heal();
        await expect
          .poll(async () => isSentToSignIn(await visitor.ask({ path: "/admin", cookie })), {
            timeout: 15_000,
            interval: 200,
          })
          .toBe(true);
        expect(await trailOf(who)).toEqual(["link.revoked ok", "admin.signed-out token-ended"]);
      });

      it("and a form that is sent waits once: for itself and the page that answers it", async () => {
        const cookie = await signIn(await newAdministrator());
        await untilForgotten();
        proxy.inject({}, faults["hang-before"]);
        const answer = await revoke(cookie);
        expect(answer.status).toBe(200);
        expect(answer.tookMs).toBeLessThan(ONE_WAIT_MS);
        expect(await stateOfWork()).toEqual({ ...untouched, link: "revoked" });
      });

      it("and a link can be revoked: Keystone is away", async () => {
        const cookie = await signIn(await newAdministrator());
        await untilForgotten();
        await proxy.goAway();
        try {
          const page = await visitor.ask({ path: "/admin", cookie });
          expect(page.status).toBe(200);
          expect(page.tookMs).toBeLessThan(ONE_WAIT_MS);
          expect((await revoke(cookie)).status).toBe(200);
          expect(await stateOfWork()).toEqual({ ...untouched, link: "revoked" });
        } finally {
          await proxy.comeBack();
        }
        expect((await visitor.ask({ path: "/admin", cookie })).status).toBe(200);
      });

      it("whatever it says instead of an answer", async () => {
        const troubles: FaultName[] = [
          ...(["reset-before", "reset-after", "500-before", "503-after", "429"] as const),
          ...(["html-after", "truncated-json", "no-subject-token", "oversized", "cut"] as const),
          ...(["redirect", "not-http", "drip"] as const),
        ];
        const who = await newAdministrator();
        const cookies = new Map<FaultName, string>();
        for (const trouble of troubles) cookies.set(trouble, await signIn(who));
        await untilForgotten();
        for (const [trouble, cookie] of cookies) {
          const rule = proxy.inject(tokens, faults[trouble]);
          const { status, tookMs } = await visitor.ask({ path: "/admin", cookie });
          rule.remove();
          expect([trouble, status, tookMs < ONE_WAIT_MS]).toEqual([trouble, 200, true]);
          expect([trouble, rule.hits > 0]).toEqual([trouble, true]);
        }
        expect(await trailOf(who)).toEqual([]);
      });

      it("and an answer that comes late counts for the next request", async () => {
        const who = await newAdministrator();
        const cookie = await signIn(who);
        await disable(who);
        await untilForgotten();
        const slow = proxy.inject(tokens, faults.paused);
        expect((await visitor.ask({ path: "/admin", cookie })).status).toBe(200);
        // Nobody is answered from now on but the one who has asked.
        proxy.inject(tokens, faults["hang-before"]);
        const statuses = await slow.release();
        expect(statuses.every((status) => status === 401 || status === 404)).toBe(true);
        await expect
          .poll(async () => isSentToSignIn(await revoke(cookie, ".data")), { timeout: 3000 })
          .toBe(true);
        expect(await trailOf(who)).toEqual(["admin.signed-out token-ended"]);
      });
    });
  },
);
