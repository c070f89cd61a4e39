/**
 * Runs a real Keystone, the one from Debian's packages (see debian-packages.mjs), with its own
 * configuration and keys in a temporary folder and its own PostgreSQL database. Touches nothing
 * under /etc.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import type { EmbeddedPostgres } from "../../demo/embedded-postgres";
import { endWithParent } from "../../demo/end-with-parent";
import { getFreePort } from "../../demo/free-port";
import { type KeystoneAccess, type KeystoneAdmin, keystoneAdmin } from "./keystone-admin";
import { startTestPostgres } from "./postgres";

const manage = "/usr/bin/keystone-manage";
const uwsgi = "/usr/bin/uwsgi-core";
const application = "/usr/bin/keystone-wsgi-public";

/** The system's Python runs Keystone, whatever other Python a developer has in the PATH. */
function systemEnvironment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C.UTF-8", HOME: "/" };
  return { ...environment, ...more } as unknown as NodeJS.ProcessEnv;
}

export interface RealKeystoneOptions {
  /** Where its folder is made; the temporary directory unless told. */
  workDir?: string;
  /** Superuser URL of a PostgreSQL to make a database in; one of its own unless told. */
  postgresUrl?: string;
  /**
   * The `folder` of a Keystone that runs already: this one serves the same users, with settings of
   * its own, and starts in a third of the time.
   */
  besides?: string;
  port?: number;
  /** In Python's dialect. Only letters, digits and length unless told; null for none. */
  passwordRegex?: string | null;
  passwordRegexDescription?: string;
  /** How many passwords back must differ. 2 unless told: the present one may not be set again. */
  uniqueLastPasswordCount?: number;
  /** Off unless told. */
  lockout?: { failureAttempts: number; durationSeconds: number };
  /** Keystone's default is true. */
  allowRescopeScopedToken?: boolean;
  /** bcrypt's cost. Keystone's default (12) unless told: about a third of a second each time. */
  passwordHashRounds?: number;
  /** Longest list; unlimited unless told. */
  listLimit?: number;
  tokenLifetimeSeconds?: number;
  /** Any more, by section and name. */
  settings?: Record<string, Record<string, string>>;
  /** Worker processes, each answering one request at a time. 2 unless told. */
  processes?: number;
}

export interface RealKeystone extends KeystoneAccess, KeystoneAdmin {
  /** Its configuration and keys, for `besides`. */
  readonly folder: string;
  readonly port: number;
  /** What it has logged, the last mebibyte of it. */
  log(): string;
  /** Ends the server and keeps everything; connections are refused until `resume()`. */
  halt(): Promise<void>;
  /** Serves again, on the same port. */
  resume(): Promise<void>;
  restart(): Promise<void>;
  /** Ends everything and removes it. May be called twice. */
  stop(): Promise<void>;
}

/** A regular expression and the words for it that tests can rely on. */
export const testPasswordRegex = "^(?=.*\\d)(?=.*[a-zA-Z]).{8,}$";
export const testPasswordRegexDescription =
  "at least 8 characters, with a letter and a digit among them";

/** Whether a real Keystone can be had here. */
export function canRunRealKeystone(): boolean {
  return [manage, uwsgi, application].every((program) => existsSync(program));
}

/**
 * Sets up, bootstraps and starts a Keystone on 127.0.0.1; takes 10 to 15 s on two cores, 4 s with
 * `besides`. It ends with this process, however that ends.
 *
 * @throws Error with Keystone's last words where it does not start
 */
