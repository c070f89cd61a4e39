import type { Server, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";

/** After our FIN: a client that has not closed its side by then is cut off. */
const CLOSE_MS = 2_000;
/** For the rest of a request's head, which may be on its way. */
const HEAD_MS = 5_000;
/** For the rest of its body. */
const BODY_MS = 10_000;
/** For reading an answer, and for a pause in reading it. */
const READ_MS = 8_000;
const LOOK_EVERY_MS = 200;

interface Connection {
  /** Answers that are not wholly sent, oldest first. */
  readonly open: Map<ServerResponse, { endedAt: number | undefined }>;
  /** How much had been read when its last answer was sent; 0 before its first. */
  bytesAnswered: number;
  /** What had been taken of our answers, and since when it is no more. */
  taken: { bytes: number; since: number };
}

export interface Drain {
  readonly isDraining: () => boolean;
  /** Keeps account of a server's connections, from before it listens. */
  follow(server: Server): void;
  /**
   * Ends the service in order: every answer from now on says `Connection: close`; then nothing more is
   * accepted, idle connections are closed, and the others once they are answered. Who is slow to send
   * or to read is not waited for longer than ten seconds.
   *
   * @param options.delaySeconds how long connections are still accepted, for balancers to see that
   *   `/readyz` says 503
   * @returns once every connection is closed
   */
  end(options: { delaySeconds: number }): Promise<void>;
}

export function createDrain(): Drain {
  const connections = new Map<Socket, Connection>();
  let followed: Server | undefined;
  let draining = false;
  let closedAt: number | undefined;

  function follow(server: Server): void {
    followed = server;
    server.on("connection", (socket: Socket) => {
      connections.set(socket, {
        open: new Map(),
        bytesAnswered: 0,
        taken: { bytes: 0, since: 0 },
      });
      socket.once("close", () => connections.delete(socket));
    });
    // Before any of ours that could answer.
    server.prependListener("request", ({ socket }, response) => {
      const connection = connections.get(socket);
      if (!connection) return;
      connection.open.set(response, { endedAt: undefined });
      if (draining) response.shouldKeepAlive = false;
      response.once("close", () => {
        connection.open.delete(response);
        connection.bytesAnswered = socket.bytesRead;
        if (closedAt !== undefined) look(socket, connection);
      });
    });
  }

  /** Closes a connection that is idle, or has been waited for long enough. */
  function look(socket: Socket, connection: Connection): void {
    const { open, bytesAnswered, taken } = connection;
    const now = Date.now();
    const waitedMs = now - (closedAt ?? now);
    if (open.size === 0) {
      const isIdle = bytesAnswered > 0 && socket.bytesRead === bytesAnswered;
      if (isIdle && !socket.writableEnded) closeSoon(socket);
      else if (!isIdle && waitedMs > HEAD_MS) socket.destroy();
      return;
    }
    const bytes = socket.bytesWritten - socket.writableLength;
    if (bytes !== taken.bytes || taken.since === 0 || socket.writableLength === 0)
      connection.taken = { bytes, since: now };
    if (now - connection.taken.since > READ_MS) socket.destroy();
    for (const [response, seen] of open) {
      if (response.writableEnded) seen.endedAt ??= now;
      const isUnread = seen.endedAt !== undefined && now - seen.endedAt > READ_MS;
      const isUnsent = !response.req.complete && !response.writableEnded && waitedMs > BODY_MS;
      if (isUnread || isUnsent) socket.destroy();
    }
  }

  async function end({ delaySeconds }: { delaySeconds: number }): Promise<void> {
    const server = followed;
    if (!server) throw new TypeError("a server must be followed before it is drained");
    draining = true;
    for (const { open } of connections.values())
      for (const response of open.keys()) response.shouldKeepAlive = false;
    await sleep(delaySeconds * 1000);
    // Connections that the kernel still holds are accepted first: closing would reset them.
    await nextTurn();
    await nextTurn();
    // Not http's own close(): it cuts answers that are still being sent, and stops timing out slow clients.
    const closed = new Promise<void>((resolve) => {
      NetServer.prototype.close.call(server, () => resolve());
    });
    closedAt = Date.now();
    const lookAtAll = () => {
      for (const [socket, connection] of connections) look(socket, connection);
    };
    lookAtAll();
    const looking = setInterval(lookAtAll, LOOK_EVERY_MS);
    await closed;
    clearInterval(looking);
  }

  return { isDraining: () => draining, follow, end };
}

function closeSoon(socket: Socket): void {
  socket.end();
  const tooLong = setTimeout(() => socket.destroy(), CLOSE_MS);
  socket.once("close", () => clearTimeout(tooLong));
}
