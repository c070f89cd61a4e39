import { randomBytes } from "node:crypto";
import type { ISql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sealedTokenOf } from "../../app/admins/sign-in.server";
import { enqueueJob } from "../../app/jobs/enqueue-job.server";
import { issueLink } from "../../app/links/issue-link.server";
import { sealUnsettled } from "../../app/links/sealed-fields.server";
import { confirmRequest } from "../../app/reset-requests/confirm-request.server";
import type { ConfirmToken } from "../../app/reset-requests/confirm-token.server";
import { openRequestPin } from "../../app/reset-requests/handle-requests.server";
import { requestReset } from "../../app/reset-requests/request-reset.server";
import { bindFormerSeals, rotateKeys } from "../../app/vault/rotate-keys.server";
import { surveySeals } from "../../app/vault/survey-seals.server";
import { createVault, type Vault } from "../../app/vault/vault.server";
import { insertSession } from "../../db/admin-sessions.store";
import { noteUnsettled } from "../../db/link-claims.store";
import type { ClaimedMail } from "../../db/mails.store";
import { listResetRequests } from "../../db/reset-request-list.store";
import { mails as mailsTable } from "../../db/schema";
import { readSealedValues, SEALED_COLUMNS } from "../../db/sealed-values.store";
import { openMail } from "../../emails/outbox";
import { createTestDatabase, oneWaitsForALock, type TestDatabase } from "../support/database";
import { confirmTokenIn } from "../support/mailed-confirm-token";
import { startServerProcess } from "../support/server-process";
import { completeEnvironment, newAdmin, newOrigin, startTestServices } from "../support/services";

const former = randomBytes(32);
const newest = randomBytes(32);
const keys = (...ring: Buffer[]) => ring.map((key) => key.toString("base64")).join(",");
const nobody = "http://127.0.0.1:9";

let database: TestDatabase;

async function withServices<T>(
  secretKeys: string,
  work: (services: Awaited<ReturnType<typeof startTestServices>>["services"]) => Promise<T>,
): Promise<T> {
  const test = await startTestServices({
    keystoneUrl: nobody,
    database,
    env: { SECRET_KEYS: secretKeys },
  });
  try {
    return await work(test.services);
  } finally {
    await test.stop();
  }
}

/** Everything sealed in the database, opened, by column and row. */
async function readSecrets(vault: Vault): Promise<Map<string, string>> {
  const secrets = new Map<string, string>();
  for (const column of SEALED_COLUMNS)
    for (const value of await readSealedValues(database.db, column, { limit: 10_000 })) {
      const { name, sealedAs } = column;
      const row = column.rowOf(value);
      const opened = vault.open(value.sealed, { column: sealedAs, row }).toString("latin1");
      secrets.set(`${name} ${String(value.key)}`, opened);
    }
  return secrets;
}

/** As they were before anything was rotated. */
let secrets: Map<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  await withServices(keys(former), async (services) => {
    for (let number = 1; number <= 450; number++) {
      const issued = await issueLink(
        services,
        {
          userId: `user-${number}`,
          pin: "0123",
          initialPassword: "Initial-1",
          via: "console",
          ...(number < 5 && { mailTo: `user-${number}@example.org` }),
        },
        newAdmin(),
      );
      if (!issued.ok) throw new Error(issued.reason);
      const { id, userId } = issued.link;
      if (number % 100 === 7)
        await noteUnsettled(services.db, {
          id,
          sealedUnsettled: sealUnsettled(services.vault, userId, [
            { by: "user", password: `Typed-${number}` },
          ]),
        });
    }
    await database.sql`
      update links set sealed_parked = sealed_password, scrambled_at = now() where user_id = 'user-11'`;
    await enqueueJob(services.db, services.vault, { kind: "things", payload: "of a job" });
    await requestReset(
      services,
      { name: "A", email: "a@example.org", pin: "9876", language: "en" },
      newOrigin(),
    );
    const idHash = randomBytes(32);
    await insertSession(services.db, {
      idHash,
      userId: "administrator",
      userName: "admin",
      userDomainName: "Default",
      sealedToken: services.vault.seal("a Keystone token", sealedTokenOf(idHash)),
      expiresAt: new Date(Date.now() + 3_600_000),
    });
  });
  secrets = await readSecrets(createVault([former]));
  // Of every column something, or what follows would show nothing.
  const columns = new Set([...secrets.keys()].map((name) => name.split(" ")[0]));
  expect([...columns].sort()).toEqual([
    "admin_sessions.sealed_token",
    "jobs.sealed_payload",
    "links.sealed_attempts",
    "links.sealed_parked",
    "links.sealed_password",
    "links.sealed_pin_key",
    "mails.sealed_props",
    "reset_requests.sealed_pin",
  ]);
});

