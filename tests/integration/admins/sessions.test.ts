import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { findSession, keepAdminRole, signOut } from "../../../app/admins/session.server";
import { signIn } from "../../../app/admins/sign-in.server";
import { KeystoneError, type KeystoneErrorKind } from "../../../app/keystone/errors.server";
import type { KeystoneRequest, KeystoneResponse } from "../../../app/keystone/request.server";
import type { SharedKeystone } from "../../../app/keystone/shared-session.server";
import { hashToken } from "../../../app/vault/vault.server";
import {
  deleteEndedSessions,
  deleteSession,
  findSession as findRow,
  noteAdminRole,
  touchSession,
} from "../../../db/admin-sessions.store";
import { findKnownAdmins, forgetAdmins, rememberAdmin } from "../../../db/known-admins.store";
import { newOrigin, startTestServices, type TestServices } from "../../support/services";

const IDLE_SECONDS = 1800;

let started: TestServices;
beforeAll(async () => {
  started = await startTestServices({
    keystoneUrl: "http://127.0.0.1:9",
    env: { ADMIN_SESSION_IDLE: String(IDLE_SECONDS), ADMIN_SESSION_MAX: "36000" },
  });
});
afterAll(() => started?.stop());
beforeEach(() => started.database.sql`delete from admin_sessions`);

const sql: TestServices["database"]["sql"] = ((...given: [TemplateStringsArray]) =>
  started.database.sql(...given)) as never;

/** What Keystone was asked, and by whom, on the way in. */
interface Asked extends KeystoneRequest {
  readonly caller?: unknown;
}

/** A Keystone that knows one administrator, or fails. */
function keystoneWith(options: { failure?: KeystoneError; expiresIn?: number } = {}) {
  const asked: Asked[] = [];
  const token = {
    expires_at: new Date(Date.now() + (options.expiresIn ?? 3600) * 1000).toISOString(),
    user: { id: "u1", name: "jane", domain: { id: "default", name: "Default" } },
    roles: [{ id: "r", name: "admin" }],
  };
  const sessionOf = (caller?: unknown) => ({
    authUrl: "https://keystone.example.org/v3",
    async request(request: KeystoneRequest, read?: (response: KeystoneResponse) => unknown) {
      asked.push({ ...request, caller });
      if (options.failure && request.method === "POST") throw options.failure;
      const response = {
        status: 200,
        headers: { get: () => "keystone-token", names: () => [] },
        json:
          request.method === "POST"
            ? { token }
            : { user: { id: "u1", name: "jane", domain_id: "default", email: "jane@example.org" } },
      } as unknown as KeystoneResponse;
      return read ? read(response) : response;
    },
  });
  const keystone = { ...sessionOf(), as: sessionOf } as unknown as SharedKeystone;
  return { asked, services: { ...started.services, keystone } };
}

const credentials = { userName: "jane", domainName: "Default", password: "Secret-1-password" };

async function signedIn(services = keystoneWith().services) {
  const result = await signIn(services, credentials, newOrigin());
  if (!result.ok) throw new Error(result.reason);
  return { ...result, idHash: hashToken(result.sessionId) };
}

const rowOf = async (idHash: Buffer) =>
  (await sql`select * from admin_sessions where id_hash = ${idHash}`)[0];
const seenSecondsAgo = (idHash: Buffer, seconds: number) => sql`
  update admin_sessions set last_seen_at = clock_timestamp() - make_interval(secs => ${seconds})
  where id_hash = ${idHash}`;
const lastEvents = async (count: number) =>
  (
    await sql`
      select action, actor_kind, actor_id, actor_name, outcome, client_address, request_id
      from audit_events order by id desc limit ${count}`
  ).reverse();

