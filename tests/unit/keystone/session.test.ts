import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { inspect } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import {
  isKeystoneError,
  isKeystoneOutage,
  type KeystoneError,
} from "../../../app/keystone/errors.server";
import type { KeystoneRequest } from "../../../app/keystone/request.server";
import {
  createKeystoneSession,
  type KeystoneCall,
  type KeystoneSession,
  type KeystoneSessionOptions,
} from "../../../app/keystone/session.server";
import { getFreePort } from "../../support/free-port";
import { httpAnswer, type RawServer, startRawServer } from "../../support/raw-server";
import { makeSelfSignedCertificate } from "../../support/self-signed-certificate";

const toStop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
});

async function serve(
  onRequest: (socket: Socket, request: string) => void,
  options: Parameters<typeof startRawServer>[1] = {},
): Promise<RawServer> {
  const server = await startRawServer(onRequest, options);
  toStop.push(() => server.stop());
  return server;
}

/** A session with a server that does this with every request. */
async function sessionWith(
  onRequest: (socket: Socket, request: string) => void,
  options: Partial<KeystoneSessionOptions> = {},
): Promise<{ session: KeystoneSession; server: RawServer }> {
  const server = await serve(onRequest);
  const authUrl = `http://127.0.0.1:${server.port}`;
  return { server, session: createKeystoneSession({ authUrl, timeoutSeconds: 5, ...options }) };
}

const answering = (answer: string) => (socket: Socket) => void socket.end(answer);

const secrets = {
  password: "PaSsWoRd-of-the-user",
  original: "OrIgInAl-of-the-user",
  token: "gAAAAA-token-of-the-user",
};
/** The request with most to lose. */
const change: KeystoneRequest = {
  method: "POST",
  path: "/users/u1/password",
  query: { hidden: secrets.token },
  token: secrets.token,
  json: { user: { password: secrets.password, original_password: secrets.original } },
};

async function failureOf(
  session: KeystoneSession,
  request: KeystoneRequest = change,
): Promise<KeystoneError> {
  try {
    await session.request(request);
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    // Nothing a log could show of it gives a secret away.
    const shown = `${inspect(error, { depth: 10, showHidden: true })}${JSON.stringify(error)}`;
    for (const secret of Object.values(secrets)) expect(shown).not.toContain(secret);
    return error;
  }
  throw new Error("The call succeeded");
}

function json(body: unknown): string {
  return JSON.stringify(body);
}

function refusal(code: number, message: string): string {
  return json({ error: { code, message, title: "No" } });
}

