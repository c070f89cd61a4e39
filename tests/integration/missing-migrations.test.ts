import { execFile } from "node:child_process";
import { chmod, cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { completeEnvironment } from "../support/services";

/** An installation whose folder db/migrations did not come along: a copy of the build, without it. */
const root = path.resolve(import.meta.dirname, "../..");
let installation: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  installation = await mkdtemp(path.join(tmpdir(), "setpass-installation-"));
  await chmod(installation, 0o755);
  await cp(path.join(root, "build"), path.join(installation, "build"), { recursive: true });
  for (const name of ["node_modules", "package.json"])
    await symlink(path.join(root, name), path.join(installation, name));
  const databaseUrl = inject("postgresUrl");
  env = await completeEnvironment({ databaseUrl, keystoneUrl: "http://127.0.0.1:9" });
});
afterAll(() => rm(installation, { recursive: true, force: true }));

async function run(program: string) {
  const startedAt = performance.now();
  const failure = await promisify(execFile)(
    process.execPath,
    [path.join(installation, "build/process", program)],
    { env: { PATH: process.env.PATH, ...env }, timeout: 50_000 },
  ).catch((error: { code: number; stderr: string }) => error);
  return { ...failure, seconds: (performance.now() - startedAt) / 1000 };
}

it.each([
  ["server.js", "setpass cannot start"],
  ["migrate.js", "The database was not migrated"],
])("%s names the folder at once, and does not blame the database", async (program, begins) => {
  const folder = path.join(installation, "db/migrations");
  for (const [reason, prepare] of [
    ["ENOENT", async () => {}],
    [
      "ENOENT",
      async () => {
        await cp(path.join(root, "db/migrations"), folder, { recursive: true });
        await rm(path.join(folder, "0000_first.sql"));
      },
    ],
  ] as const) {
    await prepare();
    const end = await run(program);
    expect(end.stderr).toBe(
      `${begins}: the migrations in ${folder} cannot be read (${reason}). They belong to the installation: install it whole, with its folder db/migrations, readable for this user\n`,
    );
    expect(end).toMatchObject({ code: 78 });
    expect(end.seconds).toBeLessThan(10);
  }
  await rm(path.join(installation, "db"), { recursive: true });
});
