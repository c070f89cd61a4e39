import { buildConnector, Client } from "undici";

/** One connection to Keystone, for one call at a time. */
export interface Connection {
  readonly client: Client;
  /** From the moment it stands, to its end: what is sent may then have arrived. */
  readonly isUp: () => boolean;
}

export interface Connections {
  /** A connection of its own, that nobody else has used or will use. */
  open(): Connection;
  /** One that may be given back. */
  openToKeep(): Connection;
  /** One that was given back and stands, as far as we know, if there is any. */
  takeKept(): Connection | undefined;
  /** For another call, after an answer that was read to its end. */
  giveBack(connection: Connection): void;
  close(): void;
}

/** Keystone's workers are few, and some servers bind one to each connection that waits. */
const MOST_KEPT = 4;
const KEPT_MS = 4_000;

/**
 * Connections of one session. Over https all of them resume its TLS session, which saves Keystone a
 * signature and us a round trip.
 */
export function createConnections({
  origin,
  caCertificate,
  timeoutMs,
}: {
  origin: string;
  caCertificate?: string;
  timeoutMs: number;
}): Connections {
  const connect = buildConnector({ ca: caCertificate, timeout: timeoutMs, allowH2: false });
  const kept: Connection[] = [];
  /** The connector holds its TLS session weakly: without this, it is gone with the next collection. */
  const held: { tlsSession?: Buffer } = {};

  function make({ pipelining }: { pipelining: 0 | 1 }): Connection {
    let isUp = false;
    const client = new Client(origin, {
      connect: (options, callback) =>
        connect(options, (...outcome) => {
          isUp = outcome[0] === null;
          outcome[1]?.on("session", (session: Buffer) => {
            held.tlsSession = session;
          });
          callback(...outcome);
        }),
      pipelining,
      keepAliveTimeout: KEPT_MS,
      keepAliveMaxTimeout: KEPT_MS,
      headersTimeout: 0, // the session has one clock for all of a call
      bodyTimeout: 0,
    });
    const connection = { client, isUp: () => isUp };
    client.on("disconnect", () => {
      const at = kept.indexOf(connection);
      if (at === -1) return;
      kept.splice(at, 1);
      void client.destroy();
    });
    return connection;
  }

  return {
    open: () => make({ pipelining: 0 }),
    openToKeep: () => make({ pipelining: 1 }),
    takeKept: () => kept.pop(),
    giveBack(connection) {
      // Keystone may have ended it with its answer: the client would open another by itself.
      if (connection.client.stats.connected && kept.length < MOST_KEPT) kept.push(connection);
      else void connection.client.destroy();
    },
    close() {
      for (const { client } of kept.splice(0)) void client.destroy();
    },
  };
}