describe("a Keystone out of reach", () => {
  it("is unreachable where the connection is refused; nothing has happened", async () => {
    const authUrl = `http://127.0.0.1:${await getFreePort()}`;
    const error = await failureOf(createKeystoneSession({ authUrl, timeoutSeconds: 5 }));
    expect(error).toMatchObject({
      kind: "unreachable",
      mayHaveHappened: false,
      status: undefined,
      method: "POST",
      path: "/v3/users/u1/password",
    });
    expect(error.message).toContain("ECONNREFUSED");
    expect(isKeystoneOutage(error)).toBe(true);
  });

  it("is unreachable where its name is unknown", async () => {
    const authUrl = "http://keystone.invalid:5000";
    const error = await failureOf(createKeystoneSession({ authUrl, timeoutSeconds: 10 }));
    expect(error).toMatchObject({ kind: "unreachable", mayHaveHappened: false });
  });

  it("is unreachable where its certificate is not trusted, and reached with its authority", async () => {
    const { key, certificate } = makeSelfSignedCertificate({ names: ["localhost", "127.0.0.1"] });
    const server = await serve(answering(httpAnswer(200, "{}")), {
      tls: { key, cert: certificate },
    });
    for (const host of ["localhost", "127.0.0.1"]) {
      const authUrl = `https://${host}:${server.port}`;
      const error = await failureOf(createKeystoneSession({ authUrl, timeoutSeconds: 5 }));
      expect(error).toMatchObject({ kind: "unreachable", mayHaveHappened: false });
      expect(error.message).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/);
      expect(server.requests).toHaveLength(0);

      const trusting = createKeystoneSession({
        authUrl,
        timeoutSeconds: 5,
        caCertificate: certificate,
      });
      expect((await trusting.request(change)).status).toBe(200);
      server.requests.length = 0;
    }
  });

  it("is unreachable where its certificate is for another host", async () => {
    const { key, certificate } = makeSelfSignedCertificate({ names: ["keystone.example.org"] });
    const server = await serve(answering(httpAnswer(200, "{}")), {
      tls: { key, cert: certificate },
    });
    const error = await failureOf(
      createKeystoneSession({
        authUrl: `https://127.0.0.1:${server.port}`,
        timeoutSeconds: 5,
        caCertificate: certificate,
      }),
    );
    expect(error).toMatchObject({ kind: "unreachable", mayHaveHappened: false });
    expect(error.message).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
  });

  it("is unreachable where it does not speak TLS", async () => {
    const server = await serve(answering(httpAnswer(200, "{}")));
    const authUrl = `https://127.0.0.1:${server.port}`;
    const error = await failureOf(createKeystoneSession({ authUrl, timeoutSeconds: 1 }));
    expect(error.mayHaveHappened).toBe(false);
    expect(["unreachable", "timeout"]).toContain(error.kind);
  });

  it("is reached over IPv6", async () => {
    const addresses = Object.values(networkInterfaces()).flat();
    if (!addresses.some((address) => address?.address === "::1")) {
      const authUrl = `http://[::1]:${await getFreePort()}/v3`;
      const error = await failureOf(createKeystoneSession({ authUrl, timeoutSeconds: 5 }));
      expect(error.kind).toBe("unreachable");
      return;
    }
    const { key, certificate } = makeSelfSignedCertificate({ names: ["::1"] });
    const plain = await serve(answering(httpAnswer(200, "{}")), { host: "::1" });
    const secure = await serve(answering(httpAnswer(200, "{}")), {
      host: "::1",
      tls: { key, cert: certificate },
    });
    for (const authUrl of [`http://[::1]:${plain.port}/v3`, `https://[::1]:${secure.port}/v3/`]) {
      const session = createKeystoneSession({
        authUrl,
        timeoutSeconds: 5,
        caCertificate: certificate,
      });
      expect((await session.request(change)).status).toBe(200);
    }
    expect(plain.requests[0]).toMatch(/^host: \[::1\]:\d+\r$/m);
  });
});

/** Of the HTTP client, ten seconds for a connection and more for an answer; a busy machine adds some. */
const LONG_BEFORE_THE_DEFAULT_MS = 6000;

describe("a Keystone that does not answer", () => {
  async function timed(session: KeystoneSession): Promise<{ error: KeystoneError; ms: number }> {
    const startedAt = performance.now();
    const error = await failureOf(session);
    return { error, ms: performance.now() - startedAt };
  }

  it("times out where it hangs; the request may have been carried out", async () => {
    const { session, server } = await sessionWith(() => {}, { timeoutSeconds: 0.3 });
    const { error, ms } = await timed(session);
    expect(error).toMatchObject({ kind: "timeout", mayHaveHappened: true, status: undefined });
    expect(ms).toBeGreaterThan(250);
    expect(ms).toBeLessThan(LONG_BEFORE_THE_DEFAULT_MS);
    await expect.poll(() => server.open()).toBe(0);
  });

  it("times out where the connection is never finished; nothing has happened", async () => {
    const server = await serve(() => {});
    const authUrl = `https://127.0.0.1:${server.port}`; // waits for a TLS greeting
    const { error, ms } = await timed(createKeystoneSession({ authUrl, timeoutSeconds: 0.3 }));
    expect(error).toMatchObject({ kind: "timeout", mayHaveHappened: false });
    expect(ms).toBeLessThan(LONG_BEFORE_THE_DEFAULT_MS);
  });

  it.each([
    ["head", "HTTP/1.1 204 No Content\r\nX-Slow: "],
    ["body", "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"],
  ])("times out where it sends its %s drop by drop", async (_part, beginning) => {
    const { session } = await sessionWith(
      (socket) => {
        socket.write(beginning);
        const timer = setInterval(() => socket.write("x"), 20);
        socket.on("close", () => clearInterval(timer));
      },
      { timeoutSeconds: 0.4 },
    );
    const { error, ms } = await timed(session);
    expect(error).toMatchObject({ kind: "timeout", mayHaveHappened: true });
    expect(ms).toBeLessThan(LONG_BEFORE_THE_DEFAULT_MS);
  });

  it.each([
    ["resets the connection", (socket: Socket) => void socket.resetAndDestroy()],
    ["closes the connection", (socket: Socket) => void socket.end()],
    ["closes it within the head", answering("HTTP/1.1 200 OK\r\nContent-Le")],
    [
      "closes it within the body",
      answering('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"token":'),
    ],
    [
      "resets it within the body",
      (socket: Socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"token":');
        setTimeout(() => socket.resetAndDestroy(), 50);
      },
    ],
  ])("is interrupted where it %s; the request may have been carried out", async (_how, act) => {
    const { session } = await sessionWith(act);
    expect(await failureOf(session)).toMatchObject({ kind: "interrupted", mayHaveHappened: true });
  });

  it("is interrupted where the caller gives up", async () => {
    const { session, server } = await sessionWith(() => {});
    const controller = new AbortController();
    const failure = failureOf(session, { ...change, signal: controller.signal });
    await expect.poll(() => server.requests.length).toBe(1);
    controller.abort();
    expect(await failure).toMatchObject({ kind: "interrupted", mayHaveHappened: true });
    const late = await failureOf(session, { ...change, signal: controller.signal });
    expect(late).toMatchObject({ kind: "interrupted", mayHaveHappened: false });
    expect(server.requests).toHaveLength(1);
  });
});

