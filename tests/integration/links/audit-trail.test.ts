import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { insertEvent } from "../../../db/audit-events.store";
import { openDatabase } from "../../../db/client";
import { migrateDatabase } from "../../../db/migrate";

const folder = fileURLToPath(new URL("../../../db/migrations", import.meta.url));

/** A database that an ordinary role owns and has migrated, as in an installation without a superuser. */
describe("the audit trail", () => {
  const name = `audit_${randomBytes(5).toString("hex")}`;
  const password = randomBytes(12).toString("hex");
  const urlFor = (role?: string) => {
    const url = new URL(inject("postgresUrl"));
    url.pathname = `/${name}`;
    if (role) [url.username, url.password] = [role, password];
    return url.href;
  };
  let superuser: postgres.Sql;
  let owner: postgres.Sql;

  beforeAll(async () => {
    const server = postgres(inject("postgresUrl"), { max: 1 });
    await server.unsafe(`create role ${name} login password '${password}'`);
    await server.unsafe(`create database ${name} owner ${name}`);
    await server.end();
    await migrateDatabase({ url: urlFor(name), folder });
    superuser = postgres(urlFor(), { max: 1, onnotice: () => {} });
    owner = postgres(urlFor(name), { max: 1, onnotice: () => {} });
    const client = openDatabase({ url: urlFor(name), poolSize: 1 });
    for (const outcome of ["ok", "wrong-pin"])
      await insertEvent(client.db, { action: "link.redeemed", actorKind: "user", outcome });
    await client.close({ timeoutSeconds: 5 });
  });
  afterAll(async () => {
    await Promise.all([superuser?.end(), owner?.end()]);
    const server = postgres(inject("postgresUrl"), { max: 1 });
    await server.unsafe(`drop database if exists ${name} with (force)`);
    await server.unsafe(`drop role if exists ${name}`);
    await server.end();
  });

  it("is written and read by the role that owns it", async () => {
    const rows = await owner`select outcome from audit_events order by id`;
    expect(rows.map((row) => row.outcome)).toEqual(["ok", "wrong-pin"]);
  });

  it.each([
    "update audit_events set outcome = 'ok'",
    "update audit_events set outcome = 'ok' where false",
    "delete from audit_events",
    "delete from audit_events where id = 1",
    "truncate audit_events",
    "truncate audit_events restart identity cascade",
    `insert into audit_events (id, action, actor_kind, outcome) overriding system value
       values (1, 'x', 'user', 'ok') on conflict (id) do update set outcome = 'ok'`,
    `merge into audit_events e using (select 1 as id) s on e.id = s.id
       when matched then delete`,
  ])("is changed by nobody, not its owner nor a superuser: %s", async (statement) => {
    for (const sql of [owner, superuser])
      await expect(sql.unsafe(statement)).rejects.toMatchObject({ code: "42501" });
    const rows = await superuser`select outcome from audit_events order by id`;
    expect(rows.map((row) => row.outcome)).toEqual(["ok", "wrong-pin"]);
  });

  it("takes numbers and times from the database, so that no event slips in before another", async () => {
    await expect(
      owner`insert into audit_events (id, action, actor_kind, outcome) values (0, 'x', 'user', 'ok')`,
    ).rejects.toMatchObject({ code: "428C9" });
    const rows =
      await owner`select at, now() - at < interval '1 minute' as recent from audit_events`;
    expect(rows.every((row) => row.recent)).toBe(true);
  });
});
