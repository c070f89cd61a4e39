import { createServer, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { isKeystoneError } from "../../../app/keystone/errors.server";
import {
  createKeystoneSession,
  type KeystoneCall,
  type KeystoneSessionOptions,
} from "../../../app/keystone/session.server";
import { getUser } from "../../../app/keystone/users.server";
import { createLog } from "../../../app/telemetry/log.server";
import { observeKeystone } from "../../../app/telemetry/observe-keystone.server";
import { getFreePort } from "../../support/free-port";
import { listen } from "../../support/listen";
import { httpAnswer, startRawServer } from "../../support/raw-server";
import { makeSelfSignedCertificate } from "../../support/self-signed-certificate";

const DAY_MS = 86_400_000;
const requestId = "req-01234567-89ab-cdef-0123-456789abcdef";
const secrets = {
  token: "gAAAAA-token-of-the-user",
  password: "PaSsWoRd-of-the-user",
  query: "HiDdEn-in-the-query",
  answered: "gAAAAA-token-in-the-answer",
};

const toStop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
});

type Serve = Parameters<typeof startRawServer>[0];

/** @returns where a server listens that does this with every request */
async function serve(
  onRequest: Serve,
  { tls }: { tls?: { key: string; certificate: string } } = {},
): Promise<string> {
  const server = await startRawServer(
    onRequest,
    tls && { tls: { key: tls.key, cert: tls.certificate } },
  );
  toStop.push(() => server.stop());
  return `${tls ? "https" : "http"}://127.0.0.1:${server.port}`;
}

const answering = (answer: string) => (socket: Socket) => void socket.end(answer);

/** A change of a password there. @returns what the log says of it, and what the metrics heard */
async function logOf(
  authUrl: string,
  options: Partial<KeystoneSessionOptions> & { reading?: boolean } = {},
): Promise<{ lines: Record<string, unknown>[]; counted: KeystoneCall[] }> {
  let text = "";
  const counted: KeystoneCall[] = [];
  const write = (line: string) => {
    text += line;
  };
  const session = createKeystoneSession({
    authUrl,
    timeoutSeconds: 5,
    onCall: observeKeystone({
      log: createLog({ level: "debug" }, { write }),
      metrics: { observeKeystone: (call) => counted.push(call) },
    }),
    ...options,
  });
  const asked = options.reading
    ? getUser(session, { token: secrets.token, userId: "u1", requestId })
    : session.request({
        method: "POST",
        path: "/users/u1/password",
        query: { hidden: secrets.query },
        token: secrets.token,
        json: { user: { password: secrets.password } },
        requestId,
      });
  await asked.catch((error) => {
    if (!isKeystoneError(error)) throw error;
  });
  for (const secret of Object.values(secrets)) expect(text).not.toContain(secret);
  const lines = text.split("\n").filter((line) => line !== "");
  return { lines: lines.map((line) => JSON.parse(line)), counted };
}

/** The one line there is, without its time. */
async function lineOf(...call: Parameters<typeof logOf>): Promise<Record<string, unknown>> {
  const { lines, counted } = await logOf(...call);
  expect(lines).toHaveLength(1);
  expect(counted).toHaveLength(1);
  const { time, durationMs, ...line } = lines[0] ?? {};
  expect(time).toMatch(/Z$/);
  expect(Number.isInteger(durationMs)).toBe(true);
  return line;
}

const said = {
  level: "warn",
  event: "keystone.unavailable",
  method: "POST",
  path: "/v3/users/{id}/password",
  requestId,
};

