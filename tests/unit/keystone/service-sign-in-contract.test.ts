import type { Socket } from "node:net";
import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../../app/config/config.server";
import { isKeystoneError } from "../../../app/keystone/errors.server";
import { createKeystoneSession } from "../../../app/keystone/session.server";
import {
  createTokenSource,
  type SignInOutcome,
  signInOf,
} from "../../../app/keystone/token-source.server";
import { httpAnswer, startRawServer } from "../../support/raw-server";

// What setpass's own sign-in to Keystone promises, row by row, from the settings to the wire.
// tests/integration/service-credential.test.ts has the same on a real Keystone, as far as one can be
// made to answer so.

const PASSWORD = "S3CRET-password";
const SETTINGS = {
  OS_USERNAME: "setpass",
  OS_PASSWORD: PASSWORD,
  OS_USER_DOMAIN_NAME: "Default",
  OS_PROJECT_NAME: "service",
  OS_PROJECT_DOMAIN_NAME: "Default",
};
const ISSUED = "2031-01-02T02:04:05.000000Z";

type Answer = (socket: Socket, number: number) => void;

const token = (times: object): Answer => {
  const user = { id: "u1", name: "setpass", domain: { id: "default", name: "Default" } };
  const body = JSON.stringify({ token: { methods: ["password"], user, ...times } });
  return (socket, number) =>
    socket.end(httpAnswer(201, body, { "X-Subject-Token": `token-${number}` }));
};
const lasting = (expiresAt: string | null) => token({ expires_at: expiresAt, issued_at: ISSUED });
const anHour = lasting("2031-01-02T03:04:05.000000Z");
const plain =
  (status: number, body: string, headers?: Record<string, string>): Answer =>
  (socket) =>
    socket.end(httpAnswer(status, body, headers));

const toStop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
});

/** setpass's side as `startServices` wires it, with a clock that goes by `later` alone. */
async function signingIn(
  answer: Answer,
  { settings = {}, path = "/v3" }: { settings?: Record<string, string>; path?: string } = {},
) {
  let asked = 0;
  const server = await startRawServer((socket) => {
    asked += 1;
    answer(socket, asked);
  });
  toStop.push(() => server.stop());
  const authUrl = `http://127.0.0.1:${server.port}${path}`;
  const loaded = loadConfig({
    DATABASE_URL: "postgres://setpass:secret@db.example.org:5432/setpass",
    SECRET_KEYS: Buffer.alloc(32, 7).toString("base64"),
    SMTP_URL: "smtp://mail.example.org:587",
    MAIL_FROM: "cloud@example.org",
    OS_AUTH_URL: authUrl,
    ...SETTINGS,
    ...settings,
    NODE_ENV: "test",
  });
  if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
  const { keystone: address, service } = loaded.config;
  if (!service.credential) throw new Error("These settings name no credential");
  const session = createKeystoneSession({ authUrl: address.authUrl, timeoutSeconds: 5 });
  toStop.push(() => session.close());
  const outcomes: SignInOutcome[] = [];
  let nowMs = 0;
  const source = createTokenSource({
    session,
    signIn: signInOf(service.credential),
    refresh: service.tokenRefresh,
    ttlSeconds: service.tokenTtlSeconds,
    onSignIn: (outcome) => outcomes.push(outcome),
    now: () => nowMs,
  });
  return {
    source,
    outcomes,
    requests: server.requests,
    address: `${authUrl}/auth/tokens`,
    tokenNow: async () => (await source.get()).token,
    later: (seconds: number) => {
      nowMs += seconds * 1000;
    },
  };
}

const read = (request = "") => {
  const [head = "", body = ""] = request.split("\r\n\r\n");
  return { line: head.split("\r\n", 1)[0], json: JSON.parse(body) };
};

async function failureOf(asked: Promise<unknown>) {
  const error = await asked.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isKeystoneError(error)) throw new Error(`There was no Keystone error: ${inspect(error)}`);
  expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(PASSWORD);
  return error;
}

const REFUSED = plain(401, '{"error": {"code": 401}}');
const refusalOfAToken = async () => failureOf((await signingIn(REFUSED)).source.get());