export async function startRealKeystone(options: RealKeystoneOptions = {}): Promise<RealKeystone> {
  if (!canRunRealKeystone()) {
    throw new Error(
      "Keystone is not installed here: node tests/support/debian-packages.mjs installs it on Debian",
    );
  }
  const folder = await mkdtemp(join(options.workDir ?? tmpdir(), "setpass-keystone-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const undoAll = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const identity =
      options.besides === undefined
        ? await newIdentity(folder, options, undo)
        : await readIdentity(options.besides);
    const configuration = join(folder, "keystone.conf");
    await writeFile(configuration, configurationText(identity, options), { mode: 0o600 });
    if (options.besides === undefined) {
      await writeFile(join(folder, identityFile), JSON.stringify(identity), { mode: 0o600 });
      await runManage(configuration, ["db_sync"]);
      await runManage(configuration, ["bootstrap", "--bootstrap-region-id", "RegionOne"], {
        OS_BOOTSTRAP_USERNAME: identity.adminUserName,
        OS_BOOTSTRAP_PASSWORD: identity.adminPassword,
        OS_BOOTSTRAP_PROJECT_NAME: identity.adminProjectName,
      });
    }

    const port = options.port ?? (await getFreePort());
    const server = new Server({ configuration, port, folder, processes: options.processes ?? 2 });
    undo.push(() => server.stop());
    await server.start();

    const access: KeystoneAccess = {
      url: `http://127.0.0.1:${port}`,
      adminUserName: identity.adminUserName,
      adminPassword: identity.adminPassword,
      adminProjectName: identity.adminProjectName,
      adminProjectDomainId: "default",
    };
    return {
      ...access,
      ...keystoneAdmin(access),
      folder,
      port,
      log: () => server.log,
      halt: () => server.stop(),
      resume: () => server.start(),
      async restart() {
        await server.stop();
        await server.start();
      },
      stop: undoAll,
    };
  } catch (error) {
    await undoAll();
    throw error;
  }
}

/** What Keystones that serve the same users share. */
interface Identity {
  databaseUrl: string;
  keys: string;
  adminUserName: string;
  adminPassword: string;
  adminProjectName: string;
}

const identityFile = "identity.json";

async function newIdentity(
  folder: string,
  options: RealKeystoneOptions,
  undo: (() => Promise<unknown>)[],
): Promise<Identity> {
  let ownPostgres: EmbeddedPostgres | undefined;
  if (options.postgresUrl === undefined) {
    ownPostgres = await startTestPostgres();
    undo.push(() => ownPostgres?.stop() ?? Promise.resolve());
  }
  const superuserUrl = options.postgresUrl ?? ownPostgres?.url ?? "";
  const databaseName = `keystone_${randomBytes(6).toString("hex")}`;
  const sql = postgres(superuserUrl, { max: 1, onnotice: () => {} });
  await sql`create database ${sql(databaseName)}`;
  await sql.end();
  if (ownPostgres === undefined) {
    undo.push(async () => {
      const last = postgres(superuserUrl, { max: 1, onnotice: () => {} });
      // The server may be gone already, and the database with it.
      await last`drop database if exists ${last(databaseName)} with (force)`.catch(() => {});
      await last.end();
    });
  }
  const databaseUrl = new URL(superuserUrl);
  databaseUrl.protocol = "postgresql:";
  databaseUrl.pathname = `/${databaseName}`;

  // Two keys each, as `keystone-manage fernet_setup` makes them: 0 is staged, 1 is in use.
  const keys = join(folder, "keys");
  for (const repository of ["tokens", "receipts", "credentials"]) {
    await mkdir(join(keys, repository), { recursive: true, mode: 0o700 });
    for (const name of ["0", "1"]) {
      const key = `${randomBytes(32).toString("base64").replaceAll("+", "-").replaceAll("/", "_")}`;
      await writeFile(join(keys, repository, name), key, { mode: 0o600 });
    }
  }
  return {
    databaseUrl: databaseUrl.href,
    keys,
    adminUserName: "admin",
    adminPassword: `Admin1-${randomBytes(12).toString("base64url")}`,
    adminProjectName: "admin",
  };
}

async function readIdentity(folder: string): Promise<Identity> {
  return JSON.parse(await readFile(join(folder, identityFile), "utf8"));
}

function configurationText(identity: Identity, options: RealKeystoneOptions): string {
  const {
    passwordRegex = testPasswordRegex,
    passwordRegexDescription = testPasswordRegexDescription,
    uniqueLastPasswordCount = 2,
    lockout,
  } = options;
  const sections: Record<string, Record<string, string>> = {
    DEFAULT: { use_stderr: "true", notification_opt_out: "" },
    database: { connection: identity.databaseUrl, max_pool_size: "5" },
    oslo_messaging_notifications: { driver: "noop" },
    auth: { methods: "password,token,totp,application_credential" },
    token: {
      provider: "fernet",
      expiration: String(options.tokenLifetimeSeconds ?? 3600),
      ...(options.allowRescopeScopedToken !== undefined && {
        allow_rescope_scoped_token: String(options.allowRescopeScopedToken),
      }),
    },
    fernet_tokens: { key_repository: join(identity.keys, "tokens") },
    fernet_receipts: { key_repository: join(identity.keys, "receipts") },
    credential: { key_repository: join(identity.keys, "credentials") },
    identity: {
      ...(options.passwordHashRounds !== undefined && {
        password_hash_rounds: String(options.passwordHashRounds),
      }),
      ...(options.listLimit !== undefined && { list_limit: String(options.listLimit) }),
    },
    security_compliance: {
      unique_last_password_count: String(uniqueLastPasswordCount),
      ...(passwordRegex !== null && {
        // oslo.config takes $name for a reference to another setting.
        password_regex: passwordRegex.replaceAll("$", "$$$$"),
        password_regex_description: passwordRegexDescription,
      }),
      ...(lockout !== undefined && {
        lockout_failure_attempts: String(lockout.failureAttempts),
        lockout_duration: String(lockout.durationSeconds),
      }),
    },
  };
  for (const [section, values] of Object.entries(options.settings ?? {})) {
    sections[section] = { ...sections[section], ...values };
  }
  return Object.entries(sections)
    .map(([section, values]) => {
      const lines = Object.entries(values).map(([name, value]) => `${name} = ${value}`);
      return [`[${section}]`, ...lines, ""].join("\n");
    })
    .join("\n");
}

/** Runs keystone-manage; what it is told in `environment` appears in no list of processes. */
async function runManage(
  configuration: string,
  command: string[],
  environment: Record<string, string> = {},
): Promise<void> {
  const child = spawn(manage, ["--config-file", configuration, ...command], {
    env: systemEnvironment(environment),
    stdio: ["ignore", "pipe", "pipe"],
    cwd: "/",
  });
  let words = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-20_000);
    });
  }
  await new Promise<void>((done, failed) => {
    child.once("error", failed);
    child.once("close", (code) => {
      if (code === 0) done();
      else failed(new Error(`keystone-manage ${command[0]} failed (${code}):\n${words}`));
    });
  });
}

