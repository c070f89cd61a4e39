import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import postgres from "postgres";
import { afterEach, describe, expect, it } from "vitest";
import { startTestPostgres } from "../support/postgres";

const toStop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
});

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
async function startElsewhere() {
  const module = resolve(import.meta.dirname, "../../demo/embedded-postgres.ts");
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(module)};
    const started = await startEmbeddedPostgres({ fsync: false });
    process.stdout.write(started.dataDir + "\\n");
    setInterval(() => {}, 1000);`;
  const child = spawn(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", script],
    { cwd: resolve(import.meta.dirname, "../.."), stdio: ["ignore", "pipe", "inherit"] },
  );
  toStop.push(async () => void child.kill("SIGKILL"));
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    told += text;
  });
  await expect.poll(() => told, { timeout: 20_000 }).toMatch(/\n$/);
  const dataDir = told.trim();
  const pidFile = await readFile(join(dataDir, "postmaster.pid"), "utf8");
  return { child, dataDir, serverPid: Number(pidFile.split("\n")[0]) };
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

  it("removes its data when it stops", async () => {
    const passing = await start();
    expect(existsSync(passing.dataDir)).toBe(true);
    await passing.stop();
    expect(existsSync(passing.dataDir)).toBe(false);
  });

  it("ends with whoever started it, killed with -9 or not, and leaves nothing", async () => {
    const { child, dataDir, serverPid } = await startElsewhere();
    expect(runs(serverPid)).toBe(true);
    await killHard(child);
    await expect.poll(() => runs(serverPid), { timeout: 10_000 }).toBe(false);
    await expect.poll(() => existsSync(dataDir), { timeout: 10_000 }).toBe(false);
  });
});
