import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { grantsFor } from "../../db/grants";
import { type ServerProcess, startServerProcess } from "../support/server-process";
import { completeEnvironment } from "../support/services";

/** The two roles of the README: one owns the tables, the server signs in as the other. */
const root = path.resolve(import.meta.dirname, "../..");
const id = randomBytes(5).toString("hex");
const password = randomBytes(12).toString("hex");
const database = `roles_${id}`;
const owner = `owner_${id}`;
// A name that has to be quoted.
const server = `Server-${id}`;
let superuser: postgres.Sql;

function urlAs(user?: string): string {
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${database}`;
  if (user) [url.username, url.password] = [user, password];
  return url.href;
}

async function run(command: string, words: string[], env: Record<string, string> = {}) {
  return promisify(execFile)(
    process.execPath,
    [path.join(root, "build/process", command), ...words],
    { env: { PATH: process.env.PATH, ...env } as unknown as NodeJS.ProcessEnv },
  ).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (failure: { code: number; stdout: string; stderr: string }) => failure,
  );
}

const grant = (role: string, as = urlAs(owner)) =>
  run("grants.js", [role, "--apply"], { DATABASE_URL: as });

beforeAll(async () => {
  const cluster = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
  await cluster.unsafe(`create role ${owner} login password '${password}'`);
  await cluster.unsafe(`create role "${server}" login password '${password}'`);
  await cluster.unsafe(`create database ${database} owner ${owner}`);
  await cluster.end();
  superuser = postgres(urlAs(), { max: 1, onnotice: () => {} });
  expect(await run("migrate.js", [], { DATABASE_URL: urlAs(owner) })).toMatchObject({ code: 0 });
});
afterAll(async () => {
  await superuser.end();
  const cluster = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
  await cluster.unsafe(`drop database ${database} with (force)`);
  await cluster.unsafe(`drop role "${server}"`);
  await cluster.unsafe(`drop role ${owner}`);
  await cluster.end();
});

/** Every right of a role on every table and column, as text. */
async function rightsOf(role: string): Promise<string[]> {
  const rows = await superuser`
    select table_name || ' ' || privilege_type as text from information_schema.role_table_grants
      where grantee = ${role}
    union
    select table_name || '.' || column_name || ' ' || privilege_type from information_schema.role_column_grants
      where grantee = ${role} and table_name = 'audit_events' and privilege_type <> 'SELECT'
    order by 1`;
  return rows.map(({ text }) => text as string);
}

describe("npm run grants", () => {
  it("prints what it would do, and does nothing", async () => {
    const printed = await run("grants.js", [server], { DATABASE_URL: urlAs(owner) });
    expect(printed).toMatchObject({ code: 0, stderr: "" });
    expect(printed.stdout).toContain(`GRANT CONNECT ON DATABASE ${database} TO "${server}";`);
    expect(printed.stdout).not.toContain(password);
    expect(await rightsOf(server)).toEqual([]);
    for (const words of [[], ["--apply"], ["a", "b"], ["--help"]])
      expect(await run("grants.js", words)).toMatchObject({ code: 64 });
  });

  it("gives the server what it needs and takes the rest, again and again", async () => {
    expect(await grant(server)).toMatchObject({ code: 0, stderr: "" });
    const rights = await rightsOf(server);
    await superuser.unsafe(`grant all on all tables in schema public, drizzle to "${server}"`);
    expect(await rightsOf(server)).not.toEqual(rights);
    expect(await grant(server)).toMatchObject({ code: 0, stderr: "" });
    expect(await rightsOf(server)).toEqual(rights);
    const tables = await superuser`
      select tablename as name from pg_tables where schemaname = 'public'`;
    for (const { name } of tables) expect(rights).toContain(`${name} SELECT`);
    expect(rights.filter((right) => /^audit_events/.test(right))).not.toContain(
      "audit_events UPDATE",
    );
    expect(rights).not.toContain("audit_events.id INSERT");
    expect(rights).not.toContain("audit_events.at INSERT");
    expect(rights.filter((right) => /TRUNCATE|TRIGGER|REFERENCES/.test(right))).toEqual([]);
  });

  it("says what keeps it from that", async () => {
    expect(await grant("nobody_here")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Nothing was granted: .*role "nobody_here" does not exist/),
    });
    expect(await grant(server, urlAs(server))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Nothing was granted: .*does not own the tables/),
    });
    expect(await run("grants.js", [server, "--apply"])).toMatchObject({
      code: 78,
      stderr: expect.stringContaining("DATABASE_URL is not set"),
    });
    const ofOwner = await rightsOf(owner);
    for (const role of [owner, "postgres"])
      expect(await grant(role)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`Nothing was granted: ${role} owns the tables`),
      });
    expect(await rightsOf(owner)).toEqual(ofOwner);
  });

  it("is what docs/operating.md lists", async () => {
    const guide = await readFile(path.join(root, "docs/operating.md"), "utf8");
    const [, block = ""] = /```sql\n(REVOKE ALL[\s\S]*?)```/.exec(guide) ?? [];
    const said = block.replace(/--.*$/gm, "").replace(/\s+/g, " ").trim();
    const meant = grantsFor({ role: "setpass_server", database: "setpass" });
    expect(said).toBe(`${meant.join("; ")};`);
  });
});

describe("at start", () => {
  async function warningsAs(user: string | undefined, more: Record<string, string> = {}) {
    const env = await completeEnvironment({
      databaseUrl: urlAs(user),
      keystoneUrl: "http://127.0.0.1:9",
      env: more,
    });
    const process_: ServerProcess = await startServerProcess({
      env: env as Record<string, string>,
    });
    await process_.stop();
    return process_.events().filter(({ event }) => event === "server.role-too-powerful");
  }

  it("the least role is nothing to speak of", async () => {
    await grant(server);
    expect(await warningsAs(server)).toEqual([]);
  });

  it("a role that lacks a right is not started with, and the operator is told what to run", async () => {
    await grant(server);
    await superuser.unsafe(`revoke all on jobs from "${server}"`);
    const env = await completeEnvironment({
      databaseUrl: urlAs(server),
      keystoneUrl: "http://127.0.0.1:9",
    });
    expect(await run("server.js", [], env as Record<string, string>)).toMatchObject({
      code: 78,
      stderr:
        "setpass cannot start: the role of DATABASE_URL lacks a right (permission denied for table jobs). As the owner of the tables run `npm run migrate`, then `npm run grants`, both of this release.\n",
    });
    await grant(server);
  });

  it("a role that could change the trail is warned of, in words, in every mode", async () => {
    const sayings: [string | undefined, Record<string, string>, RegExp[]][] = [
      [owner, {}, [/owns the tables/, /npm run grants/]],
      [owner, { MIGRATE_ON_START: "1" }, [/owns the tables/, /MIGRATE_ON_START=1/]],
      [undefined, { NODE_ENV: "production" }, [/is a superuser/, /npm run grants/]],
    ];
    for (const [user, env, words] of sayings) {
      const [warning, ...more] = await warningsAs(user, env);
      expect(more).toEqual([]);
      expect(warning).toMatchObject({ level: "warn" });
      const problems = warning?.problems as string[];
      expect(problems).toHaveLength(words.length);
      for (const [index, word] of words.entries()) expect(problems[index]).toMatch(word);
    }
    await superuser.unsafe(`grant delete on audit_events to "${server}"`);
    const [warning] = await warningsAs(server);
    expect(warning?.problems).toMatchObject([
      `${server} was given more than the server needs: it can change the audit trail.`,
      expect.stringContaining("npm run grants"),
    ]);
  });
});
