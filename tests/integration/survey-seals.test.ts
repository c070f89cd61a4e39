import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { surveySeals } from "../../app/vault/survey-seals.server";
import { createVault } from "../../app/vault/vault.server";
import { createTestDatabase, type TestDatabase } from "../support/database";

const ours = createVault([randomBytes(32), randomBytes(32)]);
const theirs = createVault([randomBytes(32)]);
const lost = createVault([randomBytes(32)]);
const [theirId, lostId] = [theirs.keyIds[0], lost.keyIds[0]];

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
beforeEach(() => database.sql`delete from links`);

const seal = (vault: typeof ours) => vault.seal("x", { column: "any", row: "any" });

async function insertRow(userId: string, password: Buffer, attempts: Buffer | null = null) {
  await database.sql`
    insert into links (user_id, pin_mac, sealed_password, sealed_attempts, expires_at, issued_by_id, issued_via)
    values (${userId}, ${randomBytes(32)}, ${password}, ${attempts}, now() + interval '1 day', 'a', 'api')`;
}

const survey = () => surveySeals({ db: database.db, vault: ours });

it("finds nothing in a new database", async () => {
  expect(await survey()).toEqual({
    isOfOtherKeys: false,
    missingKeys: [],
    ofMissingKeys: [],
    broken: [],
  });
});

it("finds nothing where every value is under one of the keys given", async () => {
  await insertRow("user-1", seal(ours));
  await insertRow("user-2", seal(ours));
  expect(await survey()).toMatchObject({ isOfOtherKeys: false, missingKeys: [] });
});

it("takes one row under a key that nobody has for a slip, however many values it holds", async () => {
  await insertRow("user-1", seal(theirs), seal(theirs));
  expect(await survey()).toEqual({
    isOfOtherKeys: false,
    missingKeys: [{ keyId: theirId, values: 2 }],
    ofMissingKeys: [
      { column: "links.sealed_password", row: "user-1" },
      { column: "links.sealed_attempts", row: "user-1" },
    ],
    broken: [],
  });
});

it("takes rows under as many keys as there are rows for slips, too", async () => {
  await insertRow("user-1", seal(theirs));
  await insertRow("user-2", seal(lost));
  const { isOfOtherKeys, missingKeys } = await survey();
  expect(isOfOtherKeys).toBe(false);
  expect(missingKeys.map(({ keyId }) => keyId).sort()).toEqual([theirId, lostId].sort());
});

it("knows another installation's keys by two rows under one of them, and none under ours", async () => {
  await insertRow("user-1", seal(theirs));
  await insertRow("user-2", seal(theirs));
  expect((await survey()).isOfOtherKeys).toBe(true);
  await insertRow("user-3", seal(ours));
  expect(await survey()).toMatchObject({
    isOfOtherKeys: false,
    missingKeys: [{ keyId: theirId, values: 2 }],
  });
});

it("shows five places of a column, and counts all", async () => {
  for (let number = 1; number <= 7; number += 1) await insertRow(`user-${number}`, seal(theirs));
  const { missingKeys, ofMissingKeys } = await survey();
  expect(missingKeys).toEqual([{ keyId: theirId, values: 7 }]);
  expect(ofMissingKeys).toHaveLength(5);
});
