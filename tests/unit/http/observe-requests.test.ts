import { EventEmitter } from "node:events";
import type { Request, Response } from "express";
import { describe, expect, it } from "vitest";
import { observeRequests } from "../../../app/http/observe-requests.server";
import { createLog } from "../../../app/telemetry/log.server";

const GIVEN = "req-01234567-89ab-cdef-0123-456789abcdef";

/** @returns what is known of a request while it is answered, and what is told when it was */
async function observed(
  options: {
    route?: string;
    status?: number;
    requestId?: string;
    isCut?: boolean;
    ms?: number;
  } = {},
) {
  const { route = "/reset", status = 200, isCut = false, ms = 0 } = options;
  const logged: Record<string, unknown>[] = [];
  const measured: Record<string, unknown>[] = [];
  const observe = observeRequests({
    log: createLog({ level: "debug" }, { write: (line) => logged.push(JSON.parse(line)) }),
    metrics: {
      observeRequest: (answer: Record<string, unknown>) => measured.push(answer),
    } as never,
  });
  const headers: Record<string, string> = {};
  const response = Object.assign(new EventEmitter(), {
    locals: { route } as Record<string, string>,
    statusCode: status,
    writableFinished: !isCut,
    setHeader: (name: string, value: string) => {
      headers[name] = value;
    },
  });
  const socket = { remoteAddress: "192.0.2.7" as string | undefined };
  const request = {
    ...{ method: "POST", socket, ip: "192.0.2.7" },
    get: (name: string) => (name === "X-Openstack-Request-Id" ? options.requestId : undefined),
  };
  let passedOn = 0;
  observe(request as unknown as Request, response as unknown as Response, () => {
    passedOn += 1;
  });
  expect([passedOn, logged.length]).toEqual([1, 0]);
  // The connection is gone, and its address with it.
  socket.remoteAddress = undefined;
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  response.emit("close");
  const [line, ...more] = logged;
  expect(more).toEqual([]);
  return { locals: response.locals, headers, line, measured };
}

describe("a request", () => {
  it("has an id, which is its answer's and the log's", async () => {
    const { locals, headers, line } = await observed();
    expect(locals.requestId).toMatch(/^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(headers["X-Openstack-Request-Id"]).toBe(locals.requestId);
    expect(line?.requestId).toBe(locals.requestId);
    expect((await observed()).locals.requestId).not.toBe(locals.requestId);
  });

  it("keeps the id that it comes with, where that is one", async () => {
    expect((await observed({ requestId: GIVEN })).locals.requestId).toBe(GIVEN);
    for (const requestId of ["", "x", `x${GIVEN}`, `${GIVEN}x`, `${GIVEN}\n`, GIVEN.slice(4)])
      expect((await observed({ requestId })).locals.requestId).toMatch(/^req-[0-9a-f-]{36}$/);
    expect((await observed({ requestId: `${GIVEN}\n` })).locals.requestId).not.toContain(GIVEN);
  });

  it("has a nonce of 128 random bits, another each time", async () => {
    const nonces = [(await observed()).locals.nonce ?? "", (await observed()).locals.nonce ?? ""];
    for (const nonce of nonces) expect(Buffer.from(nonce, "base64")).toHaveLength(16);
    expect(nonces[0]).not.toBe(nonces[1]);
  });

  it("is in the log and the metrics by its route's name, once it is answered", async () => {
    const { locals, line, measured } = await observed({ requestId: GIVEN, status: 403, ms: 60 });
    expect(locals.clientAddress).toBe("192.0.2.7");
    expect(line).toMatchObject({
      ...{ level: "info", event: "request.answered", requestId: GIVEN, method: "POST" },
      ...{ path: "/reset", status: 403, clientAddress: "192.0.2.7" },
    });
    expect(measured).toMatchObject([{ route: "/reset", method: "POST", status: 403 }]);
    const seconds = measured[0]?.durationSeconds as number;
    expect(seconds).toBeGreaterThan(0.05);
    expect(seconds).toBeLessThan(30);
    expect(line?.durationMs).toBe(Math.round(seconds * 1000));
  });

  it("is a 499 where its client went away before the answer was whole", async () => {
    const { line, measured } = await observed({ isCut: true, status: 200 });
    expect([line?.status, measured[0]?.status]).toEqual([499, 499]);
  });

  it.each([
    ["/assets/*", 200, "debug"],
    ["/healthz", 304, "debug"],
    ["/healthz", 399, "debug"],
    ["/assets/*", 400, "info"],
    ["/healthz", 503, "info"],
    ["/readyz", 200, "info"],
    ["/reset", 200, "info"],
  ])("to %s that is answered %i is told of at level %s", async (route, status, level) => {
    expect((await observed({ route, status })).line?.level).toBe(level);
  });
});
