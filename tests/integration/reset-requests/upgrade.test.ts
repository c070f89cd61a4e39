import { randomBytes, randomUUID } from "node:crypto";
import type postgres from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  closeRequest,
  listRequests,
  openRequestPin,
} from "../../../app/reset-requests/handle-requests.server";
import { tellHelpdesk } from "../../../app/reset-requests/tell-helpdesk.server";
import { createVault } from "../../../app/vault/vault.server";
import type { TestDatabase } from "../../support/database";
import { createUpgradedDatabase } from "../../support/former-migrations";
import { newAdmin, startTestServices, type TestServices } from "../../support/services";

const FIRST_OF_IT = "confirmed_reset_requests";
const key = randomBytes(32);
const vault = createVault([key]);

const undo: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** @returns a database of before, brought up to date */
async function upgraded(before: (sql: postgres.Sql) => Promise<unknown>): Promise<TestServices> {
  const { url, sql } = await createUpgradedDatabase({ firstOfIt: FIRST_OF_IT, fill: before, undo });
  const started = await startTestServices({
    keystoneUrl: "http://127.0.0.1:9",
    database: { url, sql } as TestDatabase,
    env: { SECRET_KEYS: key.toString("base64") },
  });
  undo.push(() => started.stop());
  return started;
}

const requestOfBefore = (sql: postgres.Sql, id: string, email: string) => sql`
  insert into reset_requests (id, name, email, sealed_pin) values (${id}, 'Jane', ${email},
    ${vault.seal("4071", { column: "reset_requests.sealed_pin", row: id })})`;

let id = "";
let started: TestServices;
beforeAll(async () => {
  id = randomUUID();
  started = await upgraded((sql) => requestOfBefore(sql, id, "jane@example.org"));
});

it("requests of before stay open, are marked, and keep their PIN until they are closed", async () => {
  const { requests } = await listRequests(started.services, {
    state: "open",
    search: "",
    limit: 5,
    offset: 0,
  });
  expect(requests).toMatchObject([{ id, code: null, confirmedAt: null, hasPin: true }]);
  expect(await openRequestPin(started.services, { id })).toBe("4071");
  // The helpdesk has heard of it already.
  expect(await tellHelpdesk(started.services)).toBe(0);
  expect(await closeRequest(started.services, { id }, newAdmin())).toEqual({
    ok: true,
  });
  expect(await openRequestPin(started.services, { id })).toBeUndefined();
});

it("what the helpdesk was not told yet, the next mail tells", async () => {
  const other = await upgraded(async (sql) => {
    await requestOfBefore(sql, randomUUID(), "joe@example.org");
    const mail = randomUUID();
    await sql`
      insert into mails (id, template, recipient, sealed_props, next_attempt_at)
      values (${mail}, 'reset-request', 'helpdesk@example.org',
        ${vault.seal("{}", { column: "mails.sealed_props", row: mail })}, now() + interval '1 day')`;
  });
  // The first round of telling may have been faster.
  await tellHelpdesk(other.services);
  // Or that round is still under way.
  await expect
    .poll(async () => [
      ...(await other.database.sql`
        select template, state, sealed_props is null as erased from mails order by template`),
    ])
    .toEqual([
      { template: "reset-digest", state: "queued", erased: false },
      { template: "reset-request", state: "cancelled", erased: true },
    ]);
});