describe("a Keystone that fails", () => {
  it.each([500, 502, 503, 504])("is a server error with %i, whatever the body", async (status) => {
    for (const body of ["<html>Bad gateway</html>", "", refusal(status, "An unexpected error")]) {
      const { session } = await sessionWith(answering(httpAnswer(status, body)));
      const error = await failureOf(session);
      expect(error).toMatchObject({ kind: "server-error", status, mayHaveHappened: true });
      expect(isKeystoneOutage(error)).toBe(true);
    }
  });

  it("tells how long to wait, with 503 and 429, from seconds or from a date", async () => {
    const inTwoMinutes = new Date(Date.now() + 120_000).toUTCString();
    for (const [value, least, most] of [
      ["7", 7, 7],
      [" 7 ", 7, 7],
      ["0", 0, 0],
      ["99999999", 3600, 3600],
      [inTwoMinutes, 110, 121],
      ["Wed, 21 Oct 2015 07:28:00 GMT", 0, 0],
      ["soon", undefined, undefined],
      ["-5", undefined, undefined],
    ] as const) {
      for (const [status, kind, mayHaveHappened] of [
        [503, "server-error", true],
        [429, "rate-limited", false],
      ] as const) {
        const answer = httpAnswer(status, "slow down", { "Retry-After": value });
        const { session } = await sessionWith(answering(answer));
        const error = await failureOf(session);
        expect(error).toMatchObject({ kind, status, mayHaveHappened });
        if (least === undefined) {
          expect(error.retryAfterSeconds).toBeUndefined();
        } else {
          expect(error.retryAfterSeconds).toBeGreaterThanOrEqual(least);
          expect(error.retryAfterSeconds).toBeLessThanOrEqual(most);
        }
      }
    }
  });
});

