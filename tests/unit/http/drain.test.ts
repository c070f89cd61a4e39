import { createServer, type RequestListener, type Server } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createDrain, type Drain } from "../../../app/http/drain.server";
import { listen } from "../../support/listen";
import { openConnection } from "../../support/raw-http";

/** The clock that the server goes by is ours, what is on the wire is real. */
beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["Date", "setInterval", "clearInterval", "setTimeout", "clearTimeout"],
  });
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
/** What has happened shows. */
const settle = () => sleep(30);
const later = async (ms: number) => {
  vi.advanceTimersByTime(ms);
  await settle();
};

interface Client {
  readonly socket: Socket;
  /** Sends it, and waits until the server has read it. */
  send(text: string): Promise<void>;
  /** Reads nothing, and waits until the server gets rid of nothing more. */
  turnDeaf(): Promise<void>;
  received(): string;
  /** Both ways. */
  isClosed(): boolean;
}

async function start(answer: RequestListener = (_request, response) => response.end("hello")) {
  const drain: Drain = createDrain();
  const server: Server = createServer(answer);
  drain.follow(server);
  const served = new Map<number | undefined, Socket>();
  server.on("connection", (socket: Socket) => served.set(socket.remotePort, socket));
  const port = await listen(server);
  toStop.push(() => {
    server.close();
    server.closeAllConnections();
  });
  let done = false;
  return {
    drain,
    server,
    /** @returns once nothing more is accepted, where that is not put off */
    end: async (delaySeconds = 0) => {
      void drain.end({ delaySeconds }).then(() => {
        done = true;
      });
      if (delaySeconds === 0) await until(() => !server.listening);
    },
    isDone: () => done,
    open: async (sent: string, options: { keepsOpen?: boolean } = {}): Promise<Client> => {
      const { socket, received } = await openConnection(port, {
        allowHalfOpen: options.keepsOpen ?? false,
      });
      toStop.push(() => socket.destroy());
      let closed = false;
      let sentBytes = 0;
      socket.once("close", () => {
        closed = true;
      });
      const { localPort } = socket;
      const peer = () => served.get(localPort);
      await until(() => peer() !== undefined);
      const send = async (more: string) => {
        socket.write(more);
        sentBytes += more.length;
        await until(() => (peer()?.bytesRead ?? 0) >= sentBytes);
        await settle();
      };
      if (sent !== "") await send(sent);
      return {
        ...{ socket, send, received, isClosed: () => closed },
        async turnDeaf() {
          socket.pause();
          let before = -1;
          for (let left = -2; left !== before; left = peer()?.writableLength ?? 0) {
            before = left;
            await sleep(100);
          }
        },
      };
    },
  };
}

const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const HALF_A_HEAD = "GET / HTTP/1.1\r\nHost:";
const HALF_A_BODY = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf";

it("nothing is drained that was not followed", async () => {
  await expect(createDrain().end({ delaySeconds: 0 })).rejects.toThrow(TypeError);
});