class Server {
  log = "";
  readonly #setup: { configuration: string; port: number; folder: string; processes: number };
  #process: ChildProcess | undefined;

  constructor(setup: { configuration: string; port: number; folder: string; processes: number }) {
    this.#setup = setup;
  }

  async start(): Promise<void> {
    if (this.#process !== undefined) return;
    const { configuration, port, folder, processes } = this.#setup;
    const child = spawn(
      uwsgi,
      [
        ...["--plugin", "python3", "--master", "--processes", String(processes)],
        ...["--http-socket", `127.0.0.1:${port}`],
        ...["--wsgi-file", application, "--pyargv", `--config-file ${configuration}`],
        // Each worker its own connections to the database.
        "--lazy-apps",
        // It cannot keep a connection open for a second request; say so instead of surprising us.
        ...["--add-header", "Connection: close"],
        ...["--buffer-size", "65535", "--listen", "100"],
        ...["--need-app", "--die-on-term", "--no-orphans", "--thunder-lock"],
        ...["--disable-logging", "--skip-atexit"], // its Python dies noisily at the end
      ],
      {
        env: systemEnvironment(),
        stdio: ["ignore", "pipe", "pipe"],
        cwd: folder,
        detached: true, // a process group of its own, ended as one
      },
    );
    this.#process = child;
    endWithParent(child, { signal: "SIGTERM", group: true, removeFolders: [folder] });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.log = (this.log + text).slice(-1024 * 1024);
      });
      (stream as unknown as { unref?: () => void }).unref?.();
    }
    child.unref();
    const giveUpAt = Date.now() + 60_000;
    while (!(await answers(`http://127.0.0.1:${port}/v3`))) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > giveUpAt) {
        await this.stop();
        throw new Error(`Keystone did not start:\n${this.log.slice(-8000)}`);
      }
      await sleep(100);
    }
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined) return;
    this.#process = undefined;
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (child.exitCode !== null || child.signalCode !== null) break;
      const ended = new Promise((done) => child.once("exit", done));
      process.kill(-child.pid, signal);
      await Promise.race([ended, sleep(5000)]);
    }
    try {
      process.kill(-child.pid, "SIGKILL"); // a worker that outlived its master
    } catch {
      // none did
    }
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
    await response.arrayBuffer();
    return response.ok;
  } catch {
    return false;
  }
}