describe("signing in", () => {
  it("asks Keystone among strangers, for the admin project, by the request's id", async () => {
    const { asked, services } = keystoneWith();
    const origin = newOrigin("2001:db8:1:2::7");
    await signIn(services, { ...credentials, passcode: "" }, origin);
    const [first, second, ...more] = asked;
    expect(more).toEqual([]);
    expect(first).toMatchObject({
      caller: { rank: "strangers", party: "2001:db8:1:2::/64" },
      requestId: origin.requestId,
      json: {
        auth: {
          // Without a code there is no second method.
          identity: {
            methods: ["password"],
            password: { user: { name: "jane", domain: { name: "Default" } } },
          },
          scope: { project: { name: "admin", domain: { id: "default" } } },
        },
      },
    });
    expect(second).toMatchObject({ path: "/users/u1", requestId: origin.requestId });
  });

  it("begins a session with all that is known of the administrator, and a row in the trail", async () => {
    const origin = newOrigin("192.0.2.61");
    const { services } = keystoneWith();
    const result = await signIn(services, credentials, origin);
    const sessionId = result.ok ? result.sessionId : "";
    expect(Buffer.from(sessionId, "base64url")).toHaveLength(32);
    expect(await findSession(services, sessionId)).toMatchObject({
      userId: "u1",
      userName: "jane",
      userDomainName: "Default",
      userEmail: "jane@example.org",
      holdsAdminRole: true,
      keystoneToken: "keystone-token",
    });
    const who = { actor_kind: "admin", actor_id: "u1", actor_name: "jane", outcome: "ok" };
    const from = { client_address: "192.0.2.61", request_id: origin.requestId };
    expect(await lastEvents(1)).toEqual([{ action: "admin.signed-in", ...who, ...from }]);

    const leaving = newOrigin("192.0.2.62");
    await signOut(services, sessionId, leaving);
    expect(await lastEvents(1)).toEqual([
      {
        action: "admin.signed-out",
        ...who,
        client_address: "192.0.2.62",
        request_id: leaving.requestId,
      },
    ]);
  });

  it("is not asked about again by the pages that come next", async () => {
    await signedIn();
    const known = await started.services.tokenAuthorizer.authorize("keystone-token", {
      requestId: newOrigin().requestId,
    });
    expect(known).toMatchObject({ ok: true, caller: { userId: "u1" } });
  });

  it.each<[KeystoneErrorKind, number | undefined, number]>([
    ["busy", 33, 33],
    ["timeout", undefined, 10],
  ])("says when to come back: %s, %s", async (kind, told, retryAfterSeconds) => {
    const failure = new KeystoneError({
      ...{ kind, message: kind, method: "POST", path: "/v3/auth/tokens" },
      ...{ retryAfterSeconds: told, mayHaveHappened: false },
    });
    const { services } = keystoneWith({ failure });
    expect(await signIn(services, credentials, newOrigin())).toEqual({
      ok: false,
      reason: "keystone-unavailable",
      retryAfterSeconds,
    });
  });

  it("that is refused is in the trail with from where, and by which request", async () => {
    const failure = new KeystoneError({
      ...{ kind: "unauthorized", message: "no", method: "POST", path: "/v3/auth/tokens" },
      mayHaveHappened: false,
    });
    const origin = newOrigin("192.0.2.63");
    const name = `nobody-${randomBytes(6).toString("hex")}`;
    await signIn(keystoneWith({ failure }).services, { ...credentials, userName: name }, origin);
    expect(await lastEvents(1)).toEqual([
      {
        action: "admin.sign-in-refused",
        actor_kind: "admin",
        actor_id: null,
        actor_name: expect.stringMatching(/^unknown account #[0-9a-f]{6}$/),
        outcome: "refused",
        client_address: "192.0.2.63",
        request_id: origin.requestId,
      },
    ]);
  });

  it("that is refused is in the log alone where the trail has no more room", async () => {
    const failure = new KeystoneError({
      ...{ kind: "unauthorized", message: "no", method: "POST", path: "/v3/auth/tokens" },
      mayHaveHappened: false,
    });
    const { services } = keystoneWith({ failure });
    const full = { ...services, anonymousEvents: { admit: async () => false } };
    const before = await lastEvents(1);
    const origin = newOrigin();
    expect(await signIn(full, credentials, origin)).toEqual({ ok: false, reason: "refused" });
    expect(await lastEvents(1)).toEqual(before);
    expect(started.logged("audit.left-out").at(-1)).toMatchObject({
      reason: "admin.sign-in-refused",
      requestId: origin.requestId,
    });
  });
});

describe("a session", () => {
  it("is written to at most once a minute, and sooner where it may not be idle for long", async () => {
    const { sessionId, idHash } = await signedIn();
    const lastSeenAfter = async (seconds: number, idleSeconds = IDLE_SECONDS) => {
      await seenSecondsAgo(idHash, seconds);
      const config = { admin: { ...started.config.admin, sessionIdleSeconds: idleSeconds } };
      expect(await findSession({ ...started.services, config }, sessionId)).toBeDefined();
      return Math.round((Date.now() - (await rowOf(idHash))?.last_seen_at.getTime()) / 1000);
    };
    expect(await lastSeenAfter(45)).toBeGreaterThanOrEqual(45);
    expect(await lastSeenAfter(65)).toBeLessThan(30);
    expect(await lastSeenAfter(8, 120)).toBeGreaterThanOrEqual(8);
    expect(await lastSeenAfter(14, 120)).toBeLessThan(6);
  });

  it("is touched, noted and ended by itself: no other one is", async () => {
    const one = await signedIn();
    const other = await signedIn();
    for (const { idHash } of [one, other]) await seenSecondsAgo(idHash, 600);
    const untouched = await rowOf(other.idHash);
    const { db } = started.services;
    await touchSession(db, one.idHash);
    expect(Date.now() - (await rowOf(one.idHash))?.last_seen_at.getTime()).toBeLessThan(60_000);
    await noteAdminRole(db, { idHash: one.idHash, holdsAdminRole: false });
    expect((await rowOf(one.idHash))?.holds_admin_role).toBe(false);
    expect(await rowOf(other.idHash)).toEqual(untouched);

    const wanted = { idHash: one.idHash, idleSeconds: IDLE_SECONDS };
    expect((await findRow(db, wanted))?.idHash).toEqual(one.idHash);
    expect((await deleteSession(db, one.idHash))?.idHash).toEqual(one.idHash);
    expect(await findRow(db, wanted)).toBeUndefined();
    expect(await deleteSession(db, one.idHash)).toBeUndefined();
    expect(await rowOf(other.idHash)).toEqual(untouched);
  });

  it("is none once it has been idle too long, or is past its end; then it is deleted", async () => {
    const alive = await signedIn();
    const idle = await signedIn();
    const over = await signedIn();
    await seenSecondsAgo(alive.idHash, IDLE_SECONDS - 30);
    await seenSecondsAgo(idle.idHash, IDLE_SECONDS + 1);
    await sql`
      update admin_sessions set expires_at = now() - interval '1 second'
      where id_hash = ${over.idHash}`;
    expect(await findSession(started.services, alive.sessionId)).toBeDefined();
    for (const { sessionId } of [idle, over])
      expect(await findSession(started.services, sessionId)).toBeUndefined();
    const idleSeconds = IDLE_SECONDS;
    expect(await deleteEndedSessions(started.services.db, { idleSeconds })).toBe(2);
    expect(await rowOf(alive.idHash)).toBeDefined();
  });

  it("takes the role from Keystone's answer of now, and writes what is another alone", async () => {
    const { sessionId, idHash } = await signedIn();
    const session = await findSession(started.services, sessionId);
    if (!session) throw new Error("there is no session");
    const noDatabase = { db: undefined } as never;
    const same = { holdsAdminRole: true };
    expect(await keepAdminRole(noDatabase, sessionId, session, same)).toEqual(session);
    expect(
      await keepAdminRole(started.services, sessionId, session, { holdsAdminRole: false }),
    ).toEqual({ ...session, holdsAdminRole: false });
    expect((await rowOf(idHash))?.holds_admin_role).toBe(false);
  });

  it("is none where its seal does not open, and no mistake of ours is taken for that", async () => {
    const { sessionId } = await signedIn();
    const mistake = new TypeError("x is not a function");
    const vault = {
      ...started.services.vault,
      open: () => {
        throw mistake;
      },
    };
    await expect(findSession({ ...started.services, vault }, sessionId)).rejects.toBe(mistake);
    await sql`update admin_sessions set sealed_token = ${Buffer.alloc(60, 1)}`;
    expect(await findSession(started.services, sessionId)).toBeUndefined();
    expect(started.logged("admin.session-unreadable").at(-1)).toMatchObject({ actorId: "u1" });
  });

  it("that is ended ends its token by the request's id, and the trail says why", async () => {
    const { asked, services } = keystoneWith();
    const { sessionId } = await signedIn(services);
    const origin = newOrigin();
    await signOut(services, sessionId, origin, { outcome: "token-ended" });
    expect(asked.at(-1)).toMatchObject({
      method: "DELETE",
      path: "/auth/tokens",
      subjectToken: "keystone-token",
      requestId: origin.requestId,
    });
    expect(await lastEvents(1)).toMatchObject([
      { action: "admin.signed-out", outcome: "token-ended" },
    ]);
    const before = asked.length;
    await signOut(services, sessionId, origin);
    expect(asked).toHaveLength(before);
  });
});

describe("an administrator who has signed in", () => {
  const jane = { userId: "k1", name: "jane", domainName: "Default", account: "account-1" };
  beforeEach(() => sql`delete from known_admins`);

  it("is known by the latest name, and found by the account alone", async () => {
    const { db } = started.services;
    await rememberAdmin(db, jane);
    await rememberAdmin(db, { ...jane, userId: "k0", account: "account-0" });
    await sql`update known_admins set last_signed_in_at = now() - interval '300 days'`;
    const renamed = { ...jane, name: "Jane", account: "account-2" };
    await rememberAdmin(db, renamed);
    expect(await findKnownAdmins(db, "account-1")).toEqual([]);
    expect(await findKnownAdmins(db, "account-2")).toEqual([renamed]);
    const [row] = await sql`
      select last_signed_in_at > now() - interval '1 minute' as is_new
      from known_admins where user_id = 'k1'`;
    expect(row).toEqual({ is_new: true });
  });

  it("is one of ten at most that are looked at, in the order of their ids", async () => {
    const { db } = started.services;
    for (let number = 29; number >= 10; number--)
      await rememberAdmin(db, { ...jane, userId: `k${number}` });
    expect((await findKnownAdmins(db, "account-1")).map(({ userId }) => userId)).toEqual(
      Array.from({ length: 10 }, (_, index) => `k${10 + index}`),
    );
  });

  it("is forgotten after so many days, and not before", async () => {
    const { db } = started.services;
    for (const userId of ["k1", "k2"]) await rememberAdmin(db, { ...jane, userId });
    await sql`
      update known_admins set last_signed_in_at =
        now() - case user_id when 'k1' then interval '29 days' else interval '31 days' end`;
    await forgetAdmins(db, { unseenForDays: 30 });
    expect((await findKnownAdmins(db, "account-1")).map(({ userId }) => userId)).toEqual(["k1"]);
  });
});
