import { afterAll, beforeAll, expect, it } from "vitest";
import { createRefusedTokens } from "../../../app/admins/refused-tokens.server";
import { createLog } from "../../../app/telemetry/log.server";
import { createAnonymousEvents } from "../../../db/anonymous-events.store";
import { createTestDatabase, type TestDatabase } from "../../support/database";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(async () => {
  await database?.close();
});

it("leaves sixty refused tokens of one account in the trail in an hour, from wherever they come", async () => {
  const { db, sql } = database;
  const hashKey = (key: string) => `hash of ${key}`;
  const told: string[] = [];
  const refused = createRefusedTokens({
    db,
    anonymousEvents: createAnonymousEvents(db, hashKey, "token-events"),
    log: createLog({ level: "debug" }, { write: (line) => told.push(JSON.parse(line).event) }),
    hashKey,
    perMinute: 1000,
  });
  const note = (id: string, at: number) =>
    refused.note({
      reason: "not-admin",
      owner: { id, name: id },
      clientAddress: `198.51.100.${at}`,
      requestId: `req-${at}`,
    });
  for (let at = 0; at < 75; at++) await note("eve", at);
  await note("bob", 200);
  const rows = await sql`
    select actor_id as who, count(*)::int as rows from audit_events
    where action = 'token.refused' group by 1 order by 1`;
  expect([...rows]).toEqual([
    { who: "bob", rows: 1 },
    { who: "eve", rows: 60 },
  ]);
  expect(told.filter((event) => event === "audit.left-out")).toHaveLength(15);
});
