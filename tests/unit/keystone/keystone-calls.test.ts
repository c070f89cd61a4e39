import { afterEach, describe, expect, it } from "vitest";
import { getPasswordPolicy } from "../../../app/keystone/domains.server";
import {
  changePassword,
  isPasswordAccepted,
  setUserPassword,
} from "../../../app/keystone/passwords.server";
import { createKeystoneSession, type KeystoneSession } from "../../../app/keystone/session.server";
import { revokeToken } from "../../../app/keystone/tokens.server";
import { createUser, getUser, listUsers } from "../../../app/keystone/users.server";
import { getFreePort } from "../../support/free-port";
import { errorOf } from "../../support/keystone-error";
import { httpAnswer, type RawServer, startRawServer } from "../../support/raw-server";

/** What no Keystone 22 on PostgreSQL can be made to say: older ones, LDAP, newer ones, proxies. */

const toStop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
});

async function keystoneSaying(
  answer: string | ((request: string) => string),
): Promise<{ session: KeystoneSession; server: RawServer }> {
  const server = await startRawServer((socket, request) => {
    socket.end(typeof answer === "string" ? answer : answer(request));
  });
  toStop.push(() => server.stop());
  const authUrl = `http://127.0.0.1:${server.port}`;
  return { server, session: createKeystoneSession({ authUrl, timeoutSeconds: 5 }) };
}

async function unreachableKeystone(): Promise<KeystoneSession> {
  const authUrl = `http://127.0.0.1:${await getFreePort()}`;
  return createKeystoneSession({ authUrl, timeoutSeconds: 5 });
}

function ok(body: unknown, headers: Record<string, string> = {}): string {
  return httpAnswer(200, JSON.stringify(body), headers);
}

function refusing(code: number, message: string, headers: Record<string, string> = {}): string {
  return httpAnswer(code, JSON.stringify({ error: { code, message, title: "No" } }), headers);
}

const authenticationRequired = "The request you have made requires authentication.";

describe("creating a user", () => {
  const asked = {
    token: "t",
    name: "n",
    domainId: "d",
    password: "pw-long-enough-1",
    accountMark: "m",
  };

  it.each([
    [403, "LDAP does not support write operations", "read-only-domain"],
    [501, "The action you have requested has not been implemented.", "read-only-domain"],
    [
      403,
      "You are not authorized to perform the requested action: identity:create_user.",
      "forbidden",
    ],
  ])("is refused with %i, %s: %s", async (code, words, reason) => {
    const { session } = await keystoneSaying(refusing(code, words));
    expect(await createUser(session, asked)).toEqual({ ok: false, reason });
  });

  it("is refused in Keystone's words where the password is too long for it", async () => {
    const message =
      "The password length must be less than or equal to 54. The server could not comply with the request because the password is invalid.";
    const { session } = await keystoneSaying(refusing(403, message));
    const refused = { ok: false, reason: "password-refused", message };
    expect(await createUser(session, asked)).toEqual(refused);
  });

  it("may have happened where the answer is not one", async () => {
    for (const answer of [ok({ user: {} }), "HTTP/1.1 201 Created\r\n"]) {
      const { session } = await keystoneSaying(answer);
      const error = await errorOf(createUser(session, asked));
      expect(error).toMatchObject({ mayHaveHappened: true });
    }
  });

  it("never happened where Keystone was out of reach", async () => {
    const error = await errorOf(createUser(await unreachableKeystone(), asked));
    expect(error).toMatchObject({ kind: "unreachable", mayHaveHappened: false });
  });
});

