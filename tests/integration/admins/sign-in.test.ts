import { randomBytes } from "node:crypto";
import { describe, expect, inject, it } from "vitest";
import { findSession, signOut } from "../../../app/admins/session.server";
import { type SessionId, signIn } from "../../../app/admins/sign-in.server";
import { revokeToken, validateToken } from "../../../app/keystone/tokens.server";
import { startBehindProxy } from "../../support/behind-proxy";
import { describeWhere } from "../../support/describe-where";
import { type FaultName, type FaultProxy, faults, withoutExpiry } from "../../support/fault-proxy";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { newOrigin, startTestServices, type TestServices } from "../../support/services";
import { base32, totp } from "../../support/totp";

const provided = inject("keystone");
const PASSWORD = "Console-1-password";

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "signing in to the console",
  () => {
    const keystone = provided as KeystoneAccess;
    const admin = keystoneAdmin(keystone);
    let proxy: FaultProxy;
    let started: TestServices;
    let adminProjectId: string;

    startBehindProxy(
      {
        keystone,
        env: { KEYSTONE_TIMEOUT: "5", ADMIN_SESSION_IDLE: "60", ADMIN_SESSION_MAX: "600" },
      },
      async (parts) => {
        ({ proxy, started } = parts);
        adminProjectId = await admin.projectId("admin");
      },
    );

    async function newAdmin(
      options: { role?: string | null; email?: string; options?: Record<string, unknown> } = {},
    ) {
      const name = `admin-${randomBytes(6).toString("hex")}`;
      const { role = "admin", ...rest } = options;
      const { id } = await admin.createUser({ name, password: PASSWORD, ...rest });
      if (role) await admin.assignRole({ userId: id, role, projectId: adminProjectId });
      return { id, name };
    }

    const attempt = (
      userName: string,
      more: { password?: string; domainName?: string; passcode?: string; by?: TestServices } = {},
    ) => {
      const { by = started, ...typed } = more;
      return signIn(
        by.services,
        { userName, domainName: "Default", password: PASSWORD, ...typed },
        newOrigin(),
      );
    };

    async function signedIn(userName: string): Promise<{ sessionId: SessionId; expiresAt: Date }> {
      const result = await attempt(userName);
      if (!result.ok) throw new Error(result.reason);
      return result;
    }

    const session = (sessionId: string) => findSession(started.services, sessionId);
    const sessionRows = (userId?: string) =>
      userId === undefined
        ? started.database.sql`select * from admin_sessions`
        : started.database.sql`select * from admin_sessions where user_id = ${userId}`;
    const trail = async (userId: string) =>
      (
        await started.database.sql`
        select action, outcome from audit_events where actor_id = ${userId} order by id`
      ).map((event) => `${event.action} ${event.outcome}`);

    describe("lets in", () => {
      it("who can be scoped to the admin project, and knows who it is", async () => {
        const { id, name } = await newAdmin({ email: "boss@example.org" });
        const { sessionId, expiresAt } = await signedIn(name);
        const found = await session(sessionId);
        expect(found).toMatchObject({
          userId: id,
          userName: name,
          userDomainName: "Default",
          userEmail: "boss@example.org",
          expiresAt,
        });
        const token = found?.keystoneToken ?? "";
        const access = await validateToken(started.services.keystone, {
          token,
          subjectToken: token,
        });
        expect(access?.project?.name).toBe("admin");
        expect(await trail(id)).toEqual(["admin.signed-in ok"]);
      });

      it("whoever has no address in Keystone as well", async () => {
        const { name } = await newAdmin();
        const { sessionId } = await signedIn(name);
        expect((await session(sessionId))?.userEmail).toBeUndefined();
      });

      it("each time by another session, and keeps the others", async () => {
        const { name } = await newAdmin();
        const one = await signedIn(name);
        const other = await signedIn(name);
        expect(one.sessionId).not.toBe(other.sessionId);
        expect(one.sessionId).toMatch(/^[\w-]{43}$/);
        expect(await session(one.sessionId)).toBeDefined();
        expect(await session(other.sessionId)).toBeDefined();
      });

      it("with a one-time code, where the account asks for one; before that there is no session", async () => {
        const secret = randomBytes(20);
        const { id, name } = await newAdmin({
          options: {
            multi_factor_auth_enabled: true,
            multi_factor_auth_rules: [["password", "totp"]],
          },
        });
        await admin.createTotpCredential({ userId: id, base32Secret: base32(secret) });
        expect(await attempt(name)).toEqual({ ok: false, reason: "passcode-needed" });
        // Whichever of the two is wrong: Keystone says no more, and so neither do we.
        const refused = { ok: false, reason: "refused" };
        expect(await attempt(name, { passcode: "000000" })).toEqual(refused);
        const password = "Wrong-1-password";
        expect(await attempt(name, { password, passcode: totp(secret) })).toEqual(refused);
        expect(await attempt(name, { password })).toEqual(refused);
        expect(await sessionRows(id)).toHaveLength(0);
        expect(await attempt(name, { passcode: totp(secret) })).toMatchObject({ ok: true });
      });
    });

    describe("refuses, always in the same words,", () => {
      const refused = { ok: false, reason: "refused" };

      it("a wrong password, a name or a domain that does not exist", async () => {
        const { id, name } = await newAdmin();
        expect(await attempt(name, { password: "Wrong-1-password" })).toEqual(refused);
        expect(await attempt(name, { password: "" })).toEqual(refused);
        expect(await attempt(`${name}x`)).toEqual(refused);
        expect(await attempt(name, { domainName: "Nowhere" })).toEqual(refused);
        expect(await sessionRows(id)).toHaveLength(0);
      });

      it("who has no role in the admin project, or is disabled", async () => {
        const stranger = await newAdmin({ role: null });
        expect(await attempt(stranger.name)).toEqual(refused);
        const disabled = await newAdmin();
        await admin.updateUser(disabled.id, { enabled: false });
        expect(await attempt(disabled.name)).toEqual(refused);
        expect(await sessionRows(stranger.id)).toHaveLength(0);
      });

      it("who has another role than admin there", async () => {
        for (const role of ["member", "reader"]) {
          const { id, name } = await newAdmin({ role });
          expect(await attempt(name)).toEqual(refused);
          expect(await sessionRows(id)).toHaveLength(0);
          expect(await trail(id)).toEqual(["admin.sign-in-refused role-missing"]);
        }
      });

      it("who has none of ADMIN_ROLES there", async () => {
        const strict = await startTestServices({
          database: started.database,
          env: { ADMIN_ROLES: "setpass-operator" },
        });
        try {
          const member = await newAdmin({ role: "member" });
          expect(await attempt(member.name, { by: strict })).toEqual(refused);
          expect(await sessionRows(member.id)).toHaveLength(0);
          expect(await trail(member.id)).toEqual(["admin.sign-in-refused role-missing"]);
          const operator = await newAdmin({ role: "setpass-operator" });
          expect(await attempt(operator.name, { by: strict })).toMatchObject({ ok: true });
        } finally {
          await strict.stop();
        }
      });

      it.each(["", "a".repeat(5000), "a\u0000b", "\ud83d", "a\nb", "' or 1=1 --", "admin\u202e"])(
        "a name that is none: %j",
        async (name) => {
          expect(await attempt(name)).toEqual(refused);
        },
      );

      describe("and names in the trail", () => {
        const lastRefusal = async (by = started) => {
          const [event] = await by.database.sql`
            select actor_id, actor_name, user_id, outcome, client_address from audit_events
            where action = 'admin.sign-in-refused' order by id desc limit 1`;
          return event;
        };
        const WRONG = { password: "Wrong-1-password" };
        const UNKNOWN = /^unknown account #[0-9a-f]{6}$/;

        it("an account that has signed in before, in whatever spelling; it has done nothing itself", async () => {
          const { id, name } = await newAdmin();
          await attempt(name, WRONG);
          expect((await lastRefusal())?.actor_name).toMatch(UNKNOWN);
          await signedIn(name);
          for (const typed of [name, name.toUpperCase()]) {
            await attempt(typed, WRONG);
            expect(await lastRefusal()).toEqual({
              actor_id: null,
              actor_name: name,
              user_id: id,
              outcome: "refused",
              client_address: "192.0.2.7",
            });
          }
        });

        it("not one of the same name in another domain", async () => {
          const { name } = await newAdmin();
          await signedIn(name);
          await attempt(name, { ...WRONG, domainName: "Elsewhere" });
          expect(await lastRefusal()).toMatchObject({ actor_name: expect.stringMatching(UNKNOWN) });
          expect((await lastRefusal())?.user_id).toBeNull();
        });

        it("of two accounts that differ in case the one that was typed, and else neither", async () => {
          const lower = `twin-${randomBytes(6).toString("hex")}`;
          const ids: Record<string, string> = {};
          for (const name of [lower, lower.toUpperCase()]) {
            const { id } = await admin.createUser({ name, password: PASSWORD });
            await admin.assignRole({ userId: id, role: "admin", projectId: adminProjectId });
            await signedIn(name);
            ids[name] = id;
          }
          await attempt(lower.toUpperCase(), WRONG);
          expect((await lastRefusal())?.user_id).toBe(ids[lower.toUpperCase()]);
          await attempt(`T${lower.slice(1)}`, WRONG);
          expect((await lastRefusal())?.actor_name).toMatch(UNKNOWN);
        });

        it("any other by a fingerprint, so that tries at one name can be told as such", async () => {
          const tried = async (name: string, by = started) => {
            await attempt(name, { ...WRONG, by });
            return (await lastRefusal(by))?.actor_name as string;
          };
          const name = `guessed-${randomBytes(6).toString("hex")}`;
          const fingerprint = await tried(name);
          expect(fingerprint).toMatch(UNKNOWN);
          expect(await tried(name.toUpperCase())).toBe(fingerprint);
          expect(await tried(`${name}x`)).not.toBe(fingerprint);
          // It says nothing to who has not the key.
          const other = await startTestServices({ database: started.database });
          try {
            expect(await tried(name, other)).not.toBe(fingerprint);
          } finally {
            await other.stop();
          }
        });

        it("nothing that somebody mistyped: people type passwords there", async () => {
          const typed = `Secret-in-the-wrong-field-${randomBytes(4).toString("hex")}`;
          await attempt(typed, { password: typed });
          const everything = await started.database.sql`
            select (select json_agg(e) from audit_events e) as events,
              (select json_agg(l) from rate_limits l) as limits,
              (select json_agg(k) from known_admins k) as known`;
          expect(JSON.stringify(everything).toLowerCase()).not.toContain(typed.toLowerCase());
          expect(started.logText()).not.toContain(typed);
        });

        it("who it is where the password was right, and the role is missing", async () => {
          const strict = await startTestServices({
            database: started.database,
            env: { ADMIN_ROLES: "setpass-operator" },
          });
          try {
            const { id, name } = await newAdmin({ role: "member" });
            await attempt(name, { by: strict });
            expect(await lastRefusal()).toMatchObject({
              actor_id: id,
              actor_name: name,
              outcome: "role-missing",
            });
          } finally {
            await strict.stop();
          }
        });
      });
    });

    it.each<FaultName>([
      ...([
        "reset-before",
        "reset-after",
        "hang-after",
        "500-before",
        "503-before",
        "429",
      ] as const),
      ...(["html-after", "truncated-json", "no-subject-token", "redirect", "oversized"] as const),
      ...(["cut", "not-http"] as const),
    ])("tells an outage from a refusal, and makes no session: %s", async (name) => {
      const rows = (await sessionRows()).length;
      proxy.inject({ method: "POST", path: "/v3/auth/tokens" }, faults[name]);
      expect(await attempt(keystone.adminUserName, { password: keystone.adminPassword })).toEqual({
        ok: false,
        reason: "keystone-unavailable",
        retryAfterSeconds: expect.any(Number),
      });
      expect(await sessionRows()).toHaveLength(rows);
    });

    describe("a session", () => {
      const turnBack = (userId: string, seconds: number) => started.database.sql`
      update admin_sessions set last_seen_at = last_seen_at - make_interval(secs => ${seconds})
      where user_id = ${userId}`;

      it("is kept without anything that could be used: no id, no token", async () => {
        const { id, name } = await newAdmin();
        const { sessionId } = await signedIn(name);
        const token = (await session(sessionId))?.keystoneToken ?? "";
        expect(token.length).toBeGreaterThan(20);
        const [row] = await sessionRows(id);
        for (const [column, value] of Object.entries(row ?? {})) {
          const bytes = Buffer.isBuffer(value) ? value : Buffer.from(String(value));
          for (const secret of [sessionId, token]) {
            expect([column, bytes.includes(secret)]).toEqual([column, false]);
            const raw = Buffer.from(secret, "base64url");
            expect([column, bytes.includes(raw)]).toEqual([column, false]);
          }
        }
        for (const secret of [sessionId, token]) expect(started.logText()).not.toContain(secret);
      });

      it("is not opened by another id, nor by one moved to another row", async () => {
        const one = await newAdmin();
        const other = await newAdmin();
        const { sessionId } = await signedIn(one.name);
        await signedIn(other.name);
        for (const guess of ["", "x", sessionId.slice(1), sessionId.toLowerCase(), `${sessionId} `])
          expect(await session(guess)).toBeUndefined();
        await started.database.sql`
        update admin_sessions set sealed_token =
          (select sealed_token from admin_sessions where user_id = ${other.id})
        where user_id = ${one.id}`;
        expect(await session(sessionId)).toBeUndefined();
        expect(started.logged("admin.session-unreadable")).toMatchObject([{ actorId: one.id }]);
      });

      it("ends when nobody has used it for so long", async () => {
        const { id, name } = await newAdmin();
        const { sessionId } = await signedIn(name);
        await turnBack(id, 61);
        expect(await session(sessionId)).toBeUndefined();
      });

      it("goes on as long as somebody uses it, however short the limit", async () => {
        const { id, name } = await newAdmin();
        const { sessionId } = await signedIn(name);
        for (let minute = 0; minute < 4; minute++) {
          await turnBack(id, 40);
          expect(await session(sessionId)).toBeDefined();
        }
      });

      it("ends after so long however much it is used", async () => {
        const { id, name } = await newAdmin();
        const { sessionId, expiresAt } = await signedIn(name);
        const most = Date.now() + 600_000;
        expect(Math.abs(expiresAt.getTime() - most)).toBeLessThan(15_000);
        await started.database.sql`
        update admin_sessions set expires_at = now() - interval '1 second' where user_id = ${id}`;
        expect(await session(sessionId)).toBeUndefined();
      });

      it("never outlives its Keystone token, and has its own end where that has none", async () => {
        const soon = new Date(Date.now() + 120_000).toISOString();
        proxy.inject(
          { method: "POST", path: "/v3/auth/tokens" },
          {
            carryOut: "first",
            answer: {
              kind: "rewrite",
              rewrite: (answer) => ({
                ...answer,
                body: answer.body.replace(/"expires_at": ?"[^"]*"/, `"expires_at": "${soon}"`),
              }),
            },
          },
        );
        const { name } = await newAdmin();
        expect((await signedIn(name)).expiresAt.toISOString()).toBe(soon);
        proxy.heal();
        proxy.inject({ method: "POST", path: "/v3/auth/tokens" }, withoutExpiry);
        const { expiresAt } = await signedIn(name);
        expect(Math.abs(expiresAt.getTime() - Date.now() - 600_000)).toBeLessThan(15_000);
      });

      it("is ended by signing out, and so is its token in Keystone; the others live on", async () => {
        const { id, name } = await newAdmin();
        const one = await signedIn(name);
        const other = await signedIn(name);
        const token = (await session(one.sessionId))?.keystoneToken ?? "";
        await signOut(started.services, one.sessionId, newOrigin());
        expect(await session(one.sessionId)).toBeUndefined();
        expect(await session(other.sessionId)).toBeDefined();
        const { keystone: connection } = started.services;
        expect(await validateToken(connection, { token, subjectToken: token })).toBeUndefined();
        expect(await trail(id)).toEqual([
          "admin.signed-in ok",
          "admin.signed-in ok",
          "admin.signed-out ok",
        ]);
        await signOut(started.services, one.sessionId, newOrigin());
        expect(await trail(id)).toHaveLength(3);
      });

      it("is ended here even where Keystone is out of reach, or has ended the token already", async () => {
        const { name } = await newAdmin();
        const away = await signedIn(name);
        const revoked = await signedIn(name);
        const token = (await session(revoked.sessionId))?.keystoneToken ?? "";
        await revokeToken(started.services.keystone, { token });
        await signOut(started.services, revoked.sessionId, newOrigin());
        expect(started.logged("admin.token-not-revoked")).toHaveLength(0);
        proxy.inject({ method: "DELETE" }, faults["500-before"]);
        await signOut(started.services, away.sessionId, newOrigin());
        expect(await session(away.sessionId)).toBeUndefined();
        expect(await session(revoked.sessionId)).toBeUndefined();
        expect(started.logged("admin.token-not-revoked")).toHaveLength(1);
      });
    });
  },
);
