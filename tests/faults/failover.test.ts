import process from "node:process";
import postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { migrateDatabase } from "../../db/migrate";
import type { EmbeddedPostgres } from "../../demo/embedded-postgres";
import { getFreePort } from "../../demo/free-port";
import { type SandboxKeystone, startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { eventually } from "../support/fault-stack";
import { keystoneAdmin } from "../support/keystone-admin";
import { type People, peopleAt } from "../support/people";
import { startTestPostgres } from "../support/postgres";
import { type ServerProcess, startServerProcess } from "../support/server-process";
import { serverEnvironment } from "../support/stack";

/**
 * Two real PostgreSQL: a primary, and a standby that follows it and that every commit waits for. Both
 * stand in DATABASE_URL, the standby first.
 */
const undo: (() => Promise<unknown>)[] = [];
let primary: EmbeddedPostgres;
let standby: EmbeddedPostgres;
let keystone: SandboxKeystone;
let server: ServerProcess;
let people: People;
let authToken: string;

const asSuperuser = async <Result>(
  at: EmbeddedPostgres,
  use: (sql: postgres.Sql) => Promise<Result>,
): Promise<Result> => {
  const sql = postgres(at.url, { max: 1, onnotice: () => {} });
  try {
    return await use(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
};

beforeAll(async () => {
  primary = await startTestPostgres();
  undo.push(() => primary.stop());
  await migrateDatabase({
    url: await primary.createDatabase("setpass"),
    folder: "db/migrations",
  });
  standby = await startStandbyOf(primary);
  undo.push(() => standby.stop());

  keystone = await startSandboxKeystone();
  undo.push(() => keystone.stop());
  const port = await getFreePort();
  const { username, password } = new URL(primary.url);
  const hosts = `127.0.0.1:${standby.port},127.0.0.1:${primary.port}`;
  const env = serverEnvironment({
    publicUrl: `http://127.0.0.1:${port}`,
    databaseUrl: `postgres://${username}:${password}@${hosts}/setpass?target_session_attrs=read-write`,
    keystone,
    smtpUrl: `smtp://127.0.0.1:${await getFreePort()}`,
  });
  server = await startServerProcess({ env, port, fixedPort: true });
  undo.push(() => server.stop());
  people = peopleAt({ url: server.url });
  authToken = await keystoneAdmin(keystone).token();
});
afterAll(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** It begins with a copy of the primary, for which that has to be stopped. */
async function startStandbyOf(leader: EmbeddedPostgres): Promise<EmbeddedPostgres> {
  await leader.kill("SIGINT");
  const { username, password } = new URL(leader.url);
  const follower = await startTestPostgres({
    standbyOf: leader.dataDir,
    settings: {
      primary_conninfo: `host=127.0.0.1 port=${leader.port} user=${username} password=${password}`,
    },
  });
  await leader.restart();
  await asSuperuser(leader, async (sql) => {
    await eventually("the standby follows", async () => {
      const [row] = await sql`select 1 from pg_stat_replication where state = 'streaming'`;
      return row;
    });
    await sql.unsafe("alter system set synchronous_standby_names = '*'");
    await sql`select pg_reload_conf()`;
  });
  return follower;
}

let users = 0;
const put = async (): Promise<{ status: number; token: string }> => {
  users += 1;
  const body = { pin: "0123", password: "Initial-1" };
  const answer = await people.putLink(authToken, `user-${users}`, body);
  return { status: answer.status, token: answer.text };
};

const seconds = (since: number) => (performance.now() - since) / 1000;

it("the primary is killed and the standby promoted: the server goes on with it, and loses no link it said yes to", async () => {
  const links: string[] = [];
  const statuses: Record<number, number> = {};
  let loaded = true;
  const script = async () => {
    while (loaded) {
      const { status, token } = await put();
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status === 200) links.push(token);
    }
  };
  const scripts = Promise.all(Array.from({ length: 4 }, script));
  await eventually("the primary is used", () => links.length > 50);
  await primary.kill("SIGKILL");
  const killedAt = performance.now();
  const before = links.length;
  await asSuperuser(standby, (sql) => sql`select pg_promote()`);
  const promotedAt = performance.now();
  await eventually("links are issued again", () => links.length > before + 50);
  const back = seconds(promotedAt);
  loaded = false;
  await scripts;

  expect(back).toBeLessThan(10);
  expect(Object.keys(statuses).sort()).toEqual(["200", "503"]);
  for (const token of links) expect((await people.openLink(token)).status).toBe(200);
  const events = server.events();
  expect(events.filter(({ event }) => event === "server.started")).toHaveLength(1);
  expect(
    events.filter(({ event, reason }) => event === "request.failed" && reason !== "database"),
  ).toEqual([]);
  process.stdout.write(
    `failed over: ${links.length} links kept, ${statuses[503]} refused with 503, back ${back.toFixed(1)} s after the promotion, ${seconds(killedAt).toFixed(1)} s after the kill\n`,
  );
});

it("a server that stops taking writes is left, and taken again when it takes them", async () => {
  const setReadOnly = (value: "on" | "off") =>
    asSuperuser(standby, async (sql) => {
      await sql.unsafe(`alter system set default_transaction_read_only = ${value}`);
      await sql`select pg_reload_conf()`;
    });
  expect((await put()).status).toBe(200);
  await setReadOnly("on");
  await eventually("it is refused", async () => (await put()).status === 503);
  // Not even what only reads is asked there: it is no server to be on.
  await eventually("it is left", async () => {
    const [row] = await asSuperuser(
      standby,
      (sql) => sql`select count(*)::int as left from pg_stat_activity
        where application_name = 'setpass' and state = 'idle'`,
    );
    return row?.left === 0;
  });
  await setReadOnly("off");
  await eventually("it is taken again", async () => (await put()).status === 200, 10_000);
});
