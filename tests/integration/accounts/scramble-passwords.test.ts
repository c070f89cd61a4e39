import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import {
  giveUpParked,
  type ScrambleContext,
  scramblePasswords,
} from "../../../app/accounts/scramble-passwords.server";
import { setRandomPassword } from "../../../app/accounts/set-random-password.server";
import { issueLink } from "../../../app/links/issue-link.server";
import { getLinkOfUser } from "../../../app/links/list-links.server";
import { revokeLink } from "../../../app/links/revoke-link.server";
import { startSandboxKeystone } from "../../../demo/keystone/sandbox-keystone";
import { startTestApp, type TestApp } from "../../support/app";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { type FaultProxy, faults, refusal, startFaultProxy } from "../../support/fault-proxy";
import {
  type IssuedTestLink,
  type LinkStage,
  linkStage,
  newPassword,
  wrongPins,
} from "../../support/issued-links";
import {
  type KeystoneAccess,
  type KeystoneAdmin,
  keystoneAdmin,
} from "../../support/keystone-admin";
import { signInToKeystone } from "../../support/keystone-sign-in";
import { newAdmin, startTestServices, type TestServices } from "../../support/services";

const SCRAMBLED = "user.initial-password-scrambled";
const AS_USER = { method: "POST", path: /\/password$/ };
const AS_SERVICE = { method: "PATCH", path: /^\/v3\/users\/[^/]+$/ };
const HALF_AN_HOUR_AND_MORE = 36 * 60;

interface World {
  access: KeystoneAccess;
  admin: KeystoneAdmin;
  /** setpass's own account. */
  env: Record<string, string>;
  stop(): Promise<unknown>;
}

const real = inject("keystone") as KeystoneAccess | undefined;

async function worldOf(access: KeystoneAccess, stop: World["stop"]): Promise<World> {
  const admin = keystoneAdmin(access);
  const projectId = await admin.projectId(access.adminProjectName);
  const name = `setpass-${randomBytes(5).toString("hex")}`;
  const password = `Service-1-${randomBytes(9).toString("base64url")}`;
  const { id } = await admin.createUser({ name, password });
  await admin.assignRole({ userId: id, role: "admin", projectId });
  const env = {
    OS_USERNAME: name,
    OS_PASSWORD: password,
    OS_USER_DOMAIN_ID: "default",
    OS_PROJECT_ID: projectId,
    // Several servers open each other's seals.
    SECRET_KEYS: randomBytes(32).toString("base64"),
  };
  return { access, admin, env, stop };
}

