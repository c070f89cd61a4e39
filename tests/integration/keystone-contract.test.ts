import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { willExpireSoon } from "../../app/keystone/access-info.server";
import {
  applicationCredentialAuth,
  authenticate,
  passwordAuth,
  tokenAuth,
} from "../../app/keystone/auth.server";
import {
  getDomain,
  getDomainDriver,
  getPasswordPolicy,
  listDomains,
} from "../../app/keystone/domains.server";
import {
  changePassword,
  isPasswordAccepted,
  setUserPassword,
} from "../../app/keystone/passwords.server";
import { createProject, findProjectIds, listProjects } from "../../app/keystone/projects.server";
import {
  assignProjectRole,
  findRoleIds,
  listRoles,
  listRolesOfUser,
} from "../../app/keystone/roles.server";
import { createKeystoneSession, type KeystoneSession } from "../../app/keystone/session.server";
import { revokeToken, validateToken } from "../../app/keystone/tokens.server";
import {
  createUser,
  enableUser,
  findUsersNamed,
  getUser,
  listUsers,
  mayChangeUser,
} from "../../app/keystone/users.server";
import { type SandboxKeystone, startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { type KeystoneAccess, type KeystoneAdmin, keystoneAdmin } from "../support/keystone-admin";
import { errorOf } from "../support/keystone-error";
import {
  startRealKeystone,
  testPasswordRegex,
  testPasswordRegexDescription,
} from "../support/real-keystone";
import { base32, totp } from "../support/totp";

/**
 * One list of promises, kept by the real Keystone and by the sandbox: what setpass
 * relies on, and how Keystone is known to answer.
 */
interface Target {
  name: string;
  /** As most clouds run it. */
  openUsual(): Promise<Opened>;
  /**
   * With everything switched on that Keystone has against weak habits: lockout, first-use change, no
   * rescoping of scoped tokens, tokens that soon expire, lists that are cut; and no password regex.
   */
  openStrict(): Promise<Opened>;
  /** A domain whose users are in a directory, and one that has nothing of its own; of the usual one. */
  addDirectory(opened: Opened): Promise<{ directory: string; made: string }>;
}

interface Opened {
  access: KeystoneAccess;
  stop(): Promise<void>;
}

const strictSettings = {
  lockout: { failureAttempts: 2, durationSeconds: 1800 },
  allowRescopeScopedToken: false,
  tokenLifetimeSeconds: 4,
  listLimit: 5,
  passwordRegex: null,
};

const sandboxes = new Map<KeystoneAccess, SandboxKeystone>();
const sandbox: Target = {
  name: "the sandbox Keystone",
  async openUsual() {
    const started = await startSandboxKeystone({
      users: [],
      passwordRegex: testPasswordRegex,
      passwordRegexDescription: testPasswordRegexDescription,
      uniqueLastPasswordCount: 2,
    });
    sandboxes.set(started, started);
    return { access: started, stop: started.stop };
  },
  async addDirectory({ access }) {
    const { cloud } = sandboxes.get(access) as SandboxKeystone;
    const add = (readOnly: boolean) => cloud.addDomain({ name: uniqueName("domain"), readOnly }).id;
    return { directory: add(true), made: add(false) };
  },
  async openStrict() {
    const started = await startSandboxKeystone({
      users: [],
      ...strictSettings,
      passwordRegex: undefined,
      changePasswordUponFirstUse: true,
    });
    return { access: started, stop: started.stop };
  },
};

const provided = inject("keystone");
const real: Target | undefined = provided && {
  name: "the real Keystone",
  async openUsual() {
    return { access: provided, stop: async () => {} };
  },
  async addDirectory({ access }) {
    const admin = keystoneAdmin(access);
    const add = async () => (await admin.createDomain({ name: uniqueName("domain") })).id;
    const [directory, made] = [await add(), await add()];
    const config = { identity: { driver: "ldap" }, ldap: { url: "ldap://127.0.0.1:9" } };
    await admin.call("PUT", `/domains/${directory}/config`, { config });
    return { directory, made };
  },
  async openStrict() {
    const started = await startRealKeystone({
      besides: provided.folder,
      ...strictSettings,
      passwordHashRounds: 4,
      settings: { security_compliance: { change_password_upon_first_use: "true" } },
    });
    return { access: started, stop: started.stop };
  },
};

/** Unlike any other, so that the files of a run can share one Keystone. */
function uniqueName(prefix: string): string {
  return `${prefix}-${randomBytes(5).toString("hex")}`;
}

function newPassword(): string {
  return `Pw9-${randomBytes(9).toString("base64url")}`;
}

describe.each([sandbox, ...(real ? [real] : [])])("$name", (target) => {
  describe("as most clouds run it", () => {
    let opened: Opened;
    let access: KeystoneAccess;
    let admin: KeystoneAdmin;
    let session: KeystoneSession;
    let adminToken: string;

    beforeAll(async () => {
      opened = await target.openUsual();
      access = opened.access;
      admin = keystoneAdmin(access);
      session = createKeystoneSession({ authUrl: access.url, timeoutSeconds: 20 });
      adminToken = await admin.token();
    });
    afterAll(async () => {
      await session?.close();
      await opened?.stop();
    });

    const adminScope = () => ({
      projectName: access.adminProjectName,
      projectDomainId: access.adminProjectDomainId,
    });

    async function newUser(fields: Partial<Parameters<KeystoneAdmin["createUser"]>[0]> = {}) {
      const password = fields.password ?? newPassword();
      const user = await admin.createUser({ name: uniqueName("user"), ...fields, password });
      return { ...user, password };
    }
    const signIn = (userId: string, password: string) =>
      authenticate(session, passwordAuth({ userId, password }));

    describe("discovery", () => {
      it("offers its versions with a 300 at the root and a 200 at /v3", async () => {
        const root = await fetch(`${access.url}/`, { redirect: "manual" });
        expect(root.status).toBe(300);
        expect(await root.json()).toMatchObject({
          versions: { values: [{ id: "v3.14", status: "stable" }] },
        });
        const v3 = await session.request({ method: "GET", path: "" });
        expect(v3.status).toBe(200);
        expect(v3.json).toMatchObject({ version: { id: "v3.14", status: "stable" } });
      });

      it("names every answer by a request id", async () => {
        const answer = await session.request({ method: "GET", path: "" });
        expect(answer.keystoneRequestId).toMatch(/^req-[0-9a-f-]{36}$/);
        const error = await errorOf(signIn("nobody", "nothing"));
        expect(error.keystoneRequestId).toMatch(/^req-[0-9a-f-]{36}$/);
      });

      it("accepts a request id of ours", async () => {
        const requestId = "req-01234567-89ab-cdef-0123-456789abcdef";
        const answer = await session.request({ method: "GET", path: "", requestId });
        expect(answer.status).toBe(200);
      });
    });

    describe("signing in with a password", () => {
      it("gives an unscoped token to a user of no project, by id or by name and domain", async () => {
        const user = await newUser();
        const { name: userName, password } = user;
        for (const plugin of [
          passwordAuth({ userId: user.id, password }),
          passwordAuth({ userName, userDomainId: "default", password }),
          passwordAuth({ userName, userDomainName: "Default", password }),
        ]) {
          const given = await authenticate(session, plugin);
          expect(given.user).toEqual({
            id: user.id,
            name: userName,
            domain: { id: "default", name: "Default" },
          });
          expect(given.methods).toEqual(["password"]);
          expect(given.project).toBeUndefined();
          expect(given.domain).toBeUndefined();
          expect(given.system).toBeUndefined();
          expect(given.roles).toEqual([]);
          expect(given.passwordExpiresAt).toBeNull();
        }
      });

      it("tells when the token was issued and when it expires", async () => {
        const user = await newUser();
        const given = await signIn(user.id, user.password);
        const now = Date.now();
        const issued = given.issuedAt?.getTime() ?? 0;
        const expires = given.expiresAt?.getTime() ?? 0;
        expect(Math.abs(issued - now)).toBeLessThan(10_000);
        expect(expires - issued).toBeGreaterThan(3_590_000);
        expect(expires - issued).toBeLessThan(3_610_000);
        expect(willExpireSoon(given, { withinSeconds: 60, now: new Date() })).toBe(false);
      });

      it("scopes to a project by name or id, and tells the roles there", async () => {
        const byName = await authenticate(
          session,
          passwordAuth({
            userName: access.adminUserName,
            userDomainId: "default",
            password: access.adminPassword,
          }),
          { scope: adminScope() },
        );
        expect(byName.project).toEqual({
          id: await admin.projectId(access.adminProjectName),
          name: access.adminProjectName,
          domain: { id: "default", name: "Default" },
        });
        expect(byName.roles.map((role) => role.name)).toContain("admin");
        const byId = await authenticate(
          session,
          passwordAuth({ userId: byName.user.id, password: access.adminPassword }),
          { scope: { projectId: byName.project?.id ?? "" } },
        );
        expect(byId.project).toEqual(byName.project);
      });

      it("scopes to the user's default project unless told not to", async () => {
        const project = await admin.createProject({ name: uniqueName("project") });
        const user = await newUser({ defaultProjectId: project.id });
        await admin.assignRole({ userId: user.id, role: "member", projectId: project.id });
        const plugin = passwordAuth({ userId: user.id, password: user.password });
        expect((await authenticate(session, plugin)).project?.id).toBe(project.id);
        const unscoped = await authenticate(session, plugin, { scope: "unscoped" });
        expect(unscoped.project).toBeUndefined();
      });

      it("scopes to a domain and to the system", async () => {
        const user = await newUser();
        const plugin = passwordAuth({ userId: user.id, password: user.password });
        await admin.assignRole({ userId: user.id, role: "reader", domainId: "default" });
        const onDomain = await authenticate(session, plugin, { scope: { domainId: "default" } });
        expect(onDomain.domain).toEqual({ id: "default", name: "Default" });
        expect(onDomain.project).toBeUndefined();
        await admin.assignRole({ userId: user.id, role: "reader", system: true });
        const onSystem = await authenticate(session, plugin, { scope: "system" });
        expect(onSystem.system).toBe(true);
      });

      it("refuses what no name can hold, as it refuses an unknown one", async () => {
        for (const userName of ["a\0b", "\ud800", "a\nb"]) {
          const plugin = passwordAuth({ userName, userDomainId: "default", password: "x" });
          expect((await errorOf(authenticate(session, plugin))).kind).toBe("unauthorized");
        }
      });

      it.each(["wrong password", "unknown user", "unknown domain", "disabled user"])(
        "refuses a %s with the same 401",
        async (what) => {
          const user = await newUser({ enabled: what !== "disabled user" });
          const plugin =
            what === "wrong password"
              ? passwordAuth({ userId: user.id, password: "not it" })
              : what === "unknown user"
                ? passwordAuth({ userName: "x-nobody", userDomainId: "default", password: "x" })
                : what === "unknown domain"
                  ? passwordAuth({ userName: user.name, userDomainName: "x", password: "x" })
                  : passwordAuth({ userId: user.id, password: user.password });
          const error = await errorOf(authenticate(session, plugin));
          expect(error).toMatchObject({
            kind: "unauthorized",
            status: 401,
            mayHaveHappened: false,
            detail: "The request you have made requires authentication.",
          });
        },
      );

      it("refuses a scope without a role, and one that does not exist, with a 401", async () => {
        const user = await newUser();
        const plugin = passwordAuth({ userId: user.id, password: user.password });
        for (const scope of [
          adminScope(),
          { projectId: "0123456789abcdef0123456789abcdef" },
          { domainId: "default" },
          "system" as const,
        ]) {
          const error = await errorOf(authenticate(session, plugin, { scope }));
          expect(error.kind).toBe("unauthorized");
        }
      });
    });

    describe("signing in with a second factor", () => {
      it("asks for it once the password was right, and takes both in one request", async () => {
        const secret = randomBytes(20);
        const user = await newUser();
        await admin.createTotpCredential({ userId: user.id, base32Secret: base32(secret) });
        await admin.updateUser(user.id, {
          options: {
            multi_factor_auth_enabled: true,
            multi_factor_auth_rules: [["password", "totp"]],
          },
        });
        const error = await errorOf(signIn(user.id, user.password));
        expect(error).toMatchObject({ kind: "mfa-required", status: 401 });
        const sets = error.requiredAuthMethods?.map((set) => [...set].sort());
        expect(sets).toEqual([["password", "totp"]]);
        expect((await errorOf(signIn(user.id, "not it"))).kind).toBe("unauthorized");

        const passcode = totp(secret);
        const both = passwordAuth({ userId: user.id, password: user.password, passcode });
        const given = await authenticate(session, both);
        expect([...given.methods].sort()).toEqual(["password", "totp"]);
        const wrong = passwordAuth({
          userId: user.id,
          password: user.password,
          passcode: "000000x",
        });
        expect((await errorOf(authenticate(session, wrong))).kind).toBe("unauthorized");
      });

      it("does not ask for it again where a token is scoped anew", async () => {
        const secret = randomBytes(20);
        const user = await newUser({
          options: {
            multi_factor_auth_enabled: true,
            multi_factor_auth_rules: [["password", "totp"]],
          },
        });
        await admin.createTotpCredential({ userId: user.id, base32Secret: base32(secret) });
        const projectId = await admin.projectId(access.adminProjectName);
        await admin.assignRole({ userId: user.id, role: "member", projectId });
        const both = { userId: user.id, password: user.password, passcode: totp(secret) };
        const scope = adminScope();
        const { token } = await authenticate(session, passwordAuth(both), { scope });
        const rescoped = await authenticate(session, tokenAuth({ token }), { scope });
        expect(rescoped.user.id).toBe(user.id);
      });

      it("changes the password without it", async () => {
        const user = await newUser({
          options: {
            multi_factor_auth_enabled: true,
            multi_factor_auth_rules: [["password", "totp"]],
          },
        });
        const password = newPassword();
        expect(
          await changePassword(session, {
            userId: user.id,
            originalPassword: user.password,
            password,
          }),
        ).toEqual({ ok: true });
        expect(await isPasswordAccepted(session, { userId: user.id, password })).toBe("accepted");
      });
    });

    describe("signing in with a token", () => {
      it("scopes an unscoped token, keeping its expiry and adding a method", async () => {
        const project = await admin.createProject({ name: uniqueName("project") });
        const user = await newUser();
        await admin.assignRole({ userId: user.id, role: "member", projectId: project.id });
        const unscoped = await signIn(user.id, user.password);
        const scoped = await authenticate(session, tokenAuth({ token: unscoped.token }), {
          scope: { projectId: project.id },
        });
        expect(scoped.project?.id).toBe(project.id);
        expect(scoped.roles.map((role) => role.name)).toContain("member");
        expect(scoped.expiresAt).toEqual(unscoped.expiresAt);
        expect([...scoped.methods].sort()).toEqual(["password", "token"]);
        expect(scoped.token).not.toBe(unscoped.token);
      });

      it("scopes a scoped token to another project", async () => {
        const rescoped = await authenticate(session, tokenAuth({ token: adminToken }), {
          scope: adminScope(),
        });
        expect(rescoped.project?.name).toBe(access.adminProjectName);
      });

      it("says 401 where the user has no role", async () => {
        const user = await newUser();
        const { token } = await signIn(user.id, user.password);
        const error = await errorOf(
          authenticate(session, tokenAuth({ token }), { scope: adminScope() }),
        );
        expect(error).toMatchObject({ kind: "unauthorized", status: 401 });
      });

      it("refuses the token of a project once the role there is taken", async () => {
        const { id: projectId } = await admin.createProject({ name: uniqueName("project") });
        const user = await newUser();
        const grant = { userId: user.id, role: "member", projectId };
        await admin.assignRole(grant);
        const scope = { projectId };
        const plugin = passwordAuth({ userId: user.id, password: user.password });
        const { token } = await authenticate(session, plugin, { scope });
        await authenticate(session, tokenAuth({ token }), { scope });
        await admin.takeRole(grant);
        const error = await errorOf(authenticate(session, tokenAuth({ token }), { scope }));
        expect(["unauthorized", "not-found"]).toContain(error.kind);
      });

      it("says 404 of garbage and of a revoked token", async () => {
        const garbage = tokenAuth({ token: "gAAAAABgarbage" });
        expect(
          await errorOf(authenticate(session, garbage, { scope: adminScope() })),
        ).toMatchObject({ kind: "not-found", status: 404 });
        const token = await admin.token();
        await revokeToken(session, { token });
        const revoked = tokenAuth({ token });
        expect(
          await errorOf(authenticate(session, revoked, { scope: adminScope() })),
        ).toMatchObject({ kind: "not-found", status: 404 });
      });

      it("says 403 of a token for the system", async () => {
        const system = await authenticate(
          session,
          passwordAuth({
            userName: access.adminUserName,
            userDomainId: "default",
            password: access.adminPassword,
          }),
          { scope: "system" },
        );
        const error = await errorOf(
          authenticate(session, tokenAuth({ token: system.token }), { scope: adminScope() }),
        );
        expect(error).toMatchObject({ kind: "forbidden", status: 403 });
      });
    });

    describe("signing in with an application credential", () => {
      it("works by its id, and by its name and owner, in the project it was made for", async () => {
        const project = await admin.createProject({ name: uniqueName("project") });
        const user = await newUser();
        await admin.assignRole({ userId: user.id, role: "member", projectId: project.id });
        const name = uniqueName("credential");
        const credential = await admin.createApplicationCredential({
          userId: user.id,
          password: user.password,
          projectId: project.id,
          name,
        });
        const { secret } = credential;
        for (const plugin of [
          applicationCredentialAuth({ id: credential.id, secret }),
          applicationCredentialAuth({ name, secret, userId: user.id }),
          applicationCredentialAuth({
            name,
            secret,
            userName: user.name,
            userDomainId: "default",
          }),
        ]) {
          const given = await authenticate(session, plugin);
          expect(given.project?.id).toBe(project.id);
          expect(given.methods).toEqual(["application_credential"]);
          expect(given.user.id).toBe(user.id);
        }
        const wrong = applicationCredentialAuth({ id: credential.id, secret: "not it" });
        expect((await errorOf(authenticate(session, wrong))).kind).toBe("unauthorized");
      });

      it("gives a token that cannot be scoped anew", async () => {
        const project = await admin.createProject({ name: uniqueName("project") });
        const user = await newUser();
        await admin.assignRole({ userId: user.id, role: "member", projectId: project.id });
        const credential = await admin.createApplicationCredential({
          userId: user.id,
          password: user.password,
          projectId: project.id,
          name: uniqueName("credential"),
        });
        const { token } = await authenticate(session, applicationCredentialAuth(credential));
        const error = await errorOf(
          authenticate(session, tokenAuth({ token }), { scope: { projectId: project.id } }),
        );
        expect(error).toMatchObject({ kind: "forbidden", status: 403 });
      });
    });

    describe("asking about a token", () => {
      it("tells an administrator whose it is and what for", async () => {
        const user = await newUser();
        const { token, expiresAt } = await signIn(user.id, user.password);
        const told = await validateToken(session, { token: adminToken, subjectToken: token });
        expect(told).toMatchObject({ token, expiresAt, user: { id: user.id }, roles: [] });
      });

      it("tells the holder about itself, with its project", async () => {
        const told = await validateToken(session, { token: adminToken, subjectToken: adminToken });
        expect(told?.project?.name).toBe(access.adminProjectName);
      });

      it("knows nothing of garbage and of revoked tokens, whoever asks", async () => {
        const revoked = await admin.token();
        await revokeToken(session, { token: revoked });
        for (const subjectToken of ["gAAAAABgarbage", revoked]) {
          for (const token of [adminToken, subjectToken]) {
            expect(await validateToken(session, { token, subjectToken })).toBeUndefined();
          }
        }
      });

      it("refuses an asker whose own token is no good", async () => {
        const asked = validateToken(session, { token: "garbage", subjectToken: adminToken });
        expect((await errorOf(asked)).kind).toBe("unauthorized");
      });

      it("refuses an ordinary user asking about another", async () => {
        const user = await newUser();
        const { token } = await signIn(user.id, user.password);
        const asked = validateToken(session, { token, subjectToken: adminToken });
        expect((await errorOf(asked)).kind).toBe("forbidden");
      });

      it("answers HEAD without a body", async () => {
        const answer = await session.request({
          method: "HEAD",
          path: "/auth/tokens",
          token: adminToken,
          subjectToken: adminToken,
        });
        expect(answer).toMatchObject({ status: 200, json: undefined });
        const unknown = session.request({
          method: "HEAD",
          path: "/auth/tokens",
          token: adminToken,
          subjectToken: "garbage",
        });
        expect((await errorOf(unknown)).kind).toBe("not-found");
      });
    });

    describe("revoking a token", () => {
      it("makes it useless at once; doing it again is no error", async () => {
        const user = await newUser();
        const { token } = await signIn(user.id, user.password);
        await revokeToken(session, { token });
        expect(
          await validateToken(session, { token: adminToken, subjectToken: token }),
        ).toBeUndefined();
        await expect(revokeToken(session, { token })).resolves.toBeUndefined();
        await expect(revokeToken(session, { token: "garbage" })).resolves.toBeUndefined();
      });
    });

    describe("changing one's own password", () => {
      it("makes the new one good and the old one not, and ends tokens given before", async () => {
        const user = await newUser();
        const { token } = await signIn(user.id, user.password);
        const password = "Zwölf Öfen, drei Würfel 9 ✓";
        const changed = await changePassword(session, {
          userId: user.id,
          originalPassword: user.password,
          password,
        });
        expect(changed).toEqual({ ok: true });
        expect((await signIn(user.id, password)).user.id).toBe(user.id);
        expect((await errorOf(signIn(user.id, user.password))).kind).toBe("unauthorized");
        expect(
          await validateToken(session, { token: adminToken, subjectToken: token }),
        ).toBeUndefined();
      });

      it("tells a wrong original password and an unknown user alike", async () => {
        const user = await newUser();
        for (const userId of [user.id, "0123456789abcdef0123456789abcdef", "../users", ""]) {
          const outcome = await changePassword(session, {
            userId,
            originalPassword: "not it",
            password: newPassword(),
          });
          expect(outcome).toEqual({ ok: false, reason: "wrong-original" });
        }
      });

      it("is refused in Keystone's own words where it is too weak", async () => {
        const user = await newUser();
        for (const password of ["weak", "", "nodigitsatall"]) {
          const outcome = await changePassword(session, {
            userId: user.id,
            originalPassword: user.password,
            password,
          });
          expect(outcome).toEqual({
            ok: false,
            reason: "refused",
            message: `The password does not match the requirements: ${testPasswordRegexDescription}.`,
          });
        }
        expect((await signIn(user.id, user.password)).user.id).toBe(user.id);
      });

      it("is refused in Keystone's own words where it was in use before", async () => {
        const user = await newUser();
        const second = newPassword();
        const change = (originalPassword: string, password: string) =>
          changePassword(session, { userId: user.id, originalPassword, password });
        const refused = {
          ok: false,
          reason: "refused",
          message:
            "The new password cannot be identical to a previous password. The total number " +
            "which includes the new password must be unique is 2.",
        };
        expect(await change(user.password, user.password)).toEqual(refused);
        expect(await change(user.password, second)).toEqual({ ok: true });
        expect(await change(second, user.password)).toEqual(refused);
        expect(await change(second, second)).toEqual(refused);
      });

      it("checks the original password before anything else", async () => {
        const user = await newUser({ options: { lock_password: true } });
        const disabled = await newUser({ enabled: false });
        for (const userId of [user.id, disabled.id]) {
          const outcome = await changePassword(session, {
            userId,
            originalPassword: "not it",
            password: "weak",
          });
          expect(outcome).toEqual({ ok: false, reason: "wrong-original" });
        }
      });

      it("is not allowed where lock_password is set", async () => {
        const user = await newUser({ options: { lock_password: true } });
        const outcome = await changePassword(session, {
          userId: user.id,
          originalPassword: user.password,
          password: newPassword(),
        });
        expect(outcome).toEqual({ ok: false, reason: "password-locked" });
      });

      it("is not possible for a disabled account", async () => {
        const user = await newUser({ enabled: false });
        const outcome = await changePassword(session, {
          userId: user.id,
          originalPassword: user.password,
          password: newPassword(),
        });
        expect(outcome).toEqual({ ok: false, reason: "disabled" });
      });

      it("silently looks at no more than 72 bytes", async () => {
        const user = await newUser();
        const long = `Aa1${"ö".repeat(40)}`; // 83 bytes
        const outcome = await changePassword(session, {
          userId: user.id,
          originalPassword: user.password,
          password: long,
        });
        expect(outcome).toEqual({ ok: true });
        const cut = Buffer.from(long).subarray(0, 71).toString(); // whole characters
        expect((await signIn(user.id, `${cut}öanything`)).user.id).toBe(user.id);
        expect((await errorOf(signIn(user.id, cut))).kind).toBe("unauthorized");
      });

      it("gets no usable answer where the password holds a NUL", async () => {
        const user = await newUser();
        const outcome = await changePassword(session, {
          userId: user.id,
          originalPassword: user.password,
          password: "Abcdefgh1\0more",
        });
        expect(outcome).toMatchObject({ ok: false, reason: "unavailable", mayHaveHappened: true });
        expect(
          await isPasswordAccepted(session, { userId: user.id, password: user.password }),
        ).toBe("accepted");
      });
    });

    describe("asking whether a password is the user's", () => {
      it("tells the right one from a wrong one, and an unknown user", async () => {
        const user = await newUser();
        const ask = (userId: string, password: string) =>
          isPasswordAccepted(session, { userId, password });
        expect(await ask(user.id, user.password)).toBe("accepted");
        expect(await ask(user.id, "not it")).toBe("refused");
        expect(await ask("0123456789abcdef0123456789abcdef", "not it")).toBe("refused");
      });

      it("reads a demand for a second factor as yes", async () => {
        const user = await newUser({
          options: {
            multi_factor_auth_enabled: true,
            multi_factor_auth_rules: [["password", "totp"]],
          },
        });
        const ask = (password: string) =>
          isPasswordAccepted(session, { userId: user.id, password });
        expect(await ask(user.password)).toBe("accepted");
        expect(await ask("not it")).toBe("refused");
      });

      it("cannot be told of a disabled account, where Keystone refuses whatever the password", async () => {
        const user = await newUser({ enabled: false });
        const ask = (password: string) =>
          isPasswordAccepted(session, { userId: user.id, password });
        expect(await ask(user.password)).toBe("refused");
        expect(await ask("not it")).toBe("refused");
      });
    });

    describe("whether a caller may change a user", () => {
      const nobody = "0123456789abcdef0123456789abcdef";

      /** @returns what each of these callers is told of a user, and of nobody */
      async function asks(token: string, userId: string) {
        return {
          user: await mayChangeUser(session, { token, userId }),
          nobody: await mayChangeUser(session, { token, userId: nobody }),
        };
      }

      it("is yes to administrators, on whatever project, who learn as well that there is no such user", async () => {
        const user = await newUser();
        const elsewhere = await newUser();
        const { id: projectId } = await admin.createProject({ name: uniqueName("project") });
        await admin.assignRole({ userId: elsewhere.id, role: "admin", projectId });
        const { token } = await authenticate(
          session,
          passwordAuth({ ...elsewhere, userId: elsewhere.id }),
          {
            scope: { projectId },
          },
        );
        for (const asker of [adminToken, token])
          expect(await asks(asker, user.id)).toEqual({ user: "yes", nobody: "unknown-user" });
      });

      it("is no to every other role, to the user's own token, and to one that is for nothing", async () => {
        const user = await newUser();
        const projectId = await admin.projectId(access.adminProjectName);
        const tokens = [(await signIn(user.id, user.password)).token];
        for (const role of ["reader", "member", uniqueName("role")]) {
          const caller = await newUser();
          await admin.assignRole({ userId: caller.id, role, projectId });
          const { id: userId, password } = caller;
          const given = await authenticate(session, passwordAuth({ userId, password }), {
            scope: adminScope(),
          });
          tokens.push(given.token);
        }
        for (const token of tokens)
          expect(await asks(token, user.id)).toEqual({ user: "no", nobody: "no" });
      });

      it("is not answered to a token that is not good", async () => {
        const user = await newUser();
        for (const token of ["garbage", `gAAAAAB${"x".repeat(176)}`]) {
          const error = await errorOf(mayChangeUser(session, { token, userId: user.id }));
          expect(error.kind).toBe("unauthorized");
        }
      });

      it("changes nothing, ends no token, and asks nothing about an id that no path can name", async () => {
        const user = await newUser({ email: "jane@example.org" });
        const { token } = await signIn(user.id, user.password);
        const before = await admin.call("GET", `/users/${user.id}`);
        expect(await mayChangeUser(session, { token: adminToken, userId: user.id })).toBe("yes");
        expect(await admin.call("GET", `/users/${user.id}`)).toEqual(before);
        expect(await validateToken(session, { token, subjectToken: token })).toBeDefined();
        expect((await signIn(user.id, user.password)).user.id).toBe(user.id);
        for (const userId of ["", "..", "a/b"])
          expect(await mayChangeUser(session, { token: adminToken, userId })).toBe("unknown-user");
        expect(await mayChangeUser(session, { token: adminToken, userId: "0" })).toBe(
          "unknown-user",
        );
      });
    });

    describe("the roles of a user", () => {
      const rolesOf = (userId: string) => listRolesOfUser(session, { token: adminToken, userId });

      it("are told wherever they are held, with those they bring with them", async () => {
        const user = await newUser();
        expect(await rolesOf(user.id)).toEqual([]);
        const { id: projectId } = await admin.createProject({ name: uniqueName("project") });
        const domain = await admin.createDomain({ name: uniqueName("domain") });
        const [memberRole = ""] = await findRoleIds(session, { token: adminToken, name: "member" });
        const [adminRole = ""] = await findRoleIds(session, { token: adminToken, name: "admin" });
        await admin.assignRole({ userId: user.id, role: "member", projectId });
        const [readerRole = ""] = await findRoleIds(session, { token: adminToken, name: "reader" });
        const onProject = [memberRole, readerRole].map((roleId) => ({ roleId, projectId }));
        expect(await rolesOf(user.id)).toEqual(expect.arrayContaining(onProject));
        expect(await rolesOf(user.id)).toHaveLength(2);

        for (const where of [{ domainId: domain.id }, { system: true }]) {
          const other = await newUser();
          await admin.assignRole({ userId: other.id, role: "admin", ...where });
          expect(await rolesOf(other.id)).toContainEqual({
            roleId: adminRole,
            projectId: undefined,
          });
        }
      });

      it("can be read together with the admin project's id, by administrators alone", async () => {
        const { projectName: name, projectDomainId: domainId } = adminScope();
        const found = await findProjectIds(session, { token: adminToken, name, domainId });
        expect(found).toEqual([await admin.projectId(name)]);
        expect(await findRoleIds(session, { token: adminToken, name: uniqueName("no") })).toEqual(
          [],
        );
        const user = await newUser();
        const { token } = await signIn(user.id, user.password);
        const error = await errorOf(listRolesOfUser(session, { token, userId: user.id }));
        expect(error.kind).toBe("forbidden");
      });
    });

    describe("enabling a user", () => {
      const enable = (userId: string, token = adminToken) => enableUser(session, { token, userId });

      it("works with an administrator's token, also where nothing is to be done, and changes nothing else", async () => {
        const user = await newUser({ enabled: false, email: "jane@example.org" });
        const before = await getUser(session, { token: adminToken, userId: user.id });
        expect((await errorOf(signIn(user.id, user.password))).kind).toBe("unauthorized");
        for (let times = 0; times < 2; times++) expect(await enable(user.id)).toEqual({ ok: true });
        expect((await signIn(user.id, user.password)).user.id).toBe(user.id);
        expect(await getUser(session, { token: adminToken, userId: user.id })).toEqual({
          ...before,
          enabled: true,
        });
      });

      it("is forbidden to an ordinary user", async () => {
        const user = await newUser();
        const other = await newUser({ enabled: false });
        const { token } = await signIn(user.id, user.password);
        expect(await enable(other.id, token)).toEqual({ ok: false, reason: "forbidden" });
        expect(await getUser(session, { token: adminToken, userId: other.id })).toMatchObject({
          enabled: false,
        });
      });

      it("knows no unknown user, and throws where the token is no good", async () => {
        for (const userId of ["0123456789abcdef0123456789abcdef", "..", "a/b", ""])
          expect(await enable(userId)).toEqual({ ok: false, reason: "unknown-user" });
        const user = await newUser();
        expect((await errorOf(enable(user.id, "garbage"))).kind).toBe("unauthorized");
      });
    });

    describe("setting another's password", () => {
      it("works with an administrator's token, and without regard to the password's history", async () => {
        const user = await newUser();
        const password = newPassword();
        for (const next of [password, password]) {
          const outcome = await setUserPassword(session, {
            token: adminToken,
            userId: user.id,
            password: next,
          });
          expect(outcome).toEqual({ ok: true });
        }
        expect((await signIn(user.id, password)).user.id).toBe(user.id);
        expect((await errorOf(signIn(user.id, user.password))).kind).toBe("unauthorized");
      });

      it("is refused in Keystone's own words where it is too weak", async () => {
        const user = await newUser();
        const outcome = await setUserPassword(session, {
          token: adminToken,
          userId: user.id,
          password: "weak",
        });
        expect(outcome).toEqual({
          ok: false,
          reason: "refused",
          message: `The password does not match the requirements: ${testPasswordRegexDescription}.`,
        });
      });

      it("is forbidden to an ordinary user", async () => {
        const user = await newUser();
        const other = await newUser();
        const { token } = await signIn(user.id, user.password);
        const outcome = await setUserPassword(session, {
          token,
          userId: other.id,
          password: newPassword(),
        });
        expect(outcome).toEqual({ ok: false, reason: "forbidden" });
      });

      it("knows no unknown user", async () => {
        for (const userId of ["0123456789abcdef0123456789abcdef", "..", "a/b", "a b", "ü"]) {
          const outcome = await setUserPassword(session, {
            token: adminToken,
            userId,
            password: newPassword(),
          });
          expect(outcome).toEqual({ ok: false, reason: "unknown-user" });
        }
      });

      it("throws where the token is no good", async () => {
        const user = await newUser();
        const asked = setUserPassword(session, {
          token: "garbage",
          userId: user.id,
          password: newPassword(),
        });
        expect((await errorOf(asked)).kind).toBe("unauthorized");
      });
    });

    describe("the password policy", () => {
      it("is told to any valid token, for the default domain and for any other", async () => {
        const domain = await admin.createDomain({ name: uniqueName("domain") });
        const user = await newUser({ domainId: domain.id });
        const { token } = await signIn(user.id, user.password);
        for (const domainId of ["default", domain.id]) {
          expect(await getPasswordPolicy(session, { token, domainId })).toEqual({
            regex: testPasswordRegex,
            description: testPasswordRegexDescription,
          });
        }
      });

      it("is not told to a bad token", async () => {
        const asked = getPasswordPolicy(session, { token: "garbage", domainId: "default" });
        expect((await errorOf(asked)).kind).toBe("unauthorized");
      });
    });

    describe("users", () => {
      it("are found by a part of their name, in upper or lower case", async () => {
        const part = uniqueName("Find");
        const jane = await newUser({ name: `jane.${part}`, email: "jane@example.org" });
        const joe = await newUser({ name: `${part}.joe` });
        await newUser();
        for (const nameContains of [part, part.toUpperCase(), part.toLowerCase()]) {
          const found = await listUsers(session, { token: adminToken, nameContains });
          expect(found.truncated).toBe(false);
          expect(found.users.map((user) => user.id).sort()).toEqual([jane.id, joe.id].sort());
        }
        for (const nameContains of [`${part}x`, part.replace("-", "_"), "%", "\0", "\ud800"]) {
          const nobody = await listUsers(session, { token: adminToken, nameContains });
          expect(nobody).toEqual({ users: [], truncated: false });
        }
      });

      it("are found by their exact name, in whichever domain", async () => {
        const name = uniqueName("Exact");
        const here = await newUser({ name, email: "here@example.org" });
        const domain = await admin.createDomain({ name: uniqueName("domain") });
        const there = await newUser({ name, domainId: domain.id });
        await newUser({ name: `${name}-2` });
        const token = adminToken;
        const found = await findUsersNamed(session, { token, name });
        expect(found.map(({ id }) => id).sort()).toEqual([here.id, there.id].sort());
        expect(found.find(({ id }) => id === here.id)).toMatchObject({
          email: "here@example.org",
          enabled: true,
        });
        for (const other of [name.toUpperCase(), name.slice(1), "%", "_", "", "\0", "\ud800"])
          expect(await findUsersNamed(session, { token, name: other })).toEqual([]);
      });

      it("are listed with what the console shows of them, the e-mail where there is one", async () => {
        const part = uniqueName("fields");
        await newUser({ name: `a-${part}`, email: "a@example.org", description: "New here" });
        await newUser({ name: `b-${part}`, enabled: false });
        const { users } = await listUsers(session, { token: adminToken, nameContains: part });
        const [a, b] = users.sort((one, other) => one.name.localeCompare(other.name));
        expect(a).toEqual({
          id: expect.any(String),
          name: `a-${part}`,
          domainId: "default",
          email: "a@example.org",
          description: "New here",
          enabled: true,
          passwordExpiresAt: null,
        });
        expect(b).toEqual({
          id: expect.any(String),
          name: `b-${part}`,
          domainId: "default",
          enabled: false,
          passwordExpiresAt: null,
        });
      });

      it("are filtered by domain and by whether they are enabled", async () => {
        const part = uniqueName("filter");
        const domain = await admin.createDomain({ name: uniqueName("domain") });
        const here = await newUser({ name: `here-${part}`, domainId: domain.id });
        const off = await newUser({ name: `off-${part}`, domainId: domain.id, enabled: false });
        await newUser({ name: `elsewhere-${part}` });
        const list = async (filter: { enabled?: boolean }) => {
          const found = await listUsers(session, {
            token: adminToken,
            nameContains: part,
            domainId: domain.id,
            ...filter,
          });
          return found.users.map((user) => user.id).sort();
        };
        expect(await list({})).toEqual([here.id, off.id].sort());
        expect(await list({ enabled: true })).toEqual([here.id]);
        expect(await list({ enabled: false })).toEqual([off.id]);
      });

      it("come no more than asked for, and the list says that it was cut", async () => {
        const part = uniqueName("limit");
        for (let number = 0; number < 3; number++) await newUser({ name: `${number}-${part}` });
        const list = (limit: number) =>
          listUsers(session, { token: adminToken, nameContains: part, limit });
        expect(await list(2)).toMatchObject({ users: [{}, {}], truncated: true });
        expect(await list(3)).toMatchObject({ users: [{}, {}, {}], truncated: false });
      });

      it("are not shown to an ordinary user", async () => {
        const user = await newUser();
        const { token } = await signIn(user.id, user.password);
        expect((await errorOf(listUsers(session, { token }))).kind).toBe("forbidden");
        expect((await errorOf(getUser(session, { token, userId: "x" }))).kind).toBe("forbidden");
      });

      it("are read one by one, with the option that locks their password", async () => {
        const user = await newUser({
          email: "x@example.org",
          options: { lock_password: true },
        });
        expect(await getUser(session, { token: adminToken, userId: user.id })).toEqual({
          id: user.id,
          name: user.name,
          domainId: "default",
          email: "x@example.org",
          enabled: true,
          passwordExpiresAt: null,
          lockPassword: true,
        });
      });

      it("are unknown where the id is, however strange it is", async () => {
        for (const userId of [
          "0123456789abcdef0123456789abcdef",
          "",
          ".",
          "..",
          "a/b",
          "../domains/default",
          "ü ?&#%",
          "a\0b",
          "\ud800",
          "x".repeat(2000),
        ]) {
          expect(await getUser(session, { token: adminToken, userId })).toBeUndefined();
        }
      });
    });

    describe("creating a user", () => {
      const account = () => ({
        token: adminToken,
        name: uniqueName("new"),
        domainId: "default",
        password: newPassword(),
        accountMark: randomUUID(),
      });

      it("gives an account that signs in, with all that it was given, and keeps our mark", async () => {
        const { token, ...asked } = account();
        const created = await createUser(session, {
          ...asked,
          token,
          email: "new@example.org",
          description: "Nora Neu",
        });
        expect(created).toEqual({
          ok: true,
          user: {
            id: expect.any(String),
            name: asked.name,
            domainId: "default",
            email: "new@example.org",
            description: "Nora Neu",
            enabled: true,
            accountMark: asked.accountMark,
            passwordExpiresAt: null,
          },
        });
        if (!created.ok) return;
        const { id } = created.user;
        expect(await getUser(session, { token, userId: id })).toEqual(created.user);
        const named = await findUsersNamed(session, {
          token,
          name: asked.name,
          domainId: "default",
        });
        expect(named).toEqual([created.user]);
        expect((await signIn(id, asked.password)).user.id).toBe(id);
        // A change of something else leaves the mark where it is.
        await admin.updateUser(id, { email: "other@example.org" });
        expect(await getUser(session, { token, userId: id })).toMatchObject({
          email: "other@example.org",
          accountMark: asked.accountMark,
        });
      });

      it("leaves the mark out of reach of the user's own token", async () => {
        const asked = account();
        const created = await createUser(session, asked);
        if (!created.ok) throw new Error(created.reason);
        const { id: userId } = created.user;
        const { token } = await signIn(userId, asked.password);
        const json = { user: { setpass_account: "another" } };
        const change = session.request({ method: "PATCH", path: `/users/${userId}`, token, json });
        expect((await errorOf(change)).kind).toBe("forbidden");
      });

      it("makes one account of a name in a domain, however many ask at once", async () => {
        const asked = account();
        const domain = await admin.createDomain({ name: uniqueName("domain") });
        const outcomes = await Promise.all(
          Array.from({ length: 16 }, () =>
            createUser(session, { ...asked, accountMark: randomUUID() }),
          ),
        );
        expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
        expect(outcomes.filter(({ ok }) => !ok)).toEqual(
          Array(15).fill({ ok: false, reason: "name-taken" }),
        );
        const elsewhere = await createUser(session, { ...asked, domainId: domain.id });
        expect(elsewhere).toMatchObject({ ok: true, user: { domainId: domain.id } });
      });

      it("is refused in Keystone's own words where the password is too weak", async () => {
        expect(await createUser(session, { ...account(), password: "weak" })).toEqual({
          ok: false,
          reason: "password-refused",
          message: `The password does not match the requirements: ${testPasswordRegexDescription}.`,
        });
      });

      it("is refused for a name that no user can have, and in a domain that is none", async () => {
        for (const name of ["", "  ", "x".repeat(256), "a\0b", "\ud800"])
          expect(await createUser(session, { ...account(), name })).toMatchObject({
            ok: false,
            reason: "bad-request",
          });
        expect(
          await createUser(session, { ...account(), domainId: "0123456789abcdef0123456789abcdef" }),
        ).toEqual({ ok: false, reason: "unknown-domain" });
      });

      it("is forbidden to every role but admin, and throws where the token is no good", async () => {
        const projectId = await admin.projectId(access.adminProjectName);
        for (const role of ["reader", "member"]) {
          const caller = await newUser();
          await admin.assignRole({ userId: caller.id, role, projectId });
          const plugin = passwordAuth({ userId: caller.id, password: caller.password });
          const { token } = await authenticate(session, plugin, { scope: adminScope() });
          expect(await createUser(session, { ...account(), token })).toEqual({
            ok: false,
            reason: "forbidden",
          });
        }
        const error = await errorOf(createUser(session, { ...account(), token: "garbage" }));
        expect(error.kind).toBe("unauthorized");
      });
    });

    describe("projects", () => {
      it("are created, once in a domain, and found by domain and exact name", async () => {
        const name = uniqueName("Project");
        const domain = await admin.createDomain({ name: uniqueName("domain") });
        const asked = { token: adminToken, name, domainId: domain.id };
        const created = await createProject(session, asked);
        expect(created).toEqual({
          ok: true,
          project: { id: expect.any(String), name, domainId: domain.id, enabled: true },
        });
        if (!created.ok) return;
        expect(await createProject(session, asked)).toEqual({ ok: false, reason: "name-taken" });
        expect((await createProject(session, { ...asked, domainId: "default" })).ok).toBe(true);
        const found = { projects: [created.project], truncated: false };
        expect(await listProjects(session, asked)).toEqual(found);
        const { token, domainId } = asked;
        expect(await listProjects(session, { token, domainId })).toEqual(found);
        for (const other of [name.toLowerCase(), name.slice(1), "%", "", "\0", "\ud800"])
          expect(await listProjects(session, { ...asked, name: other })).toEqual({
            projects: [],
            truncated: false,
          });
      });

      it("are refused for a name that none can have, and in a domain that is none", async () => {
        const asked = { token: adminToken, domainId: "default" };
        for (const name of ["", " ", "x".repeat(65), "a\0b"])
          expect(await createProject(session, { ...asked, name })).toMatchObject({
            ok: false,
            reason: "bad-request",
          });
        const domainId = "0123456789abcdef0123456789abcdef";
        const nowhere = createProject(session, { ...asked, name: uniqueName("p"), domainId });
        expect(await nowhere).toEqual({ ok: false, reason: "unknown-domain" });
      });

      it("are neither created nor listed by an ordinary user", async () => {
        const user = await newUser();
        const { token } = await signIn(user.id, user.password);
        const asked = { token, name: uniqueName("p"), domainId: "default" };
        expect(await createProject(session, asked)).toEqual({ ok: false, reason: "forbidden" });
        expect((await errorOf(listProjects(session, asked))).kind).toBe("forbidden");
      });
    });

    describe("a role on a project", () => {
      const unknown = "0123456789abcdef0123456789abcdef";

      async function assignment() {
        const user = await newUser();
        const { id: projectId } = await admin.createProject({ name: uniqueName("project") });
        const roles = await listRoles(session, { token: adminToken });
        const roleId = roles.find(({ name }) => name === "member")?.id ?? "";
        return { token: adminToken, userId: user.id, projectId, roleId, password: user.password };
      }

      it("is given, once or again, and is what the user signs in with", async () => {
        const given = await assignment();
        for (let time = 0; time < 2; time++)
          expect(await assignProjectRole(session, given)).toEqual({ ok: true });
        const { projectId } = given;
        const access = await authenticate(session, passwordAuth(given), { scope: { projectId } });
        expect(access.roles.map(({ name }) => name)).toContain("member");
      });

      it("is not given where there is no such role, project or user", async () => {
        const given = await assignment();
        const outcome = (change: Partial<typeof given>) =>
          assignProjectRole(session, { ...given, ...change });
        for (const roleId of [unknown, "a/b"])
          expect(await outcome({ roleId })).toEqual({ ok: false, reason: "unknown-role" });
        for (const projectId of [unknown, ".."])
          expect(await outcome({ projectId })).toEqual({ ok: false, reason: "unknown-project" });
        for (const userId of [unknown, ""])
          expect(await outcome({ userId })).toEqual({ ok: false, reason: "unknown-user" });
      });

      it("is neither given nor listed by an ordinary user", async () => {
        const given = await assignment();
        const { token } = await signIn(given.userId, given.password);
        const outcome = await assignProjectRole(session, { ...given, token });
        expect(outcome).toEqual({ ok: false, reason: "forbidden" });
        expect((await errorOf(listRoles(session, { token }))).kind).toBe("forbidden");
      });
    });

    describe("domains", () => {
      it("are listed and read", async () => {
        const domain = await admin.createDomain({ name: uniqueName("domain") });
        const domains = await listDomains(session, { token: adminToken });
        expect(domains).toContainEqual({ id: domain.id, name: domain.name, enabled: true });
        expect(domains).toContainEqual({ id: "default", name: "Default", enabled: true });
        expect(await getDomain(session, { token: adminToken, domainId: domain.id })).toEqual(
          domain,
        );
        expect(await getDomain(session, { token: adminToken, domainId: "x" })).toBeUndefined();
      });

      it("tell where their users are, if they have a configuration of their own", async () => {
        const { directory, made } = await target.addDirectory(opened);
        const token = adminToken;
        expect(await getDomainDriver(session, { token, domainId: directory })).toBe("ldap");
        for (const domainId of [made, "default", "x", ".."])
          expect(await getDomainDriver(session, { token, domainId })).toBeUndefined();
        const user = await newUser();
        const { token: own } = await signIn(user.id, user.password);
        const error = await errorOf(getDomainDriver(session, { token: own, domainId: directory }));
        expect(error.kind).toBe("forbidden");
      });
    });
  });

  describe("with everything switched on", () => {
    let opened: Opened;
    let admin: KeystoneAdmin;
    let session: KeystoneSession;

    beforeAll(async () => {
      opened = await target.openStrict();
      admin = keystoneAdmin(opened.access);
      session = createKeystoneSession({ authUrl: opened.access.url, timeoutSeconds: 20 });
    });
    afterAll(async () => {
      await session?.close();
      await opened?.stop();
    });

    const adminScope = () => ({
      projectName: opened.access.adminProjectName,
      projectDomainId: opened.access.adminProjectDomainId,
    });

    /** One whose password need not be changed first. */
    async function seasonedUser() {
      const password = newPassword();
      const user = await admin.createUser({
        name: uniqueName("user"),
        password,
        options: { ignore_change_password_upon_first_use: true },
      });
      // Keystone looks at the option only when it is there already.
      await admin.updateUser(user.id, { password });
      return { ...user, password };
    }

    it("refuses to rescope a scoped token (403), but not an unscoped one", async () => {
      const scoped = await admin.token();
      const error = await errorOf(
        authenticate(session, tokenAuth({ token: scoped }), { scope: adminScope() }),
      );
      expect(error).toMatchObject({ kind: "forbidden", status: 403 });
      const unscoped = await authenticate(
        session,
        passwordAuth({
          userName: opened.access.adminUserName,
          userDomainId: "default",
          password: opened.access.adminPassword,
        }),
        { scope: "unscoped" },
      );
      const rescoped = await authenticate(session, tokenAuth({ token: unscoped.token }), {
        scope: adminScope(),
      });
      expect(rescoped.project?.name).toBe(opened.access.adminProjectName);
    });

    it("says 404 of an expired token", async () => {
      const user = await seasonedUser();
      const given = await authenticate(
        session,
        passwordAuth({ userId: user.id, password: user.password }),
      );
      expect(willExpireSoon(given, { withinSeconds: 60, now: new Date() })).toBe(true);
      const expires = given.expiresAt?.getTime() ?? 0;
      await new Promise((done) => setTimeout(done, expires - Date.now() + 1100));
      const rescoping = authenticate(session, tokenAuth({ token: given.token }), {
        scope: adminScope(),
      });
      expect(await errorOf(rescoping)).toMatchObject({ kind: "not-found", status: 404 });
      const asking = { token: await admin.token(), subjectToken: given.token };
      expect(await validateToken(session, asking)).toBeUndefined();
    });

    it("lets a password that must be changed at first use be changed, and nothing else", async () => {
      const original = newPassword();
      const user = await admin.createUser({ name: uniqueName("user"), password: original });
      const signIn = (password: string) =>
        authenticate(session, passwordAuth({ userId: user.id, password }));
      const error = await errorOf(signIn(original));
      expect(error.kind).toBe("unauthorized");
      expect(error.detail).toContain("The password is expired and needs to be changed");
      const ask = (password: string) => isPasswordAccepted(session, { userId: user.id, password });
      expect(await ask(original)).toBe("accepted");

      const password = newPassword();
      expect(
        await changePassword(session, { userId: user.id, originalPassword: original, password }),
      ).toEqual({ ok: true });
      expect((await signIn(password)).user.id).toBe(user.id);
      const token = await admin.token();
      expect((await getUser(session, { token, userId: user.id }))?.passwordExpiresAt).toBeNull();
    });

    it("tells when a password has expired", async () => {
      const user = await admin.createUser({ name: uniqueName("user"), password: newPassword() });
      const found = await getUser(session, { token: await admin.token(), userId: user.id });
      const expired = found?.passwordExpiresAt?.getTime() ?? 0;
      expect(Math.abs(Date.now() - expired)).toBeLessThan(10_000);
    });

    it("locks an account after failed sign-ins, and does not tell that from a wrong password", async () => {
      const user = await seasonedUser();
      const ask = (password: string) => isPasswordAccepted(session, { userId: user.id, password });
      expect(await ask("not it")).toBe("refused");
      expect(await ask(user.password)).toBe("accepted"); // and counts from the start again
      expect(await ask("not it")).toBe("refused");
      expect(await ask("not it")).toBe("refused");
      expect(await ask(user.password)).toBe("refused");
      const outcome = await changePassword(session, {
        userId: user.id,
        originalPassword: user.password,
        password: newPassword(),
      });
      expect(outcome).toEqual({ ok: false, reason: "wrong-original" });
    });

    it("leaves a locked account locked where it is asked whether a caller may change it", async () => {
      const user = await seasonedUser();
      const ask = () => isPasswordAccepted(session, { userId: user.id, password: user.password });
      for (let number = 0; number < 2; number++)
        await isPasswordAccepted(session, { userId: user.id, password: "not it" });
      const token = await admin.token();
      expect(await mayChangeUser(session, { token, userId: user.id })).toBe("yes");
      expect(await ask()).toBe("refused");
      await admin.updateUser(user.id, { enabled: true });
      expect(await ask()).toBe("accepted");
    });

    it("counts wrong originals as failed sign-ins", async () => {
      const user = await seasonedUser();
      for (let number = 0; number < 2; number++) {
        const outcome = await changePassword(session, {
          userId: user.id,
          originalPassword: "not it",
          password: newPassword(),
        });
        expect(outcome).toEqual({ ok: false, reason: "wrong-original" });
      }
      const error = await errorOf(
        authenticate(session, passwordAuth({ userId: user.id, password: user.password })),
      );
      expect(error.kind).toBe("unauthorized");
    });

    it("has no password policy to tell where none is set", async () => {
      const token = await admin.token();
      expect(await getPasswordPolicy(session, { token, domainId: "default" })).toEqual({});
    });

    it("says of a list that it was cut", async () => {
      const part = uniqueName("cut");
      for (let number = 0; number < 6; number++) {
        await admin.createUser({ name: `${number}-${part}`, password: newPassword() });
      }
      const token = await admin.token();
      const found = await listUsers(session, { token, nameContains: part });
      expect(found.users).toHaveLength(5);
      expect(found.truncated).toBe(true);
      const fewer = await listUsers(session, { token, nameContains: `0-${part}` });
      expect(fewer).toMatchObject({ users: [{}], truncated: false });
    });
  });
});
