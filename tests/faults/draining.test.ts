import { randomUUID } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type SandboxKeystone, startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { type FaultProxy, faults, startFaultProxy } from "../support/fault-proxy";
import { readAnswers, requestBytes } from "../support/raw-http";
import { type Site, startSite } from "../support/raw-site";

/** A rolling restart: SIGTERM, whatever hangs on the server's connections. */

let keystone: SandboxKeystone;
let proxy: FaultProxy;
let site: Site;
let authToken: string;

beforeAll(async () => {
  keystone = await startSandboxKeystone();
  proxy = await startFaultProxy({ target: keystone.url });
  site = await startSite({ keystone, authUrl: proxy.url, env: { AUTH_CACHE_SECONDS: "0" } });
  authToken = await site.stack.keystone.token();
});

afterAll(async () => {
  await site?.stop();
  await proxy?.stop();
  await keystone?.stop();
});

const opened = new Set<Socket>();
const agents = new Set<Agent>();

beforeEach(async () => {
  if (!site.stack.server.running) await site.stack.server.start();
});

afterEach(() => {
  proxy.heal();
  for (const socket of opened) socket.destroy();
  for (const agent of agents) agent.destroy();
});

/** A connection of its own, on which everything that comes is kept. */
async function open(): Promise<{ socket: Socket; received(): Buffer; closed: Promise<void> }> {
  const socket = connect({ port: site.stack.server.port, host: "127.0.0.1" });
  opened.add(socket);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return { socket, received: () => Buffer.concat(chunks), closed };
}

const keepAlive: [string, string] = ["Connection", "keep-alive"];
const get = (target: string) => requestBytes({ target, headers: [keepAlive] });

/** A PUT that waits for Keystone. */
const slowPut = () =>
  requestBytes({
    method: "PUT",
    target: `/token/${randomUUID()}`,
    headers: [keepAlive, ["X-Auth-Token", authToken]],
    body: JSON.stringify({ pin: "4071", password: "Initial-1" }),
  });

/** @returns the exit code, and how long after `since` it was there */
async function sigterm(): Promise<{ code: number | null; endedAt: number }> {
  const ended = site.stack.server.ended();
  site.stack.server.signal("SIGTERM");
  const code = await ended;
  return { code, endedAt: performance.now() };
}

