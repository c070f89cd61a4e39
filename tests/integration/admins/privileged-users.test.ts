import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, inject, it } from "vitest";
import { startTestApp, type TestApp } from "../../support/app";
import { readBuild } from "../../support/built-routes";
import { describeWhere } from "../../support/describe-where";
import {
  type FaultName,
  type FaultProxy,
  faults,
  startFaultProxy,
} from "../../support/fault-proxy";
import { linkStage, newPassword } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { createVisitor } from "../../support/visitor";

/** The console's page of a user whose password more may depend on than that one person's work. */
const PUBLIC_URL = "https://setpass.example.org";
const provided = inject("keystone");
const unique = () => randomBytes(6).toString("hex");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "the page to issue a link for",
  () => {
    const keystone = provided as KeystoneAccess;
    const admin = keystoneAdmin(keystone);
    let proxy: FaultProxy;
    let app: TestApp;
    let cookie: string;
    let adminProjectId: string;

    beforeAll(async () => {
      proxy = await startFaultProxy({ target: keystone.url });
      const env = { PUBLIC_URL, KEYSTONE_TIMEOUT: "5" };
      app = await startTestApp({ keystoneUrl: proxy.url, build: await readBuild(), env });
      adminProjectId = await admin.projectId("admin");
      const { adminUserName: userName, adminPassword: password } = keystone;
      const signedIn = await createVisitor(app.url, { publicUrl: PUBLIC_URL }).signIn({
        userName,
        password,
      });
      cookie = signedIn.cookie ?? "";
    });
    afterAll(async () => {
      await app?.stop();
      await proxy?.stop();
    });
    afterEach(() => proxy.heal());

    async function newUser(): Promise<string> {
      return (await admin.createUser({ name: `user-${unique()}`, password: "Initial-1" })).id;
    }

    /** @returns what the page says, and which password is chosen on it */
    async function pageOf(userId: string) {
      const visitor = createVisitor(app.url, { publicUrl: PUBLIC_URL });
      const { status, text } = await visitor.ask({ path: `/admin/users/${userId}`, cookie });
      expect(status).toBe(200);
      // The data for the browser's script come after the page.
      const page = text.slice(0, text.indexOf("<script"));
      const chosen = [...page.matchAll(/<input[^>]*name="password"[^>]*>/g)].filter(([input]) =>
        input.includes("checked"),
      );
      return {
        chosen: chosen.map(([input]) => /value="(\w+)"/.exec(input)?.[1]),
        recommends: page.includes("(recommended)"),
        isPrivileged: page.includes("This account has rights over the cloud"),
        isUnknown: page.includes("Keystone does not say which roles this account has"),
        isTheirOwn: page.includes("This user has a password of their own"),
        says: page.replace(/<!-- -->/g, ""),
      };
    }

    const ordinary = {
      chosen: ["random"],
      recommends: true,
      isPrivileged: false,
      isUnknown: false,
    };
    const privileged = {
      ...{ chosen: ["typed"], recommends: false, isPrivileged: true, isUnknown: false },
    };

    const ways: Record<string, (userId: string) => Promise<unknown>> = {
      "the role admin on any project": async (userId) => {
        const { id: projectId } = await admin.createProject({ name: `project-${unique()}` });
        await admin.assignRole({ userId, role: "admin", projectId });
      },
      "any role on the admin project": (userId) =>
        admin.assignRole({ userId, role: "reader", projectId: adminProjectId }),
      "the role admin on a domain": (userId) =>
        admin.assignRole({ userId, role: "admin", domainId: "default" }),
      "the role admin on the system": (userId) =>
        admin.assignRole({ userId, role: "admin", system: true }),
      "a group with a role on the admin project": async (userId) => {
        const group = { group: { name: `group-${unique()}`, domain_id: "default" } };
        // biome-ignore lint/suspicious/noExplicitAny: Keystone's own shapes
        const created = (await admin.call("POST", "/groups", group)) as any;
        // biome-ignore lint/suspicious/noExplicitAny: Keystone's own shapes
        const { roles } = (await admin.call("GET", "/roles?name=member")) as any;
        const of = `groups/${created.group.id}`;
        await admin.call("PUT", `/projects/${adminProjectId}/${of}/roles/${roles[0].id}`);
        await admin.call("PUT", `/${of}/users/${userId}`);
      },
    };

    it.each(Object.entries(ways))(
      "a privileged account recommends no random password, and says what it would break: %s",
      async (_way, give) => {
        const userId = await newUser();
        await give(userId);
        const page = await pageOf(userId);
        expect(page).toMatchObject(privileged);
        expect(page.says).toMatch(
          /ends its present password immediately, with all its tokens and sessions/,
        );
        expect(page.says).toMatch(/every service configured with that password stops working/);
        expect(page.says).toMatch(/Application credentials stay valid/);
      },
    );

    it("an ordinary account recommends one, a member of some project too", async () => {
      const userId = await newUser();
      expect(await pageOf(userId)).toMatchObject({ ...ordinary, isTheirOwn: false });
      const { id: projectId } = await admin.createProject({ name: `project-${unique()}` });
      await admin.assignRole({ userId, role: "member", projectId });
      const page = await pageOf(userId);
      expect(page).toMatchObject({ ...ordinary, isTheirOwn: false });
      expect(page.says).toMatch(/The account&#x27;s present password stops working immediately/);
    });

    it("somebody who has set a password already says that it would end", async () => {
      const stage = linkStage(app, admin);
      const link = await stage.issue();
      await stage.redeem(link, newPassword());
      const page = await pageOf(link.userId);
      expect(page).toMatchObject({ ...ordinary, isTheirOwn: true });
    });

    it.each<FaultName>(["500-before", "reset-before", "html-after"])(
      "anybody, where Keystone does not tell the roles, claims nothing and recommends nothing: %s",
      async (fault) => {
        const userId = await newUser();
        proxy.inject({ method: "GET", path: "/v3/role_assignments" }, faults[fault]);
        expect(await pageOf(userId)).toMatchObject({
          ...{ chosen: ["typed"], recommends: false, isPrivileged: false, isUnknown: true },
        });
      },
    );
  },
);
