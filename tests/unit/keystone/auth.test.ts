import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { willExpireSoon } from "../../../app/keystone/access-info.server";
import {
  type AuthPlugin,
  applicationCredentialAuth,
  authenticate,
  passwordAuth,
  type Scope,
  tokenAuth,
} from "../../../app/keystone/auth.server";
import { isKeystoneError } from "../../../app/keystone/errors.server";
import { createKeystoneSession } from "../../../app/keystone/session.server";
import { httpAnswer, startRawServer } from "../../support/raw-server";

const toStop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
});

const described = {
  methods: ["password"],
  user: { id: "u1", name: "zoe", domain: { id: "default", name: "Default" } },
  expires_at: "2031-01-02T03:04:05.678901Z",
  issued_at: "2031-01-02T02:04:05.000000Z",
};
const tokenHeader = { "X-Subject-Token": "gAAAAA-the-token" };

function issuing(token: unknown = described, headers: Record<string, string> = tokenHeader) {
  return httpAnswer(201, JSON.stringify({ token }), headers);
}

async function authenticateWith(
  answer: string,
  plugin: AuthPlugin = tokenAuth({ token: "t" }),
  scope?: Scope,
) {
  const server = await startRawServer((socket) => socket.end(answer));
  toStop.push(() => server.stop());
  const authUrl = `http://127.0.0.1:${server.port}`;
  const session = createKeystoneSession({ authUrl, timeoutSeconds: 5 });
  const access = authenticate(session, plugin, { scope });
  access.catch(() => {});
  return { access, server };
}

async function invalidity(answer: string): Promise<string> {
  const { access } = await authenticateWith(answer);
  const error = await access.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isKeystoneError(error)) throw new Error("There was no Keystone error");
  expect(error.kind).toBe("invalid-response");
  expect(error).toMatchObject({ mayHaveHappened: true, method: "POST", path: "/v3/auth/tokens" });
  expect(error.message).toMatch(/: POST http:\/\/127\.0\.0\.1:\d+\/v3\/auth\/tokens$/);
  expect(inspect(error)).not.toContain("gAAAAA-the-token");
  return error.message;
}

describe("a token", () => {
  it("comes from the header, its dates with their microseconds", async () => {
    const { access } = await authenticateWith(issuing());
    expect(await access).toEqual({
      token: "gAAAAA-the-token",
      expiresAt: new Date("2031-01-02T03:04:05.678Z"),
      issuedAt: new Date("2031-01-02T02:04:05Z"),
      methods: ["password"],
      user: { id: "u1", name: "zoe", domain: { id: "default", name: "Default" } },
      roles: [],
      passwordExpiresAt: null,
    });
  });

  it("that does not expire has no expiry, and never will soon", async () => {
    const { access } = await authenticateWith(issuing({ ...described, expires_at: null }));
    const { expiresAt } = await access;
    expect(expiresAt).toBeNull();
    const inAThousandYears = new Date("3026-01-01T00:00:00Z");
    expect(willExpireSoon({ expiresAt }, { withinSeconds: 60, now: inAThousandYears })).toBe(false);
  });

  it("will expire soon from so many seconds before, and ever after", () => {
    const expiresAt = new Date("2031-01-02T03:04:05Z");
    for (const [now, soon] of [
      ["2031-01-02T03:03:04Z", false],
      ["2031-01-02T03:03:05Z", true],
      ["2031-01-02T03:04:05Z", true],
      ["2032-01-01T00:00:00Z", true],
    ] as const) {
      expect(willExpireSoon({ expiresAt }, { withinSeconds: 60, now: new Date(now) })).toBe(soon);
    }
  });

  it("missing from the headers is an error that names the headers there were", async () => {
    const message = await invalidity(issuing(described, { "X-Other": "secret-value" }));
    expect(message).toContain("no X-Subject-Token header");
    expect(message).toContain("content-type, content-length, connection, x-other");
    expect(message).not.toContain("secret-value");
  });

  it.each([
    [{ ...described, expires_at: undefined }, "token.expires_at"],
    [{ ...described, expires_at: "tomorrow" }, "token.expires_at"],
    [{ ...described, expires_at: 12 }, "token.expires_at"],
    [{ ...described, user: { id: "u1" } }, "token.user.name"],
    [{ ...described, project: { id: "p1", name: "p" } }, "token.project.domain"],
    ["no object", "token"],
  ])("is an invalid response where a field is wrong: %#", async (token, field) => {
    expect(await invalidity(issuing(token))).toContain(field);
  });

  it("is an invalid response where there is no body", async () => {
    const message = await invalidity(`HTTP/1.1 204 No Content\r\nX-Subject-Token: t\r\n\r\n`);
    expect(message).toContain("the body");
  });
});

describe("asking for a token", () => {
  async function sent(plugin: AuthPlugin, scope?: Scope) {
    const { access, server } = await authenticateWith(issuing(), plugin, scope);
    await access;
    const [head = "", body = ""] = server.requests[0]?.split("\r\n\r\n") ?? [];
    expect(head).toMatch(/^POST \/v3\/auth\/tokens\?nocatalog=? HTTP/);
    return JSON.parse(body).auth;
  }

  it.each([
    [undefined, undefined],
    ["unscoped", "unscoped"],
    ["system", { system: { all: true } }],
    [{ projectId: "p1" }, { project: { id: "p1" } }],
    [
      { projectName: "admin", projectDomainId: "default" },
      { project: { name: "admin", domain: { id: "default" } } },
    ],
    [{ domainId: "d1" }, { domain: { id: "d1" } }],
  ] as const)("with the scope %j sends %j", async (scope, body) => {
    expect((await sent(tokenAuth({ token: "t" }), scope)).scope).toEqual(body);
  });

  it("sends each method as Keystone has it", async () => {
    const user = { name: "zoe", domain: { id: "d1" } };
    const password = passwordAuth({ userName: "zoe", userDomainId: "d1", password: "pw" });
    expect((await sent(password)).identity).toEqual({
      methods: ["password"],
      password: { user: { ...user, password: "pw" } },
    });
    const both = passwordAuth({ userId: "u1", password: "pw", passcode: "123456" });
    expect((await sent(both)).identity).toEqual({
      methods: ["password", "totp"],
      password: { user: { id: "u1", password: "pw" } },
      totp: { user: { id: "u1", passcode: "123456" } },
    });
    expect((await sent(tokenAuth({ token: "t" }))).identity).toEqual({
      methods: ["token"],
      token: { id: "t" },
    });
    const named = applicationCredentialAuth({
      name: "script",
      secret: "s",
      userName: "zoe",
      userDomainName: "Users",
    });
    expect((await sent(named)).identity).toEqual({
      methods: ["application_credential"],
      application_credential: {
        name: "script",
        secret: "s",
        user: { name: "zoe", domain: { name: "Users" } },
      },
    });
  });

  it("keeps the secret of a plugin out of sight", () => {
    for (const plugin of [
      passwordAuth({ userId: "u1", password: "S3CRET", passcode: "S3CRET" }),
      tokenAuth({ token: "S3CRET" }),
      applicationCredentialAuth({ id: "a1", secret: "S3CRET" }),
    ]) {
      expect(inspect(plugin, { showHidden: true, depth: 10 })).not.toContain("S3CRET");
      expect(JSON.stringify(plugin)).not.toContain("S3CRET");
    }
  });
});