describe("an answer that is not Keystone's", () => {
  it.each([
    ["HTML", "<!doctype html><title>Welcome</title>"],
    ["cut JSON", '{"token": {"user": {"name": "Zoe'],
    ["nothing but spaces", "   "],
  ])(
    "is invalid where it is %s, and the error says from where but not what",
    async (_what, body) => {
      const { session, server } = await sessionWith(answering(httpAnswer(200, body)));
      const error = await failureOf(session);
      expect(error).toMatchObject({ kind: "invalid-response", status: 200, mayHaveHappened: true });
      expect(error.message).toContain("is not JSON");
      expect(error.message).toContain(`http://127.0.0.1:${server.port}/v3/users/u1/password`);
      expect(error.message).not.toMatch(/Welcome|Zoe|\?/);
    },
  );

  it.each([400, 401, 403, 404, 409])(
    "is invalid where a %i does not explain itself in Keystone's JSON",
    async (status) => {
      for (const body of ["<html>Forbidden by the firewall</html>", "", "[]", '{"error":"no"}']) {
        const { session } = await sessionWith(answering(httpAnswer(status, body)));
        expect(await failureOf(session)).toMatchObject({
          kind: "invalid-response",
          status,
          mayHaveHappened: false,
        });
      }
    },
  );

  it.each([300, 301, 302, 303, 307, 308])(
    "is invalid where it is a %i, which is not followed",
    async (status) => {
      const elsewhere = await serve(answering(httpAnswer(200, "{}")));
      const { session } = await sessionWith(
        answering(
          httpAnswer(status, "", { Location: `http://127.0.0.1:${elsewhere.port}/v3/elsewhere` }),
        ),
      );
      const error = await failureOf(session);
      expect(error).toMatchObject({ kind: "invalid-response", status, mayHaveHappened: true });
      expect(elsewhere.connections()).toBe(0);
    },
  );

  it("is invalid where it is too large, and no more is read of it", async () => {
    let sent = 0;
    const { session, server } = await sessionWith(
      (socket) => {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const chunk = `${(65536).toString(16)}\r\n${" ".repeat(65536)}\r\n`;
        const more = () => {
          while (!socket.destroyed && socket.write(chunk)) sent += 65536;
        };
        socket.on("drain", more);
        more();
      },
      { maxResponseBytes: 200_000 },
    );
    const error = await failureOf(session);
    expect(error).toMatchObject({ kind: "invalid-response", mayHaveHappened: true });
    expect(error.message).toContain("over 200000 bytes");
    await expect.poll(() => server.open()).toBe(0);
    expect(sent).toBeLessThan(20_000_000);
  });

  it("takes one that is just as large as allowed", async () => {
    const body = json({ pad: "x".repeat(100) });
    const { session } = await sessionWith(answering(httpAnswer(200, body)), {
      maxResponseBytes: body.length,
    });
    expect((await session.request(change)).json).toEqual(JSON.parse(body));
  });

  it.each([
    ["not HTTP", "SSH-2.0-OpenSSH_9.2p1\r\n\r\n"],
    ["a head without end", `HTTP/1.1 200 OK\r\n${"X-Pad: x\r\n".repeat(20_000)}`],
  ])("is invalid where it is %s", async (_what, answer) => {
    const { session } = await sessionWith(answering(answer));
    expect(await failureOf(session)).toMatchObject({
      kind: "invalid-response",
      mayHaveHappened: true,
    });
  });

  it("is unexpected where its status is none that Keystone gives", async () => {
    for (const status of [405, 413, 418]) {
      const { session } = await sessionWith(answering(httpAnswer(status, "<html>")));
      const error = await failureOf(session);
      expect(error).toMatchObject({ kind: "unexpected-status", status, mayHaveHappened: false });
      expect(isKeystoneOutage(error)).toBe(true);
    }
  });
});

describe("a refusal", () => {
  it.each([
    [400, "bad-request"],
    [401, "unauthorized"],
    [403, "forbidden"],
    [404, "not-found"],
    [409, "conflict"],
  ] as const)("with %i is of the kind %s, in Keystone's words", async (status, kind) => {
    const answer = httpAnswer(status, refusal(status, "Because."), {
      "x-openstack-request-id": "req-7aca2c34-a0eb-4a1a-94a4-2ba2d5f2a5a4",
    });
    const { session } = await sessionWith(answering(answer));
    const error = await failureOf(session);
    expect(error).toMatchObject({
      kind,
      status,
      detail: "Because.",
      mayHaveHappened: false,
      keystoneRequestId: "req-7aca2c34-a0eb-4a1a-94a4-2ba2d5f2a5a4",
    });
    expect(isKeystoneOutage(error)).toBe(false);
  });

  it("with 404 for the token's application credential is one of the token, and not of what was asked for", async () => {
    const kindOf = async (request: KeystoneRequest, words: string) => {
      const answer = httpAnswer(404, refusal(404, words));
      const { session } = await sessionWith(answering(answer));
      return (await failureOf(session, request)).kind;
    };
    const words = "Could not find Application Credential: 57d2ba18814f4b57b17946fd05e327b2.";
    const read: KeystoneRequest = { method: "GET", path: "/users/u1", token: secrets.token };
    expect(await kindOf(read, words)).toBe("unauthorized");
    expect(await kindOf(read, "Could not find user: u1.")).toBe("not-found");
    expect(await kindOf(read, "Could not find user: Could not find application credential.")).toBe(
      "not-found",
    );
    // A sign-in sends none.
    const signIn: KeystoneRequest = { method: "POST", path: "/auth/tokens", json: {} };
    expect(await kindOf(signIn, words)).toBe("not-found");
  });

  it("with a receipt asks for another factor, and says which sets would do", async () => {
    const body = json({
      receipt: { methods: ["password"] },
      required_auth_methods: [["password", "totp"], ["x509", 7], "nonsense"],
    });
    const headers = { "Openstack-Auth-Receipt": "gAAAAA-receipt" };
    const { session } = await sessionWith(answering(httpAnswer(401, body, headers)));
    const error = await failureOf(session);
    expect(error).toMatchObject({
      kind: "mfa-required",
      requiredAuthMethods: [["password", "totp"], ["x509"]],
    });
    expect(inspect(error)).not.toContain("gAAAAA-receipt");
  });

  it("is one bounded line without control characters", async () => {
    const message = `One\r\ntwo\0\u001b[31m\u2028three   ${"x".repeat(5000)}`;
    const { session } = await sessionWith(answering(httpAnswer(400, refusal(400, message))));
    const { detail = "" } = await failureOf(session);
    expect(detail.startsWith("One two [31m three xxx")).toBe(true);
    expect(detail.length).toBeLessThanOrEqual(1000);
  });

  it("never repeats what it was sent", async () => {
    for (const message of [
      `Invalid input for field 'user/password': '${secrets.password}' is too short`,
      `Invalid input for field 'user/password': "${secrets.password}" is not of type 'x'`,
      `Failed validating ${json(change.json)}`,
      `{'password': '${secrets.password}', 'original_password': '${secrets.original}'} is wrong`,
      `Token ${secrets.token} is not recognized`,
    ]) {
      const { session } = await sessionWith(answering(httpAnswer(400, refusal(400, message))));
      const { detail } = await failureOf(session); // which looks for the secrets
      expect(detail).toMatch(/Invalid input|Failed|is wrong|Token/);
    }
  });

  it("keeps its words where the password is one of them", async () => {
    const message = "The password does not match the requirements: a digit.";
    const { session } = await sessionWith(answering(httpAnswer(400, refusal(400, message))));
    const request = { ...change, json: { user: { password: "password", original_password: "a" } } };
    expect((await failureOf(session, request)).detail).toBe(message);
  });

  it("of a HEAD has no body to explain it", async () => {
    const answer = "HTTP/1.1 404 Not Found\r\nContent-Length: 52\r\n\r\n";
    const { session } = await sessionWith(answering(answer));
    const error = await failureOf(session, { method: "HEAD", path: "/auth/tokens" });
    expect(error).toMatchObject({ kind: "not-found", detail: undefined });
  });
});

