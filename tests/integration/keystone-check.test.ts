import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { runKeystoneCheck } from "../../app/accounts/keystone-check-run.server";
import { startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { describeWhere } from "../support/describe-where";
import { startFaultProxy } from "../support/fault-proxy";
import { type KeystoneAccess, keystoneAdmin } from "../support/keystone-admin";
import { type RealKeystone, startRealKeystone } from "../support/real-keystone";
import { completeEnvironment } from "../support/services";

const root = path.resolve(import.meta.dirname, "../..");

/** @returns its exit code, and each line with where it went */
async function check(keystoneUrl: string, env: Record<string, string>, words: string[] = []) {
  const lines: string[] = [];
  const code = await runKeystoneCheck(
    words,
    await completeEnvironment({ databaseUrl: "postgres://127.0.0.1:9/none", keystoneUrl, env }),
    {
      tell: (line) => lines.push(`out: ${line}`),
      complain: (line) => lines.push(`err: ${line}`),
    },
  );
  return { code, lines, text: lines.join("\n") };
}

/** `yes`, `no` or `?` by the right's name. */
const answers = (lines: string[]) =>
  Object.fromEntries(
    lines.flatMap((line) => {
      const [, said, right] = /^out: {3}(yes|no|\?) .*identity:(\w+)/.exec(line) ?? [];
      return said && right ? [[right, said]] : [];
    }),
  );

describe("npm run keystone-check, before it asks Keystone", () => {
  const nowhere = "http://127.0.0.1:9";

  it("wants a credential, a whole configuration, and one user at most", async () => {
    expect(await check(nowhere, {})).toMatchObject({
      code: 78,
      lines: [expect.stringMatching(/^err: There is no service credential: set OS_CLOUD/)],
    });
    expect(await check(nowhere, { OS_USERNAME: "setpass" })).toMatchObject({
      code: 78,
      text: expect.stringContaining("OS_PASSWORD is missing"),
    });
    for (const words of [["a", "b"], ["--help"]])
      expect(await check(nowhere, {}, words)).toMatchObject({
        code: 64,
        lines: [expect.stringContaining("Usage: npm run keystone-check")],
      });
  });

  it("says where Keystone cannot be asked", async () => {
    const env = { OS_APPLICATION_CREDENTIAL_ID: "a", OS_APPLICATION_CREDENTIAL_SECRET: "S3CRET" };
    const { code, text } = await check(nowhere, env);
    expect(code).toBe(1);
    expect(text).toContain(
      "err: Keystone could not be asked. Keystone is out of reach (ECONNREFUSED): POST http://127.0.0.1:9/v3/auth/tokens",
    );
    expect(text).not.toContain("S3CRET");
  });
});

it("takes its words from the command line, and tells the shell how it went", async () => {
  const keystone = await startSandboxKeystone({ users: [{ name: "zoe", password: "Initial-1" }] });
  try {
    const credential = {
      OS_USERNAME: keystone.adminUserName,
      OS_PASSWORD: keystone.adminPassword,
      OS_USER_DOMAIN_ID: "default",
      OS_PROJECT_NAME: keystone.adminProjectName,
      OS_PROJECT_DOMAIN_ID: "default",
    };
    const given = { databaseUrl: "postgres://127.0.0.1:9/none", keystoneUrl: keystone.url };
    const env = { ...process.env, ...(await completeEnvironment({ ...given, env: credential })) };
    const command = ["--import", "tsx", "app/accounts/keystone-check-command.ts"];
    const start = (...words: string[]) =>
      promisify(execFile)(process.execPath, [...command, ...words], { env, cwd: root });
    const [checked, unknown] = await Promise.allSettled([start(), start("nobody")]);
    expect(checked).toMatchObject({
      status: "fulfilled",
      value: { stdout: expect.stringContaining("(asked about zoe)"), stderr: "" },
    });
    expect(unknown).toMatchObject({
      status: "rejected",
      reason: { code: 1, stdout: expect.stringContaining("Keystone knows no user of this id") },
    });
  } finally {
    await keystone.stop();
  }
});

const provided = inject("keystone");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "npm run keystone-check, on a real Keystone",
  () => {
    const keystone = provided as KeystoneAccess & { folder: string };
    const admin = keystoneAdmin(keystone);
    let folder: string;
    let withPolicy: RealKeystone;
    let policyFile: string;
    let shipped: string;
    /** A domain of its own, with the service project, and a user to hand over. */
    let domain: { id: string; name: string };
    let project: { id: string };
    let student: { id: string; name: string };

    beforeAll(async () => {
      folder = await mkdtemp(path.join(tmpdir(), "setpass-policy-"));
      policyFile = path.join(folder, "policy.yaml");
      shipped = await readFile(path.join(root, "deploy/keystone/setpass-policy.yaml"), "utf8");
      await writeFile(policyFile, shipped);
      const name = `school-${randomBytes(4).toString("hex")}`;
      [withPolicy, domain] = await Promise.all([
        startRealKeystone({
          ...{ besides: keystone.folder, processes: 1, passwordHashRounds: 4 },
          settings: { oslo_policy: { policy_file: policyFile } },
        }),
        admin.createDomain({ name }),
      ]);
      project = await admin.createProject({ name: "service", domainId: domain.id });
      student = await admin.createUser({ name: `student-${name}`, domainId: domain.id });
    });
    afterAll(async () => {
      await withPolicy?.stop();
      await rm(folder, { recursive: true, force: true });
    });

    async function newAccount(role: string) {
      const name = `setpass-${randomBytes(4).toString("hex")}`;
      const password = `Service-1-${randomBytes(9).toString("base64url")}`;
      const { id } = await admin.createUser({ name, password, domainId: domain.id });
      await admin.assignRole({ userId: id, role, projectId: project.id });
      const env = {
        OS_USERNAME: name,
        OS_PASSWORD: password,
        OS_USER_DOMAIN_ID: domain.id,
        OS_PROJECT_ID: project.id,
      };
      return { id, name, password, env };
    }

    it("says who an administrator's credential is, that it may do all, and who the users are", async () => {
      const account = await newAccount("admin");
      const { code, lines, text } = await check(keystone.url, account.env);
      expect(code).toBe(0);
      expect(text).not.toContain("err:");
      expect(lines.slice(0, 3)).toEqual([
        `out: Keystone: ${keystone.url}/v3`,
        `out: Signed in by password, as the user ${account.name} of the domain ${domain.name}, id ${account.id}`,
        expect.stringMatching(
          new RegExp(
            `^out: Roles: .*admin.*, on the project service of the domain ${domain.name}$`,
          ),
        ),
      ]);
      expect(text).toMatch(/out: The token ends at 20\d\d-.*Z, and is renewed before/);
      expect(answers(lines)).toEqual({
        ...{ list_users: "yes", get_user: "yes", update_user: "yes" },
        ...{ list_projects: "yes", list_roles: "yes" },
      });
      expect(text).toContain(`(asked about ${student.name})`);
      expect(text).toMatch(/out: The first users: \S+, /);
      expect(text).not.toContain("openstack");
      expect(text).not.toContain(account.password);
    });

    it("names what is missing, and the commands that grant it", async () => {
      const account = await newAccount("member");
      const { code, lines, text } = await check(keystone.url, account.env, [student.id]);
      expect(code).toBe(1);
      expect(answers(lines)).toEqual({
        ...{ list_users: "no", get_user: "no", update_user: "no" },
        ...{ list_projects: "no", list_roles: "no" },
      });
      expect(text).toContain("out:   openstack role create setpass");
      for (const role of ["setpass", "admin"])
        expect(text).toContain(
          `out:   openstack role add --user ${account.id} --project ${project.id} ${role}`,
        );
      // Without an id there is nobody to ask about.
      expect(answers((await check(keystone.url, account.env)).lines)).toMatchObject({
        ...{ list_users: "no", get_user: "?" },
      });
    });

    it("shows what the policy file gives the role setpass: to read its domain's users, and no more", async () => {
      const account = await newAccount("setpass");
      const { code, lines, text } = await check(withPolicy.url, account.env);
      expect(code).toBe(0);
      expect(answers(lines)).toEqual({
        ...{ list_users: "yes", get_user: "yes", update_user: "no" },
        ...{ list_projects: "no", list_roles: "no" },
      });
      // Nothing that is used is missing.
      expect(text).not.toContain("openstack");
      // With the role, and without the policy.
      const without = await check(keystone.url, account.env, [student.id]);
      expect(without.code).toBe(1);
      expect(without.text).toContain("the rules are in deploy/keystone/setpass-policy.yaml");
      expect(without.text).not.toContain("role create");
      // One of another domain.
      const stranger = await admin.createUser({ name: `other-${randomBytes(4).toString("hex")}` });
      const other = await check(withPolicy.url, account.env, [stranger.id]);
      expect(other.code).toBe(1);
      expect(answers(other.lines)).toMatchObject({ list_users: "yes", get_user: "no" });
    });

    it("shows what the rest of the policy file gives, where it is switched on", async () => {
      const account = await newAccount("setpass");
      await writeFile(policyFile, shipped.replace(/^#"identity:/gm, '"identity:'));
      const { code, lines, text } = await check(withPolicy.url, account.env);
      expect(code).toBe(0);
      expect(answers(lines)).toEqual({
        ...{ list_users: "yes", get_user: "yes", update_user: "yes" },
        ...{ list_projects: "yes", list_roles: "yes" },
      });
      expect(text).not.toContain("openstack");
      // The weakness that its head names, and where it ends.
      const stranger = await admin.createUser({ name: `other-${randomBytes(4).toString("hex")}` });
      const other = await check(withPolicy.url, account.env, [stranger.id]);
      expect(answers(other.lines)).toMatchObject({ get_user: "no", update_user: "no" });
    });

    it("says why Keystone refuses a credential, what to look at, and keeps its secret", async () => {
      const account = await newAccount("admin");
      const env = { ...account.env, OS_PASSWORD: "S3CRET-and-wrong" };
      const { code, text } = await check(keystone.url, env);
      expect(code).toBe(1);
      expect(text).toContain(
        `err: Keystone refused the credential. Keystone answered 401: POST ${keystone.url}/v3/auth/tokens.`,
      );
      expect(text).toContain(
        `err:   openstack role assignment list --names --user ${account.name} --user-domain ${domain.id}`,
      );
      expect(text).not.toContain("S3CRET");
    });

    it("gives its token back, and changes no user", async () => {
      const proxy = await startFaultProxy({ target: keystone.url });
      try {
        const account = await newAccount("admin");
        const before = await admin.call("GET", `/users/${student.id}`);
        await check(proxy.url, account.env);
        expect(await admin.call("GET", `/users/${student.id}`)).toEqual(before);
        const changing = proxy.calls.filter(({ method }) => method !== "GET");
        expect(changing.map(({ method, carriedOut }) => [method, carriedOut])).toEqual([
          ["POST", 201],
          ["PATCH", 400],
          ["DELETE", 204],
        ]);
      } finally {
        await proxy.stop();
      }
    });
  },
);
