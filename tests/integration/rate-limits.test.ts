import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createRateLimit, deleteEndedLimits, type RateLimit } from "../../db/rate-limits.store";
import { createTestDatabase, type TestDatabase } from "../support/database";

const POINTS = 3;
const WINDOW_SECONDS = 60;
const hashKey = (key: string) => `hash of ${key}`;

let database: TestDatabase;
let guesses: RateLimit;
/** The same, as another replica has it. */
let elsewhere: RateLimit;
let others: RateLimit;
beforeAll(async () => {
  database = await createTestDatabase();
  const limit = (name: string) =>
    createRateLimit(database.db, { name, points: POINTS, windowSeconds: WINDOW_SECONDS, hashKey });
  guesses = limit("guesses");
  elsewhere = limit("guesses");
  others = limit("others");
});
afterAll(() => database?.close());
beforeEach(() => database.sql`delete from rate_limits`);

const pointsOf = async (key: string) =>
  (await database.sql`select points from rate_limits where key = ${key}`)[0]?.points;
const taken = async (limit: RateLimit, key: string, times: number) => {
  const answers = [];
  for (let time = 0; time < times; time++) answers.push((await limit.take(key)).ok);
  return answers;
};
/** Time goes by. */
const later = (seconds: number) => database.sql`
  update rate_limits set expire = expire - make_interval(secs => ${seconds})`;

describe("a counter", () => {
  it("has room for so many, in all replicas together, and then says when it has again", async () => {
    expect(await taken(guesses, "jane", 2)).toEqual([true, true]);
    expect(await taken(elsewhere, "jane", 2)).toEqual([true, false]);
    const refused = await guesses.take("jane");
    const seconds = refused.ok ? 0 : refused.retryAfterSeconds;
    expect(seconds).toBeGreaterThan(WINDOW_SECONDS - 15);
    expect(seconds).toBeLessThanOrEqual(WINDOW_SECONDS);
    await later(WINDOW_SECONDS - 0.5);
    expect(await guesses.look("jane")).toEqual({ ok: false, retryAfterSeconds: 1 });
    await later(1);
    expect(await taken(guesses, "jane", 4)).toEqual([true, true, true, false]);
  });

  it("is one for each key and each kind, of which the table shows no key", async () => {
    await taken(guesses, "jane", 4);
    expect(await taken(guesses, "joe", 1)).toEqual([true]);
    expect(await taken(others, "jane", 1)).toEqual([true]);
    const rows = await database.sql`select key, points from rate_limits order by key`;
    expect([...rows]).toEqual([
      { key: "guesses:hash of jane", points: 4 },
      { key: "guesses:hash of joe", points: 1 },
      { key: "others:hash of jane", points: 1 },
    ]);
  });

  it("is looked at without being counted, and has no room where it is used up", async () => {
    expect(await guesses.look("jane")).toEqual({ ok: true });
    expect(await pointsOf("guesses:hash of jane")).toBeUndefined();
    for (let count = 1; count <= POINTS; count++) {
      await guesses.take("jane");
      expect(await guesses.look("jane")).toMatchObject({ ok: count < POINTS });
    }
    expect(await pointsOf("guesses:hash of jane")).toBe(POINTS);
  });

  it("takes one back of the key that is told, and never more than there were", async () => {
    await taken(guesses, "jane", 2);
    await taken(guesses, "joe", 1);
    await guesses.giveBack("jane");
    expect(await pointsOf("guesses:hash of jane")).toBe(1);
    expect(await pointsOf("guesses:hash of joe")).toBe(1);
    for (let time = 0; time < 3; time++) await guesses.giveBack("jane");
    expect(await pointsOf("guesses:hash of jane")).toBe(0);
    await guesses.giveBack("nobody");
    expect(await pointsOf("guesses:hash of nobody")).toBeUndefined();
    expect(await taken(guesses, "jane", 4)).toEqual([true, true, true, false]);
  });

  it("is forgotten for the key that is told alone", async () => {
    await taken(guesses, "jane", 4);
    await taken(guesses, "joe", 4);
    await guesses.reset("jane");
    expect(await guesses.look("jane")).toEqual({ ok: true });
    expect(await guesses.look("joe")).toMatchObject({ ok: false });
  });

  it("lets nobody in where it cannot count", async () => {
    await database.sql`alter table rate_limits rename to lost`;
    try {
      await expect(guesses.take("jane")).rejects.toThrow();
      await expect(guesses.look("jane")).rejects.toThrow();
    } finally {
      await database.sql`alter table lost rename to rate_limits`;
    }
  });

  it("has no timer of its own: what is over is deleted when everything else is", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "setInterval"] });
    try {
      createRateLimit(database.db, { name: "x", points: 1, windowSeconds: 1, hashKey });
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is deleted once its window is over, and left alone before", async () => {
    await taken(guesses, "jane", 1);
    await later(WINDOW_SECONDS + 1);
    await taken(guesses, "joe", 1);
    expect(await deleteEndedLimits(database.db)).toBe(1);
    expect(await pointsOf("guesses:hash of jane")).toBeUndefined();
    expect(await pointsOf("guesses:hash of joe")).toBe(1);
  });
});
