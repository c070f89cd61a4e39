import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SandboxKeystone, startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { startTestApp } from "../support/app";
import { type FaultProxy, faults, jsonInstead, startFaultProxy } from "../support/fault-proxy";
import { httpAnswer, startRawServer } from "../support/raw-server";
import { cookieOf, type Site, startSite } from "../support/raw-site";
import { makeSelfSignedCertificate } from "../support/self-signed-certificate";

/** What the operator finds in the log, at 3 a.m., when Keystone cannot be asked. */

const OWN_PASSWORD = "OwN-PaSsWoRd-of-the-user";
const INITIAL_PASSWORD = "InItIaL-of-the-user";
const SEARCHED = "SeArChEd-name";

let keystone: SandboxKeystone;
let proxy: FaultProxy;
let site: Site;
let authToken: string;

beforeAll(async () => {
  keystone = await startSandboxKeystone();
  proxy = await startFaultProxy({ target: keystone.url });
  const env = { AUTH_CACHE_SECONDS: "0" };
  site = await startSite({ keystone, authUrl: proxy.url, env });
  authToken = await site.stack.keystone.token();
});

afterAll(async () => {
  await site?.stop();
  await proxy?.stop();
  await keystone?.stop();
});

const newRequestId = () => `req-${randomUUID()}`;

/** What was logged of one request up to its end, without times and the line of that end. */
async function saidOf(requestId: string): Promise<Record<string, unknown>[]> {
  const lines = () => site.stack.server.events().filter((line) => line.requestId === requestId);
  const isEnd = ({ event }: { event: string }) => event === "request.answered";
  await expect.poll(() => lines().some(isEnd)).toBe(true);
  return lines()
    .filter((line) => !isEnd(line))
    .map(({ time, durationMs, ...line }) => line);
}

const put = (userId: string, requestId: string, token = authToken) =>
  site.send({
    method: "PUT",
    target: `/token/${userId}`,
    headers: [
      ["X-Auth-Token", token],
      ["X-Openstack-Request-Id", requestId],
    ],
    body: JSON.stringify({ pin: "4071", password: INITIAL_PASSWORD }),
  });

describe("a Keystone that could not be asked is in the log once, under the request's id", () => {
  it("for PUT, where it is overloaded", async () => {
    const requestId = newRequestId();
    const rule = proxy.inject({ requestId }, faults["503-before"]);
    expect((await put("jane", requestId)).status).toBe(503);
    rule.remove();
    expect(await saidOf(requestId)).toEqual([
      {
        level: "warn",
        event: "keystone.unavailable",
        reason: "server-error",
        status: 503,
        method: "POST",
        path: "/v3/auth/tokens",
        requestId,
      },
    ]);
  });

  it("for a redemption, where it refuses connections: by a path without the user's id", async () => {
    const link = await site.issue();
    const requestId = newRequestId();
    await proxy.goAway();
    const headers: [string, string][] = [["X-Openstack-Request-Id", requestId]];
    const answer = await site.redeem(link.token, link.pin, OWN_PASSWORD, { headers });
    await proxy.comeBack();
    expect(answer.status).toBe(503);
    const lines = (await saidOf(requestId)).filter(({ event }) => event === "keystone.unavailable");
    expect(lines).toEqual([
      {
        level: "warn",
        event: "keystone.unavailable",
        reason: "unreachable",
        errorCode: "ECONNREFUSED",
        method: "POST",
        path: "/v3/users/{id}/password",
        requestId,
      },
    ]);
  });

  it("for a page of the console, where its answer is JSON that cannot be read", async () => {
    const cookie = cookieOf(await site.signInAsAdmin());
    const requestId = newRequestId();
    const rule = proxy.inject(
      { method: "GET", path: "/v3/users", requestId },
      jsonInstead(200, { user: [] }),
    );
    const page = await site.get(`/admin/users?q=${SEARCHED}`, {
      headers: [
        ["Cookie", cookie],
        ["X-Openstack-Request-Id", requestId],
      ],
    });
    rule.remove();
    expect(page.body).toContain("Keystone is not responding as it should");
    expect(await saidOf(requestId)).toEqual([
      {
        level: "warn",
        event: "keystone.unavailable",
        reason: "invalid-response",
        status: 200,
        method: "GET",
        path: "/v3/users",
        requestId,
      },
    ]);
    const body = await (await fetch(site.stack.server.metricsUrl)).text();
    expect(body).toMatch(
      /keystone_call_duration_seconds_count\{method="GET",path="\/v3\/users",outcome="invalid-response"\} 1\n/,
    );
  });

  it("not where it says no", async () => {
    const requestId = newRequestId();
    expect((await put("jane", requestId, "gAAAA-unknown")).status).toBe(401);
    expect(await saidOf(requestId)).toEqual([]);
  });

  it("with nothing that opens an account, and nothing that was searched for", () => {
    const log = site.stack.server.logs();
    expect(log.match(/keystone\.unavailable/g)?.length).toBeGreaterThanOrEqual(3);
    for (const secret of [authToken, OWN_PASSWORD, INITIAL_PASSWORD, SEARCHED, "?"])
      expect(log).not.toContain(secret);
  });
});

it("a certificate that is not trusted does not read as a Keystone that is down", async () => {
  const { key, certificate } = makeSelfSignedCertificate();
  const server = await startRawServer((socket) => socket.end(httpAnswer(200, "{}")), {
    tls: { key, cert: certificate },
  });
  const app = await startTestApp({ keystoneUrl: `https://127.0.0.1:${server.port}` });
  try {
    const requestId = newRequestId();
    const answer = await fetch(`${app.url}/token/jane`, {
      method: "PUT",
      headers: { "X-Auth-Token": "gAAAA-token-of-a-script", "X-Openstack-Request-Id": requestId },
      body: JSON.stringify({ pin: "4071", password: INITIAL_PASSWORD }),
    });
    expect(answer.status).toBe(503);
    const readyz = async () => (await fetch(`${app.url}/readyz`)).json();
    await expect.poll(readyz).toEqual({ ready: true, database: true, keystone: false });
    const why = { reason: "unreachable", errorCode: "DEPTH_ZERO_SELF_SIGNED_CERT" };
    const [ofPut, ofReadyz, ...more] = app.logged("keystone.unavailable");
    expect(ofPut).toMatchObject({ ...why, method: "POST", path: "/v3/auth/tokens", requestId });
    // Nobody's request: /readyz asks once for all who ask.
    expect(ofReadyz).toMatchObject({ ...why, method: "GET", path: "/v3" });
    expect(ofReadyz).not.toHaveProperty("requestId");
    expect(more).toEqual([]);
    for (const secret of ["gAAAA-token-of-a-script", INITIAL_PASSWORD])
      expect(app.logText()).not.toContain(secret);
    expect(server.requests).toEqual([]);
  } finally {
    await app.stop();
    await server.stop();
  }
});