describe("signing in", () => {
  it("posts the password body of v3 to /v3/auth/tokens", async () => {
    const { requests, tokenNow } = await signingIn(anHour);
    await tokenNow();
    expect(read(requests[0])).toEqual({
      line: "POST /v3/auth/tokens?nocatalog= HTTP/1.1",
      json: {
        auth: {
          identity: {
            methods: ["password"],
            password: {
              user: { name: "setpass", domain: { name: "Default" }, password: PASSWORD },
            },
          },
          scope: { project: { name: "service", domain: { name: "Default" } } },
        },
      },
    });
  });

  it("goes to the endpoint that is configured, whatever its path", async () => {
    const { requests, tokenNow } = await signingIn(anHour, { path: "/identity/v3" });
    await tokenNow();
    expect(read(requests[0]).line).toBe("POST /identity/v3/auth/tokens?nocatalog= HTTP/1.1");
  });

  it("with an application credential sends its id and secret, and asks for no scope", async () => {
    const { requests, tokenNow } = await signingIn(anHour, {
      settings: {
        ...Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, ""])),
        OS_AUTH_TYPE: "v3applicationcredential",
        OS_APPLICATION_CREDENTIAL_ID: "a1",
        OS_APPLICATION_CREDENTIAL_SECRET: "S3CRET-secret",
      },
    });
    await tokenNow();
    expect(read(requests[0]).json).toEqual({
      auth: {
        identity: {
          methods: ["application_credential"],
          application_credential: { id: "a1", secret: "S3CRET-secret" },
        },
      },
    });
  });

  it("takes the token from the X-Subject-Token header", async () => {
    const { tokenNow } = await signingIn(anHour);
    expect(await tokenNow()).toBe("token-1");
  });

  it.each<[string, Answer, RegExp]>([
    [
      "no X-Subject-Token, and names the headers there were",
      plain(201, JSON.stringify({ token: {} }), { "X-Other": "x" }),
      /^Keystone's answer has no X-Subject-Token header \(the headers were: content-type, content-length, connection, x-other\)/,
    ],
    ["HTML", plain(200, "<html>"), /^Keystone's answer \(200\) is not JSON/],
    ["broken JSON", plain(201, '{"token": {"use'), /^Keystone's answer \(201\) is not JSON/],
    ["a broken connection", (socket) => socket.destroy(), /^The connection to Keystone broke/],
    ["a refusal", REFUSED, /^Keystone answered 401/],
  ])("is one clear error with the endpoint on %s", async (_, answer, words) => {
    const { address, outcomes, source } = await signingIn(answer);
    const { message } = await failureOf(source.get());
    expect(message).toMatch(words);
    expect(message).toMatch(new RegExp(`POST ${address}$`));
    expect(outcomes).toHaveLength(1);
  });
});

describe("renewal", () => {
  it.each<[string, string | null, number]>([
    ["with microseconds and Z", "2031-01-02T02:24:05.678901Z", 1200],
    ["with seconds and no zone, which is UTC", "2031-01-02T02:24:05", 1200],
    ["null: TOKEN_TTL", null, 900],
  ])("is 30 seconds before expires_at, where it is %s", async (_, expiresAt, lifetime) => {
    const { later, outcomes, tokenNow } = await signingIn(lasting(expiresAt), {
      settings: { TOKEN_TTL: "900" },
    });
    await tokenNow();
    later(lifetime - 31);
    expect(await tokenNow()).toBe("token-1");
    later(2);
    expect(await tokenNow()).toBe("token-2");
    expect(outcomes).toEqual([
      { ok: true, access: expect.anything() },
      { ok: true, access: expect.anything() },
    ]);
  });

  it("goes by TOKEN_TTL where expires_at is missing, and tells the fields there were", async () => {
    const { later, outcomes, tokenNow } = await signingIn(token({ issued_at: ISSUED }), {
      settings: { TOKEN_TTL: "900" },
    });
    await tokenNow();
    expect(outcomes).toMatchObject([
      { ok: true, fieldsWithoutExpiry: ["methods", "user", "issued_at"] },
    ]);
    later(869);
    expect(await tokenNow()).toBe("token-1");
    later(2);
    expect(await tokenNow()).toBe("token-2");
  });

  it("goes by TOKEN_TTL alone where TOKEN_REFRESH is static", async () => {
    const { later, tokenNow } = await signingIn(anHour, {
      settings: { TOKEN_REFRESH: "static", TOKEN_TTL: "120" },
    });
    await tokenNow();
    later(89);
    expect(await tokenNow()).toBe("token-1");
    later(2);
    expect(await tokenNow()).toBe("token-2");
  });
});

describe("one token for all", () => {
  it("is signed in for once, for sixteen who ask at the same moment", async () => {
    const { requests, tokenNow } = await signingIn(anHour);
    const tokens = await Promise.all(Array.from({ length: 16 }, tokenNow));
    expect(new Set(tokens)).toEqual(new Set(["token-1"]));
    expect(requests).toHaveLength(1);
  });

  it("is dropped where Keystone does not take it, and what only reads is done once more", async () => {
    const { requests, source, tokenNow } = await signingIn(anHour);
    const used: string[] = [];
    const refusal = await refusalOfAToken();
    const answer = await source.read(async (current) => {
      used.push(current);
      if (current === "token-1") throw refusal;
      return "read";
    });
    expect(answer).toBe("read");
    expect(used).toEqual(["token-1", "token-2"]);
    expect(requests).toHaveLength(2);
    expect(await tokenNow()).toBe("token-2");
  });

  it("is not asked for a third time where the new one is not taken either", async () => {
    const { requests, source } = await signingIn(anHour);
    const refusal = await refusalOfAToken();
    const read = source.read(async () => {
      throw refusal;
    });
    expect(await failureOf(read)).toBe(refusal);
    expect(requests).toHaveLength(2);
  });
});