describe("a request", () => {
  it("carries token, subject, body, query and headers, and asks for English", async () => {
    const { session, server } = await sessionWith(answering(httpAnswer(200, "{}")), {
      userAgent: "setpass/1.2",
    });
    await session.request({
      method: "PATCH",
      path: "/users/a%20b",
      query: { "a b": "c&d", left: undefined, empty: "" },
      token: "token-1",
      subjectToken: "token-2",
      json: { name: "Zoë" },
      headers: { "X-Extra": "yes" },
    });
    const sent = Buffer.from(server.requests[0] ?? "", "latin1").toString("utf8");
    expect(sent).toMatch(/^PATCH \/v3\/users\/a%20b\?a\+b=c%26d&empty= HTTP\/1\.1\r\n/);
    expect(sent).toMatch(/^x-auth-token: token-1\r$/im);
    expect(sent).toMatch(/^x-subject-token: token-2\r$/im);
    expect(sent).toMatch(/^content-type: application\/json\r$/im);
    expect(sent).toMatch(/^accept-language: en-US, en\r$/im);
    expect(sent).toMatch(/^accept: application\/json\r$/im);
    expect(sent).toMatch(/^user-agent: setpass\/1\.2\r$/im);
    expect(sent).toMatch(/^x-extra: yes\r$/im);
    expect(sent.endsWith('\r\n\r\n{"name":"Zoë"}')).toBe(true);
  });

  it("has a connection of its own, which is closed after it", async () => {
    const { session, server } = await sessionWith((socket) => {
      socket.write(httpAnswer(200, "{}", { Connection: "keep-alive" }));
    });
    for (let number = 0; number < 3; number++) await session.request(change);
    expect(server.connections()).toBe(3);
    expect(server.requests[0]).toMatch(/^connection: close\r$/im);
    await expect.poll(() => server.open()).toBe(0);
  });

  it("passes our request id on if it is one, and reads Keystone's if it is one", async () => {
    const ours = "req-01234567-89ab-cdef-0123-456789abcdef";
    const { session, server } = await sessionWith((socket, request) => {
      const bad = request.includes("bad=");
      socket.end(httpAnswer(200, "{}", { "X-Openstack-Request-Id": bad ? "a b" : "req-theirs" }));
    });
    const get: KeystoneRequest = { method: "GET", path: "/x" };
    const good = await session.request({ ...get, requestId: ours });
    expect(good.keystoneRequestId).toBe("req-theirs");
    expect(server.requests[0]).toMatch(new RegExp(`^x-openstack-request-id: ${ours}\\r$`, "im"));
    const bad = await session.request({ ...get, query: { bad: "" }, requestId: "r\r\nX-Evil: 1" });
    expect(bad.keystoneRequestId).toBeUndefined();
    expect(server.requests[1]).not.toMatch(/openstack-request-id|X-Evil/i);
  });

  it("is not sent with a token that is none", async () => {
    const { session, server } = await sessionWith(answering(httpAnswer(200, "{}")));
    for (const token of ["", "a b", "a\r\nb", "tökén", "a\0"]) {
      for (const which of ["token", "subjectToken"]) {
        const error = await failureOf(session, { method: "GET", path: "/x", [which]: token });
        expect(error).toMatchObject({ kind: "unauthorized", mayHaveHappened: false });
      }
    }
    expect(server.connections()).toBe(0);
  });

  it("is reported when it is over, answered or not", async () => {
    const calls: KeystoneCall[] = [];
    const { session } = await sessionWith(
      (socket, request) => {
        socket.end(
          request.startsWith("GET")
            ? httpAnswer(200, "{}", { "X-Openstack-Request-Id": "req-theirs" })
            : httpAnswer(404, refusal(404, "No.")),
        );
      },
      { onCall: (call) => calls.push(call) },
    );
    await session.request({ method: "GET", path: "/users/u1", query: { a: "b" } });
    await failureOf(session);
    expect(calls).toMatchObject([
      {
        method: "GET",
        path: "/v3/users/u1",
        status: 200,
        keystoneRequestId: "req-theirs",
        errorKind: undefined,
      },
      { method: "POST", path: "/v3/users/u1/password", status: 404, errorKind: "not-found" },
    ]);
    expect(calls.every((call) => call.durationMs > 0)).toBe(true);
  });
});