describe.each<[string, () => Promise<World>]>([
  [
    "the sandbox",
    async () => {
      const sandbox = await startSandboxKeystone();
      return worldOf(sandbox, sandbox.stop);
    },
  ],
  ...(real
    ? ([["a real Keystone", () => worldOf(real, async () => {})]] as [
        string,
        () => Promise<World>,
      ][])
    : []),
])("the initial password of a link that is over, on %s", (_, open) => {
  let world: World;
  let database: TestDatabase;
  let proxy: FaultProxy;
  let app: TestApp;
  let stage: LinkStage;

  const start = async (env: Record<string, string> = {}): Promise<TestApp> =>
    startTestApp({ keystoneUrl: proxy.url, database, env: { ...world.env, ...env } });

  beforeAll(async () => {
    world = await open();
    database = await createTestDatabase();
    proxy = await startFaultProxy({ target: world.access.url });
    app = await start();
    stage = linkStage(app, world.admin);
  });
  afterEach(() => proxy?.heal());
  afterAll(async () => {
    await app?.stop();
    await proxy?.stop();
    await database?.close();
    await world?.stop();
  });

  const contextOf = ({ services }: TestServices): ScrambleContext => {
    const { serviceToken } = services;
    if (!serviceToken) throw new Error("There is no credential");
    return { ...services, serviceToken };
  };
  const scramble = (by: TestServices = app) => scramblePasswords(contextOf(by));
  const works = async ({ userId }: { userId: string }, password: string) =>
    (await signInToKeystone(world.access.url, { id: userId, password })).status === 201;
  const later = (link: IssuedTestLink, column: string, seconds: number) =>
    database.sql.unsafe(
      `update links set ${column} = ${column} - make_interval(secs => ${seconds}) where id = '${link.id}'`,
    );
  const expire = (link: IssuedTestLink) => later(link, "expires_at", 86_400 + 5);
  const revoke = (link: IssuedTestLink) =>
    revokeLink(app.services, { linkId: link.id }, newAdmin());
  async function lock(link: IssuedTestLink) {
    for (const pin of wrongPins(link.pin, 3)) await stage.redeem(link, newPassword(), { pin });
  }
  const end = { expired: expire, revoked: revoke, locked: lock } as const;
  const scrambledOf = async (link: IssuedTestLink) =>
    (await stage.trail(link)).filter((line) => line.startsWith(SCRAMBLED));

  it.each(["expired", "revoked", "locked"] as const)(
    "is replaced once the link has %s, and nothing is kept of it",
    async (how) => {
      const link = await stage.issue();
      await end[how](link);
      expect(await works(link, link.initialPassword)).toBe(true);
      await scramble();
      expect(await works(link, link.initialPassword)).toBe(false);
      expect(await scrambledOf(link)).toEqual([`${SCRAMBLED} ok`]);
      expect(await stage.row(link)).toMatchObject({ sealed_parked: null, claim_id: null });
      await scramble();
      expect(await scrambledOf(link)).toHaveLength(1);
    },
  );

  it("stays where the link can still be used, and where it has been", async () => {
    const pending = await stage.issue();
    const used = await stage.issue();
    const own = newPassword();
    expect(await stage.redeem(used, own)).toMatchObject({ ok: true });
    await expire(used);
    await scramble();
    expect(await works(pending, pending.initialPassword)).toBe(true);
    expect(await works(used, own)).toBe(true);
    expect(await scrambledOf(used)).toEqual([]);
  });

  it("is left alone where another password is in force, and Keystone is asked twice at most", async () => {
    const link = await stage.issue();
    const own = newPassword();
    await world.admin.updateUser(link.userId, { password: own });
    await expire(link);
    await scramble();
    expect(await scrambledOf(link)).toEqual([]);
    await scramble();
    expect((await stage.row(link)).sealed_parked).not.toBeNull();
    await later(link, "scramble_asked_at", HALF_AN_HOUR_AND_MORE);
    await scramble();
    expect(await scrambledOf(link)).toEqual([`${SCRAMBLED} not-in-force`]);
    expect((await stage.row(link)).sealed_parked).toBeNull();
    expect(await works(link, own)).toBe(true);
  });

  it("is replaced once, by whichever of sixteen comes first", async () => {
    const link = await stage.issue();
    await expire(link);
    await Promise.all(Array.from({ length: 16 }, () => scramble()));
    expect(await scrambledOf(link)).toEqual([`${SCRAMBLED} ok`]);
  });

  it.each(["reset-before", "reset-after"] as const)(
    "is no longer in force after an answer was lost (%s), and a user's own is not touched",
    async (fault) => {
      const link = await stage.issue();
      await revoke(link);
      proxy.inject(AS_USER, faults[fault], { times: 1 });
      await scramble();
      expect(await scrambledOf(link)).toEqual([]);
      const wasReplaced = fault === "reset-after";
      expect(await works(link, link.initialPassword)).toBe(!wasReplaced);
      await scramble();
      await later(link, "scramble_asked_at", HALF_AN_HOUR_AND_MORE);
      await scramble();
      expect(await works(link, link.initialPassword)).toBe(false);
      expect(await scrambledOf(link)).toEqual([
        `${SCRAMBLED} ${wasReplaced ? "not-in-force" : "ok"}`,
      ]);
    },
  );

  it.each([
    ["before it has asked Keystone", "hang-before", "ok"],
    ["after Keystone has replaced it", "hang-after", "not-in-force"],
  ] as const)("is replaced once where a server dies %s", async (_when, fault, outcome) => {
    const dying = await start({ KEYSTONE_TIMEOUT: "2" });
    const link = await stage.issue();
    await revoke(link);
    const hanging = proxy.inject(AS_USER, faults[fault], { times: 1 });
    const dead = scramble(dying);
    await hanging.waitForHits(1);
    // While its lease lasts, nobody else begins.
    await scramble();
    expect(await scrambledOf(link)).toEqual([]);
    await later(link, "claimed_until", 3600);
    await scramble();
    await later(link, "scramble_asked_at", HALF_AN_HOUR_AND_MORE);
    await scramble();
    expect(await scrambledOf(link)).toEqual([`${SCRAMBLED} ${outcome}`]);
    expect(await works(link, link.initialPassword)).toBe(false);
    await dead;
    await dying.stop();
    expect(await scrambledOf(link)).toHaveLength(1);
    expect(await stage.row(link)).toMatchObject({ sealed_parked: null, claim_id: null });
  });

  it("is replaced by the credential's rights where the user may not change it", async () => {
    const link = await stage.issue();
    await world.admin.updateUser(link.userId, { options: { lock_password: true } });
    await expire(link);
    const before = proxy.calls.length;
    await scramble();
    expect(await works(link, link.initialPassword)).toBe(false);
    expect(await scrambledOf(link)).toEqual([`${SCRAMBLED} ok`]);
    const [row] = await database.sql`
      select credential from audit_events where user_id = ${link.userId} and action = ${SCRAMBLED}`;
    expect(row?.credential).toBe("service");
    expect(proxy.calls.slice(before).some(({ method }) => method === "PATCH")).toBe(true);
  });

  it("is not replaced by those rights where it is not in force", async () => {
    const link = await stage.issue();
    const own = newPassword();
    await world.admin.updateUser(link.userId, { password: own, options: { lock_password: true } });
    await expire(link);
    const before = proxy.calls.length;
    await scramble();
    await later(link, "scramble_asked_at", HALF_AN_HOUR_AND_MORE);
    await scramble();
    expect(await works(link, own)).toBe(true);
    const patched = proxy.calls.slice(before).filter(({ method }) => method === "PATCH");
    expect(patched).toEqual([]);
  });

  it("is said not to be replaced where the account is disabled and Keystone says no more", async () => {
    const link = await stage.issue();
    await world.admin.updateUser(link.userId, { enabled: false });
    await expire(link);
    await scramble();
    if ((await scrambledOf(link)).length === 0) {
      await later(link, "scramble_asked_at", HALF_AN_HOUR_AND_MORE);
      await scramble();
      expect(await scrambledOf(link)).toEqual([`${SCRAMBLED} account-disabled`]);
    } else expect(await scrambledOf(link)).toEqual([`${SCRAMBLED} ok`]);
  });

  it("of a renewed link is never replaced, however the two meet", async () => {
    const links = await Promise.all(Array.from({ length: 4 }, () => stage.issue()));
    for (const link of links) await expire(link);
    const renewals = links.map(async (link) => {
      const set = await setRandomPassword(
        app.services,
        { userId: link.userId, adminToken: await world.admin.token() },
        newAdmin(),
      );
      if (!set.ok) throw new Error(set.reason);
      const initialPassword = set.password;
      const renewed = await issueLink(
        app.services,
        { userId: link.userId, initialPassword, initialPasswordIsSet: true, via: "console" },
        newAdmin(),
      );
      if (!renewed.ok) throw new Error(renewed.reason);
      return { ...link, token: renewed.link.token, initialPassword };
    });
    await Promise.all([...renewals, scramble(), scramble()]);
    for (const link of await Promise.all(renewals)) {
      await scramble();
      expect(await works(link, link.initialPassword)).toBe(true);
      expect((await stage.row(link)).scrambled_at).toBeNull();
      expect(await stage.redeem(link, newPassword())).toMatchObject({ ok: true });
    }
  });

  it("cannot be kept by a renewal, while its PIN can", async () => {
    const link = await stage.issue();
    await expire(link);
    await scramble();
    const { userId } = link;
    const kept = await issueLink(app.services, { userId, via: "console" }, newAdmin());
    expect(kept).toEqual({ ok: false, reason: "scrambled" });
    expect(await getLinkOfUser(app.services, userId)).toMatchObject({
      scrambled: true,
      renewable: true,
    });
    const typed = newPassword();
    const given = await issueLink(
      app.services,
      { userId, initialPassword: typed, via: "console" },
      newAdmin(),
    );
    if (!given.ok) throw new Error(given.reason);
    await world.admin.updateUser(userId, { password: typed });
    expect(await stage.redeem({ ...link, token: given.link.token }, newPassword())).toMatchObject({
      ok: true,
    });
  });

  it("is set anew by setpass where a script renews the link and sends none", async () => {
    const link = await stage.issue();
    await expire(link);
    await scramble();
    const response = await fetch(`${app.url}/token/${link.userId}`, {
      method: "PUT",
      headers: { "X-Auth-Token": await world.admin.token(), "Content-Type": "application/json" },
      body: "{}",
    });
    const token = await response.text();
    expect([response.status, token]).toEqual([200, expect.any(String)]);
    const own = newPassword();
    expect(await stage.redeem({ pin: link.pin, token: token as never }, own)).toMatchObject({
      ok: true,
    });
    expect(await works(link, own)).toBe(true);
  });

  it("waits while Keystone cannot be asked, and is erased after a week", async () => {
    const link = await stage.issue();
    await revoke(link);
    proxy.inject(AS_USER, faults["502-before"]);
    await scramble();
    expect((await stage.row(link)).sealed_parked).not.toBeNull();
    await giveUpParked(app.services);
    expect((await stage.row(link)).sealed_parked).not.toBeNull();
    await later(link, "scrambled_at", 7 * 86_400 + 60);
    await giveUpParked(app.services);
    expect((await stage.row(link)).sealed_parked).toBeNull();
    expect(await scrambledOf(link)).toEqual([`${SCRAMBLED} given-up`]);
  });

  it("stays where the credential may not change the user, and the trail says so", async () => {
    const link = await stage.issue();
    await world.admin.updateUser(link.userId, { options: { lock_password: true } });
    await expire(link);
    proxy.inject(AS_SERVICE, refusal(403));
    await scramble();
    expect(await scrambledOf(link)).toEqual([`${SCRAMBLED} forbidden`]);
    expect(await works(link, link.initialPassword)).toBe(true);
  });

  it.each<[string, Record<string, string>]>([
    [
      "there is no credential",
      Object.fromEntries(
        ["OS_USERNAME", "OS_PASSWORD", "OS_USER_DOMAIN_ID", "OS_PROJECT_ID"].map((name) => [
          name,
          "",
        ]),
      ),
    ],
    ["SCRAMBLE says none", { SCRAMBLE: "none" }],
  ])("stays, and is erased with the link as before, where %s", async (_, env) => {
    const other = await startTestServices({
      keystoneUrl: proxy.url,
      database,
      env: { ...world.env, ...env },
    });
    try {
      const link = await linkStage(other, world.admin).issue();
      await revokeLink(other.services, { linkId: link.id }, newAdmin());
      expect(await stage.row(link)).toMatchObject({ sealed_parked: null, scrambled_at: null });
      await scramble();
      expect(await works(link, link.initialPassword)).toBe(true);
    } finally {
      await other.stop();
    }
  });
});
