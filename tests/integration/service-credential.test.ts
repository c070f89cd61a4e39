import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { getUser } from "../../app/keystone/users.server";
import { startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { startTestApp, type TestApp } from "../support/app";
import { createTestDatabase, type TestDatabase } from "../support/database";
import { describeWhere } from "../support/describe-where";
import { type Fault, type FaultProxy, faults, startFaultProxy } from "../support/fault-proxy";
import { type LinkStage, linkStage } from "../support/issued-links";
import { type KeystoneAccess, type KeystoneAdmin, keystoneAdmin } from "../support/keystone-admin";
import { errorOf } from "../support/keystone-error";
import { revokeKeystoneToken } from "../support/keystone-token";
import { startRealKeystone } from "../support/real-keystone";

/**
 * setpass's own sign-in: what is promised of it, row by row. On the real Keystone what can be had there, on
 * the sandbox behind a proxy what a Keystone does not do when asked to.
 */
const SIGN_IN = { method: "POST", path: "/v3/auth/tokens" };

let database: TestDatabase;
const toStop: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});
afterAll(() => database?.close());

interface Scene {
  readonly app: TestApp;
  readonly proxy: FaultProxy;
  readonly stage: LinkStage;
  /** Looks a user up as PUT has it done. @returns whose rights did it */
  lookUp(callerToken: string): Promise<"service" | "caller">;
  readyz(): Promise<{ status: number; body: Record<string, unknown> }>;
}

/** @param prepare what the proxy shall do from the first call on */
async function startScene(
  keystone: KeystoneAccess,
  env: Record<string, string>,
  prepare: (proxy: FaultProxy) => unknown = () => {},
): Promise<Scene> {
  const proxy = await startFaultProxy({ target: keystone.url });
  toStop.push(() => proxy.stop());
  await prepare(proxy);
  const app = await startTestApp({ keystoneUrl: proxy.url, env, database });
  toStop.push(() => app.stop());
  const stage = linkStage(app, keystoneAdmin(keystone));
  return {
    app,
    proxy,
    stage,
    async lookUp(token) {
      const link = await stage.issue();
      const { userId } = link;
      const requestId = `req-${randomUUID()}`;
      app.services.userLookup.enqueue({ userId, token, checkedAt: null, requestId });
      await expect.poll(async () => (await stage.row(link)).user_found).toBe(true);
      const line = app.logged("user.looked-up").find((one) => one.userId === userId);
      return line?.credential as "service" | "caller";
    },
    async readyz() {
      const response = await fetch(`${app.url}/readyz`);
      return { status: response.status, body: await response.json() };
    },
  };
}

const passwordOf = (user: { name: string; password: string }, projectId: string) => ({
  OS_USERNAME: user.name,
  OS_PASSWORD: user.password,
  OS_USER_DOMAIN_ID: "default",
  OS_PROJECT_ID: projectId,
});
const applicationOf = ({ id, secret }: { id: string; secret: string }) => ({
  OS_APPLICATION_CREDENTIAL_ID: id,
  OS_APPLICATION_CREDENTIAL_SECRET: secret,
});
const signedIn = ({ app }: Scene) =>
  expect.poll(() => app.services.serviceToken?.isAccepted()).toBe(true);
const refused = ({ app }: Scene) =>
  expect.poll(() => app.services.serviceToken?.isAccepted()).toBe(false);
const tokenOf = async ({ app }: Scene) => (await app.services.serviceToken?.get())?.token ?? "";
const metricOf = async ({ app }: Scene) =>
  (await app.services.metrics.registry.metrics())
    .split("\n")
    .filter((line) => line.startsWith("setpass_service_credential"));
const NO_TOKEN = "a-token-that-is-over";

