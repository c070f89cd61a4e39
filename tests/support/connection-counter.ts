/** A TCP proxy that counts: how many wait for an answer at the same time, and how many there were. */
import { connect, createServer, type Socket } from "node:net";
import { listen } from "./listen";

export interface ConnectionCounter {
  /** `http://127.0.0.1:…`, in the place of what it leads to. */
  readonly url: string;
  /** The most that waited at the same time, since it was last told to begin anew. */
  readonly most: number;
  /** All connections since then. */
  readonly all: number;
  /** Those that wait now. */
  readonly waiting: number;
  beginAnew(): void;
  stop(): Promise<void>;
}

/** @param target an http URL on this machine */
export async function startConnectionCounter(target: string): Promise<ConnectionCounter> {
  const { hostname, port } = new URL(target);
  const open = new Set<Socket>();
  const waiting = new Set<Socket>();
  let most = 0;
  let all = 0;
  const server = createServer((socket) => {
    open.add(socket);
    waiting.add(socket);
    all += 1;
    most = Math.max(most, waiting.size);
    const upstream = connect({ host: hostname, port: Number(port) });
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      from.on("error", () => {});
      from.on("close", () => to.destroy());
      from.pipe(to);
    }
    // Before the answer goes on: whoever gets it may ask again before this one is closed.
    upstream.prependOnceListener("data", () => waiting.delete(socket));
    socket.on("close", () => {
      waiting.delete(socket);
      open.delete(socket);
    });
  });
  const ownPort = await listen(server);
  return {
    url: `http://127.0.0.1:${ownPort}`,
    get most() {
      return most;
    },
    get all() {
      return all;
    },
    get waiting() {
      return waiting.size;
    },
    beginAnew() {
      most = waiting.size;
      all = 0;
    },
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
