import { connect, type Socket } from "node:net";
import postgres from "postgres";
import type { DatabaseAddress, DatabaseHost } from "../app/config/database-url.server";
import { DatabaseUnavailableError } from "./outage";

/** How postgres.js reads and writes PostgreSQL's types, by type id: Drizzle has wishes of its own. */
export interface TypeTables {
  readonly parsers: Record<number, unknown>;
  readonly serializers: Record<number, unknown>;
}

export interface ConnectionSettings {
  readonly address: DatabaseAddress;
  /** Sent when connecting: PostgreSQL's limits for the session, in milliseconds. */
  readonly limits: Readonly<Record<string, number>>;
  readonly types: TypeTables;
  /** For reaching PostgreSQL, signing in and a first answer, together, over all hosts. */
  readonly openTimeoutMs: number;
  /** For each statement. Longer than PostgreSQL's own statement_timeout: then it is not going to answer. */
  readonly answerTimeoutMs: number;
  /** Shared by the connections of a pool. */
  readonly learned: Learned;
}

/** What one connection finds out about the way to PostgreSQL, for those that come after it. */
export interface Learned {
  /** The host that was right the last time: where to begin. */
  host: number;
  /** A pooler refused the limits when connecting: they are set in each transaction instead. */
  refusesLimits: boolean;
  /** A session does not keep its prepared statements: a pooler gives them to others. */
  forgetsStatements: boolean;
}

export interface ExecuteOptions {
  /** Gives each row as an array of its values. */
  readonly asArrays: boolean;
  /**
   * `named`: parsed and planned once a connection, and then known by name. `unnamed`: each time anew,
   * at two round trips; it depends on nothing that came before.
   */
  readonly statement: "named" | "unnamed";
}

/**
 * One connection to PostgreSQL, from opening to its end, and never another one in its place.
 *
 * postgres.js speaks the protocol. What it does when a connection is lost is left to this class: it
 * connects anew under the feet of a transaction, runs the rest of it there, outside of any
 * transaction, or writes its ROLLBACK to a socket that is gone, which ends the process (its issues
 * 1133, 1208 and 1216). So every connection has a postgres.js of its own, that is given one socket,
 * one statement at a time, and nothing any more after the first sign of trouble.
 */