describe("a server that is drained", () => {
  it("closes what is idle at once, and nothing before", async () => {
    const { drain, end, isDone, open } = await start();
    const gone = await open(GET);
    gone.socket.destroy();
    const idle = await open(GET + GET);
    expect(idle.received().match(/keep-alive/g)).toHaveLength(2);
    await later(30_000);
    expect([drain.isDraining(), idle.isClosed()]).toEqual([false, false]);
    await end();
    expect(drain.isDraining()).toBe(true);
    await until(idle.isClosed);
    await until(isDone);
    // And nothing goes on by itself.
    expect(vi.getTimerCount()).toBe(0);
  });

  it("accepts connections while balancers are to see it, and says that each answer is the last", async () => {
    const { drain, end, isDone, open } = await start();
    const idle = await open(GET);
    const startedAt = performance.now();
    await end(0.4);
    expect(drain.isDraining()).toBe(true);
    const late = await open(GET);
    expect(late.received()).toContain("Connection: close");
    await idle.send(GET);
    await until(() => idle.received().includes("Connection: close"));
    expect(isDone()).toBe(false);
    await until(isDone);
    expect(performance.now() - startedAt).toBeGreaterThan(350);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await expect(open(GET)).rejects.toThrow();
  });

  it("waits for what is being answered: that is its connection's last", async () => {
    const answers: (() => void)[] = [];
    const { end, isDone, open } = await start((_request, response) => {
      answers.push(() => response.end("at last"));
    });
    const busy = await open(GET);
    await end();
    await later(60_000);
    expect([isDone(), busy.isClosed()]).toEqual([false, false]);
    for (const answer of answers) answer();
    await until(() => busy.received().includes("at last"));
    expect(busy.received()).toContain("Connection: close");
    await until(isDone);
    expect(busy.isClosed()).toBe(true);
  });

  it.each([
    [5, "nothing of a request", []],
    [5, "half a head", [HALF_A_HEAD]],
    [5, "half a head behind an answered request", [GET, HALF_A_HEAD]],
    [10, "half a body", [HALF_A_BODY]],
  ])("waits %i seconds for the rest of %s", async (seconds, _, parts) => {
    const { end, isDone, open } = await start((request, response) => {
      request.resume();
      request.once("end", () => response.end("hello"));
    });
    const slow = await open("");
    for (const part of parts) await slow.send(part);
    await later(60_000);
    await end();
    await later(seconds * 1000 - 300);
    expect([slow.isClosed(), isDone()]).toEqual([false, false]);
    await later(900);
    await until(slow.isClosed);
    await until(isDone);
  });

  it("answers whoever sends the rest in time", async () => {
    const { end, isDone, open } = await start((request, response) => {
      request.resume();
      request.once("end", () => response.end("hello"));
    });
    const head = await open(HALF_A_HEAD);
    const body = await open(HALF_A_BODY);
    await end();
    await later(4000);
    await head.send(" x\r\n\r\n");
    await later(4000);
    await body.send("behind");
    for (const { received, isClosed } of [head, body]) {
      await until(() => received().includes("hello"));
      expect(received()).toContain("Connection: close");
      await until(isClosed);
    }
    await until(isDone);
  });

  it("does not wait for a request that is answered before it is whole, nor cut its answer", async () => {
    const answers: (() => void)[] = [];
    const { end, isDone, open } = await start((request, response) => {
      request.resume();
      request.once("end", () => answers.push(() => response.end("hello")));
    });
    const whole = await open(HALF_A_BODY);
    await whole.send("behind");
    await until(() => answers.length > 0);
    await end();
    // Who has sent all waits for us.
    await later(60_000);
    expect(whole.isClosed()).toBe(false);
    for (const answer of answers) answer();
    await until(() => whole.received().includes("hello"));
    await until(isDone);
  });

  it.each(["end", "write"] as const)(
    "hangs up on whoever takes nothing of an answer, eight seconds later: %s",
    async (send) => {
      const { end, isDone, open } = await start((_request, response) => {
        response[send]("x".repeat(30_000_000));
      });
      const deaf = await open("");
      deaf.socket.pause();
      await deaf.send(GET);
      await deaf.turnDeaf();
      await end();
      await later(200);
      await later(7600);
      expect(isDone()).toBe(false);
      await later(1200);
      await until(isDone);
    },
  );

  it("goes on as long as somebody takes what is sent, a little at a time", async () => {
    let write: (text: string) => void = () => {};
    let finish: () => void = () => {};
    const { end, isDone, open } = await start((_request, response) => {
      write = (text) => response.write(text);
      finish = () => response.end("the end");
    });
    const reader = await open(GET);
    await end();
    for (let second = 0; second < 30; second += 5) {
      write(`part ${second};`);
      await later(5000);
    }
    expect([reader.isClosed(), isDone()]).toEqual([false, false]);
    finish();
    await until(() => reader.received().includes("the end"));
    await until(isDone);
  });

  it("hangs up on who does not close its side, two seconds after ours", async () => {
    const { end, isDone, open } = await start();
    const stubborn = await open(GET, { keepsOpen: true });
    await end();
    await until(() => stubborn.socket.readableEnded);
    await later(1900);
    expect(isDone()).toBe(false);
    await later(200);
    await until(isDone);
  });
});
