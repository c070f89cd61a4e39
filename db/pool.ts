import {
  type Connection,
  type ConnectionSettings,
  castsDoubtOnServer,
  type Rows,
} from "./connection";
import { openConnection } from "./open-connection";
import { DatabaseUnavailableError } from "./outage";

export interface PoolSettings extends ConnectionSettings {
  /** The most connections held. */
  readonly size: number;
  /** For getting a connection, whether one must come free or be opened. */
  readonly acquireTimeoutMs: number;
  /** An idle connection is closed after that. */
  readonly idleMs: number;
  /** An older connection is replaced when it is free. */
  readonly lifetimeMs: number;
}

interface Waiting {
  take(connection: Connection): void;
  fail(error: Error): void;
}

/**
 * Connections to PostgreSQL, opened when they are needed. Who finds none free waits in line, but not
 * for long: an error that says so is better than a request that hangs.
 */
export class Pool {
  readonly #settings: PoolSettings;
  readonly #all = new Set<Connection>();
  readonly #idle = new Map<Connection, NodeJS.Timeout>();
  readonly #waiting = new Set<Waiting>();
  #opening = 0;
  #closing = false;
  #whenEmpty: () => void = () => {};

  constructor(settings: PoolSettings) {
    this.#settings = settings;
  }

  /**
   * Runs one statement on whichever connection is free.
   *
   * @param options.asArrays gives each row as an array of its values
   */
  async execute(
    text: string,
    parameters: readonly unknown[],
    options: { asArrays: boolean },
  ): Promise<Rows> {
    const connection = await this.#acquire();
    try {
      return await connection.execute(text, parameters, { ...options, statement: "named" });
    } finally {
      this.#release(connection);
    }
  }

  /**
   * Runs a transaction on a connection of its own: committed when `work` resolves, rolled back when it
   * rejects. Where the connection is lost it rejects at once, whatever `work` is about, and what is
   * left of `work` reaches no database any more.
   *
   * @throws where COMMIT gets no answer: whether it was carried out is then unknown
   */
  async transaction<Result>(work: (execute: Pool["execute"]) => Promise<Result>): Promise<Result> {
    const connection = await this.#acquire();
    let over = false;
    const run: Pool["execute"] = async (text, parameters, options) => {
      if (over) throw new Error("This transaction is over");
      // Without a name: one that PostgreSQL forgot would cost the transaction.
      return connection.execute(text, parameters, { ...options, statement: "unnamed" });
    };
    const command = (text: string) =>
      connection.execute(text, [], { asArrays: false, statement: "unnamed" });
    try {
      await connection.begin();
      let result: Result;
      try {
        result = await connection.whileOpen(() => work(run));
      } catch (error) {
        over = true;
        if (!connection.isLost) await command("rollback").catch((why) => connection.abandon(why));
        throw error;
      }
      over = true;
      // PostgreSQL answers a COMMIT with ROLLBACK where a statement had failed and nobody minded.
      const { command: done } = await command("commit");
      if (done !== "COMMIT") throw new Error("The transaction was rolled back by PostgreSQL");
      return result;
    } finally {
      this.#release(connection);
    }
  }

  /** Waits for what is under way, but not longer than `timeoutMs`; nothing new is begun. */
  async close({ timeoutMs }: { timeoutMs: number }): Promise<void> {
    this.#closing = true;
    for (const waiting of this.#waiting) waiting.fail(ended());
    const idle = [...this.#idle.keys()];
    const empty = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve;
    });
    await Promise.all(idle.map((connection) => connection.close()));
    if (this.#isEmpty) return;
    let timer: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([empty, tooLong]);
    clearTimeout(timer);
    for (const connection of [...this.#all]) connection.abandon(ended());
  }

  #acquire(): Promise<Connection> {
    if (this.#closing) return Promise.reject(ended());
    const newest = [...this.#idle.keys()].at(-1);
    if (newest) {
      this.#wake(newest);
      return Promise.resolve(newest);
    }
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
      };
      const waiting: Waiting = {
        take: (connection) => {
          settle();
          resolve(connection);
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      };
      const { acquireTimeoutMs } = this.#settings;
      const timer = setTimeout(
        () =>
          waiting.fail(
            new DatabaseUnavailableError(
              "POOL_TIMEOUT",
              `No connection to PostgreSQL came free within ${acquireTimeoutMs / 1000} s`,
            ),
          ),
        acquireTimeoutMs,
      );
      this.#waiting.add(waiting);
      this.#open();
    });
  }

  /** Opens one more connection, where there is room, for whoever waits longest when it is there. */
  #open(): void {
    if (this.#closing || this.#all.size + this.#opening >= this.#settings.size) return;
    this.#opening += 1;
    openConnection(this.#settings, (gone) => this.#forget(gone)).then(
      (connection) => {
        this.#opening -= 1;
        if (connection.isLost) return this.#roomIsFree();
        this.#all.add(connection);
        this.#release(connection);
      },
      (error) => {
        this.#opening -= 1;
        // Told before the next try, so that each of those in line costs one try and gets its answer.
        this.#firstWaiting()?.fail(error);
        this.#roomIsFree();
      },
    );
  }

  #release(connection: Connection): void {
    if (connection.isLost) return;
    const old = performance.now() - connection.openedAt > this.#settings.lifetimeMs;
    if (old || this.#closing) {
      void connection.close().catch(() => {});
      return;
    }
    const first = this.#firstWaiting();
    if (first) {
      first.take(connection);
      return;
    }
    const timer = setTimeout(() => void connection.close().catch(() => {}), this.#settings.idleMs);
    // A command that has done its work shall end without waiting for this.
    timer.unref();
    this.#idle.set(connection, timer);
  }

  #wake(connection: Connection): void {
    clearTimeout(this.#idle.get(connection));
    this.#idle.delete(connection);
  }

  #forget(connection: Connection): void {
    this.#wake(connection);
    // One that never came to be open has held no place here.
    if (!this.#all.delete(connection)) return;
    if (castsDoubtOnServer(connection.lostBy))
      for (const idle of [...this.#idle.keys()]) void idle.close().catch(() => {});
    this.#roomIsFree();
  }

  /** Those in line need not wait for another's place. */
  #roomIsFree(): void {
    if (this.#isEmpty) this.#whenEmpty();
    if (this.#waiting.size > 0) this.#open();
  }

  get #isEmpty(): boolean {
    return this.#all.size === 0 && this.#opening === 0;
  }

  #firstWaiting(): Waiting | undefined {
    const [first] = this.#waiting;
    return first;
  }
}

const ended = () => new DatabaseUnavailableError("CONNECTION_ENDED", "The pool is closed");
