/**
 * A proxy in front of PostgreSQL that reads what the client sends (the protocol's version 3): it knows
 * which statement is about to be run, and when its answer is there. A test stops the world at exactly
 * that moment, to kill the server, to cut the connection, or to keep it waiting.
 */

import { createServer, connect as dial, type Socket } from "node:net";
import { getFreePort } from "./free-port";
import { Hits } from "./hits";

/** A statement as it was executed. */
export interface ExecutedStatement {
  /** White space made plain; parameters are `$1` and so on. */
  readonly sql: string;
  /** What its transaction has run so far, itself last; itself alone outside of one. */
  readonly transaction: readonly string[];
}

/** Which statements: all parts that are given must fit. */
export interface StatementMatch {
  readonly sql: RegExp;
  /** Fits one of the statements of the same transaction so far. */
  readonly within?: RegExp;
}

/**
 * `before`: PostgreSQL has not got it. `after`: it is done (and committed, outside of a transaction),
 * and the client does not know yet.
 */
export type Moment = "before" | "after";

/**
 * What becomes of the connection then. `cut`: it is reset, as by a network that breaks; `close`: it is
 * closed, as by a PostgreSQL that ends. Nothing more is passed on.
 */
export type Verdict = "pass" | "cut" | "close";

export interface StatementRule {
  readonly hits: number;
  /** Resolves when the rule has caught that many statements. */
  waitForHits(count: number): Promise<void>;
  remove(): void;
}

export interface Held extends StatementRule {
  /** Passes on what is held, and holds nothing more. */
  release(): void;
}

export interface PostgresProxy {
  readonly port: number;
  /** @returns the same database, through the proxy */
  through(databaseUrl: string): string;
  /** Everything executed since `forget`, oldest first, over all connections. */
  readonly statements: readonly ExecutedStatement[];
  forget(): void;
  /** Connections that are open now. */
  connections(): number;
  /**
   * @param act is awaited; `pass` where it gives nothing
   * @param options.times after so many statements the rule lets the others pass; every one when left out
   */
  inject(
    match: StatementMatch,
    moment: Moment,
    act: () => Promise<Verdict | undefined> | Verdict | undefined,
    options?: { times?: number },
  ): StatementRule;
  /** Keeps matching statements from PostgreSQL, or their answers from the client, until released. */
  hold(match: StatementMatch, moment: Moment): Held;
  /** Removes every rule; what is held is passed on. */
  heal(): void;
  /** Passes nothing on any more, either way; new connections are taken, and not answered. */
  fallSilent(): void;
  /** Goes on where it stopped. */
  speak(): void;
  /** Resets every connection there is. */
  cut(): void;
  /** Connections are refused from now on, and those that stand are reset. */
  goAway(): Promise<void>;
  /** Takes connections again, on the same port. */
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;

class Rule extends Hits implements StatementRule {
  #left: number;

  constructor(
    readonly match: StatementMatch,
    readonly moment: Moment,
    readonly act: () => Promise<Verdict | undefined> | Verdict | undefined,
    times: number,
  ) {
    super();
    this.#left = times;
  }

  takes({ sql, transaction }: ExecutedStatement): boolean {
    const { match } = this;
    if (this.#left === 0 || !match.sql.test(sql)) return false;
    const { within } = match;
    if (within && !transaction.some((statement) => within.test(statement))) return false;
    this.#left -= 1;
    return true;
  }

  async run(): Promise<Verdict> {
    this.hit();
    return (await this.act()) ?? "pass";
  }

  /** The statement failed: there is no "after" it. */
  giveBack(): void {
    this.#left += 1;
  }

  remove(): void {
    this.#left = 0;
  }
}

/** What the client asked for up to one Sync, or with one simple query. */
interface Exchange {
  whole: boolean;
  failed: boolean;
  readonly after: Rule[];
  readonly held: Buffer[];
}

/** @param options.target a database URL; only its host and port are looked at */
export async function startPostgresProxy(options: { target: string }): Promise<PostgresProxy> {
  const target = new URL(options.target);
  const statements: ExecutedStatement[] = [];
  const pairs = new Set<{ client: Socket; server: Socket }>();
  let rules: Rule[] = [];
  const releases = new Set<() => void>();
  let silence: { over: Promise<void>; end: () => void } | undefined;

  function serve(client: Socket): void {
    const server = dial(Number(target.port || 5432), target.hostname);
    const pair = { client, server };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", end);
    }
    const carryOut = (verdict: Verdict) => {
      if (verdict === "pass") return false;
      if (verdict === "cut") client.resetAndDestroy();
      end();
      return true;
    };
    const exchanges: Exchange[] = [];
    const session = new Session();

    const ask = async () => {
      let bytes: Buffer = Buffer.alloc(0);
      for await (const chunk of client as AsyncIterable<Buffer>) {
        bytes = Buffer.concat([bytes, chunk]);
        for (;;) {
          const message = session.started ? typedMessage(bytes) : untypedMessage(bytes);
          if (message === undefined) break;
          bytes = bytes.subarray(message.length);
          if (!session.started && !session.start(message)) {
            client.write("N"); // no encryption here
            continue;
          }
          if (session.readsOn(message) && exchanges.at(-1)?.whole !== false)
            exchanges.push({ whole: false, failed: false, after: [], held: [] });
          const exchange = exchanges.at(-1);
          const statement = session.executes(message);
          if (statement) {
            statements.push(statement);
            for (const rule of rules.filter((one) => one.moment === "before")) {
              if (rule.takes(statement) && carryOut(await rule.run())) return;
            }
            exchange?.after.push(
              ...rules.filter((one) => one.moment === "after" && one.takes(statement)),
            );
          }
          const type = String.fromCharCode(message[0] ?? 0);
          if (exchange && (type === "Q" || type === "S")) exchange.whole = true;
          await silence?.over;
          server.write(message);
        }
      }
    };

    const answer = async () => {
      let bytes: Buffer = Buffer.alloc(0);
      for await (const chunk of server as AsyncIterable<Buffer>) {
        bytes = Buffer.concat([bytes, chunk]);
        const passed: Buffer[] = [];
        for (let message = typedMessage(bytes); message; message = typedMessage(bytes)) {
          bytes = bytes.subarray(message.length);
          const exchange = exchanges[0];
          const type = String.fromCharCode(message[0] ?? 0);
          const holding = exchange !== undefined && exchange.after.length > 0;
          (holding ? exchange.held : passed).push(message);
          if (exchange && type === "E") exchange.failed = true;
          if (type !== "Z" || !exchange) continue;
          exchanges.shift();
          for (const rule of exchange.after) {
            if (exchange.failed) rule.giveBack();
            else if (carryOut(await rule.run())) return;
          }
          passed.push(...exchange.held);
        }
        await silence?.over;
        if (passed.length > 0) client.write(Buffer.concat(passed));
      }
    };
    for (const direction of [ask, answer]) direction().then(end, end);
  }