afterAll(() => database.close());

describe("rotating the keys", () => {
  it("knows every column that is sealed", async () => {
    const columns = await database.sql<{ name: string }[]>`
      select table_name || '.' || column_name as name from information_schema.columns
      where table_schema = 'public' and column_name like 'sealed%' order by 1`;
    expect(columns.map(({ name }) => name)).toEqual(SEALED_COLUMNS.map(({ name }) => name).sort());
  });

  it("does not start a server whose keys open nothing of what is there", async () => {
    const env = (await completeEnvironment({
      databaseUrl: database.url,
      keystoneUrl: nobody,
      env: { SECRET_KEYS: keys(newest) },
    })) as Record<string, string>;
    await expect(startServerProcess({ env })).rejects.toThrow(
      new RegExp(
        `SECRET_KEYS has the key of none: they are sealed with ${createVault([former]).keyIds[0]}`,
      ),
    );
  });

  it("goes on where it was stopped, while links are renewed, and frees the former key", async () => {
    await withServices(keys(newest, former), async (services) => {
      const missing = async () =>
        (await surveySeals({ db: services.db, vault: createVault([newest]) })).missingKeys;
      const before = await missing();
      expect(before).toEqual([
        { keyId: createVault([former]).keyIds[0], values: expect.any(Number) },
      ]);
      const all = before[0]?.values ?? 0;
      expect(all).toBeGreaterThan(900);

      let done = 0;
      const stopped = rotateKeys(services, (resealed) => {
        done = resealed;
        if (resealed >= 200) throw new Error("stopped");
      });
      await expect(stopped).rejects.toThrow("stopped");
      // A batch: what a stop costs, and what the memory holds, does not grow with the table.
      expect(done).toBe(200);

      const renewals = Promise.all(
        Array.from({ length: 30 }, (_, number) =>
          issueLink(
            services,
            { userId: `user-${number * 10 + 10}`, initialPassword: "Initial-2", via: "api" },
            newAdmin(),
          ),
        ),
      );
      const { resealed } = await rotateKeys(services);
      expect((await renewals).every((renewal) => renewal.ok)).toBe(true);
      expect(resealed).toBeGreaterThan(0);
      expect(await missing()).toEqual([]);
    });
  });

  it("leaves every secret what it was, and those renewed meanwhile what they became", async () => {
    const after = await readSecrets(createVault([newest]));
    const changed: string[] = [];
    for (const [name, secret] of secrets)
      if (after.get(name) !== secret) changed.push(`${name} ${after.get(name)}`);
    const renewed = Array.from(
      { length: 30 },
      (_, number) => `links.sealed_password user-${number * 10 + 10} Initial-2`,
    );
    expect(changed.sort()).toEqual(renewed.sort());
  });

  it("does not write over a password that is renewed after it was read", async () => {
    const owner = { column: "links.sealed_password", row: "user-9" };
    const write = (sql: ISql, sealed: Buffer) =>
      sql`update links set sealed_password = ${sealed} where user_id = 'user-9'`;
    await write(database.sql, createVault([former]).seal("Initial-1", owner));
    await withServices(keys(newest, former), async (services) => {
      let rotation: ReturnType<typeof rotateKeys> | undefined;
      await database.sql.begin(async (renewal) => {
        await renewal`select 1 from links where user_id = 'user-9' for update`;
        rotation = rotateKeys(services);
        // It has read, and waits for the row.
        await oneWaitsForALock(database.sql);
        await write(renewal, services.vault.seal("Initial-2", owner));
      });
      expect(await rotation).toEqual({ resealed: 0, unopened: [] });
    });
    const [row] = await database.sql`
      select sealed_password from links where user_id = 'user-9'`;
    expect(createVault([newest]).open(row?.sealed_password, owner).toString()).toBe("Initial-2");
  });

  it("leaves a PIN's key of a former release bound to its user alone: to bind it is another command", async () => {
    const column = "links.sealed_pin_key";
    const bound = { column, row: "user-11" };
    const key = randomBytes(32);
    await database.sql`
      update links set sealed_pin_key = ${createVault([former]).seal(key, bound)}
      where user_id = 'user-11'`;
    const read = async () => {
      const [row] = await database.sql`
        select sealed_pin_key, token_hash from links where user_id = 'user-11'`;
      return row as { sealed_pin_key: Buffer; token_hash: Buffer };
    };
    await withServices(keys(newest, former), async (services) => {
      expect(await rotateKeys(services)).toEqual({ resealed: 1, unopened: [] });
      expect(createVault([newest]).open((await read()).sealed_pin_key, bound)).toEqual(key);
      expect(await bindFormerSeals(services)).toEqual({ resealed: 1, unopened: [] });
      const { sealed_pin_key: sealed, token_hash: hash } = await read();
      const row = `user-11 ${hash.toString("hex")}`;
      expect(createVault([newest]).open(sealed, { column, row })).toEqual(key);
    });
  });

  it("names what cannot be opened, and does the rest", async () => {
    const broken = { column: "links.sealed_password", row: "user-12" };
    const write = (sealed: Buffer) =>
      database.sql`update links set sealed_password = ${sealed} where user_id = 'user-12'`;
    const stranger = createVault([randomBytes(32)]);
    await write(stranger.seal("Initial-1", broken));
    await database.sql`
      update links set sealed_password =
        ${createVault([former]).seal("Initial-1", { ...broken, row: "user-13" })}
      where user_id = 'user-13'`;
    await withServices(keys(newest, former), async (services) => {
      expect(await rotateKeys(services)).toEqual({
        resealed: 1,
        unopened: [
          `links.sealed_password is sealed with key ${stranger.keyIds[0]}, which SECRET_KEYS does not hold (row user-12)`,
        ],
      });
      await write(services.vault.seal("Initial-1", broken));
    });
  });

  it("leaves everything as usable under the new key alone as it was under the old", async () => {
    await withServices(keys(newest), async (services) => {
      // The same PIN is still known for the same: its guesses would count on.
      const [link] = await database.sql`select pin_mac from links where user_id = 'user-7'`;
      await issueLink(services, { userId: "user-7", pin: "0123", via: "api" }, newAdmin());
      const [again] = await database.sql`select pin_mac from links where user_id = 'user-7'`;
      expect(again?.pin_mac).toEqual(link?.pin_mac);
      // A request that waited for its confirmation is confirmed under the new key, and keeps its PIN.
      const mails = await services.db.select().from(mailsTable);
      const mail = mails.find(({ template }) => template === "reset-confirm");
      const { props } = openMail(services.vault, { ...mail, attempt: 1 } as ClaimedMail);
      const token = confirmTokenIn((props as { url: string }).url) as ConfirmToken;
      const confirmed = await confirmRequest(services, { token, code: "" }, newOrigin());
      expect(confirmed).toMatchObject({ ok: true, confirmedNow: true });
      const { rows } = await listResetRequests(services.db, { state: "open", limit: 1, offset: 0 });
      expect(await openRequestPin(services, { id: rows[0]?.id ?? "" })).toBe("9876");
    });
  });
});