describe("a session", () => {
  it("takes Keystone's address with or without /v3, slash and prefix", () => {
    for (const [given, authUrl] of [
      ["http://k:5000", "http://k:5000/v3"],
      ["http://k:5000/", "http://k:5000/v3"],
      ["http://k:5000/v3", "http://k:5000/v3"],
      ["http://k:5000/v3/", "http://k:5000/v3"],
      ["https://k.example.org/identity", "https://k.example.org/identity/v3"],
      ["https://k.example.org/identity/v3//", "https://k.example.org/identity/v3"],
      ["http://[::1]:5000/v3", "http://[::1]:5000/v3"],
    ] as const) {
      expect(createKeystoneSession({ authUrl: given, timeoutSeconds: 1 }).authUrl).toBe(authUrl);
    }
  });

  it("refuses what is no such address, without repeating it", () => {
    for (const authUrl of [
      "",
      "keystone",
      "ftp://k",
      "http://u:SECRET@k",
      "http://:SECRET@k",
      "http://k/?SECRET",
      "http://k/#SECRET",
    ]) {
      const make = () => createKeystoneSession({ authUrl, timeoutSeconds: 1 });
      expect(make).toThrow(TypeError);
      expect(make).not.toThrow(/SECRET/);
    }
  });

  it("keeps the prefix of its address", async () => {
    const server = await serve(answering(httpAnswer(200, "{}")));
    const authUrl = `http://127.0.0.1:${server.port}/identity/v3/`;
    const session = createKeystoneSession({ authUrl, timeoutSeconds: 5 });
    await session.request({ method: "GET", path: "/users" });
    expect(server.requests[0]).toMatch(/^GET \/identity\/v3\/users HTTP/);
  });

  it("closes when what is under way is over, and takes no more", async () => {
    let answer = () => {};
    const { session, server } = await sessionWith((socket) => {
      answer = () => void socket.end(httpAnswer(200, "{}"));
    });
    const underWay = session.request(change);
    await expect.poll(() => server.requests.length).toBe(1);
    let closed = false;
    const closing = session.close().then(() => {
      closed = true;
    });
    expect(await failureOf(session)).toMatchObject({ kind: "unreachable", mayHaveHappened: false });
    expect(closed).toBe(false);
    answer();
    expect((await underWay).status).toBe(200);
    await closing;
    expect(server.requests).toHaveLength(1);
  });
});