describe("a Keystone that could not be asked is in the log", () => {
  it("with Node's code where the connection is refused", async () => {
    const authUrl = `http://127.0.0.1:${await getFreePort()}`;
    expect(await lineOf(authUrl)).toEqual({
      ...said,
      reason: "unreachable",
      errorCode: "ECONNREFUSED",
    });
  });

  it("with Node's code where each of a name's addresses refuses", async () => {
    const authUrl = `http://localhost:${await getFreePort()}`;
    expect(await lineOf(authUrl)).toEqual({
      ...said,
      reason: "unreachable",
      errorCode: "ECONNREFUSED",
    });
  });

  it("with Node's code where its name is unknown", async () => {
    const line = await lineOf("http://keystone.invalid:5000");
    expect(line).toEqual({
      ...said,
      reason: "unreachable",
      errorCode: expect.stringMatching(/^(ENOTFOUND|EAI_AGAIN)$/),
    });
  });

  it("with OpenSSL's code where its certificate is not trusted", async () => {
    const tls = makeSelfSignedCertificate();
    const authUrl = await serve(answering(httpAnswer(200, "{}")), { tls });
    expect(await lineOf(authUrl)).toEqual({
      ...said,
      reason: "unreachable",
      errorCode: "DEPTH_ZERO_SELF_SIGNED_CERT",
    });
    // With its authority, the same one is asked, and nothing is said.
    const trusted = await logOf(authUrl, { caCertificate: tls.certificate });
    expect(trusted.lines).toEqual([]);
    expect(trusted.counted).toMatchObject([{ status: 200 }]);
  });

  it.each([
    ["has expired", { validUntil: new Date(Date.now() - DAY_MS) }, "CERT_HAS_EXPIRED"],
    ["is for another host", { names: ["keystone.example.org"] }, "ERR_TLS_CERT_ALTNAME_INVALID"],
    [
      "does not count yet",
      { validUntil: new Date(Date.now() + 60 * DAY_MS) },
      "CERT_NOT_YET_VALID",
    ],
  ])("with Node's or OpenSSL's code where its certificate %s", async (_what, made, errorCode) => {
    const tls = makeSelfSignedCertificate(made);
    const authUrl = await serve(answering(httpAnswer(200, "{}")), { tls });
    expect(await lineOf(authUrl, { caCertificate: tls.certificate })).toEqual({
      ...said,
      reason: "unreachable",
      errorCode,
    });
  });

  it("with OpenSSL's code where it does not speak TLS", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"); // as one without TLS answers its greeting
    });
    const port = await listen(server);
    toStop.push(async () => server.close());
    expect(await lineOf(`https://127.0.0.1:${port}`)).toEqual({
      ...said,
      reason: "unreachable",
      errorCode: expect.stringMatching(/^(EPROTO|ERR_SSL_\w+)$/),
    });
  });

  it("with Node's code where it resets the connection", async () => {
    const authUrl = await serve((socket) => socket.resetAndDestroy());
    expect(await lineOf(authUrl)).toEqual({
      ...said,
      reason: "interrupted",
      errorCode: "ECONNRESET",
    });
  });

  it("without a code where it does not answer in time", async () => {
    const authUrl = await serve(() => {});
    const line = await lineOf(authUrl, { timeoutSeconds: 0.2 });
    expect(line).toEqual({ ...said, reason: "timeout" });
  });

  it.each([
    [503, "server-error"],
    [500, "server-error"],
    [429, "rate-limited"],
    [302, "invalid-response"],
    [418, "unexpected-status"],
  ])("with its status where that is %i", async (status, reason) => {
    const answer = httpAnswer(status, JSON.stringify({ error: { message: secrets.answered } }), {
      "X-Openstack-Request-Id": "req-theirs",
      Location: `http://127.0.0.1/?${secrets.query}`,
    });
    expect(await lineOf(await serve(answering(answer)))).toEqual({
      ...said,
      reason,
      status,
      keystoneRequestId: "req-theirs",
    });
  });

  it("where its answer is nonsense, with not a word of it", async () => {
    const html = `<h1>${secrets.answered}</h1>`;
    for (const status of [200, 401, 404])
      expect(await lineOf(await serve(answering(httpAnswer(status, html))))).toEqual({
        ...said,
        reason: "invalid-response",
        status,
      });
    const noHttp = await serve(answering(`SSH-2.0-${secrets.answered}\r\n\r\n`));
    expect(await lineOf(noHttp)).toEqual({ ...said, reason: "invalid-response" });
  });

  it("where its answer is JSON, but not what was asked for; and is counted as that", async () => {
    const user = JSON.stringify({ user: { id: "u1", token: secrets.answered } });
    const authUrl = await serve(answering(httpAnswer(200, user)));
    expect(await lineOf(authUrl, { reading: true })).toEqual({
      ...said,
      method: "GET",
      path: "/v3/users/{id}",
      reason: "invalid-response",
      status: 200,
    });
    const { counted } = await logOf(authUrl, { reading: true });
    expect(counted).toMatchObject([{ errorKind: "invalid-response", status: 200 }]);
  });
});

it.each([400, 401, 403, 404, 409])(
  "a no of Keystone's (%i) is an answer: it is counted, and not in the log as an outage",
  async (status) => {
    const answer = httpAnswer(status, JSON.stringify({ error: { message: "No.", code: status } }));
    const { lines, counted } = await logOf(await serve(answering(answer)));
    expect(lines).toEqual([]);
    expect(counted).toMatchObject([{ status }]);
  },
);
