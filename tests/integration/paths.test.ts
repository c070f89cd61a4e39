import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RawAnswer } from "../support/raw-http";

import { type Site, startSite } from "../support/raw-site";
import { startServerProcess } from "../support/server-process";

/** A path has one form: whoever writes it another way, to get past a proxy's rules or the log, gets nothing. */

let site: Site;
let token: string;

beforeAll(async () => {
  site = await startSite({ env: { LOG_LEVEL: "debug" } });
  token = (await site.issue()).token;
});

afterAll(() => site?.stop());

const asset = () => {
  const folder = path.resolve(import.meta.dirname, "../../build/client/assets");
  return readdirSync(folder).find((name) => name.endsWith(".css")) ?? "";
};

interface Asked {
  readonly method: string;
  readonly target: string;
  readonly answer: RawAnswer;
  /** What was logged of it. */
  readonly lines: readonly Record<string, unknown>[];
}

/** Sends each under an id of its own, and waits until each is in the log as answered. */
async function askAll(requests: readonly { method?: string; target: string }[]): Promise<Asked[]> {
  const sent: { id: string; method: string; target: string; answer: RawAnswer }[] = [];
  for (const { method = "GET", target } of requests) {
    const id = `req-${randomUUID()}`;
    const headers: [string, string][] = [["X-Openstack-Request-Id", id]];
    sent.push({ id, method, target, answer: await site.send({ method, target, headers }) });
  }
  const isLogged = (id: string) =>
    new RegExp(`"request\\.answered","requestId":"${id}"`).test(site.stack.server.logs());
  await expect
    .poll(() => sent.filter(({ id }) => !isLogged(id)).map(({ target }) => target), {
      timeout: 10_000,
    })
    .toEqual([]);
  const events = site.stack.server.events() as Record<string, unknown>[];
  return sent.map(({ id, ...asked }) => ({
    ...asked,
    lines: events.filter(({ requestId }) => requestId === id),
  }));
}

const isRefused = ({ status }: RawAnswer) => status === 400 || status === 404;

describe("a path that is not written in its one form", () => {
  const spelt = () => [
    ...["/token/..", "/token/.", "/token/%2e%2e", "/token/.%2E", "/token/x/..", "/token/../admin"],
    ...[
      "/assets/..",
      "/assets/../",
      `/assets/../?token=${token}`,
      `/assets/%2e%2e/?token=${token}`,
    ],
    ...["/assets/../admin/requests", "/assets/./x.js", `/assets/../assets/${asset()}`],
    ...[`//?token=${token}`, "//admin", "/admin//requests", "/admin//", `//assets/${asset()}`],
    ...["/healthz/", "/readyz/", "/metrics/", "/admin/", "/reset/", "/admin/sign-in/", "/token/x/"],
    ...["/METRICS", "/Healthz", "/READYZ", "/ADMIN", "/Admin/sign-in", "/admin/SIGN-IN", "/RESET"],
    ...["/ADMIN.data", "/admin.DATA", "/TOKEN/x", `/ASSETS/${asset()}`, "/_ROOT.data"],
    ...["/%61dmin", "/admin/sign%2Din", "/re%73et", "/%68ealthz", "/admin%2Edata", "/%61ssets/x"],
    ...["/admin%2Frequests", "/admin%2f..%2fadmin", "/token/a%2Fb", "/token/a%2fb/c", "/%2fadmin"],
    ...[
      "/admin\\requests",
      "/\\admin",
      "/token\\x",
      "/%5cadmin",
      "/admin%5Crequests",
      "/token/a%5cb",
    ],
    ...["/admin%00", "/token/a%0ab", "/reset%09", "/token/%c2%85"],
    ...["/reset#", "/#?_data=x", "/reset;", "/admin;/requests", "/reset%3Fx", "/reset%23"],
    ...[
      "http://evil.example/assets/../admin/requests",
      "http://evil.example//admin",
      "http://e/ADMIN",
    ],
    ...[
      "/favicon%2Eico",
      "/%2E",
      "/.",
      "/..",
      "/./",
      "/../",
      "/admin/.",
      "/admin/..",
      "/%zz",
      "/%",
    ],
  ];

  it("is refused, whatever the method, and gives nothing of what it means", async () => {
    const served: string[] = [];
    const requests = spelt().flatMap((target) =>
      ["GET", "HEAD", "POST", "PUT"].map((method) => ({ method, target })),
    );
    for (const { method, target, answer, lines } of await askAll(requests)) {
      const words = `${method} ${target}: ${answer.status}`;
      const isRightMethod = (method === "PUT") === /^\/token\b/i.test(target);
      if (!(isRefused(answer) || (answer.status === 405 && !isRightMethod))) served.push(words);
      if (/setpass_http|<form|\n\s+at /.test(answer.body)) served.push(`${words}: ${answer.body}`);
      // Once in the log, by a name of ours and with no word of it; nothing went wrong.
      const named = lines.map(({ event, path }) => `${event} ${path}`).join();
      if (!/^request\.answered (malformed|other)$/.test(named)) served.push(`${words}: ${named}`);
    }
    expect(served).toEqual([]);
    const log = site.stack.server.logs();
    expect(log).not.toContain(token);
    expect(log).not.toContain("request.failed");
    expect(log).not.toContain("page.failed");
    expect(log).not.toMatch(/\n\s+at |"stack"/);
  });

  it("is refused, and logged, also where Node itself cannot read it", async () => {
    const lines = () =>
      site.stack.server
        .events()
        .filter(({ event, path }) => event === "request.answered" && path === "malformed")
        .map(({ method, status, clientAddress }) => [method, status, clientAddress]);
    const before = lines().length;
    for (const target of [
      "/reset\x7f",
      `/\x01?token=${token}`,
      `/?token=${token}\x00`,
      "/a b",
      "/res\u00e9t",
    ])
      expect([target, (await site.get(target, { from: "127.0.6.1" })).status]).toEqual([
        target,
        400,
      ]);
    const long: [string, string] = ["X-Long", "a".repeat(20_000)];
    const headers = [long];
    expect((await site.get("/reset", { from: "127.0.6.1", headers })).status).toBe(431);
    await expect
      .poll(() => lines().slice(before))
      .toEqual(
        [...[400, 400, 400, 400, 400], 431].map((status) => ["unreadable", status, "127.0.6.1"]),
      );
    expect(site.stack.server.logs()).not.toContain(token);
  });

  it("is refused in Keystone's shape to a script, and in a sentence to a person", async () => {
    const script = await site.send({ method: "PUT", target: "/token/..", body: "{}" });
    expect(JSON.parse(script.body)).toEqual({
      error: { code: 404, title: "Not Found", message: expect.any(String) },
    });
    const accept: [string, string] = ["Accept", "text/html,application/xhtml+xml"];
    const person = await site.get("/admin/", { headers: [accept] });
    expect(person.headers["content-type"]).toEqual(["text/plain; charset=utf-8"]);
    expect(person.body).toMatch(/^[A-Z].*\.\n$/);
    for (const { headers } of [script, person]) {
      expect(headers["x-content-type-options"]).toEqual(["nosniff"]);
      expect(headers["cache-control"]).toEqual(["no-store"]);
    }
  });
});