  const listener = createServer(serve);
  const port = await getFreePort();
  const listen = () =>
    new Promise<void>((resolve, reject) => {
      listener.once("error", reject);
      listener.listen(port, "127.0.0.1", () => {
        listener.off("error", reject);
        resolve();
      });
    });
  const cutAll = () => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  };
  const unlisten = () =>
    new Promise<void>((resolve) => {
      listener.close(() => resolve());
      cutAll();
    });
  await listen();

  const proxy: PostgresProxy = {
    get port() {
      return port;
    },
    through(databaseUrl) {
      const url = new URL(databaseUrl);
      url.hostname = "127.0.0.1";
      url.port = String(port);
      return url.href;
    },
    statements,
    forget: () => {
      statements.length = 0;
    },
    connections: () => pairs.size,
    inject(match, moment, act, { times = Number.POSITIVE_INFINITY } = {}) {
      const rule = new Rule(match, moment, act, times);
      rules = [...rules, rule];
      return rule;
    },
    hold(match, moment) {
      let release = () => {};
      const released = new Promise<undefined>((resolve) => {
        release = () => resolve(undefined);
      });
      releases.add(release);
      const rule = new Rule(match, moment, () => released, Number.POSITIVE_INFINITY);
      rules = [...rules, rule];
      return Object.assign(rule, {
        release() {
          rule.remove();
          release();
        },
      });
    },
    heal() {
      for (const rule of rules) rule.remove();
      for (const release of releases) release();
      rules = [];
    },
    fallSilent() {
      if (silence) return;
      let end = () => {};
      const over = new Promise<void>((resolve) => {
        end = resolve;
      });
      silence = { over, end };
    },
    speak() {
      silence?.end();
      silence = undefined;
    },
    cut: cutAll,
    goAway: unlisten,
    comeBack: listen,
    async stop() {
      proxy.heal();
      proxy.speak();
      if (listener.listening) await unlisten();
    },
  };
  return proxy;
}

/** What one connection has prepared, and where its transaction stands. */
class Session {
  started = false;
  readonly #prepared = new Map<string, string>();
  readonly #portals = new Map<string, string>();
  #transaction: string[] | undefined;

  /** @returns whether the first message is to be passed on; a request for encryption is not */
  start(message: Buffer): boolean {
    const code = message.readInt32BE(4);
    if (code === SSL_REQUEST || code === GSS_REQUEST) return false;
    this.started = true;
    return true;
  }

  /** Whether the message belongs to an exchange that ends with ReadyForQuery. */
  readsOn(message: Buffer): boolean {
    return "QPBEDCHS".includes(String.fromCharCode(message[0] ?? 0));
  }

  /** @returns the statement this message has PostgreSQL run, if it is such a message */
  executes(message: Buffer): ExecutedStatement | undefined {
    const body = message.subarray(5);
    switch (String.fromCharCode(message[0] ?? 0)) {
      case "P": {
        const name = textAt(body, 0);
        this.#prepared.set(name.text, plain(textAt(body, name.end).text));
        return undefined;
      }
      case "B": {
        const portal = textAt(body, 0);
        const name = textAt(body, portal.end).text;
        this.#portals.set(portal.text, this.#prepared.get(name) ?? "");
        return undefined;
      }
      case "E":
        return this.#run(this.#portals.get(textAt(body, 0).text) ?? "");
      case "Q":
        return this.#run(plain(textAt(body, 0).text));
      default:
        return undefined;
    }
  }

  #run(sql: string): ExecutedStatement {
    if (/^(begin|start transaction)\b/i.test(sql)) this.#transaction = [];
    this.#transaction?.push(sql);
    const statement = { sql, transaction: [...(this.#transaction ?? [sql])] };
    if (/^(commit|rollback|end)\b(?! to)/i.test(sql)) this.#transaction = undefined;
    return statement;
  }
}

const plain = (sql: string) => sql.replace(/\s+/g, " ").trim();

/** A text that ends with a zero byte. */
function textAt(bytes: Buffer, start: number): { text: string; end: number } {
  const zero = bytes.indexOf(0, start);
  return { text: bytes.toString("utf8", start, zero), end: zero + 1 };
}

/** The first message has no type: length, then a code. */
function untypedMessage(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 8) return undefined;
  const length = bytes.readInt32BE(0);
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}

function typedMessage(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 5) return undefined;
  const length = bytes.readInt32BE(1) + 1;
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}
