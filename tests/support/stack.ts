/**
 * Everything a test of the whole needs, started with one call: PostgreSQL, Keystone, an SMTP server,
 * and the real server (one process or several) as it is run in earnest. For the browser tests, the
 * fault and crash tests, and the benchmark.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { migrateDatabase } from "../../db/migrate";
import type { EmbeddedPostgres } from "../../demo/embedded-postgres";
import { getFreePort } from "../../demo/free-port";
import {
  type SandboxKeystone,
  type SandboxKeystoneOptions,
  startSandboxKeystone,
} from "../../demo/keystone/sandbox-keystone";
import { dumpDatabase } from "./dump-database";
import { type KeystoneAccess, type KeystoneAdmin, keystoneAdmin } from "./keystone-admin";
import { startTestPostgres } from "./postgres";
import { type RealKeystone, type RealKeystoneOptions, startRealKeystone } from "./real-keystone";
import { type ServerProcess, startServerProcess } from "./server-process";
import { startSmtpServer, type TestSmtpServer } from "./smtp";

export interface StackOptions {
  /** `real` unless told; or one that runs already, such as `inject("keystone")`. */
  keystone?: "real" | "sandbox" | KeystoneAccess;
  realKeystone?: RealKeystoneOptions;
  sandboxKeystone?: SandboxKeystoneOptions;
  /** OS_AUTH_URL, where it is not Keystone's own address: a proxy's in front of it. */
  authUrl?: string;
  /** Superuser URL of a PostgreSQL to make a database in; one of its own unless told. */
  postgresUrl?: string;
  /** Where it has a PostgreSQL of its own. */
  postgresSettings?: Record<string, string>;
  /** One that runs already; `stop` leaves it alone. */
  smtp?: TestSmtpServer;
  /** How many server processes share the database. 1 unless told. */
  serverProcesses?: number;
  /** The address people use, such as a proxy's; that of the first server unless told. */
  publicUrl?: string;
  /** More or other variables for the servers. */
  env?: Record<string, string>;
  /** Where the servers' logs go; a temporary file unless told. */
  logFile?: string;
}

export interface Stack {
  /** PUBLIC_URL, without a trailing slash. */
  readonly url: string;
  /** The first of `servers`. */
  readonly server: ServerProcess;
  readonly servers: readonly ServerProcess[];
  readonly keystone: KeystoneAccess & KeystoneAdmin;
  /** Where the stack started it: to halt and resume it. */
  readonly realKeystone: RealKeystone | undefined;
  readonly sandboxKeystone: SandboxKeystone | undefined;
  readonly smtp: TestSmtpServer;
  /** Where the stack started it: to restart and kill it. */
  readonly postgres: EmbeddedPostgres | undefined;
  /** Superuser URL of the servers' database. */
  readonly databaseUrl: string;
  /** What the servers were started with. */
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Everything all the servers printed. */
  logs(): Promise<string>;
  /** Every table as text, in the format of COPY. */
  dump(): Promise<string>;
  stop(): Promise<void>;
}

/** A key as SECRET_KEYS wants it. */
export const newSecretKey = () => randomBytes(32).toString("base64");

/**
 * The environment of a server in earnest: production, every required variable, and no limit that a
 * quick test would run into.
 */
export function serverEnvironment(parts: {
  publicUrl: string;
  databaseUrl: string;
  keystone: Pick<KeystoneAccess, "url" | "adminProjectName" | "adminProjectDomainId">;
  smtpUrl: string;
}): Record<string, string> {
  return {
    NODE_ENV: "production",
    PUBLIC_URL: parts.publicUrl,
    DATABASE_URL: parts.databaseUrl,
    OS_AUTH_URL: `${parts.keystone.url}/v3`,
    ADMIN_PROJECT_NAME: parts.keystone.adminProjectName,
    ADMIN_PROJECT_DOMAIN_ID: parts.keystone.adminProjectDomainId,
    SECRET_KEYS: newSecretKey(),
    SMTP_URL: parts.smtpUrl,
    MAIL_FROM: "Example Cloud <cloud@example.org>",
    HELPDESK_EMAIL: "helpdesk@example.org",
    DASHBOARD_URL: "https://dashboard.example.org",
    APP_NAME: "Example Cloud",
    SUPPORT_CONTACT: "helpdesk@example.org",
    RATE_LIMIT_PER_MINUTE: "100000",
    RESET_LIMIT_PER_HOUR: "100000",
  };
}

