import { connect, type Socket } from "node:net";
import postgres from "postgres";
import { DatabaseUnavailableError } from "./outage";

/** How postgres.js reads and writes PostgreSQL's types, by type id: Drizzle has wishes of its own. */
export interface TypeTables {
  readonly parsers: Record<number, unknown>;
  readonly serializers: Record<number, unknown>;
}

export interface ConnectionSettings {
  /** `postgres://…` */
  readonly url: string;
  /** Sent when connecting: PostgreSQL's settings for the session. */
  readonly session: Record<string, string | number>;
  readonly types: TypeTables;
  /** For reaching PostgreSQL, signing in and a first answer, together. */
  readonly openTimeoutMs: number;
  /** For each statement. Longer than PostgreSQL's own statement_timeout: then it is not going to answer. */
  readonly answerTimeoutMs: number;
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
  readonly #onLost: (connection: Connection) => void;
  readonly #rejecters = new Set<(error: Error) => void>();
  #socket: Socket | undefined;
  #hostsTried = 0;
  #lostBy: Error | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param onLost called once, when the connection cannot be used any more, however that came */
  constructor(settings: ConnectionSettings, onLost: (connection: Connection) => void) {
    this.#settings = settings;
    this.#onLost = onLost;
    this.#client = postgres(settings.url, {
      ...whereIs(settings.url),
      max: 1,
      // Not postgres.js's to end it: it would do so without a word to the pool.
      idle_timeout: 0,
      max_lifetime: 0,
      connect_timeout: 0,
      // Asks for every array type there is, at each connecting. No column of ours is an array.
      fetch_types: false,
      onnotice: () => {},
      connection: { ...settings.session },
      socket: (options: HostOptions) => this.#makeSocket(options),
      onclose: () => this.abandon(lost()),
    } as postgres.Options<Record<string, never>>);
    Object.assign(this.#client.options.parsers, settings.types.parsers);
    Object.assign(this.#client.options.serializers, settings.types.serializers);
  }

  get isLost(): boolean {
    return this.#lostBy !== undefined;
  }

  /** Connects and signs in. @throws where there is no answer within `openTimeoutMs`, or a refusal */
  open(): Promise<unknown> {
    const { openTimeoutMs } = this.#settings;
    return this.#send("select 1", [], { asArrays: false, timeoutMs: openTimeoutMs });
  }

  /**
   * Runs a statement, behind those that were asked for before.
   *
   * @param options.asArrays gives each row as an array of its values
   * @throws what PostgreSQL answers; `DatabaseUnavailableError` where it does not
   */
  execute(
    text: string,
    parameters: readonly unknown[],
    options: { asArrays: boolean },
  ): Promise<Rows> {
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

  async #send(
    text: string,
    parameters: readonly unknown[],
    { asArrays, timeoutMs }: { asArrays: boolean; timeoutMs: number },
  ): Promise<Rows> {
    if (this.#lostBy !== undefined) throw this.#lostBy;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await this.whileOpen(() => {
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
        // Drizzle has only statements prepared that are named by hand; the others would be parsed and
        // planned anew each time, at two round trips. (PgBouncer in transaction mode needs version
        // 1.21 or newer for this.)
        const query = this.#client.unsafe(text, [...parameters] as never[], { prepare: true });
        return (asArrays ? query.values() : query) as Promise<Rows>;
      });
    } catch (error) {
      if (!leavesConnectionUsable(error)) this.abandon(error instanceof Error ? error : lost());
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Called by postgres.js for each host of the URL once at most: it may try the next, never again. */
  async #makeSocket(options: HostOptions): Promise<Socket> {
    try {
      for (;;) {
        const host = options.host[this.#hostsTried];
        const port = options.port[this.#hostsTried] ?? options.port[0];
        if (this.isLost || host === undefined || port === undefined) throw lost();
        this.#hostsTried += 1;
        try {
          const socket = options.path ? connect(options.path) : connect(port, host);
          this.#socket = socket;
          await connected(socket);
          // postgres.js names the certificate's host, and the address in its errors, by these.
          return Object.assign(socket, { host, port });
        } catch (error) {
          if (this.#hostsTried >= options.host.length) throw error;
        }
      }
    } catch (error) {
      this.abandon(error instanceof Error ? error : lost());
      throw error;
    }
  }
}

/**
 * postgres.js cuts an address at its first colon, and takes no socket's path: where there is either, it
 * is told apart. `postgres://…@[2001:db8::5]:5433/…`, `postgres://…@%2Fvar%2Frun%2Fpostgresql/…`
 */
function whereIs(url: string): { host?: string[]; port?: number[]; path?: string } {
  const { hostname, port: given } = new URL(url);
  const host = decodeURIComponent(hostname);
  const port = Number(given || 5432);
  if (host.startsWith("/")) return { path: `${host}/.s.PGSQL.${port}` };
  if (host.startsWith("[")) return { host: [host.slice(1, -1)], port: [port] };
  return {};
}

/** Rows with postgres.js's `count` and `command`. */
export type Rows = postgres.RowList<postgres.Row[]>;

interface HostOptions {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

const lost = () =>
  new DatabaseUnavailableError("CONNECTION_LOST", "The connection to PostgreSQL was lost");

/** PostgreSQL refused one statement, and waits for the next. */
const leavesConnectionUsable = (error: unknown) =>
  error instanceof postgres.PostgresError && error.severity === "ERROR";

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
