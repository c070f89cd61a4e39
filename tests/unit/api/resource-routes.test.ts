import { createServer } from "node:http";
import { connect } from "node:net";
import type { AppLoadContext, ServerBuild } from "@remix-run/node";
import express from "express";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  MACHINE_ROUTES,
  type MachineAction,
  resourceRoutes,
} from "../../../app/api/resource-routes.server";
import { readBody } from "../../../app/http/read-body.server";
import { createLog } from "../../../app/telemetry/log.server";
import { listen } from "../../support/listen";

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

let text = "";

/** A server whose PUT /token/:userId is this, and the same below it. */
async function serve(
  action: MachineAction,
  options: { deadlineSeconds?: number } = {},
): Promise<string> {
  text = "";
  const log = createLog({ level: "debug" }, { write: (line) => (text += line) });
  const routes = {
    one: { path: "token/:userId", module: { action } },
    another: { path: "token/:userId/mail", module: { action } },
  };
  const app = express();
  app.use(
    resourceRoutes({ routes } as unknown as ServerBuild, {
      ids: Object.keys(routes),
      deadlineSeconds: options.deadlineSeconds ?? 5,
      contextOf: () => ({ services: { log }, requestId: "req-1" }) as unknown as AppLoadContext,
    }),
  );
  app.use((_request, response) => response.status(418).send("not a machine's"));
  const server = createServer(app);
  const port = await listen(server);
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${port}`;
}

const put = (url: string, init: RequestInit = {}) => fetch(url, { method: "PUT", ...init });

describe("a resource route that machines ask", () => {
  it("may begin as another does, and what begins so and is none is not found", async () => {
    const url = await serve(async ({ params }) => new Response(`of ${params.userId}`));
    expect(await (await put(`${url}/token/u1`)).text()).toBe("of u1");
    expect(await (await put(`${url}/token/u1/mail`)).text()).toBe("of u1");
    const none = await put(`${url}/token/u1/nothing`);
    expect(none.status).toBe(404);
    expect(await none.json()).toMatchObject({ error: { code: 404 } });
  });

  it("gets method, headers, body and the user's id, and its answer goes out whole", async () => {
    const url = await serve(async ({ request, params }) => {
      const read = await readBody(request);
      const seen = [
        request.method,
        request.headers.get("X-Auth-Token"),
        request.headers.get("x-none"),
      ];
      return new Response(JSON.stringify([...seen, params.userId, read]), {
        status: 201,
        headers: { "Content-Type": "application/json", "X-Own": "1" },
      });
    });
    const headers = { "X-Auth-Token": "secret" };
    // Of Remix, `.data` at the end would ask for another user's.
    const response = await put(`${url}/token/j%C3%A9.data?x=1`, { headers, body: "{}" });
    expect(response.status).toBe(201);
    expect(response.headers.get("X-Own")).toBe("1");
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    expect(await response.json()).toEqual([
      ...["PUT", "secret", null, "jé.data"],
      { ok: true, text: "{}" },
    ]);
  });

  it("is asked whatever the method: which it takes, it says itself", async () => {
    const url = await serve(async ({ request }) => new Response(request.method));
    for (const method of ["GET", "POST", "DELETE", "PROPFIND"])
      expect(await (await fetch(`${url}/token/x`, { method })).text()).toBe(method);
  });

  it("answers for all that is below its first segment, and for nothing else", async () => {
    const url = await serve(async () => new Response("asked"));
    for (const path of ["/token", "/token/a/b"]) {
      const response = await put(`${url}${path}`);
      expect([path, response.status, await response.json()]).toEqual([
        ...[path, 404],
        { error: { code: 404, title: "Not Found", message: expect.any(String) } },
      ]);
    }
    for (const path of ["/", "/tokens", "/tokenx/abc", "/admin/token/abc", "/TOKEN/x"])
      expect([path, (await put(`${url}${path}`)).status]).toEqual([path, 418]);
  });

  it("is a 503 in Keystone's shape where it takes too long, or the database is away", async () => {
    const away = Object.assign(new Error("terminating connection"), { code: "57P01" });
    for (const [reason, action] of [
      ["deadline", () => new Promise<never>(() => {})],
      ["database", () => Promise.reject(away)],
    ] as const) {
      const response = await put(`${await serve(action, { deadlineSeconds: 0.05 })}/token/x`);
      expect([reason, response.status, response.headers.get("Retry-After")]).toEqual([
        ...[reason, 503, "5"],
      ]);
      expect(await response.json()).toEqual({
        error: { code: 503, title: "Service Unavailable", message: expect.any(String) },
      });
      expect(text).toContain(`"event":"request.failed","reason":"${reason}"`);
    }
  });

  it("may throw its answer, as Remix's may", async () => {
    const url = await serve(() => Promise.reject(new Response("no", { status: 403 })));
    const response = await put(`${url}/token/x`);
    expect([response.status, await response.text(), text]).toEqual([403, "no", ""]);
  });

  it("forgets the deadline of whoever was answered", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const url = await serve(async () => new Response("in time"));
      const before = vi.getTimerCount();
      expect(await (await put(`${url}/token/x`)).text()).toBe("in time");
      expect(vi.getTimerCount()).toBe(before);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is a 500 that names the request where it fails in a way that nobody foresaw", async () => {
    const url = await serve(() => Promise.reject(new TypeError("hunter2 is not a function")));
    const response = await put(`${url}/token/x`);
    expect(response.status).toBe(500);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error.message).toContain("req-1");
    expect(error.message).not.toContain("hunter2");
    expect(text).toContain("hunter2 is not a function");
  });

  it("hears of a body that is too large or does not come whole as of any other", async () => {
    const heard: string[] = [];
    const url = await serve(async ({ request }) => {
      const read = await readBody(request);
      heard.push(read.ok ? "whole" : read.reason);
      return new Response(read.ok ? "whole" : read.reason);
    });
    const large = await put(`${url}/token/x`, { body: "x".repeat(65_537) });
    expect(await large.text()).toBe("too-large");
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write("PUT /token/x HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\nhalf", () =>
      socket.destroy(),
    );
    await expect.poll(() => heard).toEqual(["too-large", "cut-short"]);
  });
});

it("of a build that lacks it, the server does not start", () => {
  const contextOf = () => ({}) as AppLoadContext;
  expect(() =>
    resourceRoutes({ routes: {} }, { ids: MACHINE_ROUTES, deadlineSeconds: 1, contextOf }),
  ).toThrow("routes/token.$userId");
});
