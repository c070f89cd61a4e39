import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { endWithParent } from "../../demo/end-with-parent";
import { getFreePort } from "./free-port";

const program = "/usr/sbin/pgbouncer";

export const canRunPgBouncer = () => existsSync(program);

export interface PgBouncer {
  /** The same database, user and password, through PgBouncer. */
  through(url: string): string;
  stop(): Promise<void>;
}

/**
 * Debian's PgBouncer in transaction mode, before a PostgreSQL. (Debian 12 has 1.18, which knows nothing
 * of prepared statements.) Its settings are its own defaults, but for what is given.
 *
 * @param options.database superuser URL: whose server, and who may sign in
 * @param options.settings more lines of pgbouncer.ini
 */
export async function startPgBouncer(options: {
  database: string;
  settings?: Record<string, string>;
}): Promise<PgBouncer> {
  const target = new URL(options.database);
  const folder = await mkdtemp(path.join(tmpdir(), "setpass-pgbouncer-"));
  await chmod(folder, 0o755);
  const port = await getFreePort();
  const users = path.join(folder, "users.txt");
  const config = path.join(folder, "pgbouncer.ini");
  const quoted = (text: string) => `"${decodeURIComponent(text).replaceAll('"', '""')}"`;
  await writeFile(users, `${quoted(target.username)} ${quoted(target.password)}\n`);
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: String(port),
    unix_socket_dir: "",
    auth_type: "scram-sha-256",
    auth_file: users,
    pool_mode: "transaction",
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  await writeFile(
    config,
    `[databases]\n* = host=${target.hostname} port=${target.port}\n[pgbouncer]\n${lines.join("\n")}\n`,
  );
  let words = "";
  const child: ChildProcess = spawn(program, [config], {
    ...ordinaryUser(),
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  endWithParent(child, { signal: "SIGTERM", removeFolders: [folder] });
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-20_000);
    });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const through = (url: string) => {
    const address = new URL(url);
    address.hostname = "127.0.0.1";
    address.port = String(port);
    return address.href;
  };
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    if (child.exitCode === null && child.signalCode === null) await ended;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  const giveUpAt = Date.now() + 10_000;
  while (!(await answers(through(options.database)))) {
    if (child.exitCode === null && Date.now() < giveUpAt) {
      await sleep(50);
      continue;
    }
    await stop();
    throw new Error(`PgBouncer did not start:\n${words}`);
  }
  return { through, stop };
}

async function answers(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, onnotice: () => {}, fetch_types: false, prepare: false });
  const answered = await sql.unsafe("select 1").then(
    () => true,
    () => false,
  );
  await sql.end({ timeout: 1 });
  return answered;
}

/** It refuses to run as root. */
function ordinaryUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const numberOf = (flag: string) =>
    Number(spawnSync("id", [flag, "nobody"], { encoding: "utf8" }).stdout);
  return { uid: numberOf("-u"), gid: numberOf("-g") };
}
