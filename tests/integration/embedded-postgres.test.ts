import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import postgres from "postgres";
import { afterEach, describe, expect, it } from "vitest";
import { reapOrphan } from "../../demo/embedded-postgres";
import { startTestPostgres } from "../support/postgres";

const toStop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "setpass-test-"));
  await chmod(folder, 0o755); // for PostgreSQL's user, where the tests run as root
  toStop.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function start(options: Parameters<typeof startTestPostgres>[0] = {}) {
  const started = await startTestPostgres(options);
  toStop.push(() => started.stop());
  return started;
}

async function query(url: string, text: string): Promise<postgres.RowList<postgres.Row[]>> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}

/** Another process that starts a PostgreSQL and then does nothing until it is killed. */
async function startElsewhere(dataDir: string, options: { persistent: boolean }) {
  const module = resolve(import.meta.dirname, "../../demo/embedded-postgres.ts");
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(module)};
    const started = await startEmbeddedPostgres(${JSON.stringify({ ...options, dataDir, fsync: false })});
    process.stdout.write(started.url + "\\n");
    setInterval(() => {}, 1000);`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", script],
    { cwd: resolve(import.meta.dirname, "../.."), stdio: ["ignore", "pipe", "inherit"] },
  );
  toStop.push(async () => void child.kill("SIGKILL"));
  let url = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    url += text;
  });
  await expect.poll(() => url, { timeout: 20_000 }).toMatch(/^postgres:.*\n$/);
  const pidFile = await readFile(join(dataDir, "postmaster.pid"), "utf8");
  return { child, url: url.trim(), serverPid: Number(pidFile.split("\n")[0]) };
}

function runs(pid: number): boolean {
  const state = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" }).stdout;
  return state.trim() !== "" && !state.startsWith("Z");
}

async function killHard(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

describe("the embedded PostgreSQL", () => {
  it("listens on 127.0.0.1 only and asks for its password", async () => {
    const server = await start();
    const [row] = await query(server.url, "show listen_addresses");
    expect(row).toEqual({ listen_addresses: "127.0.0.1" });
    const wrong = new URL(server.url);
    wrong.password = "postgres";
    await expect(query(wrong.href, "select 1")).rejects.toThrow(/password authentication failed/);
  });

  it("creates databases and dumps every table of one as text", async () => {
    const server = await start();
    const url = await server.createDatabase("first");
    await query(url, "create table note (id int, words text, bytes bytea)");
    await query(url, "insert into note values (1, 'grüß dich', 'secret'), (2, null, null)");
    const dump = await server.dump(url);
    expect(dump).toContain("-- public.note\n");
    expect(dump).toContain(`1\tgrüß dich\t\\\\x${Buffer.from("secret").toString("hex")}\n`);
    await expect(server.createDatabase("no; such")).rejects.toThrow(TypeError);
  });

  it("comes back after a restart and after a kill, on the same port with the same data", async () => {
    const server = await start();
    await query(server.url, "create table kept (id int)");
    await server.restart();
    await query(server.url, "insert into kept values (1)");
    for (const signal of ["SIGQUIT", "SIGKILL"] as const) {
      await server.kill(signal);
      await expect(query(server.url, "select 1")).rejects.toThrow();
      await server.restart();
      expect(await query(server.url, "select id from kept")).toEqual([{ id: 1 }]);
    }
  });

  it("removes its data when it stops, unless told to keep them", async () => {
    const folder = await newFolder();
    const passing = await start({ dataDir: join(folder, "passing") });
    expect(existsSync(passing.dataDir)).toBe(true);
    await passing.stop();
    expect(existsSync(passing.dataDir)).toBe(false);

    const dataDir = join(folder, "deep", "kept");
    await mkdir(join(folder, "deep"), { mode: 0o755 });
    const kept = await start({ dataDir, persistent: true });
    await query(kept.url, "create table kept (id int)");
    await kept.stop();
    const again = await start({ dataDir, persistent: true });
    expect(await query(again.url, "select id from kept")).toEqual([]);
    await expect(start({ persistent: true })).rejects.toThrow(/dataDir/);
  });

  it("makes its folder anew where making it was cut short, and touches no other's", async () => {
    const folder = await newFolder();
    const dataDir = join(folder, "data");
    await mkdir(`${dataDir}.unfinished`);
    await writeFile(join(`${dataDir}.unfinished`, "PG_VERSION"), "18\n");
    const server = await start({ dataDir });
    expect(await query(server.url, "select 1 as one")).toEqual([{ one: 1 }]);

    const foreign = join(folder, "foreign");
    await mkdir(foreign);
    for (const name of ["notes.txt", "PG_VERSION"]) {
      await writeFile(join(foreign, name), "15\n");
      await expect(start({ dataDir: foreign })).rejects.toThrow(/is not empty/);
      expect(existsSync(join(foreign, name))).toBe(true);
    }
  });

  it("ends with whoever started it, killed with -9 or not, and leaves nothing", async () => {
    const folder = await newFolder();
    const dataDir = join(folder, "data");
    const { child, serverPid } = await startElsewhere(dataDir, { persistent: false });
    expect(runs(serverPid)).toBe(true);
    await killHard(child);
    await expect.poll(() => runs(serverPid), { timeout: 10_000 }).toBe(false);
    await expect.poll(() => existsSync(dataDir), { timeout: 10_000 }).toBe(false);
  });

  it("is ended by the next start where it was left behind all the same", async () => {
    const folder = await newFolder();
    const dataDir = join(folder, "data");
    const { child, serverPid } = await startElsewhere(dataDir, { persistent: true });
    // The watcher that would end it dies first.
    const watchers = spawnSync("pgrep", ["-f", `setpass-watcher ${serverPid} `], {
      encoding: "utf8",
    });
    for (const pid of watchers.stdout.trim().split("\n")) process.kill(Number(pid), "SIGKILL");
    await killHard(child);
    expect(runs(serverPid)).toBe(true);

    const server = await start({ dataDir, persistent: true });
    expect(runs(serverPid)).toBe(false);
    expect(await query(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
    await server.stop();
    expect(await reapOrphan(dataDir)).toBe(false);
  });

  it("takes no other process for the one left behind", async () => {
    const dataDir = join(await newFolder(), "data");
    await mkdir(dataDir);
    await writeFile(join(dataDir, "postmaster.pid"), `${process.pid}\n${dataDir}\n`);
    expect(await reapOrphan(dataDir)).toBe(false);
  });
});
