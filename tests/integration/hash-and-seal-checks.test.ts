import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueLink } from "../../app/links/issue-link.server";
import { newAdmin, startTestServices, type TestServices } from "../support/services";

/** What a driver's fault would store for 32 random bytes. */
const hexText = (bytes: Buffer) => Buffer.from(`\\x${bytes.toString("hex")}`);
const sealed = () => Buffer.concat([Buffer.from([1]), randomBytes(40)]);

let started: TestServices;

beforeAll(async () => {
  started = await startTestServices({ keystoneUrl: "http://127.0.0.1:9" });
});
afterAll(() => started.stop());

async function issue(mailTo?: string): Promise<string> {
  const userId = `user-${randomBytes(6).toString("hex")}`;
  const request = { userId, pin: "0123", initialPassword: "Initial-1", via: "api" as const };
  await issueLink(started.services, { ...request, ...(mailTo && { mailTo }) }, newAdmin());
  return userId;
}

const columns: [string, string, string][] = [
  ["links", "token_hash", "hash"],
  ["links", "pin_mac", "hash"],
  ["links", "sealed_pin_key", "seal"],
  ["links", "sealed_password", "seal"],
  ["links", "sealed_attempts", "seal"],
  ["links", "sealed_parked", "seal"],
  ["mails", "sealed_props", "seal"],
  ["jobs", "sealed_payload", "seal"],
  ["admin_sessions", "id_hash", "hash"],
  ["admin_sessions", "sealed_token", "seal"],
  ["reset_requests", "sealed_pin", "seal"],
  ["reset_requests", "confirm_token_hash", "hash"],
];

describe("garbage cannot be stored", () => {
  beforeAll(async () => {
    const { sql } = started.database;
    await issue("a@example.org");
    await sql`insert into admin_sessions (id_hash, user_id, user_name, user_domain_name, sealed_token, expires_at)
      values (${randomBytes(32)}, 'a', 'a', 'a', ${sealed()}, now())`;
    // Else nothing may be parked.
    await sql`update links set scrambled_at = now()`;
    await sql`insert into jobs (kind) values ('a')`;
    await sql`insert into reset_requests (name, email) values ('a', 'a@example.org')`;
  });

  it.each(columns)("as %s.%s", async (table, column, kind) => {
    const { sql } = started.database;
    const write = (value: Buffer) =>
      sql.begin(async (tx) => {
        await tx`update ${tx(table)} set ${tx(column)} = ${value}`;
        throw new Error("taken");
      });
    const good = kind === "hash" ? randomBytes(32) : sealed();
    await expect(write(good)).rejects.toThrow("taken");
    const wrong =
      kind === "hash"
        ? [hexText(good), good.subarray(1), Buffer.alloc(0)]
        : [hexText(good), good.subarray(0, 36), Buffer.alloc(0), Buffer.alloc(60)];
    for (const value of wrong) await expect(write(value)).rejects.toMatchObject({ code: "23514" });
  });

  it("and every column with a hash or a seal is among them", async () => {
    const rows = await started.database.sql`
      select table_name, column_name from information_schema.columns
      where table_schema = 'public' and data_type = 'bytea'`;
    const names = rows.map((row) => `${row.table_name}.${row.column_name}`).sort();
    expect(names).toEqual(columns.map(([table, column]) => `${table}.${column}`).sort());
  });
});

it("a database that holds garbage already is upgraded: it goes, and is told", async () => {
  const { sql } = started.database;
  const constraints = await sql`
    select conrelid::regclass::text as table, conname as name from pg_constraint
    where conname like '%_is_hash' or conname like '%_is_sealed'`;
  for (const { table, name } of constraints)
    await sql`alter table ${sql(table)} drop constraint ${sql(name)}`;
  expect(constraints).toHaveLength(columns.length);

  const good = await issue("good@example.org");
  const broken: string[] = [];
  for (const [table, column] of columns.filter(
    ([name, column]) => name === "links" && column !== "sealed_parked",
  )) {
    const userId = await issue(`${column}@example.org`);
    await sql`update ${sql(table)} set ${sql(column)} = ${hexText(randomBytes(32))} where user_id = ${userId}`;
    broken.push(userId);
  }
  const unsent = await issue("unsent@example.org");
  await sql`update mails set sealed_props = ${Buffer.alloc(0)} where recipient = 'unsent@example.org'`;
  await sql`insert into admin_sessions (id_hash, user_id, user_name, user_domain_name, sealed_token, expires_at)
    values (${hexText(randomBytes(32))}, 'broken', 'a', 'a', ${sealed()}, now())`;
  await sql`insert into reset_requests (state, name, email, sealed_pin)
    values ('open', 'b', 'b@example.org', ${randomBytes(8)})`;

  for (const name of ["erase_unreadable_values", "hashes_and_seals_are_checked"])
    await sql.begin(async (tx) => {
      const { entries } = JSON.parse(await readFile("db/migrations/meta/_journal.json", "utf8"));
      const { tag } = entries.find((entry: { tag: string }) => entry.tag.endsWith(name));
      await tx.unsafe(await readFile(`db/migrations/${tag}.sql`, "utf8"));
    });

  const links = await sql`select user_id, state, token_hash is null as erased from links
    where user_id = any(${[good, unsent, ...broken]})`;
  for (const { user_id, state, erased } of links)
    expect({ state, erased }).toEqual(
      broken.includes(user_id)
        ? { state: "revoked", erased: true }
        : { state: "pending", erased: false },
    );
  expect(links).toHaveLength(2 + broken.length);
  const told = await sql`select user_id from audit_events
    where action = 'link.revoked' and actor_kind = 'system' and outcome = 'unreadable'`;
  expect(told.map(({ user_id }) => user_id).sort()).toEqual(broken.sort());
  const mails = await sql`select recipient, state, sealed_props is null as erased from mails
    where recipient like '%@example.org' and recipient <> 'a@example.org' order by recipient`;
  for (const mail of mails)
    expect([mail.state, mail.erased], mail.recipient).toEqual(
      { "good@example.org": ["queued", false], "unsent@example.org": ["failed", true] }[
        mail.recipient as string
      ] ?? ["cancelled", true],
    );
  expect(await sql`select 1 from admin_sessions where user_id = 'broken'`).toEqual([]);
  const [request] = await sql`select state, sealed_pin from reset_requests where name = 'b'`;
  expect(request).toEqual({ state: "open", sealed_pin: null });
});
