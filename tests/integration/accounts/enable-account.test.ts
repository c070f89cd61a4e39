import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { startTestApp, type TestApp } from "../../support/app";
import { readBuild } from "../../support/built-routes";
import { describeWhere } from "../../support/describe-where";
import { keystoneAdmin } from "../../support/keystone-admin";
import { signsIn } from "../../support/keystone-token";
import type { ProvidedKeystone } from "../../support/test-servers";
import { createVisitor, type Visitor } from "../../support/visitor";

const PUBLIC_URL = "https://setpass.example.org";
const provided = inject("keystone");
const unique = () => randomBytes(6).toString("hex");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "a disabled account, in the console",
  () => {
    const keystone = provided as ProvidedKeystone;
    const admin = keystoneAdmin(keystone);
    let app: TestApp;
    let visitor: Visitor;
    beforeAll(async () => {
      const env = { PUBLIC_URL, ADMIN_ROLES: "*" };
      app = await startTestApp({ build: await readBuild(), env });
      visitor = createVisitor(app.url, { publicUrl: PUBLIC_URL });
    });
    afterAll(() => app?.stop());

    async function newUser(options: { enabled?: boolean } = {}) {
      const password = `Initial-1-${unique()}`;
      const { id } = await admin.createUser({ name: `user-${unique()}`, password, ...options });
      return { id, password };
    }
    async function cookieOf(role: string) {
      const userName = `caller-${unique()}`;
      const password = `Caller-1-${unique()}`;
      const { id: userId } = await admin.createUser({ name: userName, password });
      await admin.assignRole({ userId, role, projectId: await admin.projectId("admin") });
      const { cookie } = await visitor.signIn({ userName, password });
      return cookie as string;
    }
    const isEnabled = async (userId: string) =>
      ((await admin.call("GET", `/users/${userId}`)) as { user: { enabled: boolean } }).user
        .enabled;
    const eventsOf = async (userId: string) =>
      (
        await app.database.sql`
          select outcome, actor_kind from audit_events
          where user_id = ${userId} and action = 'user.enabled'`
      ).map(({ outcome, actor_kind }) => `${actor_kind} ${outcome}`);
    const page = (userId: string, cookie: string) =>
      visitor.ask({ path: `/admin/users/${userId}`, cookie });

    it("is enabled with one click, and the page then says so and offers it no more", async () => {
      const user = await newUser({ enabled: false });
      const cookie = await cookieOf("admin");
      expect((await page(user.id, cookie)).text).toContain("Enable the account");
      const answer = await visitor.issue(user.id, { intent: "enable" }, { cookie });
      expect(answer.status).toBe(200);
      expect(answer.text).toContain("The account is enabled");
      expect(answer.text).not.toContain("Enable the account");
      expect(await signsIn(keystone, { userId: user.id, password: user.password })).toBe(true);
      expect(await eventsOf(user.id)).toEqual(["admin ok"]);
      const later = await page(user.id, cookie);
      expect(later.text).not.toContain("Enable the account");
    });

    it("is not offered where the account is enabled", async () => {
      const user = await newUser();
      const { text } = await page(user.id, await cookieOf("admin"));
      expect(text).not.toContain("Enable the account");
    });

    it("stays disabled where Keystone does not let the administrator change the user", async () => {
      const user = await newUser({ enabled: false });
      const cookie = await cookieOf("reader");
      const answer = await visitor.issue(user.id, { intent: "enable" }, { cookie });
      expect(answer.status).toBe(403);
      expect(await isEnabled(user.id)).toBe(false);
      expect(await eventsOf(user.id)).toEqual([]);
    });

    it("stays disabled where another site asks for it, and where nobody is signed in", async () => {
      const user = await newUser({ enabled: false });
      const form = { intent: "enable" };
      const path = `/admin/users/${user.id}`;
      const cookie = await cookieOf("admin");
      const foreign = createVisitor(app.url, { publicUrl: "https://evil.example.org" });
      expect((await foreign.ask({ path, form, cookie })).status).toBe(403);
      expect((await visitor.ask({ path, form })).status).not.toBe(200);
      expect(await isEnabled(user.id)).toBe(false);
    });

    it("is nobody's any more where the user is gone", async () => {
      const user = await newUser({ enabled: false });
      const cookie = await cookieOf("admin");
      await admin.call("DELETE", `/users/${user.id}`);
      const answer = await visitor.issue(user.id, { intent: "enable" }, { cookie });
      expect(answer.status).toBe(404);
      expect(await eventsOf(user.id)).toEqual(["admin unknown-user"]);
    });

    it("is enabled where sixteen click at the same time, and each has a row in the trail", async () => {
      const user = await newUser({ enabled: false });
      const cookie = await cookieOf("admin");
      const answers = await Promise.all(
        Array.from({ length: 16 }, () => visitor.issue(user.id, { intent: "enable" }, { cookie })),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array(16).fill(200));
      expect(await isEnabled(user.id)).toBe(true);
      expect(await eventsOf(user.id)).toEqual(Array(16).fill("admin ok"));
    });
  },
);