describe("changing one's own password", () => {
  const asked = { userId: "u1", originalPassword: "original-1", password: "new-password-1" };

  it("sends the two passwords and no token", async () => {
    const { session, server } = await keystoneSaying("HTTP/1.1 204 No Content\r\n\r\n");
    expect(await changePassword(session, asked)).toEqual({ ok: true });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatch(/^POST \/v3\/users\/u1\/password HTTP/);
    expect(server.requests[0]).not.toMatch(/^x-auth-token/im);
    const body = JSON.parse(server.requests[0]?.split("\r\n\r\n")[1] ?? "");
    expect(body).toEqual({
      user: { original_password: asked.originalPassword, password: asked.password },
    });
  });

  it.each([
    [401, authenticationRequired, { reason: "wrong-original" }],
    [401, "The account is disabled for user: u1.", { reason: "disabled" }],
    [401, "The account is locked for user: u1.", { reason: "account-locked" }],
    [404, "Could not find user: u1.", { reason: "wrong-original" }],
    [403, "You are not authorized to perform the requested action.", { reason: "read-only" }],
    [
      403,
      "The password length must be less than or equal to 54. The server could not comply with " +
        "the request because the password is invalid.",
      {
        reason: "refused",
        message:
          "The password length must be less than or equal to 54. The server could not comply " +
          "with the request because the password is invalid.",
      },
    ],
    [
      400,
      "You cannot change your password at this time due to the minimum password age. Once you " +
        "change your password, it must be used for 1 day(s) before it can be changed.",
      {
        reason: "refused",
        message:
          "You cannot change your password at this time due to the minimum password age. Once " +
          "you change your password, it must be used for 1 day(s) before it can be changed.",
      },
    ],
    [409, "Conflict occurred.", { reason: "refused", message: "Conflict occurred." }],
    [400, "", { reason: "refused", message: "Keystone refused the password without saying why." }],
  ])("reads a %i with %j", async (status, words, outcome) => {
    const { session } = await keystoneSaying(refusing(status, words));
    expect(await changePassword(session, asked)).toEqual({ ok: false, ...outcome });
  });

  it("says of an outage whether the change may have been made", async () => {
    const { session } = await keystoneSaying(refusing(503, "Later.", { "Retry-After": "9" }));
    expect(await changePassword(session, asked)).toMatchObject({
      ok: false,
      reason: "unavailable",
      mayHaveHappened: true,
      retryAfterSeconds: 9,
      error: { kind: "server-error", status: 503 },
    });
    const busy = await keystoneSaying(httpAnswer(429, "slow down", { "Retry-After": "3" }));
    expect(await changePassword(busy.session, asked)).toMatchObject({
      reason: "unavailable",
      mayHaveHappened: false,
      retryAfterSeconds: 3,
    });
    expect(await changePassword(await unreachableKeystone(), asked)).toMatchObject({
      reason: "unavailable",
      mayHaveHappened: false,
      error: { kind: "unreachable" },
    });
    const page = await keystoneSaying(httpAnswer(403, "<html>No entry</html>"));
    expect(await changePassword(page.session, asked)).toMatchObject({
      reason: "unavailable",
      mayHaveHappened: false,
      error: { kind: "invalid-response" },
    });
  });
});

describe("asking whether a password is the user's", () => {
  const ask = (session: KeystoneSession) =>
    isPasswordAccepted(session, { userId: "u1", password: "a-password" });

  it.each([
    [401, authenticationRequired, "refused"],
    [401, "The password is expired and needs to be changed for user: u1.", "accepted"],
    [401, "The account is disabled for user: u1.", "accepted"],
    [401, "The account is locked for user: u1.", "unknown"],
    [400, "Something else.", "unknown"],
    [403, "Something else.", "unknown"],
    [404, "Something else.", "unknown"],
    [500, "An unexpected error.", "unknown"],
    [503, "Later.", "unknown"],
    [429, "Slow down.", "unknown"],
  ])("reads a %i with %j as %s", async (status, words, answer) => {
    const { session } = await keystoneSaying(refusing(status, words));
    expect(await ask(session)).toBe(answer);
  });

  it("cannot tell where there is no answer, or none of Keystone's", async () => {
    expect(await ask(await unreachableKeystone())).toBe("unknown");
    for (const answer of [
      httpAnswer(200, "<html>"),
      httpAnswer(401, "<html>"),
      ok({ token: {} }),
    ]) {
      const { session } = await keystoneSaying(answer);
      expect(await ask(session)).toBe("unknown");
    }
  });
});

describe("setting another's password", () => {
  const asked = { token: "admin-token", userId: "u1", password: "new-password-1" };

  it("reads a password that is too long as refused, though Keystone says 403", async () => {
    const words = "The password length must be less than or equal to 54.";
    const { session } = await keystoneSaying(refusing(403, words));
    expect(await setUserPassword(session, asked)).toEqual({
      ok: false,
      reason: "refused",
      message: words,
    });
  });

  it("throws for an outage", async () => {
    const error = await errorOf(setUserPassword(await unreachableKeystone(), asked));
    expect(error.kind).toBe("unreachable");
    const { session } = await keystoneSaying(refusing(502, "Bad gateway"));
    expect((await errorOf(setUserPassword(session, asked))).kind).toBe("server-error");
  });
});

