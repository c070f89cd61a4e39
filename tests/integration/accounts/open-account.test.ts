import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { AccountToOpen } from "../../../app/accounts/account-to-open";
import {
  type OpenAccountResult,
  type OpeningAct,
  openAccount,
} from "../../../app/accounts/open-account.server";
import type { Caller } from "../../../app/admins/permit-caller.server";
import { issueLink } from "../../../app/links/issue-link.server";
import { startSandboxKeystone } from "../../../demo/keystone/sandbox-keystone";
import { startBehindProxy } from "../../support/behind-proxy";
import { describeWhere } from "../../support/describe-where";
import { type CallMatch, type FaultProxy, faults, refusal } from "../../support/fault-proxy";
import { type LinkStage, newPassword } from "../../support/issued-links";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { keystoneToken, signsIn } from "../../support/keystone-token";
import { startRealKeystone } from "../../support/real-keystone";
import { newAdmin, newOrigin, startTestServices, type TestServices } from "../../support/services";

const provided = inject("keystone");
const unique = (what: string) => `${what}-${randomBytes(5).toString("hex")}`;
const PIN = "4711";

const projects: CallMatch = { method: "GET", path: "/v3/projects" };
const newProject: CallMatch = { method: "POST", path: "/v3/projects" };
const newUser: CallMatch = { method: "POST", path: "/v3/users" };
const oneUser: CallMatch = { method: "PATCH", path: /^\/v3\/users\/[^/]+$/ };
const grant: CallMatch = { method: "PUT", path: /^\/v3\/projects\/.*\/roles\// };

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "opening an account",
  () => {
    const keystone = provided as KeystoneAccess;
    const admin = keystoneAdmin(keystone);
    const env = { KEYSTONE_TIMEOUT: "5", SECRET_KEYS: randomBytes(32).toString("base64") };
    let proxy: FaultProxy;
    let started: TestServices;
    let stage: LinkStage;
    let token: string;
    let role: { id: string };

    startBehindProxy({ keystone, env }, async (parts) => {
      ({ proxy, started, stage } = parts);
      token = await admin.token();
      role = { id: await roleId("member") };
    });

    async function roleId(name: string): Promise<string> {
      const { roles } = (await admin.call("GET", `/roles?name=${name}`)) as {
        roles: { id: string }[];
      };
      return roles[0]?.id ?? "";
    }

    const callerWith = (keystoneToken: string, holdsAdminRole = true): Caller => ({
      kind: "admin",
      userId: "administrator",
      userName: "admin",
      holdsAdminRole,
      keystoneToken,
    });
    const actBy = (caller = callerWith(token)): OpeningAct => ({
      token: caller.keystoneToken,
      credential: "caller",
      initiator: { ...newOrigin(), actor: caller },
    });

    function newAccount(more: Partial<AccountToOpen> = {}): AccountToOpen {
      const userName = unique("new");
      const email = `${userName}@example.org`;
      return {
        userName,
        email,
        domainId: "default",
        fullName: "Nora Neu",
        project: { name: unique("project"), domainId: "default" },
        role,
        pin: PIN,
        mailTo: email,
        ...more,
      };
    }

    const open = (account: AccountToOpen, act: OpeningAct = actBy(), by = started) =>
      openAccount(by.services, account, act);

    function opened(result: OpenAccountResult) {
      if (!result.ok) throw new Error(`${result.step}: ${result.reason}`);
      return result;
    }

    interface Listed {
      id: string;
      name: string;
      email?: string;
      description?: string;
      setpass_account?: string;
    }
    async function usersNamed(name: string, domainId = "default"): Promise<Listed[]> {
      const { users } = (await admin.call("GET", `/users?name=${name}&domain_id=${domainId}`)) as {
        users: Listed[];
      };
      return users;
    }
    async function projectsNamed(name: string): Promise<Listed[]> {
      const { projects } = (await admin.call("GET", `/projects?name=${name}`)) as {
        projects: Listed[];
      };
      return projects;
    }
    const linksOf = (userId: string) =>
      started.database
        .sql`select id, state, expires_at, issued_at from links where user_id = ${userId}`;

    /** One account, one project, one link and one mail; and the link does what it is for. */
    async function isWhole(account: AccountToOpen, result: OpenAccountResult): Promise<void> {
      const { link } = opened(result);
      const { userName, project, email = "" } = account;
      const users = await usersNamed(userName);
      expect(users.map(({ id }) => id)).toEqual([link.userId]);
      const [there] = await projectsNamed(project?.name ?? "");
      expect(await projectsNamed(project?.name ?? "")).toHaveLength(1);
      expect(await linksOf(link.userId)).toHaveLength(1);
      const mails = (await started.mails()).filter(({ recipient }) => recipient === email);
      expect(mails.map(({ template, state }) => [template, state])).toEqual([["link", "queued"]]);
      expect(mails[0]?.props).toMatchObject({ url: link.url, userName, domainName: "Default" });
      const password = newPassword();
      expect(await stage.redeem({ token: link.token, pin: account.pin }, password)).toMatchObject({
        ok: true,
      });
      const scope = { project: { id: there?.id ?? "" } };
      expect(
        await keystoneToken(keystone, { userId: link.userId, password, scope }),
        "signs in to the project",
      ).toBeTruthy();
    }

    it("makes user, project, role and link, and mails it", async () => {
      const account = newAccount({ language: "de", expiresInSeconds: 3600 });
      const act = actBy();
      const before = proxy.calls.length;
      const result = await open(account, act);
      const { link, opened: there } = opened(result);
      expect(there).toEqual({
        project: { id: expect.any(String), isNew: true },
        user: { id: link.userId, isNew: true },
        hasRole: true,
      });
      expect(await usersNamed(account.userName)).toMatchObject([
        { email: account.email, description: "Nora Neu", setpass_account: expect.any(String) },
      ]);
      const [row] = await linksOf(link.userId);
      expect((row?.expires_at - row?.issued_at) / 1000).toBeCloseTo(3600, -1);
      expect(link.language).toBe("de");
      const { requestId } = act.initiator;
      const trail = await started.database.sql`
      select action, outcome, user_id as "userId" from audit_events
      where request_id = ${requestId} order by id`;
      expect([...trail]).toEqual([
        { action: "project.created", outcome: "ok", userId: null },
        { action: "user.created", outcome: "ok", userId: link.userId },
        { action: "role.assigned", outcome: "ok", userId: link.userId },
        { action: "link.issued", outcome: "ok", userId: link.userId },
      ]);
      const calls = proxy.calls.slice(before).map(({ method, path }) => `${method} ${path}`);
      expect(calls.filter((call) => !call.includes("/domains/"))).toEqual([
        "GET /v3/projects",
        "POST /v3/projects",
        "POST /v3/users",
        expect.stringMatching(/^PUT \/v3\/projects/),
      ]);
      await isWhole(account, result);
    });

    it("takes a project that is there, and spares the question where its id is known", async () => {
      const name = unique("shared");
      const { id } = await admin.createProject({ name });
      const first = await open(newAccount({ project: { name, domainId: "default" } }));
      expect(opened(first).opened.project).toEqual({ id, isNew: false });
      const before = proxy.calls.length;
      const second = await open(newAccount({ project: { id, name, domainId: "default" } }));
      expect(opened(second).opened.project).toEqual({ id, isNew: false });
      const calls = proxy.calls.slice(before).map(({ method, path }) => `${method} ${path}`);
      expect(calls).toEqual(["POST /v3/users", expect.stringMatching(/^PUT /)]);
    });

    describe("where a step fails, says what there is, and the same again finishes it", () => {
      it.each([
        ["asking for the project", projects, "project", []],
        ["creating the project", newProject, "project", []],
        ["creating the user", newUser, "user", ["project"]],
        ["giving the role", grant, "role", ["project", "user"]],
      ] as const)("%s", async (_what, call, step, made) => {
        for (const [fault, reason] of [
          [faults["reset-before"], "keystone-unavailable"],
          [faults["503-before"], "keystone-unavailable"],
          [refusal(403, "You are not authorized."), "forbidden"],
          [refusal(401, "The request you have made requires authentication."), "token-ended"],
        ] as const) {
          const account = newAccount();
          const rule = proxy.inject(call, fault);
          const failed = await open(account);
          rule.remove();
          expect(failed).toMatchObject({ ok: false, step, reason });
          expect(Object.keys(failed.opened)).toEqual(made);
          const [user] = await usersNamed(account.userName);
          if (user) expect(await linksOf(user.id)).toHaveLength(0);
          await isWhole(account, await open(account));
        }
      });

      it("setting another password, for an account that was begun", async () => {
        for (const fault of ["reset-before", "reset-after", "502-after"] as const) {
          const account = newAccount();
          const first = proxy.inject(grant, faults["reset-before"]);
          expect(await open(account)).toMatchObject({ ok: false, step: "role" });
          first.remove();
          const second = proxy.inject(oneUser, faults[fault]);
          expect(await open(account)).toMatchObject({
            ok: false,
            step: "user",
            reason: "keystone-unavailable",
            isUnknown: true,
            opened: { user: { isNew: false } },
          });
          second.remove();
          await isWhole(account, await open(account));
        }
      });

      it("writing the link, when nothing of it is left", async () => {
        const account = newAccount();
        const act: OpeningAct = {
          ...actBy(),
          andThen: async () => {
            throw new Error("Whatever goes with it failed");
          },
        };
        await expect(open(account, act)).rejects.toThrow("Whatever goes with it failed");
        const [user] = await usersNamed(account.userName);
        expect(await linksOf(user?.id ?? "")).toHaveLength(0);
        await isWhole(account, await open(account));
        expect(await stage.trail({ userId: user?.id ?? "" })).toEqual([
          "user.created ok",
          "role.assigned ok",
          "user.created continued",
          "user.initial-password-set ok",
          "role.assigned ok",
          "link.issued ok",
          "link.redeemed ok",
        ]);
      });
    });

    it.each([
      ["the project", newProject],
      ["the user", newUser],
    ])("finishes at once where only the answer about %s was lost", async (_what, call) => {
      for (const fault of ["reset-after", "502-after", "truncated-json"] as const) {
        const account = newAccount();
        const rule = proxy.inject(call, faults[fault], { times: 1 });
        const result = await open(account);
        expect(rule.hits).toBe(1);
        rule.remove();
        expect(opened(result).opened).toMatchObject({
          project: { isNew: true },
          user: { isNew: true },
        });
        await isWhole(account, result);
      }
    });

    it("goes on where the answer about the role was lost", async () => {
      const account = newAccount();
      const rule = proxy.inject(grant, faults["reset-after"]);
      expect(await open(account)).toMatchObject({ step: "role", isUnknown: true });
      rule.remove();
      await isWhole(account, await open(account));
    });

    it("writes what goes with the link in its transaction", async () => {
      const account = newAccount();
      const seen: unknown[] = [];
      const result = await open(account, {
        ...actBy(),
        andThen: async (tx, link) => {
          const [row] = await tx.execute<{ links: number }>(
            `select count(*)::int as links from links where id = '${link.id}'` as never,
          );
          seen.push(row?.links, (await linksOf(link.userId)).length);
        },
      });
      expect(result.ok).toBe(true);
      expect(seen, "there for the transaction, and for nobody else yet").toEqual([1, 0]);
    });

    it("is done once, whoever of sixteen on two servers comes first", async () => {
      const other = await startTestServices({
        keystoneUrl: proxy.url,
        database: started.database,
        env,
      });
      try {
        const account = newAccount();
        const results = await Promise.all(
          Array.from({ length: 16 }, (_, racer) =>
            open(account, actBy(), racer % 2 === 0 ? started : other),
          ),
        );
        const winners = results.filter(({ ok }) => ok);
        expect(winners).toHaveLength(1);
        for (const result of results)
          if (!result.ok) expect(["in-progress", "already-handed-over"]).toContain(result.reason);
        await isWhole(account, winners[0] as OpenAccountResult);
      } finally {
        await other.stop();
      }
    });

    it("waits for nobody who died, longer than what they held", async () => {
      const account = newAccount();
      await new Promise<void>((holding) => {
        const request = () => {
          holding();
          return new Promise<never>(() => {});
        };
        void open(account, { ...actBy(), keystone: { ...started.services.keystone, request } });
      });
      const held = await open(account);
      if (held.ok || held.reason !== "in-progress") throw new Error("nobody holds it");
      expect(held.retryAfterSeconds).toBeGreaterThan(60);
      expect(held.retryAfterSeconds).toBeLessThanOrEqual(100);
      await started.database.sql`
      update rate_limits set expire = clock_timestamp() where key like 'opening:%'`;
      await isWhole(account, await open(account));
    });

    describe("with the service's rights, for a caller who has the role admin", () => {
      const service = async (): Promise<OpeningAct> => ({
        ...actBy(callerWith("a token that is over")),
        token: await admin.token(),
        credential: "service",
      });

      it("does all of it, and says so in the trail", async () => {
        const account = newAccount();
        const act = await service();
        const rule = proxy.inject(grant, faults["reset-before"]);
        await open(account, act);
        rule.remove();
        const result = await open(account, act);
        const trail = await started.database.sql`
        select distinct action, credential from audit_events
        where request_id = ${act.initiator.requestId} order by action`;
        expect(trail.map(({ action, credential }) => [action, credential])).toEqual([
          ["link.issued", null],
          ["project.created", "service"],
          ["role.assigned", "service"],
          ["user.created", "service"],
          ["user.initial-password-set", "service"],
        ]);
        await isWhole(account, result);
      });

      it("throws where its token is over, so that another is fetched", async () => {
        const account = newAccount();
        const act = await service();
        const rule = proxy.inject(grant, refusal(401, "The request requires authentication."));
        await expect(open(account, act)).rejects.toMatchObject({ kind: "unauthorized" });
        rule.remove();
        await isWhole(account, await open(account, act));
      });
    });

    describe("leaves alone a user of that name", () => {
      it("whom setpass did not make", async () => {
        const account = newAccount();
        const password = newPassword();
        const { userName: name, email } = account;
        const { id } = await admin.createUser({ name, email, password });
        expect(await open(account)).toMatchObject({
          ok: false,
          step: "user",
          reason: "name-taken",
          userId: id,
        });
        expect(await signsIn(keystone, { userId: id, password })).toBe(true);
        expect(await linksOf(id)).toHaveLength(0);
      });

      it("who was begun for another address", async () => {
        const account = newAccount();
        const rule = proxy.inject(grant, faults["reset-before"]);
        const begun = await open(account);
        rule.remove();
        const userId = begun.opened.user?.id;
        const other = { ...account, email: `other-${account.email}` };
        expect(await open(other)).toMatchObject({ ok: false, reason: "name-taken", userId });
        await isWhole(account, await open(account));
      });

      it("who was handed over, whatever became of the link since", async () => {
        const account = newAccount();
        const { link } = opened(await open(account));
        const handedOver = { ok: false, reason: "already-handed-over", userId: link.userId };
        expect(await open(account)).toMatchObject(handedOver);
        const password = newPassword();
        expect((await stage.redeem({ token: link.token, pin: PIN }, password)).ok).toBe(true);
        expect(await open(account)).toMatchObject(handedOver);
        expect(await signsIn(keystone, { userId: link.userId, password })).toBe(true);
      });

      it("whom somebody has disabled since", async () => {
        const account = newAccount();
        const rule = proxy.inject(grant, faults["reset-before"]);
        const begun = await open(account);
        rule.remove();
        await admin.updateUser(begun.opened.user?.id ?? "", { enabled: false });
        expect(await open(account)).toMatchObject({ ok: false, reason: "account-disabled" });
      });

      it("whom somebody hands over at the same moment, whose link then still works", async () => {
        const account = newAccount();
        const rule = proxy.inject(grant, faults["reset-before"]);
        const begun = await open(account);
        rule.remove();
        const userId = begun.opened.user?.id ?? "";
        const held = proxy.inject(grant, faults.paused);
        const again = open(account);
        await held.waitForHits(1);
        const theirs = await issueLink(
          started.services,
          { userId, pin: PIN, initialPassword: "Initial-1-theirs-out-of-force", via: "console" },
          newAdmin(),
        );
        await held.release();
        expect(await again).toMatchObject({ ok: false, reason: "already-handed-over" });
        if (!theirs.ok) throw new Error(theirs.reason);
        const { token } = theirs.link;
        const password = newPassword();
        expect(await stage.redeem({ token, pin: PIN }, password)).toMatchObject({ ok: true });
        expect(await signsIn(keystone, { userId, password })).toBe(true);
      });
    });

    it("begins anew where somebody deletes the user in the middle of it", async () => {
      const account = newAccount();
      const held = proxy.inject(grant, faults.paused);
      const first = open(account);
      await held.waitForHits(1);
      const [user] = await usersNamed(account.userName);
      await admin.deleteUser(user?.id ?? "");
      await held.release();
      expect(await first).toMatchObject({ ok: false, step: "role", reason: "in-progress" });
      held.remove();
      const result = await open(account);
      expect(opened(result).opened.user?.isNew).toBe(true);
      await isWhole(account, result);
    });

    it("is refused before anything is made where the role has no project", async () => {
      const account = newAccount({ project: undefined });
      expect(await open(account)).toMatchObject({ step: "project", reason: "unknown-project" });
      expect(await usersNamed(account.userName)).toEqual([]);
    });

    it.each([
      ["a domain that is none", { domainId: "0123456789abcdef" }, "user", "unknown-domain"],
      ["a role that is none", { role: { id: "0123456789abcdef" } }, "role", "unknown-role"],
      ["a name that is too long", { userName: "x".repeat(256) }, "user", "bad-request"],
      ["a password that is too weak", { initialPassword: "weak" }, "user", "password-refused"],
    ])("says what is wrong: %s", async (_what, change, step, reason) => {
      expect(await open(newAccount(change))).toMatchObject({ ok: false, step, reason });
    });

    it("uses the name as Keystone has it", async () => {
      const account = newAccount();
      const { link } = opened(await open({ ...account, userName: `  ${account.userName} ` }));
      expect(link.userName).toBe(account.userName);
      expect(await open(account)).toMatchObject({ reason: "already-handed-over" });
    });

    describe("by a caller without the role admin", () => {
      async function callerOf(access: KeystoneAccess, roleName: string): Promise<Caller> {
        const there = keystoneAdmin(access);
        const password = newPassword();
        const { id: userId } = await there.createUser({ name: unique(roleName), password });
        const projectId = await there.projectId(access.adminProjectName);
        await there.assignRole({ userId, role: roleName, projectId });
        const scope = { project: { id: projectId } };
        return callerWith(await keystoneToken(access, { userId, password, scope }), false);
      }

      it("is refused where Keystone refuses them, and makes nothing", async () => {
        for (const roleName of ["reader", "member"]) {
          const account = newAccount();
          const caller = await callerOf(keystone, roleName);
          expect(await open(account, actBy(caller))).toMatchObject({
            ok: false,
            step: "project",
            reason: "forbidden",
            opened: {},
          });
          const bare = { ...account, project: undefined, role: undefined };
          expect(await open(bare, actBy(caller))).toMatchObject({
            ok: false,
            step: "user",
            reason: "forbidden",
            opened: {},
          });
          expect(await usersNamed(account.userName)).toEqual([]);
          expect(await projectsNamed(account.project?.name ?? "")).toEqual([]);
        }
      });

      it("never has the service's rights, nor another's", async () => {
        const caller = await callerOf(keystone, "reader");
        const account = newAccount();
        const borrowed = { ...actBy(caller), token };
        await expect(open(account, { ...borrowed, credential: "service" })).rejects.toThrow();
        await expect(open(account, borrowed)).rejects.toThrow();
        expect(await usersNamed(account.userName)).toEqual([]);
      });

      it("does what Keystone lets them do, and hands over nobody whom they may not change", async () => {
        const folder = await mkdtemp(path.join(tmpdir(), "setpass-policy-"));
        const policy = path.join(folder, "policy.yaml");
        const may = (what: string, roles: string) => `"identity:${what}": "${roles}"\n`;
        const both = "rule:admin_required or role:helpdesk or role:maker";
        await writeFile(
          policy,
          ["create_user", "list_users", "get_user"].map((what) => may(what, both)).join("") +
            may("update_user", "rule:admin_required or role:helpdesk"),
        );
        const withPolicy = await startRealKeystone({
          besides: (keystone as typeof keystone & { folder: string }).folder,
          passwordHashRounds: 4,
          processes: 1,
          settings: { oslo_policy: { policy_file: policy } },
        });
        const there = await startTestServices({ keystoneUrl: withPolicy.url });
        try {
          const bare = () => newAccount({ project: undefined, role: undefined });
          const helpdesk = await callerOf(withPolicy, "helpdesk");
          const done = opened(await open(bare(), actBy(helpdesk), there));
          expect(done.opened).toEqual({ user: { id: done.link.userId, isNew: true } });
          const maker = await callerOf(withPolicy, "maker");
          const act = actBy(maker);
          const refused = await open(bare(), act, there);
          expect(refused).toMatchObject({ ok: false, step: "user", reason: "forbidden" });
          expect(refused.opened.user).toBeDefined();
          const { sql } = there.database;
          const made = refused.opened.user?.id ?? "";
          expect(await sql`select from links where user_id = ${made}`).toHaveLength(0);
          const trail = await sql`
          select action, outcome, user_id from audit_events
          where request_id = ${act.initiator.requestId}`;
          expect([...trail]).toEqual([
            { action: "user.created", outcome: "not-permitted", user_id: null },
          ]);
        } finally {
          await there.stop();
          await withPolicy.stop();
          await rm(folder, { recursive: true, force: true });
        }
      });
    });
  },
);

describe("a domain whose users are in a directory", () => {
  let stop: () => Promise<void>;
  let started: TestServices;
  let token: string;

  beforeAll(async () => {
    const sandbox = await startSandboxKeystone({
      domains: [{ id: "ldap", name: "Directory", readOnly: true }],
    });
    stop = sandbox.stop;
    token = await keystoneAdmin(sandbox).token();
    started = await startTestServices({ keystoneUrl: sandbox.url });
  });
  afterAll(async () => {
    await started.stop();
    await stop();
  });

  it("takes no account, and says so", async () => {
    const actor: Caller = {
      ...{ kind: "admin", userId: "a", userName: "admin" },
      ...{ holdsAdminRole: true, keystoneToken: token },
    };
    const result = await openAccount(
      started.services,
      { userName: "new", domainId: "ldap", pin: PIN },
      { token, credential: "caller", initiator: { ...newOrigin(), actor } },
    );
    expect(result).toMatchObject({ ok: false, step: "user", reason: "read-only-domain" });
  });
});
