/**
 * HTTP/1.1 by hand, for what no well-behaved client sends: each request is bytes, on a connection of
 * its own.
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case, each value there was. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly body: string;
}

export interface Exchange {
  /** Every whole answer, in order; none where the server hung up without a word. */
  readonly answers: readonly RawAnswer[];
  /** Whether the server ended the connection, rather than our patience. */
  readonly closed: boolean;
  readonly afterMs: number;
}

/** A request; what it needs and lacks (Host, Connection: close, the length of a body) is added. */
export interface RawRequest {
  method?: string;
  /** The request target, as it is to stand in the first line. */
  target: string;
  headers?: readonly (readonly [name: string, value: string])[];
  body?: string | Buffer;
}

/** Header values and targets are taken byte for byte (latin1); a body that is text becomes UTF-8. */
export function requestBytes({ method = "GET", target, headers = [], body }: RawRequest): Buffer {
  const given = new Set(headers.map(([name]) => name.toLowerCase()));
  const content = typeof body === "string" ? Buffer.from(body, "utf8") : body;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(given.has("host") ? [] : ["Host: setpass.example"]),
    ...(given.has("connection") ? [] : ["Connection: close"]),
    ...(content === undefined || given.has("content-length") || given.has("transfer-encoding")
      ? []
      : [`Content-Length: ${content.length}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
  return content === undefined ? head : Buffer.concat([head, content]);
}

export interface ConnectionOptions {
  port: number;
  /** The address it comes from: any of 127.0.0.0/8. */
  from?: string;
  /** Our patience; 15 s unless told. */
  timeoutMs?: number;
}

/** Opens a connection on which the test sends when it likes; the closing is left to the server, unless told. */
export async function openConnection(
  port: number,
  { allowHalfOpen = true } = {},
): Promise<{ socket: Socket; received(): string }> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen });
  let text = "";
  socket.setEncoding("latin1").on("data", (part) => {
    text += part;
  });
  await once(socket, "connect");
  socket.on("error", () => {});
  return { socket, received: () => text };
}

/** Sends one request. @throws Error where there is not exactly one whole answer */
export async function ask(request: RawRequest, options: ConnectionOptions): Promise<RawAnswer> {
  const exchange = await exchangeBytes([requestBytes(request)], options);
  const [answer] = exchange.answers;
  if (answer === undefined || exchange.answers.length !== 1)
    throw new Error(
      `${exchange.answers.length} answers to ${request.method ?? "GET"} ${JSON.stringify(request.target)} after ${Math.round(exchange.afterMs)} ms`,
    );
  return answer;
}

/**
 * Sends bytes, chunk after chunk, and listens until the server closes the connection.
 *
 * @param options.everyMs the pause after each chunk; none unless told
 */
export function exchangeBytes(
  chunks: Iterable<Buffer>,
  options: ConnectionOptions & { everyMs?: number },
): Promise<Exchange> {
  const { port, from, timeoutMs = 15_000, everyMs = 0 } = options;
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: from });
    socket.setNoDelay(true);
    const received: Buffer[] = [];
    let closed = true;
    let nextChunk: NodeJS.Timeout | undefined;
    const patience = setTimeout(() => {
      closed = false;
      socket.destroy();
    }, timeoutMs);
    const rest = chunks[Symbol.iterator]();
    const send = () => {
      const { done, value } = rest.next();
      if (done || socket.destroyed) return;
      // Taken by the kernel first: an endless body must not fill our own memory.
      socket.write(value, () => {
        nextChunk = setTimeout(send, everyMs);
      });
    };
    socket.on("connect", send);
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    // A reset after the answer is a close as well: the answer is what counts.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") reject(error);
    });
    socket.on("close", () => {
      clearTimeout(patience);
      clearTimeout(nextChunk);
      const afterMs = performance.now() - startedAt;
      resolve({ answers: readAnswers(Buffer.concat(received)), closed, afterMs });
    });
  });
}

/** @returns the whole answers; 100 Continue is none */
export function readAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  for (;;) {
    const headEnd = rest.indexOf("\r\n\r\n");
    if (headEnd === -1) return answers;
    const [first = "", ...lines] = rest.toString("latin1", 0, headEnd).split("\r\n");
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
    const headers: Record<string, string[]> = {};
    for (const line of lines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).toLowerCase();
      headers[name] = [...(headers[name] ?? []), line.slice(colon + 1).trim()];
    }
    rest = rest.subarray(headEnd + 4);
    if (status === 100) continue;
    const body = readBody(rest, headers);
    rest = body.rest;
    answers.push({ status, headers, body: body.bytes.toString("utf8") });
  }
}

function readBody(
  bytes: Buffer,
  headers: Record<string, readonly string[]>,
): { bytes: Buffer; rest: Buffer } {
  const length = headers["content-length"]?.[0];
  if (length !== undefined) {
    const end = Math.min(Number(length), bytes.length);
    // To HEAD and with 304 the length is told and nothing follows.
    const next = bytes.subarray(0, 7).toString("latin1") === "HTTP/1." ? 0 : end;
    return { bytes: bytes.subarray(0, next), rest: bytes.subarray(next) };
  }
  if (headers["transfer-encoding"]?.[0] !== "chunked")
    return { bytes: Buffer.alloc(0), rest: bytes };
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    const size = lineEnd === -1 ? 0 : Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (lineEnd === -1) return { bytes: Buffer.concat(parts), rest: Buffer.alloc(0) };
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
    if (size === 0) return { bytes: Buffer.concat(parts), rest: bytes.subarray(at) };
  }
}
