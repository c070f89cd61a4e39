/**
 * The real server, as `npm start` runs it: built, a process of its own, configured by its environment
 * alone.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, existsSync, type WriteStream } from "node:fs";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { endWithParent } from "../../demo/end-with-parent";
import { getFreePort } from "../../demo/free-port";
import { startArguments } from "./start-arguments";

const root = path.resolve(import.meta.dirname, "../..");
const program = path.join(root, "build/process/server.js");

export interface ServerProcessOptions {
  /** All of it: nothing of the test's own environment but PATH gets through. */
  env: Record<string, string>;
  /** On 127.0.0.1. Another where it is taken, unless `fixedPort`. A free one unless told. */
  port?: number;
  fixedPort?: boolean;
  /** Gets everything it prints, appended. */
  logFile?: string;
  /** More options for Node itself. */
  nodeArguments?: string[];
}

export interface ServerProcess {
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** Where `/metrics` is, on whichever port METRICS_LISTEN took. */
  readonly metricsUrl: string;
  readonly pid: number | undefined;
  readonly running: boolean;
  /** Everything it printed, over all its starts; the last 16 MiB of it. */
  logs(): string;
  /** The log as events; lines that are no JSON are left out. */
  events(): { event: string; level: string; [field: string]: unknown }[];
  /** SIGTERM, and the wait for its end. @returns its exit code; null where it had to be killed */
  stop(): Promise<number | null>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Any other signal; does not wait. */
  signal(signal: NodeJS.Signals): void;
  /** Again on the same port. @throws Error where it does not listen in time */
  start(env?: Record<string, string>): Promise<void>;
  /** `stop` and `start`. */
  restart(env?: Record<string, string>): Promise<void>;
  /** Resolves with its exit code once it has ended, by whomever. */
  ended(): Promise<number | null>;
}

const mostLog = 16 * 1024 * 1024;
const stopTimeoutMs = 70_000; // its own drain takes 60 s at most
const startTimeoutMs = 30_000;

/**
 * Starts a server and waits until it listens (which is after its database was found in order; Keystone
 * and the mail server need not be there).
 *
 * @throws Error with its last words where it does not
 */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  if (!existsSync(program)) {
    throw new Error("The server is not built: run `node demo/install-and-build.mjs`");
  }
  let env = options.env;
  let port = options.port ?? (await getFreePort());
  let child: ChildProcess | undefined;
  let log = "";
  const file: WriteStream | undefined =
    options.logFile === undefined ? undefined : createWriteStream(options.logFile, { flags: "a" });

  const launch = async () => {
    const startsAt = log.length;
    const launched = spawn(
      process.execPath,
      ["--enable-source-maps", ...startArguments(), ...(options.nodeArguments ?? []), program],
      {
        cwd: root,
        env: environment(port, env),
        stdio: ["ignore", "pipe", "pipe"],
        detached: true, // Ctrl-C is for the test run, which then stops it in order
      },
    );
    child = launched;
    endWithParent(launched, { signal: "SIGKILL" });
    let said = "";
    for (const stream of [launched.stdout, launched.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-64 * 1024);
        log = (log + text).slice(-mostLog);
        file?.write(text);
      });
    }
    const giveUpAt = Date.now() + startTimeoutMs;
    while (!said.includes('"server.started"')) {
      if (hasEnded(launched) || Date.now() > giveUpAt) {
        launched.kill("SIGKILL");
        await sleep(20); // its last words may still be on their way
        return log.slice(startsAt);
      }
      await sleep(10);
    }
    return undefined;
  };

  const start = async () => {
    for (let tries = 1; ; tries++) {
      const lastWords = await launch();
      if (lastWords === undefined) return;
      const taken = lastWords.includes("EADDRINUSE") && !options.fixedPort && tries < 5;
      if (!taken) throw new Error(`The server did not start:\n${lastWords.slice(-8000)}`);
      port = await getFreePort();
    }
  };

  const end = async (signal: NodeJS.Signals) => {
    const ending = child;
    if (ending === undefined || hasEnded(ending)) return ending?.exitCode ?? null;
    const closed = new Promise((done) => ending.once("close", done));
    ending.kill(signal);
    const timer = new AbortController();
    await Promise.race([
      closed,
      sleep(stopTimeoutMs, undefined, { signal: timer.signal }).catch(() => {}),
    ]);
    timer.abort();
    if (!hasEnded(ending)) {
      ending.kill("SIGKILL");
      await closed;
    }
    return ending.exitCode;
  };

  await start();
  return {
    get port() {
      return port;
    },
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    get metricsUrl() {
      const started = log.split("\n").findLast((line) => line.includes('"metrics.started"'));
      if (started === undefined) throw new Error("this server has no metrics");
      const { host, port: at } = JSON.parse(started) as { host: string; port: number };
      return `http://${host}:${at}/metrics`;
    },
    get pid() {
      return child?.pid;
    },
    get running() {
      return child !== undefined && !hasEnded(child);
    },
    logs: () => log,
    events: () =>
      log.split("\n").flatMap((line) => {
        try {
          return line.startsWith("{") ? [JSON.parse(line)] : [];
        } catch {
          return [];
        }
      }),
    stop: () => end("SIGTERM"),
    kill: async () => {
      await end("SIGKILL");
    },
    signal: (signal) => {
      child?.kill(signal);
    },
    async start(changed) {
      env = { ...env, ...changed };
      await start();
    },
    async restart(changed) {
      await end("SIGTERM");
      env = { ...env, ...changed };
      await start();
    },
    ended: () =>
      new Promise((done) => {
        if (child === undefined || hasEnded(child)) done(child?.exitCode ?? null);
        else child.once("close", (code) => done(code));
      }),
  };
}

function environment(port: number, given: Record<string, string>): NodeJS.ProcessEnv {
  const own = {
    PATH: process.env.PATH ?? "",
    HOST: "127.0.0.1",
    PORT: String(port),
    METRICS_LISTEN: "127.0.0.1:0",
  };
  return { ...own, ...given } as unknown as NodeJS.ProcessEnv;
}

const hasEnded = (child: ChildProcess) => child.exitCode !== null || child.signalCode !== null;
