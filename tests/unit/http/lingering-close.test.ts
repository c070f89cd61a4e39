import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Request, Response } from "express";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { lingeringClose } from "../../../app/http/lingering-close.server";
import { listen } from "../../support/listen";
import { openConnection } from "../../support/raw-http";

/** The clock that the server goes by is ours, what is on the wire is real. */
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
});
const toStop: (() => void)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const stop of toStop.splice(0)) stop();
});

const until = async (isSo: () => boolean) => {
  for (let round = 0; round < 2000 && !isSo(); round++) await sleep(5);
  expect(isSo()).toBe(true);
};
const later = async (ms: number) => {
  vi.advanceTimersByTime(ms);
  await sleep(30);
};

/** A server that refuses whatever it is sent, before it has read it. */
async function startRefusing() {
  let heard = 0;
  let peer: Socket | undefined;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    lingeringClose(request as Request, response as Response, () => {
      request.on("data", (part: Buffer) => {
        heard += part.length;
      });
      response.writeHead(413, { "Content-Length": 7 }).end("refused");
    });
  });
  server.on("connection", (socket: Socket) => {
    peer = socket;
  });
  const { socket, received } = await openConnection(await listen(server));
  toStop.push(() => {
    socket.destroy();
    server.close();
    server.closeAllConnections();
  });
  let sent = 0;
  return {
    answers: () => received().split("refused").length - 1,
    heard: () => heard,
    /** It will send no more: we have the whole of its answer. */
    isHalfClosed: () => socket.readableEnded,
    isHungUp: () => peer?.destroyed === true,
    async send(text: string) {
      socket.write(text);
      sent += text.length;
      await until(() => peer?.destroyed === true || (peer?.bytesRead ?? 0) >= sent);
      await sleep(10);
    },
  };
}

const head = (connection: string) =>
  `PUT / HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nContent-Length: 1000\r\n\r\n`;

describe("a client whose body is not read", () => {
  it("has its answer, and may send on: what it sends is forgotten, and then it is done", async () => {
    const client = await startRefusing();
    await client.send(`${head("close")}${"a".repeat(100)}`);
    await until(client.isHalfClosed);
    expect([client.answers(), client.isHungUp()]).toEqual([1, false]);
    const before = client.heard();
    await client.send("a".repeat(500));
    expect([client.heard(), client.isHungUp()]).toEqual([before, false]);
    await client.send("a".repeat(400));
    await until(client.isHungUp);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is hung up on after three seconds in which it sends nothing", async () => {
    const client = await startRefusing();
    await client.send(head("close"));
    await until(client.isHalfClosed);
    await later(2900);
    await client.send("a");
    await later(2900);
    expect(client.isHungUp()).toBe(false);
    await later(200);
    await until(client.isHungUp);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is hung up on after eight seconds, however busily it sends", async () => {
    const client = await startRefusing();
    await client.send(head("close"));
    await until(client.isHalfClosed);
    for (let second = 0; second < 7; second++) {
      await later(1000);
      await client.send("a");
    }
    await later(900);
    expect(client.isHungUp()).toBe(false);
    await later(200);
    await until(client.isHungUp);
  });

  it("may ask again on its connection once it has sent all, as long as it likes", async () => {
    const client = await startRefusing();
    await client.send(`${head("keep-alive")}${"a".repeat(100)}`);
    await until(() => client.answers() === 1);
    await client.send("a".repeat(900));
    expect(vi.getTimerCount()).toBe(0);
    await later(60_000);
    expect([client.isHalfClosed(), client.isHungUp()]).toEqual([false, false]);
    await client.send(`${head("close")}${"a".repeat(1000)}`);
    await until(() => client.answers() === 2);
    await until(client.isHungUp);
  });
});

it("a client whose request is whole is hung up on with its answer", async () => {
  const client = await startRefusing();
  await client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  await until(client.isHalfClosed);
  expect(client.answers()).toBe(1);
  await until(client.isHungUp);
});
