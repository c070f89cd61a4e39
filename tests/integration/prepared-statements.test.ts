import { randomBytes } from "node:crypto";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type IssuedLinkAnswer, issueLink } from "../../app/links/issue-link.server";
import { redeemLink } from "../../app/links/redeem/redeem-link.server";
import { viewLink } from "../../app/links/view-link.server";
import { openDatabase } from "../../db/client";
import { newAdmin, newOrigin, startTestServices, type TestServices } from "../support/services";

/**
 * PostgreSQL throws a prepared statement away when a table changes under it, or when it is told to, and
 * answers the next use with an error. What setpass sends then must be what it meant to send.
 */
let started: TestServices;

beforeAll(async () => {
  started = await startTestServices({ keystoneUrl: "http://127.0.0.1:9" });
});
afterAll(() => started.stop());

async function issue(): Promise<IssuedLinkAnswer> {
  const request = {
    userId: `user-${randomBytes(6).toString("hex")}`,
    pin: "0123",
    initialPassword: "Initial-1",
    via: "api" as const,
  };
  const result = await issueLink(started.services, request, newAdmin());
  if (!result.ok) throw new Error(result.reason);
  return result.link;
}

/** Every connection of the pool has run it by then. */
const onAllConnections = (work: () => Promise<unknown>) =>
  Promise.all(Array.from({ length: 60 }, work));

const wrongPin = { pin: "9999", password: "Chosen-password-1" };

it("a table that changes under a warm server: links open, are issued and count as before", async () => {
  const { services, database } = started;
  const links = await Promise.all(Array.from({ length: 10 }, issue));
  const [first] = links as [IssuedLinkAnswer];
  const open = (link: IssuedLinkAnswer) => viewLink(services, link.token);
  for (let storm = 0; storm < 10; storm++) {
    await onAllConnections(() => open(first));
    await database.sql.unsafe(
      `alter table links alter policy_regex type varchar(${20_000 + storm})`,
    );
    const views = await Promise.all(links.map(open));
    expect(views.map((view) => view?.userId)).toEqual(links.map(({ userId }) => userId));
    const again = await issue();
    expect(await open(again)).toMatchObject({ userId: again.userId });
    const request = { token: again.token, ...wrongPin };
    expect(await redeemLink(services, request, newOrigin())).toMatchObject({
      reason: "wrong-pin",
    });
  }
});

it("statements that are forgotten: what is written again is what was meant", async () => {
  const client = openDatabase({ url: started.database.url, poolSize: 1 });
  const { db } = client;
  const token = randomBytes(32);
  const write = (yes: boolean) =>
    db.execute(sql`insert into kept (yes, bytes, number, text, at, nothing)
      values (${yes}, ${token}, ${7}, ${"\\x41 ü"}, ${"2030-01-02T03:04:05.000Z"}, ${null})`);
  await db.execute(
    "create table kept (yes boolean, bytes bytea, number int, text text, at timestamptz, nothing bytea)",
  );
  for (const forgets of ["select 1", "discard all", "deallocate all", "discard plans"]) {
    await write(true);
    await db.execute(forgets);
    await write(true);
    await db.execute(forgets);
    await write(false);
  }
  const rows = await started.database.sql`select * from kept`;
  expect(rows).toHaveLength(12);
  for (const [index, row] of rows.entries())
    expect(row).toEqual({
      yes: index % 3 !== 2,
      bytes: token,
      number: 7,
      text: "\\x41 ü",
      at: new Date("2030-01-02T03:04:05.000Z"),
      nothing: null,
    });
  await client.close({ timeoutSeconds: 1 });
});

it("they may be forgotten, and tables changed, in the middle of a transaction", async () => {
  const client = openDatabase({ url: started.database.url, poolSize: 1 });
  const { db } = client;
  const hash = randomBytes(32);
  const [{ userId } = { userId: "" }] = [await issue()];
  const read = () => sql`select user_id from links where user_id = ${userId}`;
  const write = () => sql`update links set token_hash = ${hash} where user_id = ${userId}`;
  await db.execute(read());
  await db.execute(write());
  await db.execute("deallocate all");
  await db.transaction(async (tx) => {
    await tx.execute("deallocate all");
    await tx.execute("alter table links alter policy_description type varchar(19999)");
    await tx.execute(write());
    expect([...(await tx.execute(read()))]).toEqual([{ user_id: userId }]);
  });
  const [row] = await started.database.sql`select token_hash from links where user_id = ${userId}`;
  expect(row?.token_hash).toEqual(hash);
  await client.close({ timeoutSeconds: 1 });
});