describe("a path in its one form", () => {
  it("is served, and logged by its route", async () => {
    const expected = [
      [`/?token=${token}`, 200, "/"],
      [`http://evil.example/?token=${token}`, 200, "/"],
      [`http://evil.example?token=${token}`, 200, "/"],
      ["/reset", 200, "/reset"],
      ["/admin/sign-in", 200, "/admin/sign-in"],
      ["/admin", 302, "/admin"],
      ["/admin.data", 202, "/admin"],
      ["/healthz", 200, "/healthz"],
      [`/assets/${asset()}`, 200, "/assets/*"],
      ["/nowhere", 404, "other"],
      ["/assets/nothing.js", 404, "/assets/*"],
    ] as const;
    const asked = await askAll(expected.map(([target]) => ({ target })));
    expect(asked.map(({ target, answer, lines }) => [target, answer.status, lines])).toEqual(
      expected.map(([target, status, path]) => [
        ...[target, status],
        [expect.objectContaining({ event: "request.answered", path, status })],
      ]),
    );
  });

  it("keeps a user's id as it is, in its case, with whatever Keystone may put there", async () => {
    for (const [spelt, userId] of [
      ["ABCdef", "ABCdef"],
      ["a.b", "a.b"],
      ["...", "..."],
      ["..data", "..data"],
      [".data", ".data"],
      ["%41%2Edata", "A.data"],
      ["ADMIN", "ADMIN"],
      ["%C3%A9", "\u00e9"],
      ["%252e%252e", "%2e%2e"],
      ["a;b=c@d", "a;b=c@d"],
      ["%3Fx%23y", "?x#y"],
    ] as const) {
      const answer = await site.put(spelt, { pin: "4071", password: "Initial-1" });
      expect([spelt, answer.status, answer.body]).toEqual([spelt, 200, expect.any(String)]);
      const rows = await site.sql`select 1 from links where user_id = ${userId}`;
      expect([spelt, rows.length]).toEqual([spelt, 1]);
    }
  });

  it("of /metrics is on a port of its own, and no page of the public one", async () => {
    const answer = await site.get("/metrics");
    expect(answer.status).toBe(404);
    expect(answer.body).not.toContain("setpass_http");

    const { metricsUrl } = site.stack.server;
    const metrics = await fetch(metricsUrl);
    expect(metrics.headers.get("Content-Type")).toMatch(/^text\/plain/);
    const text = await metrics.text();
    expect(text).toContain('setpass_http_request_duration_seconds_count{route="/reset"');
    expect(text).toContain('route="malformed"');
    expect(text).not.toContain(token);
    for (const other of ["/", "/METRICS", "/metrics/", "/healthz", "/admin"])
      expect((await fetch(new URL(other, metricsUrl))).status).toBe(404);
    expect((await fetch(metricsUrl, { method: "POST" })).status).toBe(404);
  });
});

describe("METRICS_LISTEN", () => {
  it("that is taken stops the server, in words", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const METRICS_LISTEN = `127.0.0.1:${(taken.address() as AddressInfo).port}`;
    const start = startServerProcess({
      env: { ...site.stack.env, METRICS_LISTEN },
      fixedPort: true,
    });
    await expect(start).rejects.toThrow(
      new RegExp(
        `setpass cannot start: cannot listen for /metrics on ${METRICS_LISTEN}\\. Give METRICS_LISTEN another address, or leave it empty for none \\(.*EADDRINUSE`,
      ),
    );
    await new Promise((resolve) => taken.close(resolve));
  });

  it("that is set to nothing means none", async () => {
    const server = await startServerProcess({ env: { ...site.stack.env, METRICS_LISTEN: "" } });
    expect(() => server.metricsUrl).toThrow();
    expect(await server.stop()).toBe(0);
  });
});
