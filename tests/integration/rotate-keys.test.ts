import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueLink } from "../../app/links/issue-link.server";
import { openRequestPin } from "../../app/requests/handle-requests.server";
import { requestReset } from "../../app/requests/request-reset.server";
import { findMissingKeys, rotateKeys } from "../../app/vault/rotate-keys.server";
import { createVault } from "../../app/vault/vault.server";
import { listResetRequests } from "../../db/reset-requests.store";
import { SEALED_COLUMNS } from "../../db/sealed-values.store";
import { createTestDatabase, type TestDatabase } from "../support/database";
import { startServerProcess } from "../support/server-process";
import { completeEnvironment, newOrigin, startTestServices, testAdmin } from "../support/services";

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

beforeAll(async () => {
  database = await createTestDatabase();
  await withServices(keys(former), async (services) => {
    for (let number = 0; number < 450; number++)
      await issueLink(
        services,
        testAdmin,
        {
          userId: `user-${number}`,
          pin: "0123",
          initialPassword: "Initial-1",
          via: "console",
          ...(number < 5 && { mailTo: `user-${number}@example.org` }),
        },
        newOrigin(),
      );
    await requestReset(services, { name: "A", email: "a@example.org", pin: "9876" }, newOrigin());
  });
});

afterAll(() => database.close());

describe("rotating the keys", () => {
  it("knows every column that is sealed", async () => {
    const columns = await database.sql<{ name: string }[]>`
      select table_name || '.' || column_name as name from information_schema.columns
      where table_schema = 'public' and column_name like 'sealed%' order by 1`;
    expect(columns.map(({ name }) => name)).toEqual(SEALED_COLUMNS.map(({ name }) => name).sort());
  });

  it("does not start a server without a key that something is sealed with", async () => {
    const env = (await completeEnvironment({
      databaseUrl: database.url,
      keystoneUrl: nobody,
      env: { SECRET_KEYS: keys(newest) },
    })) as Record<string, string>;
    await expect(startServerProcess({ env })).rejects.toThrow(
      new RegExp(`sealed with keys that SECRET_KEYS lacks: ${createVault([former]).keyIds[0]}`),
    );
  });

  it("goes on where it was stopped, while links are renewed, and frees the former key", async () => {
    await withServices(keys(newest, former), async (services) => {
      const before = await findMissingKeys({ db: services.db, vault: createVault([newest]) });
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
      expect(done).toBeLessThan(all);

      const renewals = Promise.all(
        Array.from({ length: 30 }, (_, number) =>
          issueLink(
            services,
            testAdmin,
            { userId: `user-${number * 10}`, initialPassword: "Initial-2", via: "api" },
            newOrigin(),
          ),
        ),
      );
      const { resealed } = await rotateKeys(services);
      expect((await renewals).every((renewal) => renewal.ok)).toBe(true);
      await rotateKeys(services);
      expect(resealed).toBeGreaterThan(0);
      expect(await findMissingKeys({ db: services.db, vault: createVault([newest]) })).toEqual([]);
    });
  });

  it("leaves everything as usable under the new key alone as it was under the old", async () => {
    await withServices(keys(newest), async (services) => {
      // The same PIN is still known for the same: its guesses would count on.
      const [link] = await database.sql`select pin_mac from links where user_id = 'user-7'`;
      await issueLink(
        services,
        testAdmin,
        { userId: "user-7", pin: "0123", via: "api" },
        newOrigin(),
      );
      const [again] = await database.sql`select pin_mac from links where user_id = 'user-7'`;
      expect(again?.pin_mac).toEqual(link?.pin_mac);
      const { rows } = await listResetRequests(services.db, { state: "open", limit: 1, offset: 0 });
      expect(await openRequestPin(services, { id: rows[0]?.id ?? "" })).toBe("9876");
    });
  });
});
