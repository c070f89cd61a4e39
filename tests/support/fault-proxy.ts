/**
 * A proxy in front of a Keystone that fails as networks, proxies and Keystones do: on the calls a test
 * picks, before Keystone gets them, after it has carried them out, or long after we gave up waiting.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { getFreePort } from "./free-port";
import { Hits } from "./hits";

/** What Keystone answered, or what the proxy says in its place. */
export interface UpstreamAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/**
 * When Keystone gets the request. `on-release`: when the test says so, whoever has given up by then;
 * who has not gets the answer.
 */
export type CarryOut = "never" | "first" | "on-release";

export type Answer =
  /** Keystone's own. */
  | { kind: "pass" }
  /** The connection is reset (RST). */
  | { kind: "reset" }
  /** The connection is closed (FIN), without a word. */
  | { kind: "close" }
  /** Nothing, for as long as the caller waits. */
  | { kind: "silence" }
  /** Something else, whatever Keystone said. */
  | { kind: "reply"; status: number; headers?: Record<string, string>; body?: string }
  /** Keystone's own, changed. */
  | { kind: "rewrite"; rewrite(answer: UpstreamAnswer): UpstreamAnswer }
  /** Keystone's own, its body byte by byte. */
  | { kind: "drip"; everyMs: number }
  /** Keystone's own, cut in the middle of the body that was announced. */
  | { kind: "cut" }
  /** A body that does not end. */
  | { kind: "endless" }
  /** Not HTTP. */
  | { kind: "bytes"; bytes: string }
  /** Keystone's own with the promise of keeping the connection, which the next request finds broken. */
  | { kind: "stale-keep-alive" };

export interface Fault {
  readonly carryOut: CarryOut;
  readonly answer: Answer;
  /** Keystone gets it, and the answer goes out, that much later. */
  readonly delayMs?: number;
}

/** Which calls: all parts that are given must fit. The path is without its query: `/v3/auth/tokens`. */
export interface CallMatch {
  readonly method?: string;
  readonly path?: string | RegExp;
  /** A part of the body, such as `"methods":["token"]`. */
  readonly body?: string;
  /** Its `X-Openstack-Request-Id`: setpass passes on the one that it was asked with. */
  readonly requestId?: string;
}

export interface ProxiedCall {
  readonly method: string;
  readonly path: string;
  /** As it was sent: holds secrets, so compare it and do not print it. */
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Whether a rule caught it. */
  faulty: boolean;
  /** Keystone's status, once it has answered. */
  carriedOut: number | undefined;
}

export interface FaultRule {
  readonly hits: number;
  /** Resolves when that many calls were caught; with `first`, when Keystone has carried them out. */
  waitForHits(count: number): Promise<void>;
  /** Gives Keystone what `on-release` holds. @returns Keystone's statuses, in the calls' order */
  release(): Promise<number[]>;
  remove(): void;
}

