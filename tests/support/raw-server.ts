import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions } from "node:tls";

export interface RawServer {
  readonly port: number;
  /** Every request there was, as it came over the wire: head and body. */
  readonly requests: string[];
  /** How many connections there were. */
  connections(): number;
  /** Connections that are open now. */
  open(): number;
  stop(): Promise<void>;
}

/**
 * A server below HTTP, for what no well-behaved server would do. Calls `onRequest` with each whole
 * request and the socket to answer on, however that pleases.
 */
export async function startRawServer(
  onRequest: (socket: Socket, request: string) => void,
  options: { host?: string; tls?: TlsOptions } = {},
): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const requests: string[] = [];
  let connections = 0;
  const onConnection = (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      const headEnd = text.indexOf("\r\n\r\n");
      if (headEnd === -1) return;
      const length = Number(/^content-length: *(\d+)/im.exec(text)?.[1] ?? 0);
      if (text.length < headEnd + 4 + length) return;
      const request = text;
      text = "";
      requests.push(request);
      onRequest(socket, request);
    });
  };
  const server: Server =
    options.tls === undefined
      ? createServer(onConnection)
      : createTlsServer(options.tls, onConnection);
  server.listen(0, options.host ?? "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    connections: () => connections,
    open: () => sockets.size,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A whole answer of HTTP/1.1, its length told, and that the connection ends with it. */
export function httpAnswer(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): string {
  const lines = Object.entries({
    "Content-Type": "application/json",
    "Content-Length": String(Buffer.byteLength(body)),
    Connection: "close",
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return `HTTP/1.1 ${status} Whatever\r\n${lines.join("\r\n")}\r\n\r\n${body}`;
}
