import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { runRotateKeys } from "../../app/vault/rotate-keys-run.server";
import { createVault } from "../../app/vault/vault.server";
import { createTestDatabase, type TestDatabase } from "../support/database";
import { completeEnvironment } from "../support/services";

const former = randomBytes(32);
const newest = randomBytes(32);
const newestId = createVault([newest]).keyIds[0];
const keys = (...ring: Buffer[]) => ring.map((key) => key.toString("base64")).join(",");

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

beforeEach(async () => {
  await database.sql`delete from links`;
  for (const userId of ["user-1", "user-2"]) {
    const pinKey = { column: "links.sealed_pin_key", row: userId };
    const password = { column: "links.sealed_password", row: userId };
    const vault = createVault([former]);
    await database.sql`
      insert into links
        (user_id, token_hash, pin_mac, sealed_pin_key, sealed_password, expires_at, issued_by_id, issued_via)
      values (${userId}, ${randomBytes(32)}, ${randomBytes(32)}, ${vault.seal("pin key", pinKey)},
        ${vault.seal("Initial-1", password)}, now() + interval '1 day', 'a', 'api')`;
  }
});

const environment = (env: Record<string, string> = {}) =>
  completeEnvironment({
    databaseUrl: database.url,
    keystoneUrl: "http://127.0.0.1:9",
    env: { SECRET_KEYS: keys(newest, former), ...env },
  });

/** @returns its exit code, and each line with where it went */
async function run(words: string[], env: Record<string, string> = {}) {
  const lines: string[] = [];
  const code = await runRotateKeys(words, await environment(env), {
    tell: (line) => lines.push(`out: ${line}`),
    complain: (line) => lines.push(`err: ${line}`),
  });
  return { code, lines };
}

/** Seals it under a key that is lost. */
const loseOne = () => database.sql`
  update links set sealed_password = ${createVault([randomBytes(32)]).seal("x", { column: "links.sealed_password", row: "user-2" })}
  where user_id = 'user-2'`;

const keyIds = async () => {
  const rows = await database.sql<{ id: string }[]>`
    select encode(substring(sealed_password from 2 for 8), 'hex') as id from links order by user_id`;
  return rows.map(({ id }) => id);
};
const others = () => database.sql`
  select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`;

it("seals everything again, says how far it is and which key is left, and closes its connection", async () => {
  const { length: before } = await others();
  expect(await run([])).toEqual({
    code: 0,
    lines: [
      "out: 2 sealed again…",
      "out: 4 sealed again…",
      `out: Done: 4 sealed again under key ${newestId}.`,
      "out: Every other key can be taken out of SECRET_KEYS.",
    ],
  });
  expect(await keyIds()).toEqual([newestId, newestId]);
  await expect.poll(others, { timeout: 5_000 }).toHaveLength(before);
});

it("names the one that cannot be opened, ends with 1, and frees nobody of a key", async () => {
  await loseOne();
  const { code, lines } = await run([]);
  expect(code).toBe(1);
  expect(lines.slice(-2)).toEqual([
    `out: Done: 3 sealed again under key ${newestId}.`,
    expect.stringMatching(
      /^err: 1 cannot be opened and were left as they are; keep every key until these are gone:\n {2}- links\.sealed_password is sealed with key .*\(row user-2\)$/,
    ),
  ]);
});

it("--bind-pins binds what an earlier release sealed, and looks at nothing else", async () => {
  await loseOne();
  expect(await run(["--bind-pins"])).toEqual({
    code: 0,
    lines: ["out: 2 sealed again…", "out: 2 PINs of earlier links are bound to their link now."],
  });
  const again = await run(["--bind-pins"]);
  expect(again.lines.at(-1)).toBe("out: 0 PINs of earlier links are bound to their link now.");
});

it("--bind-pins names the one that cannot be opened, and ends with 1", async () => {
  await database.sql`update links set sealed_pin_key = ${createVault([former]).seal("x", { column: "links.sealed_pin_key", row: "user-1" })}
    where user_id = 'user-2'`;
  const { code, lines } = await run(["--bind-pins"]);
  expect(code).toBe(1);
  expect(lines.slice(-2)).toEqual([
    "out: 1 PINs of earlier links are bound to their link now.",
    expect.stringMatching(
      /^err: 1 cannot be opened .*\n {2}- links\.sealed_pin_key was changed or moved: .*$/,
    ),
  ]);
});

it.each([[["--bind-pin"]], [["--bind-pins", "--bind-pins"]], [["--help", "--bind-pins"]], [["x"]]])(
  "takes no other words: %j does nothing, and ends with 64",
  async (words) => {
    const before = await keyIds();
    expect(await run(words)).toEqual({
      code: 64,
      lines: ["err: The only option is --bind-pins. Nothing was done."],
    });
    expect(await keyIds()).toEqual(before);
  },
);

it("says what is wrong with its environment, and ends with 78", async () => {
  const { code, lines } = await run([], { SECRET_KEYS: "short" });
  expect(code).toBe(78);
  expect(lines).toEqual([
    expect.stringMatching(/^err: The keys were not rotated:\n {2}- SECRET_KEYS /),
  ]);
});

it("says that it may be run again where the database is away, and ends with 1", async () => {
  const { code, lines } = await run([], {
    DATABASE_URL: "postgres://setpass:secret@127.0.0.1:9/setpass",
  });
  expect(code).toBe(1);
  expect(lines).toEqual([
    expect.stringMatching(/^err: Stopped: .*What was done stays done; run this again to go on\.$/),
  ]);
  expect(lines.join()).not.toContain("secret@");
});

it("takes its words from the command line, and tells the shell how it went", async () => {
  await loseOne();
  const command = ["--import", "tsx", "app/vault/rotate-keys-command.ts"];
  const env = { ...process.env, ...(await environment()) };
  const start = (...words: string[]) =>
    promisify(execFile)(process.execPath, [...command, ...words], { env });
  const [bound, rotated] = await Promise.allSettled([start("--bind-pins"), start()]);
  expect(bound).toMatchObject({
    status: "fulfilled",
    value: { stdout: expect.stringContaining("PINs of earlier links are bound"), stderr: "" },
  });
  expect(rotated).toMatchObject({
    status: "rejected",
    reason: {
      code: 1,
      stdout: expect.stringContaining(`sealed again under key ${newestId}.\n`),
      stderr: expect.stringMatching(/^1 cannot be opened .*\(row user-2\)\n$/s),
    },
  });
});