export interface FaultProxy {
  /** In Keystone's place, without `/v3`. */
  readonly url: string;
  readonly port: number;
  /** Every call that came, oldest first. */
  readonly calls: readonly ProxiedCall[];
  count(match: CallMatch): number;
  /**
   * @param options.times after so many calls the rule lets the others pass; every call when left out
   * @param options.skip lets so many matching calls pass first
   */
  inject(match: CallMatch, fault: Fault, options?: { times?: number; skip?: number }): FaultRule;
  /** Removes every rule. What is held stays held, and what hangs hangs on. */
  heal(): void;
  /**
   * Connections are refused from now on, and those that stand are cut.
   *
   * @param options.answering lets those that stand have their answers first
   */
  goAway(options?: { answering?: boolean }): Promise<void>;
  /** Takes connections again, on the same port. */
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

const reply = (
  status: number,
  body: string,
  options: { headers?: Record<string, string>; carryOut?: CarryOut } = {},
): Fault => ({
  carryOut: options.carryOut ?? "never",
  answer: { kind: "reply", status, body, headers: options.headers },
});

const HTML = "<!DOCTYPE html><title>Bad Gateway</title><h1>Something is wrong here</h1>\n";
const html = { "content-type": "text/html; charset=utf-8" };
const keystoneFailed = JSON.stringify({
  error: { code: 500, title: "Internal Server Error", message: "An unexpected error occurred." },
});
const json = { "content-type": "application/json" };

/** What somebody says in Keystone's place, which has got nothing of the call. */
export const jsonInstead = (status: number, value?: unknown): Fault =>
  reply(status, value === undefined ? "" : JSON.stringify(value), { headers: json });

/** A no in Keystone's own shape. */
export const refusal = (code: number, message = "No."): Fault =>
  jsonInstead(code, { error: { code, title: "No", message } });

/**
 * Every way to fail, by name. Those that end in `-after` (and `drip`, `cut`, …) fail when Keystone has
 * done what it was asked; the others keep it from Keystone. A refused connection is `goAway()`.
 */
export const faults = {
  "reset-before": { carryOut: "never", answer: { kind: "reset" } },
  "reset-after": { carryOut: "first", answer: { kind: "reset" } },
  "close-before": { carryOut: "never", answer: { kind: "close" } },
  "close-after": { carryOut: "first", answer: { kind: "close" } },
  "hang-before": { carryOut: "never", answer: { kind: "silence" } },
  "hang-after": { carryOut: "first", answer: { kind: "silence" } },
  /** Carried out after we gave up. */
  late: { carryOut: "on-release", answer: { kind: "silence" } },
  /** Slow: nothing is lost, only held back. */
  paused: { carryOut: "on-release", answer: { kind: "pass" } },
  "500-before": reply(500, keystoneFailed, { headers: json }),
  "500-after": reply(500, keystoneFailed, { headers: json, carryOut: "first" }),
  "502-before": reply(502, HTML, { headers: html }),
  "502-after": reply(502, HTML, { headers: html, carryOut: "first" }),
  "503-before": reply(503, HTML, { headers: { ...html, "retry-after": "7" } }),
  "503-after": reply(503, HTML, { headers: { ...html, "retry-after": "7" }, carryOut: "first" }),
  "504-before": reply(504, HTML, { headers: html }),
  "504-after": reply(504, HTML, { headers: html, carryOut: "first" }),
  "429": reply(429, "", { headers: { "retry-after": "3" } }),
  /** A captive portal, or a proxy's page: a 200 that is not Keystone's. */
  "html-before": reply(200, HTML, { headers: html }),
  "html-after": reply(200, HTML, { headers: html, carryOut: "first" }),
  redirect: reply(302, "", { headers: { location: "http://127.0.0.1:9/v3/auth/tokens" } }),
  "truncated-json": {
    carryOut: "first",
    answer: {
      kind: "rewrite",
      rewrite: (answer) => ({
        ...answer,
        status: answer.status === 204 ? 200 : answer.status,
        body: (answer.body || '{"user": {}}').slice(0, -3),
      }),
    },
  },
  "no-subject-token": {
    carryOut: "first",
    answer: {
      kind: "rewrite",
      rewrite: ({ headers: { "x-subject-token": _, ...headers }, ...answer }) => ({
        ...answer,
        headers,
      }),
    },
  },
  oversized: {
    carryOut: "first",
    answer: {
      kind: "rewrite",
      rewrite: (answer) => ({
        ...answer,
        status: 200,
        body: JSON.stringify({ filler: "x".repeat(5 * 1024 * 1024) }),
      }),
    },
  },
  drip: { carryOut: "first", answer: { kind: "drip", everyMs: 500 } },
  cut: { carryOut: "first", answer: { kind: "cut" } },
  endless: { carryOut: "first", answer: { kind: "endless" } },
  "not-http": { carryOut: "first", answer: { kind: "bytes", bytes: "220 smtp.example ESMTP\r\n" } },
  "stale-keep-alive": { carryOut: "first", answer: { kind: "stale-keep-alive" } },
} as const satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;

/** Keystone's tokens without an end: `expires_at: null`. No failure, but not every client reads it. */
export const withoutExpiry: Fault = {
  carryOut: "first",
  answer: {
    kind: "rewrite",
    rewrite: (answer) => ({
      ...answer,
      body: answer.body.replace(/"expires_at": ?"[^"]*"/, '"expires_at": null'),
    }),
  },
};

const matches = (call: ProxiedCall, match: CallMatch) =>
  (match.method === undefined || match.method === call.method) &&
  (match.path === undefined ||
    (typeof match.path === "string" ? match.path === call.path : match.path.test(call.path))) &&
  (match.body === undefined || call.body.replace(/\s+/g, "").includes(match.body)) &&
  (match.requestId === undefined || match.requestId === call.headers["x-openstack-request-id"]);

class Rule extends Hits implements FaultRule {
  readonly held: (() => Promise<number>)[] = [];
  readonly #options: { times?: number; skip?: number };
  #seen = 0;
  removed = false;

