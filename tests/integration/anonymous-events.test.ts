import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AnonymousEvents, createAnonymousEvents } from "../../db/anonymous-events.store";
import { createTestDatabase, type TestDatabase } from "../support/database";

const OF_ONE = 60;
const OF_ALL = 1000;

let database: TestDatabase;
let events: AnonymousEvents;

beforeAll(async () => {
  database = await createTestDatabase();
  events = createAnonymousEvents(database.db, (key) => `hash of ${key}`);
});
afterAll(async () => {
  await database?.close();
});
beforeEach(async () => {
  await database.sql`delete from rate_limits`;
});

/** How many of these were admitted. */
async function admitted(addresses: string[]): Promise<number> {
  const answers: boolean[] = [];
  for (const address of addresses) answers.push(await events.admit(address));
  return answers.filter(Boolean).length;
}

const times = (count: number, addressOf: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => addressOf(index));

describe("what strangers add to the trail", () => {
  it("is sixty rows an hour from one address", async () => {
    expect(await admitted(times(80, () => "192.0.2.7"))).toBe(OF_ONE);
    expect(await admitted(["192.0.2.8"])).toBe(1);
    const [{ seconds } = { seconds: 0 }] = await database.sql`
      select max(extract(epoch from expire - clock_timestamp()))::int as seconds from rate_limits`;
    expect(seconds).toBeGreaterThan(3500);
    expect(seconds).toBeLessThanOrEqual(3600);
  });

  it("is sixty from one IPv6 network, whichever of its addresses they come from", async () => {
    const addresses = times(80, (index) => `2001:db8:1:2:${index.toString(16)}::1`);
    expect(await admitted(addresses)).toBe(OF_ONE);
    expect(await admitted(["2001:db8:1:3::1"])).toBe(1);
    // The same client, by a socket on `::`.
    expect(await admitted(times(61, () => "::ffff:192.0.2.7"))).toBe(OF_ONE);
    expect(await admitted(["192.0.2.7"])).toBe(0);
  });

  it("is nothing of the others' where one is beyond its own: it cannot use up what is for all", async () => {
    await admitted(times(150, () => "192.0.2.7"));
    const [all] = await database.sql`
      select points from rate_limits where key = 'events:hash of all'`;
    expect(all).toEqual({ points: OF_ONE });
    await database.sql`
      update rate_limits set points = ${OF_ALL - 2} where key = 'events:hash of all'`;
    await admitted(times(10, () => "192.0.2.7"));
    expect(await admitted(["192.0.2.8", "192.0.2.9", "192.0.2.10"])).toBe(2);
  });

  it("is counted apart for tokens: a flood of them does not silence the sign-ins", async () => {
    const tokens = createAnonymousEvents(database.db, (key) => `hash of ${key}`, "token-events");
    await tokens.admit("192.0.2.7");
    await database.sql`update rate_limits set points = ${OF_ALL}`;
    expect(await tokens.admit("192.0.2.8")).toBe(false);
    expect(await admitted(["192.0.2.7", "192.0.2.8"])).toBe(2);
  });

  it("is a thousand rows an hour from all", async () => {
    await admitted(["192.0.2.1"]);
    await database.sql`
      update rate_limits set points = ${OF_ALL - 5} where key = 'events:hash of all'`;
    expect(await admitted(times(20, (index) => `198.51.100.${index}`))).toBe(5);
  });
});