describe("SIGTERM", () => {
  it("does not wait for a connection that was busy then: its answer is its last", async () => {
    const rule = proxy.inject({ path: "/v3/auth/tokens" }, faults.paused);
    const busy = await open();
    busy.socket.write(slowPut());
    await rule.waitForHits(1);
    const ending = sigterm();
    await sleep(300);
    expect(site.stack.server.running).toBe(true);
    await rule.release();
    await busy.closed;
    const answeredAt = performance.now();
    const [answer, ...more] = readAnswers(busy.received());
    expect(more).toEqual([]);
    expect([answer?.status, answer?.headers.connection]).toEqual([200, ["close"]]);
    const { code, endedAt } = await ending;
    expect(code).toBe(0);
    expect(endedAt - answeredAt).toBeLessThan(5_000);
  });

  it("answers what was pipelined first, and hangs up", async () => {
    const rule = proxy.inject({ path: "/v3/auth/tokens" }, faults.paused);
    const busy = await open();
    busy.socket.write(Buffer.concat([slowPut(), get("/healthz"), get("/healthz"), get("/reset")]));
    await rule.waitForHits(1);
    const ending = sigterm();
    await sleep(100);
    await rule.release();
    await busy.closed;
    const answeredAt = performance.now();
    expect(readAnswers(busy.received())[0]?.status).toBe(200);
    const { code, endedAt } = await ending;
    expect([code, endedAt - answeredAt < 5_000]).toEqual([0, true]);
  });

  it("closes idle connections at once, whoever holds them open", async () => {
    const idle = await Promise.all(Array.from({ length: 20 }, open));
    for (const { socket } of idle) socket.write(get("/healthz"));
    for (const { received } of idle)
      await expect.poll(() => readAnswers(received()).length, { interval: 10 }).toBe(1);
    const startedAt = performance.now();
    const { code, endedAt } = await sigterm();
    expect([code, endedAt - startedAt < 5_000]).toEqual([0, true]);
  });

  it("does not wait for whoever is slow to ask or to read", async () => {
    const script = readdirSync(path.resolve(import.meta.dirname, "../../build/client/assets"))
      .map((name) => path.resolve(import.meta.dirname, "../../build/client/assets", name))
      .sort((one, other) => statSync(other).size - statSync(one).size)[0] as string;
    const halves = [
      "",
      "GET /reset HTTP/1.1\r\nHost: x\r\n",
      "POST /reset HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\nname=",
      `PUT /token/jane HTTP/1.1\r\nHost: x\r\nX-Auth-Token: ${authToken}\r\nContent-Length: 900\r\n\r\n{`,
      "PUT /token/jane HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{",
    ];
    for (const half of halves) {
      const { socket } = await open();
      socket.write(half);
    }
    const { socket: deaf } = await open();
    deaf.pause();
    for (let index = 0; index < 100; index++) deaf.write(get(`/assets/${path.basename(script)}`));
    await sleep(300);
    const startedAt = performance.now();
    const { code, endedAt } = await sigterm();
    expect([code, Math.round((endedAt - startedAt) / 1000) <= 14]).toEqual([0, true]);
  });

  it("under load cuts no answer, and ends within ten seconds of the last", async () => {
    const agent = new Agent({ keepAlive: true });
    agents.add(agent);
    let ended = false;
    let lastAt = 0;
    const outcomes: Record<string, number> = {};
    const count = (name: string) => {
      outcomes[name] = (outcomes[name] ?? 0) + 1;
    };
    const client = async (index: number) => {
      const target = ["/reset", "/admin/sign-in", "/healthz", "/?token=x"][index % 4] as string;
      while (!ended) {
        const outcome = await askOnce(agent, target);
        if (outcome === "whole") lastAt = performance.now();
        else if (outcome === "refused") return;
        count(outcome);
      }
    };
    const clients = Promise.all(Array.from({ length: 24 }, (_, index) => client(index)));
    await sleep(1000);
    const { code, endedAt } = await sigterm();
    ended = true;
    await clients;
    expect(code).toBe(0);
    expect(outcomes.whole).toBeGreaterThan(50);
    expect(outcomes.cut ?? 0).toBe(0);
    expect(endedAt - lastAt).toBeLessThan(10_000);
  });

  it("is seen by balancers first: with DRAIN_DELAY, connections are taken and /readyz says 503", async () => {
    await site.stack.server.restart({ DRAIN_DELAY: "2" });
    expect((await site.get("/readyz")).status).toBe(200);
    const startedAt = performance.now();
    const ending = sigterm();
    await expect.poll(async () => (await site.get("/readyz")).status, { interval: 20 }).toBe(503);
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    const { headers, body } = await site.get("/readyz", { headers: [keepAlive] });
    expect(JSON.parse(body)).toMatchObject({ ready: false, database: true, draining: true });
    expect(headers.connection).toEqual(["close"]);
    expect((await site.get("/reset", { headers: [keepAlive] })).status).toBe(200);
    const { code, endedAt } = await ending;
    expect(code).toBe(0);
    expect(endedAt - startedAt).toBeGreaterThan(2_000);
    expect(endedAt - startedAt).toBeLessThan(7_000);
    await site.stack.server.start({ DRAIN_DELAY: "0" });
  });
});

/** @returns `refused`: not connected; `unheard`: hung up on before a byte was answered; `cut`: after */
function askOnce(agent: Agent, target: string): Promise<"whole" | "refused" | "unheard" | "cut"> {
  return new Promise((resolve) => {
    const outgoing = httpRequest(
      { agent, port: site.stack.server.port, host: "127.0.0.1", path: target },
      (incoming: IncomingMessage) => {
        incoming.resume();
        incoming.once("close", () => resolve(incoming.complete ? "whole" : "cut"));
      },
    );
    outgoing.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "ECONNREFUSED" ? "refused" : "unheard"),
    );
    outgoing.end();
  });
}
