import { createServer, type RequestListener } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answerUnreadable } from "../../../app/http/unreadable-requests.server";
import type { Services } from "../../../app/services.server";
import { createLog } from "../../../app/telemetry/log.server";
import { listen } from "../../support/listen";
import { openConnection } from "../../support/raw-http";

let logged: Record<string, unknown>[] = [];
let measured: unknown[] = [];
beforeEach(() => {
  logged = [];
  measured = [];
});
const toStop: (() => void)[] = [];
afterEach(() => {
  for (const stop of toStop.splice(0)) stop();
});

/** @returns what a client gets that sends this, once it is hung up on */
async function answerTo(
  sent: string,
  { answer = (() => {}) as RequestListener, next = "", resets = false } = {},
): Promise<string> {
  const server = createServer(
    { headersTimeout: 300, requestTimeout: 300, connectionsCheckingInterval: 50 },
    answer,
  );
  answerUnreadable(server, {
    log: createLog({ level: "debug" }, { write: (line) => logged.push(JSON.parse(line)) }),
    metrics: { observeRequest: (one: unknown) => measured.push(one) },
  } as unknown as Services);
  let isHungUp = false;
  server.on("connection", (socket) => {
    socket.once("close", () => {
      isHungUp = true;
    });
  });
  const { socket, received } = await openConnection(await listen(server));
  toStop.push(() => {
    socket.destroy();
    server.close();
    server.closeAllConnections();
  });
  socket.write(sent);
  if (next !== "") {
    await expect.poll(received).not.toBe("");
    socket.write(next);
  }
  if (resets) {
    await sleep(50);
    socket.resetAndDestroy();
  }
  await expect.poll(() => isHungUp, { timeout: 5000 }).toBe(true);
  await expect.poll(() => socket.readableEnded || socket.destroyed).toBe(true);
  return received();
}

const POST = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

describe("what the parser cannot read", () => {
  it.each([
    ["no HTTP at all", "nonsense\r\n\r\n", 400, "Bad Request"],
    ["a control character", "GET /\u0001 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "Bad Request"],
    [
      "headers without end",
      `GET / HTTP/1.1\r\nHost: x\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
      ...([431, "Request Header Fields Too Large"] as const),
    ],
    ["half a head, and no more", "GET / HTTP/1.1\r\nHost:", 408, "Request Timeout"],
  ])("is answered, logged and counted as others are: %s", async (_, sent, status, title) => {
    expect(await answerTo(sent)).toBe(`HTTP/1.1 ${status} ${title}\r\nConnection: close\r\n\r\n`);
    const answered = { method: "unreadable", status };
    expect(logged).toMatchObject([
      { event: "request.answered", ...answered, path: "malformed", clientAddress: "127.0.0.1" },
    ]);
    expect(measured).toEqual([{ ...answered, route: "malformed", durationSeconds: 0 }]);
  });

  it("of a request that is known is answered, and told of where others are", async () => {
    const answer = await answerTo(`${POST}1;${"x".repeat(20_000)}`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 Payload Too Large\r\nConnection: close\r\n/);
    expect([logged, measured]).toEqual([[], []]);
  });

  it("in the middle of an answer is no place for another", async () => {
    const begun: RequestListener = (_request, response) => {
      response.write("begun");
    };
    const answer = await answerTo(POST, { answer: begun, next: "nonsense\r\n" });
    expect(answer).toContain("200 OK");
    expect(answer).not.toContain("400");
    expect([logged, measured]).toEqual([[], []]);
  });

  it("is nothing to answer where the client is gone", async () => {
    expect(await answerTo("GET / HTTP/1.1\r\nHost:", { resets: true })).toBe("");
    expect([logged, measured]).toEqual([[], []]);
  });
});
