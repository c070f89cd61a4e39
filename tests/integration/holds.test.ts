import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { deleteEndedLimits, takeHold } from "../../db/rate-limits.store";
import { createTestDatabase, type TestDatabase } from "../support/database";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.close());

const newKey = () => `test:${randomUUID()}`;
const take = (key: string, seconds = 60) => takeHold(database.db, { key, seconds });
const timePasses = (key: string) =>
  database.sql`update rate_limits set expire = clock_timestamp() where key = ${key}`;

async function taken(key: string) {
  const hold = await take(key);
  if (!hold.ok) throw new Error("it is held");
  return hold;
}

it("is one of sixteen's, until it is let go", async () => {
  const key = newKey();
  const holds = await Promise.all(Array.from({ length: 16 }, () => take(key)));
  const [holder, ...others] = holds.filter(({ ok }) => ok);
  expect(others).toEqual([]);
  for (const hold of holds) {
    if (hold.ok) continue;
    expect(hold.retryAfterSeconds).toBeGreaterThanOrEqual(1);
    expect(hold.retryAfterSeconds).toBeLessThanOrEqual(60);
  }
  expect((await take(key)).ok).toBe(false);
  if (holder?.ok) await holder.release();
  expect((await take(key)).ok).toBe(true);
  expect((await take(newKey())).ok, "another's is another matter").toBe(true);
});

it("is one of sixteen's again where its holder died", async () => {
  const key = newKey();
  await taken(key);
  await timePasses(key);
  const holds = await Promise.all(Array.from({ length: 16 }, () => take(key)));
  expect(holds.filter(({ ok }) => ok)).toHaveLength(1);
});

it("is not let go by a former holder who is late", async () => {
  const key = newKey();
  const former = await taken(key);
  await timePasses(key);
  await taken(key);
  await former.release();
  expect((await take(key)).ok).toBe(false);
});

it("goes with the counters whose time is over, and not before", async () => {
  const [held, over] = [newKey(), newKey()];
  await taken(held);
  await taken(over);
  await timePasses(over);
  await deleteEndedLimits(database.db);
  const rows = await database.sql`select key from rate_limits where key in (${held}, ${over})`;
  expect(rows.map(({ key }) => key)).toEqual([held]);
});