const provided = inject("keystone");

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "the service credential, on a real Keystone",
  () => {
    const keystone = provided as KeystoneAccess & { folder: string };
    const admin = keystoneAdmin(keystone);
    let projectId: string;
    let callerToken: string;

    beforeAll(async () => {
      projectId = await admin.projectId(keystone.adminProjectName);
      callerToken = await admin.token();
    });

    /** An account of setpass's own, with the role admin. */
    async function newAccount() {
      const name = `setpass-${randomBytes(5).toString("hex")}`;
      const password = `Service-1-${randomBytes(9).toString("base64url")}`;
      const { id } = await admin.createUser({ name, password });
      await admin.assignRole({ userId: id, role: "admin", projectId });
      const account = { id, name, password };
      const newApplicationCredential = () =>
        admin.createApplicationCredential({
          ...{ userId: id, password, projectId, name: randomBytes(4).toString("hex") },
        });
      return { ...account, newApplicationCredential };
    }

    it.each(["a password", "an application credential"])(
      "signs in with %s, and looks users up with it instead of with the caller's token",
      async (kind) => {
        const account = await newAccount();
        const scene = await startScene(
          keystone,
          kind === "a password"
            ? passwordOf(account, projectId)
            : applicationOf(await account.newApplicationCredential()),
        );
        await signedIn(scene);
        expect(scene.app.logged("service-credential.signed-in")).toMatchObject([
          { level: "info", userId: account.id },
        ]);
        expect(await scene.lookUp(NO_TOKEN)).toBe("service");
        expect(scene.proxy.count(SIGN_IN)).toBe(1);
        expect((await scene.readyz()).body).toMatchObject({ ready: true, serviceCredential: true });
        expect(await metricOf(scene)).toEqual(["setpass_service_credential_accepted 1"]);
        expect(scene.app.logText()).not.toContain(account.password);
        expect(scene.app.logText()).not.toContain(await tokenOf(scene));
      },
    );

    it("signs in once for sixteen who need it at the same moment", async () => {
      const account = await newAccount();
      const scene = await startScene(keystone, passwordOf(account, projectId));
      const tokens = await Promise.all(Array.from({ length: 16 }, () => tokenOf(scene)));
      expect(new Set(tokens).size).toBe(1);
      expect(scene.proxy.count(SIGN_IN)).toBe(1);
    });

    it("gets over a token that was revoked in mid-use: one new sign-in, each read once more", async () => {
      const account = await newAccount();
      const scene = await startScene(keystone, passwordOf(account, projectId));
      await revokeKeystoneToken(keystone, await tokenOf(scene));
      const { serviceToken } = scene.app.services;
      const read = () =>
        serviceToken?.read((token) =>
          getUser(scene.app.services.keystone, { token, userId: account.id }),
        );
      const users = await Promise.all(Array.from({ length: 8 }, read));
      expect(new Set(users.map((user) => user?.name))).toEqual(new Set([account.name]));
      expect(scene.proxy.count(SIGN_IN)).toBe(2);
      const asked = scene.proxy.calls.filter(({ path }) => path === `/v3/users/${account.id}`);
      const statuses = asked.map(({ carriedOut }) => carriedOut);
      expect(statuses.filter((status) => status === 200)).toHaveLength(8);
      expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(8);
      expect(await scene.lookUp(NO_TOKEN)).toBe("service");
    });

    it("is refused once its password is another, says so, and the caller's token goes on", async () => {
      const account = await newAccount();
      const scene = await startScene(keystone, passwordOf(account, projectId));
      await signedIn(scene);
      await admin.updateUser(account.id, { password: `Another-1-${randomUUID()}` });
      expect(await scene.lookUp(callerToken)).toBe("caller");
      await refused(scene);
      expect((await scene.readyz()).body).toMatchObject({ ready: true, serviceCredential: false });
      // Not once more for each look-up: that would lock the account.
      expect(await scene.lookUp(callerToken)).toBe("caller");
      expect(scene.proxy.count(SIGN_IN)).toBe(2);
      expect(scene.app.logged("service-credential.refused")).toMatchObject([
        { level: "error", reason: "unauthorized", status: 401 },
      ]);
    });

    it("is told at the start where it is wrong, and nothing else stops", async () => {
      const account = await newAccount();
      const scene = await startScene(
        keystone,
        passwordOf({ ...account, password: "Wrong-1" }, projectId),
      );
      await refused(scene);
      expect(await scene.readyz()).toMatchObject({
        status: 200,
        body: { ready: true, keystone: true, serviceCredential: false },
      });
      const [line] = scene.app.logged("service-credential.refused");
      expect(JSON.stringify(line)).toContain(`${scene.proxy.url}/v3/auth/tokens`);
      expect(JSON.stringify(line)).not.toContain("Wrong-1");
      expect(await metricOf(scene)).toEqual(["setpass_service_credential_accepted 0"]);
      expect(await scene.lookUp(callerToken)).toBe("caller");
    });

    it("is rotated by a second one: the first is deleted, and the second goes on", async () => {
      const account = await newAccount();
      const [former, newer] = [
        await account.newApplicationCredential(),
        await account.newApplicationCredential(),
      ];
      const before = await startScene(keystone, applicationOf(former));
      await signedIn(before);
      const after = await startScene(keystone, applicationOf(newer));
      await signedIn(after);
      const asOwner = await startScene(keystone, passwordOf(account, projectId));
      await admin.call(
        "DELETE",
        `/users/${account.id}/application_credentials/${former.id}`,
        undefined,
        await tokenOf(asOwner),
      );
      // Keystone says 404 to whatever such a token asks for, which must not pass for "no such user"; some of
      // its processes remember for a while that it was good.
      await expect.poll(() => before.lookUp(callerToken)).toBe("caller");
      await refused(before);
      expect(await after.lookUp(NO_TOKEN)).toBe("service");
      expect(after.app.services.serviceToken?.isAccepted()).toBe(true);
    });

    it("that ends by itself ends its token with it, in seconds and without a zone", async () => {
      const account = await newAccount();
      const asOwner = await startScene(keystone, passwordOf(account, projectId));
      const endsAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 120_000);
      const created = (await admin.call(
        "POST",
        `/users/${account.id}/application_credentials`,
        {
          application_credential: {
            name: "for two minutes",
            expires_at: endsAt.toISOString().replace(/\.\d+Z$/, ""),
          },
        },
        await tokenOf(asOwner),
      )) as { application_credential: { id: string; secret: string } };
      const scene = await startScene(keystone, applicationOf(created.application_credential));
      const access = await scene.app.services.serviceToken?.get();
      expect(access?.expiresAt).toEqual(endsAt);
    });

    it("leaves to the caller whom it may not read", async () => {
      const account = await newAccount();
      const other = await admin.createProject({ name: `plain-${randomUUID()}` });
      await admin.assignRole({ userId: account.id, role: "member", projectId: other.id });
      const scene = await startScene(keystone, passwordOf(account, other.id));
      await signedIn(scene);
      expect(await scene.lookUp(callerToken)).toBe("caller");
    });

    it("gets over the end of its token in mid-use", async () => {
      const brief = await startRealKeystone({
        ...{ besides: keystone.folder, processes: 1, tokenLifetimeSeconds: 2 },
      });
      toStop.push(() => brief.stop());
      const account = await newAccount();
      const scene = await startScene(brief, {
        ...passwordOf(account, projectId),
        // As if it were good for an hour.
        TOKEN_REFRESH: "static",
      });
      const first = await tokenOf(scene);
      const isOver = async () =>
        (await fetch(`${brief.url}/v3/users/${account.id}`, { headers: { "x-auth-token": first } }))
          .status;
      await expect.poll(isOver, { interval: 200 }).toBe(401);
      const user = await scene.app.services.serviceToken?.read((token) =>
        getUser(scene.app.services.keystone, { token, userId: account.id }),
      );
      expect(user?.name).toBe(account.name);
      expect(scene.proxy.count(SIGN_IN)).toBe(2);
    });
  },
);