export class Connection {
  readonly openedAt = performance.now();
  readonly #client: postgres.Sql;
  readonly #settings: ConnectionSettings;
  readonly #host: DatabaseHost;
  readonly #onLost: (connection: Connection) => void;
  readonly #rejecters = new Set<(error: Error) => void>();
  #socket: Socket | undefined;
  #lostBy: Error | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param onLost called once, when the connection cannot be used any more, however that came */
  constructor(
    settings: ConnectionSettings,
    host: DatabaseHost,
    onLost: (connection: Connection) => void,
  ) {
    this.#settings = settings;
    this.#host = host;
    this.#onLost = onLost;
    const { limits, learned } = settings;
    this.#client = postgres(host.url, {
      ...(host.path !== undefined && { path: host.path }),
      ...(host.host && { host: [host.host], port: [host.port] }),
      max: 1,
      // Not postgres.js's to end it: it would do so without a word to the pool.
      idle_timeout: 0,
      max_lifetime: 0,
      connect_timeout: 0,
      // Asks for every array type there is, at each connecting. No column of ours is an array.
      fetch_types: false,
      onnotice: () => {},
      connection: { application_name: "setpass", ...(learned.refusesLimits ? {} : limits) },
      socket: (options: SocketOptions) => this.#makeSocket(options),
      onclose: () => this.abandon(lost()),
    } as unknown as postgres.Options<Record<string, never>>);
    Object.assign(this.#client.options.parsers, settings.types.parsers);
    Object.assign(this.#client.options.serializers, settings.types.serializers, serializedOnce);
  }

  get isLost(): boolean {
    return this.#lostBy !== undefined;
  }

  /** Why; undefined while it is not. */
  get lostBy(): Error | undefined {
    return this.#lostBy;
  }

  /**
   * Connects, signs in, and sees to it that this is the server that is wanted.
   *
   * @throws where there is no answer within `timeoutMs`, a refusal, or another server than is wanted
   */
  async open({ timeoutMs }: { timeoutMs: number }): Promise<void> {
    const { target } = this.#settings.address;
    const question =
      target === "any"
        ? "select false as wrong"
        : target === "primary"
          ? "select pg_is_in_recovery() as wrong"
          : "select current_setting('transaction_read_only') = 'on' as wrong";
    const [row] = await this.#send(question, [], {
      asArrays: false,
      statement: "unnamed",
      timeoutMs,
    });
    if (row?.wrong !== true) return;
    const error = new DatabaseUnavailableError(
      "NOT_WRITABLE",
      `${this.#host.name} takes no writes`,
    );
    this.abandon(error);
    throw error;
  }

  /**
   * Runs a statement, behind those that were asked for before.
   *
   * @throws what PostgreSQL answers; `DatabaseUnavailableError` where it does not
   */
  execute(text: string, parameters: readonly unknown[], options: ExecuteOptions): Promise<Rows> {
    const timeoutMs = this.#settings.answerTimeoutMs;
    const answer = this.#turn.then(() => this.#send(text, parameters, { ...options, timeoutMs }));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  /** @returns what `work` gives, unless the connection is lost first */
  async whileOpen<Result>(work: () => Promise<Result>): Promise<Result> {
    let stop: (error: Error) => void = () => {};
    const lostFirst = new Promise<never>((_, reject) => {
      stop = reject;
      this.#rejecters.add(reject);
    });
    try {
      return await Promise.race([work(), lostFirst]);
    } finally {
      this.#rejecters.delete(stop);
    }
  }

  /** Cuts the connection; what waits for it is told why. PostgreSQL rolls back what was not committed. */
  abandon(reason: Error): void {
    if (this.#lostBy !== undefined) return;
    this.#lostBy = reason;
    for (const reject of this.#rejecters) reject(reason);
    this.#rejecters.clear();
    this.#socket?.destroy();
    this.#onLost(this);
  }

  /** Says good-bye. Not while a statement runs. */
  async close(): Promise<void> {
    if (this.#lostBy !== undefined) return;
    this.#lostBy = lost();
    this.#onLost(this);
    await this.#client.end({ timeout: 1 });
    this.#socket?.destroy();
  }

  /** Starts a transaction, with the limits that a pooler would not take for the session. */
  begin(): Promise<Rows> {
    const { learned, limits } = this.#settings;
    const local = Object.entries(limits).map(([name, value]) => `; set local ${name} = ${value}`);
    const text = learned.refusesLimits ? `begin${local.join("")}` : "begin";
    return this.execute(text, [], { asArrays: false, statement: "unnamed" });
  }

  async #send(
    text: string,
    parameters: readonly unknown[],
    { asArrays, statement, timeoutMs }: ExecuteOptions & { timeoutMs: number },
  ): Promise<Rows> {
    if (this.#lostBy !== undefined) throw this.#lostBy;
    const { learned } = this.#settings;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await this.whileOpen(async () => {
        timer = setTimeout(
          () =>
            this.abandon(
              new DatabaseUnavailableError(
                "ANSWER_TIMEOUT",
                `PostgreSQL did not answer within ${timeoutMs / 1000} s`,
              ),
            ),
          timeoutMs,
        );
        const query = this.#client.unsafe(text, [...parameters] as never[], {
          prepare: statement === "named" && !learned.forgetsStatements,
        });
        const rows = await (asArrays ? query.values() : query);
        if (wasForgotten(query)) learned.forgetsStatements = true;
        return rows as unknown as Rows;
      });
    } catch (error) {
      if (!leavesConnectionUsable(error)) this.abandon(error instanceof Error ? error : lost());
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Called by postgres.js for its first query, and again where it would connect anew: that is refused. */
  async #makeSocket(options: SocketOptions): Promise<Socket> {
    const [host = "localhost"] = options.host;
    const [port = 5432] = options.port;
    try {
      if (this.isLost || this.#socket !== undefined) throw lost();
      const socket = options.path ? connect(options.path) : connect(port, host);
      this.#socket = socket;
      await connected(socket);
      // postgres.js names the certificate's host, and the address in its errors, by these.
      return Object.assign(socket, { host, port });
    } catch (error) {
      this.abandon(error instanceof Error ? error : lost());
      throw error;
    }
  }
}

/**
 * PostgreSQL may have dropped a prepared statement (26000), or refuse it because a table changed (0A000):
 * neither is carried out. postgres.js then sends it again, with parameters that it has serialized
 * already; of a `bytea` its own hex text would be stored, and of `true` `false`. So these two leave
 * alone what is text. (All others do by themselves, and Drizzle's dates are text from the first.)
 * In a transaction it could not be sent again, so there statements have no name.
 */
export const serializedOnce: Readonly<Record<number, (value: unknown) => string>> = {
  16: (value) => (typeof value === "string" ? value : value === true ? "t" : "f"),
  17: (value) =>
    typeof value === "string" ? value : `\\x${Buffer.from(value as Uint8Array).toString("hex")}`,
};

/** Whether postgres.js sent it again, because the session that got it did not know it. */
const wasForgotten = (query: unknown) =>
  (query as { retried?: { code?: string } }).retried?.code === "26000";

/** Rows with postgres.js's `count` and `command`. */
export type Rows = postgres.RowList<postgres.Row[]>;

interface SocketOptions {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

const lost = () =>
  new DatabaseUnavailableError("CONNECTION_LOST", "The connection to PostgreSQL was lost");

/** PostgreSQL refused one statement, and waits for the next. Not where it has become a standby. */
const leavesConnectionUsable = (error: unknown) =>
  error instanceof postgres.PostgresError && error.severity === "ERROR" && error.code !== READ_ONLY;

const READ_ONLY = "25006";

/** Whether the server itself is in doubt, and with it every other connection to it. */
export const castsDoubtOnServer = (reason: Error | undefined) => {
  const code = (reason as { code?: unknown } | undefined)?.code;
  return code === READ_ONLY || code === "ANSWER_TIMEOUT";
};

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = () => reject(lost());
    socket.once("error", reject);
    socket.once("close", closed);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.off("close", closed);
      resolve();
    });
  });
}