describe("users", () => {
  const user = { id: "u1", name: "Zoe", domain_id: "default", enabled: true };
  const token = "admin-token";

  it("may lack an e-mail address, or have an empty one", async () => {
    for (const email of [undefined, null, ""]) {
      const { session } = await keystoneSaying(ok({ user: { ...user, email } }));
      const found = await getUser(session, { token, userId: "u1" });
      expect(found).toEqual({
        id: "u1",
        name: "Zoe",
        domainId: "default",
        enabled: true,
        passwordExpiresAt: null,
      });
    }
  });

  it("have dates in UTC, which Keystone does not say of a password's expiry", async () => {
    const zone = process.env.TZ;
    process.env.TZ = "America/New_York";
    try {
      for (const written of ["2031-11-06T15:32:17.000000", "2031-11-06T15:32:17.000000Z"]) {
        const { session } = await keystoneSaying(
          ok({ user: { ...user, password_expires_at: written } }),
        );
        const found = await getUser(session, { token, userId: "u1" });
        expect(found?.passwordExpiresAt?.toISOString()).toBe("2031-11-06T15:32:17.000Z");
      }
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });

  it("are read by their encoded id", async () => {
    const { session, server } = await keystoneSaying(ok({ user }));
    await getUser(session, { token, userId: "ü ?#%2F" });
    expect(server.requests[0]).toMatch(/^GET \/v3\/users\/%C3%BC%20%3F%23%252F HTTP/);
  });

  it.each([
    [{ truncated: true }, true],
    [{ truncated: false }, false],
    [{ links: { next: "http://k/v3/users?marker=u1" } }, true],
    [{ links: { next: null } }, false],
  ])("come as a cut list where Keystone says %j", async (more, truncated) => {
    const { session } = await keystoneSaying(ok({ users: [user], ...more }));
    expect(await listUsers(session, { token })).toMatchObject({ users: [{ id: "u1" }], truncated });
  });

  it("are asked for by what is wanted and no more", async () => {
    const { session, server } = await keystoneSaying(ok({ users: [] }));
    await listUsers(session, { token });
    await listUsers(session, { token, nameContains: "", domainId: "d1", enabled: true, limit: 20 });
    await listUsers(session, { token, nameContains: "a&b" });
    expect(server.requests.map((request) => request.split(" ")[1])).toEqual([
      "/v3/users",
      "/v3/users?domain_id=d1&enabled=true&limit=20",
      "/v3/users?name__icontains=a%26b",
    ]);
  });

  it("are an invalid response where their fields are missing, which the error names", async () => {
    const { session } = await keystoneSaying(ok({ users: [{ id: "u1" }] }));
    const error = await errorOf(listUsers(session, { token }));
    expect(error).toMatchObject({ kind: "invalid-response", path: "/v3/users", status: 200 });
    expect(error.message).toContain("users.0.name");
    const empty = await keystoneSaying("HTTP/1.1 204 No Content\r\n\r\n");
    expect((await errorOf(getUser(empty.session, { token, userId: "u1" }))).message).toContain(
      "the body",
    );
  });
});

describe("the password policy", () => {
  const token = "a-token";
  const policy = (regex: unknown, description: unknown) =>
    ok({
      config: {
        security_compliance: { password_regex: regex, password_regex_description: description },
      },
    });

  it.each([
    [null, null, {}],
    ["", "", {}],
    ["^.{8,}$", null, { regex: "^.{8,}$" }],
    [null, "Long ones.", { description: "Long ones." }],
  ])("with %j and %j is %j", async (regex, description, expected) => {
    const { session } = await keystoneSaying(policy(regex, description));
    expect(await getPasswordPolicy(session, { token, domainId: "default" })).toEqual(expected);
  });

  it("is that of the default domain where another's is not told", async () => {
    const { session, server } = await keystoneSaying((request) =>
      request.includes("/domains/default/")
        ? policy("^.{8,}$", null)
        : refusing(403, "Not allowed for any domain other than the default domain."),
    );
    expect(await getPasswordPolicy(session, { token, domainId: "d1" })).toEqual({
      regex: "^.{8,}$",
    });
    expect(server.requests).toHaveLength(2);
  });

  it("is none where nothing is told", async () => {
    for (const status of [403, 404]) {
      const { session, server } = await keystoneSaying(refusing(status, "No."));
      expect(await getPasswordPolicy(session, { token, domainId: "default" })).toEqual({});
      expect(server.requests).toHaveLength(1);
    }
    const { session } = await keystoneSaying(refusing(403, "No."));
    expect(await getPasswordPolicy(session, { token, domainId: "d1" })).toEqual({});
  });

  it("throws for an outage", async () => {
    const { session } = await keystoneSaying(refusing(500, "No."));
    const error = await errorOf(getPasswordPolicy(session, { token, domainId: "default" }));
    expect(error.kind).toBe("server-error");
  });
});

describe("revoking a token", () => {
  it("throws for an outage and for a refusal, not for a token that is gone", async () => {
    for (const [status, throws] of [
      [401, false],
      [404, false],
      [403, true],
      [500, true],
    ] as const) {
      const { session } = await keystoneSaying(refusing(status, "No."));
      const revoking = revokeToken(session, { token: "a-token" });
      if (throws) expect((await errorOf(revoking)).status).toBe(status);
      else await expect(revoking).resolves.toBeUndefined();
    }
  });
});