  constructor(
    readonly match: CallMatch,
    readonly fault: Fault,
    options: { times?: number; skip?: number },
  ) {
    super();
    this.#options = options;
  }

  catches(call: ProxiedCall): boolean {
    if (this.removed || !matches(call, this.match)) return false;
    this.#seen += 1;
    const { times = Number.POSITIVE_INFINITY, skip = 0 } = this.#options;
    return this.#seen > skip && this.#seen <= skip + times;
  }

  release(): Promise<number[]> {
    return Promise.all(this.held.splice(0).map((carryOut) => carryOut()));
  }

  remove(): void {
    this.removed = true;
  }
}

/**
 * @param options.target the Keystone, without `/v3`
 * @param options.keepAlive after an answer that no rule has touched, the connection may be used again
 */
export async function startFaultProxy(options: {
  target: string;
  keepAlive?: boolean;
}): Promise<FaultProxy> {
  const target = new URL(options.target);
  const calls: ProxiedCall[] = [];
  let rules: Rule[] = [];
  const sockets = new Set<Socket>();
  const stale = new WeakSet<Socket>();
  const timers = new Set<NodeJS.Timeout>();

  const wait = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        resolve();
      }, ms);
      timers.add(timer);
    });

  async function onRequest(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = incoming;
    if (stale.has(socket)) {
      socket.resetAndDestroy();
      return;
    }
    const body = await readAll(incoming);
    const call: ProxiedCall = {
      method: incoming.method ?? "GET",
      path: new URL(incoming.url ?? "/", target).pathname,
      body: body.toString("utf8"),
      headers: incoming.headers,
      faulty: false,
      carriedOut: undefined,
    };
    calls.push(call);
    const rule = rules.find((candidate) => candidate.catches(call));
    const fault: Fault = rule?.fault ?? { carryOut: "first", answer: { kind: "pass" } };
    const forwarded = { ...incoming.headers, host: target.host, connection: "close" };
    const carryOut = async () => {
      const answer = await send(target, incoming, forwarded, body);
      call.carriedOut = answer.status;
      return answer;
    };
    if (rule) call.faulty = true;
    if (fault.carryOut === "on-release") {
      rule?.held.push(async () => {
        const answer = await carryOut();
        if (!socket.destroyed) give(fault.answer, answer, { socket, response });
        return answer.status;
      });
      rule?.hit();
      return;
    }
    if (fault.delayMs) await wait(fault.delayMs);
    const answer = fault.carryOut === "first" ? await carryOut() : undefined;
    rule?.hit();
    give(fault.answer, answer, { socket, response, keep: !rule && options.keepAlive });
  }

  function give(
    how: Answer,
    answer: UpstreamAnswer | undefined,
    { socket, response, keep }: { socket: Socket; response: ServerResponse; keep?: boolean },
  ): void {
    const write = ({ status, headers, body }: UpstreamAnswer) => {
      response.writeHead(status, { ...headers, ...(!keep && { connection: "close" }) });
      response.end(status === 204 ? undefined : body);
    };
    const own = answer ?? { status: 504, headers: {}, body: "" };
    switch (how.kind) {
      case "pass":
        write(own);
        return;
      case "reset":
        socket.resetAndDestroy();
        return;
      case "close":
        socket.destroy();
        return;
      case "silence":
        return;
      case "reply":
        write({ status: how.status, headers: how.headers ?? {}, body: how.body ?? "" });
        return;
      case "rewrite":
        write(how.rewrite(own));
        return;
      case "drip":
        void drip(own, how.everyMs, { socket, response });
        return;
      case "cut": {
        const body = own.body || '{"user": {}}';
        response.writeHead(own.status === 204 ? 200 : own.status, {
          ...own.headers,
          "content-length": String(Buffer.byteLength(body)),
          connection: "close",
        });
        response.write(body.slice(0, Math.floor(body.length / 2)), () => socket.destroy());
        return;
      }
      case "endless": {
        response.writeHead(200, { ...own.headers, ...json, connection: "close" });
        const filler = "x".repeat(16 * 1024);
        const pour = () => {
          while (!socket.destroyed && response.write(filler));
          if (!socket.destroyed) response.once("drain", pour);
        };
        pour();
        return;
      }
      case "bytes":
        socket.end(how.bytes);
        return;
      case "stale-keep-alive":
        stale.add(socket);
        response.writeHead(own.status, {
          ...own.headers,
          connection: "keep-alive",
          ...(own.status !== 204 && { "content-length": String(Buffer.byteLength(own.body)) }),
        });
        response.end(own.status === 204 ? undefined : own.body);
        return;
    }
  }

  /** The head comes at once, so that only patience for the whole of it ends this. */
  async function drip(
    own: UpstreamAnswer,
    everyMs: number,
    { socket, response }: { socket: Socket; response: ServerResponse },
  ): Promise<void> {
    const body = own.body || '{"user": {}}';
    response.writeHead(own.status === 204 ? 200 : own.status, {
      ...own.headers,
      connection: "close",
    });
    response.flushHeaders();
    for (const byte of Buffer.from(body)) {
      await wait(everyMs);
      if (socket.destroyed) return;
      response.write(Buffer.from([byte]));
    }
    response.end();
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    // Whoever called may be gone by the time it is answered, and so may be Keystone.
    response.on("error", () => {});
    onRequest(incoming, response).catch(() => incoming.socket.destroy());
  });
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("clientError", (_error, socket) => socket.destroy());

  const port = await getFreePort();
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  const unlisten = ({ answering = false } = {}) =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      if (!answering) for (const socket of sockets) socket.destroy();
    });
  await listen();

  return {
    url: `http://127.0.0.1:${port}`,
    port,
    calls,
    count: (match) => calls.filter((call) => matches(call, match)).length,
    inject(match, fault, ruleOptions = {}) {
      const rule = new Rule(match, fault, ruleOptions);
      // A later rule is the test's last word.
      rules = [rule, ...rules];
      return rule;
    },
    heal: () => {
      for (const rule of rules) rule.remove();
      rules = [];
    },
    goAway: unlisten,
    comeBack: listen,
    async stop() {
      for (const timer of timers) clearTimeout(timer);
      if (server.listening) await unlisten();
    },
  };
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Passed on as it came, over a connection of its own. */
function send(
  target: URL,
  incoming: IncomingMessage,
  headers: Record<string, string | string[] | undefined>,
  body: Buffer,
): Promise<UpstreamAnswer> {
  return new Promise((resolve, reject) => {
    const { "transfer-encoding": _, ...kept } = headers;
    const outgoing = request(
      {
        host: target.hostname,
        port: target.port,
        method: incoming.method,
        path: incoming.url,
        headers: { ...kept, "content-length": String(body.length) },
        agent: false,
      },
      (upstream) => {
        readAll(upstream).then((answered) => {
          const names = ["content-length", "transfer-encoding", "connection", "keep-alive"];
          const passed = Object.entries(upstream.headers).flatMap(([name, value]) =>
            value === undefined || names.includes(name) ? [] : [[name, String(value)]],
          );
          resolve({
            status: upstream.statusCode ?? 502,
            headers: Object.fromEntries(passed),
            body: answered.toString("utf8"),
          });
        }, reject);
      },
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}
