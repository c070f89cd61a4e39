import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { startTestApp, type TestApp } from "../../support/app";
import { describeWhere } from "../../support/describe-where";
import { type FaultProxy, faults, startFaultProxy, withoutExpiry } from "../../support/fault-proxy";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { keystoneToken, revokeKeystoneToken } from "../../support/keystone-token";
import { type RealKeystone, startRealKeystone } from "../../support/real-keystone";
import type { ProvidedKeystone } from "../../support/test-servers";

const provided = inject("keystone");
const PASSWORD = "Script-1-password";
const QUESTION = { method: "POST", path: "/v3/auth/tokens" };
const adminProject = { project: { name: "admin", domain: { id: "default" } } };

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "who may issue links",
  () => {
    const keystone = provided as ProvidedKeystone;
    const admin = keystoneAdmin(keystone as KeystoneAccess);
    let adminProjectId: string;
    let proxy: FaultProxy;
    let app: TestApp;
    const started: { stop(): Promise<void> }[] = [];

    async function startApp(env: Record<string, string> = {}, keystoneUrl = proxy.url) {
      const one = await startTestApp({ keystoneUrl, env });
      started.push(one);
      return one;
    }

    beforeAll(async () => {
      proxy = await startFaultProxy({ target: keystone.url });
      app = await startApp();
      adminProjectId = await admin.projectId("admin");
    });
    afterAll(async () => {
      for (const one of started.reverse()) await one.stop();
      await proxy?.stop();
    });

    const unique = () => randomBytes(8).toString("hex");

    /** @returns the status of a call that would issue a link, for a user whom Keystone does not know */
    async function put(token: string, to = app): Promise<number> {
      const response = await fetch(`${to.url}/token/${unique()}`, {
        method: "PUT",
        headers: { "X-Auth-Token": token },
        body: JSON.stringify({ password: "Initial-1-password", pin: "1234" }),
      });
      const body = await response.text();
      if (response.status === 500)
        throw new Error(JSON.stringify(to.logged("request.failed").at(-1)));
      if (response.status >= 400) expect(JSON.parse(body).error.code).toBe(response.status);
      return response.status;
    }

    /** @param role on the admin project */
    async function newScript(role?: string): Promise<{ userId: string; password: string }> {
      const { id } = await admin.createUser({ name: `script-${unique()}`, password: PASSWORD });
      if (role) await admin.assignRole({ userId: id, role, projectId: adminProjectId });
      return { userId: id, password: PASSWORD };
    }

    describe("is let in with", () => {
      it("a token scoped to the admin project", async () => {
        const script = await newScript("admin");
        expect(await put(await keystoneToken(keystone, { ...script, scope: adminProject }))).toBe(
          200,
        );
      });

      it("an unscoped token of somebody with the role there", async () => {
        const script = await newScript("admin");
        expect(await put(await keystoneToken(keystone, script))).toBe(200);
      });

      it("a token scoped to another project, of somebody with the role in the admin project", async () => {
        const script = await newScript("admin");
        const { id } = await admin.createProject({ name: `project-${unique()}` });
        await admin.assignRole({ userId: script.userId, role: "member", projectId: id });
        const scope = { project: { id } };
        expect(await put(await keystoneToken(keystone, { ...script, scope }))).toBe(200);
      });

      it("a token without an end", async () => {
        proxy.inject(QUESTION, withoutExpiry);
        const script = await newScript("admin");
        expect(await put(await keystoneToken(keystone, script))).toBe(200);
        proxy.heal();
      });
    });

    describe("is refused with 403", () => {
      it("with a token of somebody who has no role in the admin project", async () => {
        const script = await newScript();
        expect(await put(await keystoneToken(keystone, script))).toBe(403);

        const { id } = await admin.createProject({ name: `project-${unique()}` });
        await admin.assignRole({ userId: script.userId, role: "admin", projectId: id });
        const scope = { project: { id } };
        expect(await put(await keystoneToken(keystone, { ...script, scope }))).toBe(403);
      });

      it("with an administrator's role in a project of the same name in another domain", async () => {
        const script = await newScript();
        const domain = await admin.createDomain({ name: `domain-${unique()}` });
        const { id } = await admin.createProject({ name: "admin", domainId: domain.id });
        await admin.assignRole({ userId: script.userId, role: "admin", projectId: id });
        const scope = { project: { id } };
        expect(await put(await keystoneToken(keystone, { ...script, scope }))).toBe(403);
      });

      it("with a token for the system or for a domain, as long as it is one", async () => {
        const script = await newScript();
        const { userId } = script;
        await admin.assignRole({ userId, role: "admin", system: true });
        const forSystem = { ...script, scope: { system: { all: true } } } as const;
        expect(await put(await keystoneToken(keystone, forSystem))).toBe(403);

        await admin.assignRole({ userId, role: "admin", domainId: "default" });
        const forDomain = { ...script, scope: { domain: { id: "default" } } } as const;
        expect(await put(await keystoneToken(keystone, forDomain))).toBe(403);
      });

      it("until the role is there: a refusal is not remembered", async () => {
        const script = await newScript();
        const token = await keystoneToken(keystone, script);
        expect(await put(token)).toBe(403);
        const grant = { userId: script.userId, projectId: adminProjectId };
        await admin.assignRole({ ...grant, role: "member" });
        expect(await put(token)).toBe(403);
        await admin.assignRole({ ...grant, role: "admin" });
        expect(await put(token)).toBe(200);
      });

      it("with a token of somebody who has another role than admin there", async () => {
        for (const role of ["reader", "member", "manager"])
          expect(await put(await keystoneToken(keystone, await newScript(role)))).toBe(403);
      });

      it("without one of ADMIN_ROLES, where they are named", async () => {
        const strict = await startApp({ ADMIN_ROLES: "setpass-issuer,manager" });
        expect(await put(await keystoneToken(keystone, await newScript("member")), strict)).toBe(
          403,
        );
        expect(await put(await admin.token(), strict)).toBe(403);
        // Who is let in by such a role is asked about: here Keystone lets it change nobody.
        const issuer = await newScript("setpass-issuer");
        const token = await keystoneToken(keystone, issuer);
        const asked = { method: "PATCH", path: /^\/v3\/users\// };
        const before = proxy.count(asked);
        expect(await put(token, strict)).toBe(403);
        expect(proxy.count(asked) - before).toBe(1);
      });

      it("where the admin project is another one", async () => {
        const name = `operators-${unique()}`;
        const { id } = await admin.createProject({ name });
        const other = await startApp({ ADMIN_PROJECT_NAME: name });
        expect(await put(await keystoneToken(keystone, await newScript("admin")), other)).toBe(403);
        const operator = await newScript();
        await admin.assignRole({ userId: operator.userId, role: "admin", projectId: id });
        expect(await put(await keystoneToken(keystone, operator), other)).toBe(200);
      });

      it("by an admin project that does not exist", async () => {
        const lost = await startApp({ ADMIN_PROJECT_NAME: `none-${unique()}` });
        expect(await put(await admin.token(), lost)).toBe(403);
      });
    });

    describe("is refused with 401", () => {
      it("with a token that was revoked", async () => {
        const token = await admin.token();
        await revokeKeystoneToken(keystone, token);
        expect(await put(token)).toBe(401);
      });

      it("with a token of somebody who was disabled or deleted since", async () => {
        const disabled = await newScript("admin");
        const disabledToken = await keystoneToken(keystone, disabled);
        await admin.updateUser(disabled.userId, { enabled: false });
        const deleted = await newScript("admin");
        const deletedToken = await keystoneToken(keystone, deleted);
        await admin.deleteUser(deleted.userId);
        // Keystone takes such a token for revoked, or finds nobody to give a new one to.
        expect([401, 403]).toContain(await put(disabledToken));
        expect([401, 403]).toContain(await put(deletedToken));
      });

      it("with a token of another Keystone", async () => {
        expect(await put(`gAAAAAB${"x".repeat(176)}`)).toBe(401);
      });
    });

    describe("is remembered", () => {
      it("so that Keystone is asked once, and is not needed for the next calls", async () => {
        const token = await admin.token();
        const before = proxy.count(QUESTION);
        expect(await put(token)).toBe(200);
        expect(await put(token)).toBe(200);
        expect(proxy.count(QUESTION) - before).toBe(1);
        await proxy.goAway();
        try {
          expect(await put(token)).toBe(200);
          expect(await put(`gAAAAAB${"y".repeat(176)}`)).toBe(503);
        } finally {
          await proxy.comeBack();
        }
      });

      it("by the whole token: one that is nearly the same is asked about", async () => {
        const token = await admin.token();
        expect(await put(token)).toBe(200);
        const before = proxy.count(QUESTION);
        expect(
          await put(`${token.slice(0, -3)}${token.at(-3) === "A" ? "B" : "A"}${token.slice(-2)}`),
        ).toBe(401);
        expect(await put(token.toLowerCase())).toBe(401);
        expect(proxy.count(QUESTION) - before).toBe(2);
      });

      it("by one question where sixteen calls come at once", async () => {
        const token = await admin.token();
        const before = proxy.count(QUESTION);
        const answers = await Promise.all(Array.from({ length: 16 }, () => put(token)));
        expect(new Set(answers)).toEqual(new Set([200]));
        expect(proxy.count(QUESTION) - before).toBe(1);
      });

      it("no failure either: sixteen calls at once fail together, and the next one is asked about", async () => {
        const token = await admin.token();
        const rule = proxy.inject(
          QUESTION,
          { ...faults["500-before"], delayMs: 300 },
          { times: 1 },
        );
        const answers = await Promise.all(Array.from({ length: 16 }, () => put(token)));
        expect(answers.filter((status) => status === 503).length).toBeGreaterThan(0);
        expect(rule.hits).toBe(1);
        expect(await put(token)).toBe(200);
      });

      it("not at all where AUTH_CACHE_SECONDS is 0", async () => {
        const eager = await startApp({ AUTH_CACHE_SECONDS: "0" });
        const token = await admin.token();
        const before = proxy.count(QUESTION);
        expect(await put(token, eager)).toBe(200);
        expect(await put(token, eager)).toBe(200);
        expect(proxy.count(QUESTION) - before).toBe(2);
        await revokeKeystoneToken(keystone, token);
        expect(await put(token, eager)).toBe(401);
      });

      it("for AUTH_CACHE_SECONDS and no longer", async () => {
        const brief = await startApp({ AUTH_CACHE_SECONDS: "1" });
        const token = await admin.token();
        expect(await put(token, brief)).toBe(200);
        await revokeKeystoneToken(keystone, token);
        await sleep(1100);
        expect(await put(token, brief)).toBe(401);
      });
    });

    describe("by a Keystone that does not let a scoped token be scoped anew", () => {
      let strict: RealKeystone;
      let guarded: TestApp;
      let strictProxy: FaultProxy;
      beforeAll(async () => {
        strict = await startRealKeystone({
          besides: keystone.folder,
          allowRescopeScopedToken: false,
          passwordHashRounds: 4,
          tokenLifetimeSeconds: 8,
          processes: 1,
        });
        started.push(strict);
        strictProxy = await startFaultProxy({ target: strict.url });
        started.push(strictProxy);
        guarded = await startApp({}, strictProxy.url);
      });

      it("is let in with a token for the admin project, or with one for nothing yet", async () => {
        const script = await newScript("admin");
        const scoped = await keystoneToken(strict, { ...script, scope: adminProject });
        expect(await put(scoped, guarded)).toBe(200);
        expect(await put(await keystoneToken(strict, script), guarded)).toBe(200);
      });

      it("is refused with a token for another project, though there is a role in the right one", async () => {
        const script = await newScript("admin");
        const { id } = await admin.createProject({ name: `project-${unique()}` });
        await admin.assignRole({ userId: script.userId, role: "admin", projectId: id });
        const scope = { project: { id } };
        expect(await put(await keystoneToken(strict, { ...script, scope }), guarded)).toBe(403);
      });

      it("is refused with a token for a project of the same name elsewhere", async () => {
        const script = await newScript();
        const domain = await admin.createDomain({ name: `domain-${unique()}` });
        const { id } = await admin.createProject({ name: "admin", domainId: domain.id });
        await admin.assignRole({ userId: script.userId, role: "admin", projectId: id });
        const scope = { project: { id } };
        expect(await put(await keystoneToken(strict, { ...script, scope }), guarded)).toBe(403);
      });

      it("is refused without one of ADMIN_ROLES there too", async () => {
        const picky = await startApp({ ADMIN_ROLES: "manager" }, strictProxy.url);
        const script = await newScript("admin");
        const scoped = await keystoneToken(strict, { ...script, scope: adminProject });
        expect(await put(scoped, picky)).toBe(403);
      });

      it("is answered 401 for garbage and 503 for an outage there too", async () => {
        expect(await put(`gAAAAAB${"z".repeat(176)}`, guarded)).toBe(401);
        const script = await newScript("admin");
        const scoped = await keystoneToken(strict, { ...script, scope: adminProject });
        strictProxy.inject({ method: "GET", path: "/v3/auth/tokens" }, faults["502-before"]);
        expect(await put(scoped, guarded)).toBe(503);
        strictProxy.heal();
        expect(await put(scoped, guarded)).toBe(200);
      });

      it("is remembered only until the token ends, and refused then", async () => {
        const script = await newScript("admin");
        const token = await keystoneToken(strict, script);
        const issuedAt = Date.now();
        expect(await put(token, guarded)).toBe(200);
        await sleep(Math.max(0, issuedAt + 8500 - Date.now()));
        expect(await put(token, guarded)).toBe(401);
      });
    });
  },
);