/**
 * Starts it all; with the real Keystone that takes about 15 s. Everything ends with this process,
 * however that ends.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return await startAll(options, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startAll(
  options: StackOptions,
  undo: (() => Promise<unknown>)[],
  stop: () => Promise<void>,
): Promise<Stack> {
  const folder = await mkdtemp(path.join(tmpdir(), "setpass-stack-"));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  const logFile = options.logFile ?? path.join(folder, "server.log");

  let ownPostgres: EmbeddedPostgres | undefined;
  if (options.postgresUrl === undefined) {
    const started = await startTestPostgres({
      maxConnections: 300,
      ...(options.postgresSettings && { settings: options.postgresSettings }),
    });
    ownPostgres = started;
    undo.push(() => started.stop());
  }
  const postgresUrl = options.postgresUrl ?? ownPostgres?.url ?? "";
  const databaseUrl = await createDatabase(postgresUrl, undo);
  const keystone = await openKeystone(options, postgresUrl, undo);
  const smtp = options.smtp ?? (await startSmtpServer());
  if (options.smtp === undefined) undo.push(() => smtp.stop());

  const port = await getFreePort();
  const publicUrl = (options.publicUrl ?? `http://127.0.0.1:${port}`).replace(/\/$/, "");
  const env = {
    ...serverEnvironment({
      publicUrl,
      databaseUrl,
      keystone: { ...keystone.access, url: options.authUrl ?? keystone.access.url },
      smtpUrl: smtp.url,
    }),
    ...options.env,
  };
  const servers: ServerProcess[] = [];
  const count = options.serverProcesses ?? 1;
  for (let index = 0; index < count; index++) {
    const server = await startServerProcess({
      env,
      logFile,
      // PUBLIC_URL holds the first one's port.
      ...(index === 0 && { port, fixedPort: options.publicUrl === undefined }),
    });
    servers.push(server);
    undo.push(() => server.stop());
  }
  const server = servers[0];
  if (server === undefined) throw new TypeError("A stack needs a server");
  await waitUntilReady(server.url);

  return {
    url: publicUrl,
    server,
    servers,
    keystone: { ...keystone.access, ...keystoneAdmin(keystone.access) },
    realKeystone: keystone.real,
    sandboxKeystone: keystone.sandbox,
    smtp,
    postgres: ownPostgres,
    databaseUrl,
    env,
    logFile,
    logs: () => readFile(logFile, "utf8"),
    dump: () => dumpDatabase(databaseUrl),
    stop,
  };
}

async function createDatabase(
  postgresUrl: string,
  undo: (() => Promise<unknown>)[],
): Promise<string> {
  const name = `setpass_${randomBytes(6).toString("hex")}`;
  const url = new URL(postgresUrl);
  url.pathname = `/${name}`;
  const asSuperuser = async (use: (sql: postgres.Sql) => Promise<unknown>) => {
    const sql = postgres(postgresUrl, { max: 1, onnotice: () => {} });
    try {
      await use(sql);
    } finally {
      await sql.end({ timeout: 5 });
    }
  };
  await asSuperuser((sql) => sql`create database ${sql(name)}`);
  undo.push(() =>
    // The test may have ended PostgreSQL itself.
    asSuperuser((sql) => sql`drop database if exists ${sql(name)} with (force)`).catch(() => {}),
  );
  const folder = path.resolve(import.meta.dirname, "../../db/migrations");
  await migrateDatabase({ url: url.href, folder });
  return url.href;
}

async function openKeystone(
  options: StackOptions,
  postgresUrl: string,
  undo: (() => Promise<unknown>)[],
): Promise<{ access: KeystoneAccess; real?: RealKeystone; sandbox?: SandboxKeystone }> {
  const wanted = options.keystone ?? "real";
  if (typeof wanted !== "string") return { access: wanted };
  if (wanted === "sandbox") {
    const sandbox = await startSandboxKeystone(options.sandboxKeystone);
    undo.push(() => sandbox.stop());
    return { access: sandbox, sandbox };
  }
  const real = await startRealKeystone({
    postgresUrl,
    // The cheapest bcrypt, as in the integration tests; the benchmark says otherwise.
    passwordHashRounds: 4,
    ...options.realKeystone,
  });
  undo.push(() => real.stop());
  return { access: real, real };
}

/** Waits until a server finds its database and its Keystone; ready it is without the latter, too. */
export async function waitUntilReady(url: string, timeoutMs = 30_000): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs;
  let last = "no answer";
  while (Date.now() < giveUpAt) {
    try {
      const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) });
      last = await response.text();
      if (response.ok && (JSON.parse(last) as { keystone: unknown }).keystone === true) return;
    } catch {
      last = "no answer";
    }
    await sleep(100);
  }
  throw new Error(`${url} is not ready after ${timeoutMs} ms: ${last}`);
}