describe("the service credential, where Keystone answers strangely", () => {
  let keystone: KeystoneAccess;
  let admin: KeystoneAdmin;
  let credential: Record<string, string>;
  let callerToken: string;
  let stop: () => Promise<void>;

  beforeAll(async () => {
    const sandbox = await startSandboxKeystone({ tokenLifetimeSeconds: 40 });
    keystone = sandbox;
    ({ stop } = sandbox);
    admin = keystoneAdmin(keystone);
    callerToken = await admin.token();
    credential = passwordOf(
      { name: sandbox.adminUserName, password: sandbox.adminPassword },
      await admin.projectId("admin"),
    );
  });
  afterAll(() => stop?.());

  const rewriting = (change: (body: string) => string): Fault => ({
    carryOut: "first",
    answer: { kind: "rewrite", rewrite: (answer) => ({ ...answer, body: change(answer.body) }) },
  });
  const start = (fault?: Fault) =>
    startScene(keystone, credential, (proxy) => fault && proxy.inject(SIGN_IN, fault));

  it.each<[string, Fault, RegExp]>([
    [
      "no X-Subject-Token",
      faults["no-subject-token"],
      /^Keystone's answer has no X-Subject-Token header \(the headers were: .*content-type.*\)/,
    ],
    ["a page of HTML", faults["html-before"], /^Keystone's answer \(200\) is not JSON/],
    ["broken JSON", faults["truncated-json"], /^Keystone's answer \(201\) is not JSON/],
    ["no answer at all", faults["reset-before"], /^The connection to Keystone broke/],
    ["a proxy's error", faults["502-before"], /^Keystone failed \(502\)/],
  ])("is one clear error with its address on %s, and the rest goes on", async (_, fault, words) => {
    const scene = await start(fault);
    const error = await errorOf(scene.app.services.serviceToken?.get() ?? Promise.resolve());
    expect(error.message).toMatch(words);
    expect(error.message).toContain(`POST ${scene.proxy.url}/v3/auth/tokens`);
    // Its start may have asked by itself, before.
    const lines = scene.app.logged("service-credential.unanswered");
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines)
      expect(line).toMatchObject({ level: "warn", error: { message: error.message } });
    expect(scene.app.services.serviceToken?.isAccepted()).toBeNull();
    expect(await scene.lookUp(callerToken)).toBe("caller");
    scene.proxy.heal();
    expect(await scene.lookUp(NO_TOKEN)).toBe("service");
    expect(scene.app.logText()).not.toContain(credential.OS_PASSWORD);
  });

  it("is one clear error where nobody listens, and is well when somebody does", async () => {
    const scene = await startScene(keystone, credential, (proxy) => proxy.goAway());
    const error = await errorOf(scene.app.services.serviceToken?.get() ?? Promise.resolve());
    expect(error).toMatchObject({ kind: "unreachable", code: "ECONNREFUSED" });
    expect(error.message).toContain(`POST ${scene.proxy.url}/v3/auth/tokens`);
    expect((await scene.readyz()).body).toMatchObject({ ready: true, serviceCredential: null });
    expect(await metricOf(scene)).toEqual([]);
    await scene.proxy.comeBack();
    expect(await scene.lookUp(NO_TOKEN)).toBe("service");
    expect((await scene.readyz()).body).toMatchObject({ serviceCredential: true });
  });

  it("takes a token without expires_at for TOKEN_TTL, and warns with the fields there were", async () => {
    const scene = await start(rewriting((body) => body.replace(/"expires_at": ?"[^"]*",?/, "")));
    await signedIn(scene);
    const [warning] = scene.app.logged("service-credential.no-expiry");
    expect(warning).toMatchObject({ level: "warn" });
    expect(String(warning?.problems)).toMatch(/the fields were: .*user.*issued_at|issued_at.*user/);
    expect(await scene.lookUp(NO_TOKEN)).toBe("service");
  });

  it("takes a token whose expires_at is null for TOKEN_TTL, without a word", async () => {
    const scene = await start(
      rewriting((body) => body.replace(/"expires_at": ?"[^"]*"/, '"expires_at":null')),
    );
    await signedIn(scene);
    expect(scene.app.logged("service-credential.no-expiry")).toEqual([]);
    expect(await scene.lookUp(NO_TOKEN)).toBe("service");
  });

  it.each([-60, 60])("works where Keystone's clock is %s seconds off", async (skewSeconds) => {
    const shift = (body: string) =>
      body.replace(
        /("(?:expires_at|issued_at)": ?")([^"]*)"/g,
        (_, name: string, time: string) =>
          `${name}${new Date(Date.parse(time) + skewSeconds * 1000).toISOString()}"`,
      );
    const scene = await start(rewriting(shift));
    for (let times = 0; times < 3; times++) expect(await scene.lookUp(NO_TOKEN)).toBe("service");
    // A token of 40 seconds, by Keystone's two times, however far they are from ours.
    expect(scene.proxy.count(SIGN_IN)).toBe(1);
  });
});
