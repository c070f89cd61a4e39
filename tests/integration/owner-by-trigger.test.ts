import { randomBytes } from "node:crypto";
import path from "node:path";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { grantServerRole } from "../../db/grants";
import { migrateDatabase } from "../../db/migrate";

/** Whoever has the server's role, and the one function that runs as the tables' owner. */
const id = randomBytes(5).toString("hex");
const password = randomBytes(12).toString("hex");
const database = `trigger_${id}`;
const owner = `owner_${id}`;
const server = `server_${id}`;
let asServer: postgres.Sql;
let asSuperuser: postgres.Sql;

function urlAs(user?: string): string {
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${database}`;
  if (user) [url.username, url.password] = [user, password];
  return url.href;
}

const connect = (url: string) => postgres(url, { max: 1, onnotice: () => {} });

beforeAll(async () => {
  const cluster = connect(inject("postgresUrl"));
  await cluster.unsafe(`create role ${owner} login password '${password}'`);
  await cluster.unsafe(`create role ${server} login password '${password}'`);
  await cluster.unsafe(`create database ${database} owner ${owner}`);
  await cluster.end();
  const folder = path.resolve(import.meta.dirname, "../../db/migrations");
  await migrateDatabase({ url: urlAs(owner), folder });
  expect(await grantServerRole({ url: urlAs(owner), role: server })).toEqual({
    ok: true,
    excess: [],
  });
  asServer = connect(urlAs(server));
  asSuperuser = connect(urlAs());
});
afterAll(async () => {
  await asServer?.end();
  await asSuperuser?.end();
  const cluster = connect(inject("postgresUrl"));
  await cluster.unsafe(`drop database ${database} with (force)`);
  await cluster.unsafe(`drop role ${server}`);
  await cluster.unsafe(`drop role ${owner}`);
  await cluster.end();
});

const said = (asking: Promise<unknown>) =>
  asking.then(
    () => "done",
    (error: Error) => error.message,
  );

it("still notes the words of a link that the server's role writes", async () => {
  const [link] = await asServer`
    insert into links (user_id, state, expires_at, issued_by_id, issued_via, revoked_at)
    values ('u-1', 'revoked', now(), 'a-1', 'api', now()) returning id`;
  expect(await asSuperuser`select link_id, words from link_words`).toEqual([
    { link_id: link?.id, words: "\nu-1\n" },
  ]);
  await asSuperuser`delete from link_words`;
});

it("lets the server's role write no word of a link but by way of the link", async () => {
  await said(
    asServer.unsafe(`
      create temp table bait (id uuid, user_name text, user_id text, mail_to text);
      create trigger planted after insert on bait for each row execute function public.note_link_words();
      insert into bait values (gen_random_uuid(), 'planted', 'planted', 'planted')`),
  );
  expect(await asSuperuser`select words from link_words`).toEqual([]);
});

it("lets the server's role do nothing as the owner: the trail stays out of its reach", async () => {
  await asServer`insert into audit_events (actor_kind, action, outcome) values ('system', 'link.revoked', 'ok')`;
  expect(await said(asServer`delete from audit_events`)).toMatch(/permission denied/);

  // A conversion of its own, which the owner's function makes when it writes what the bait has for an id.
  await said(
    asServer.unsafe(`
      create type pg_temp.lure as (word text);
      create function pg_temp.take(pg_temp.lure) returns uuid language plpgsql as $$
      begin
        alter table public.audit_events disable trigger user;
        grant all on public.audit_events to ${server};
        return gen_random_uuid();
      end $$;
      create cast (pg_temp.lure as uuid) with function pg_temp.take(pg_temp.lure) as assignment;
      create temp table hook (id pg_temp.lure, user_name text, user_id text, mail_to text);
      create trigger planted after insert on hook for each row execute function public.note_link_words();
      insert into hook values (row('x')::pg_temp.lure, 'a', 'b', 'c')`),
  );
  const [rights] = await asSuperuser`
    select has_table_privilege(${server}, 'audit_events', 'update, delete, truncate') as changes_trail`;
  expect(rights).toEqual({ changes_trail: false });
  expect(await said(asServer`update audit_events set outcome = 'rewritten'`)).toMatch(
    /permission denied/,
  );
  expect(await said(asServer`delete from audit_events`)).toMatch(/permission denied/);
  expect(await asSuperuser`select outcome from audit_events`).toEqual([{ outcome: "ok" }]);
});
