import postgres from "postgres";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type SandboxKeystone, startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { type FaultName, type FaultProxy, faults, startFaultProxy } from "../support/fault-proxy";
import { type Site, startSite } from "../support/raw-site";

let keystone: SandboxKeystone;
let proxy: FaultProxy;
let site: Site;

beforeAll(async () => {
  keystone = await startSandboxKeystone();
  proxy = await startFaultProxy({ target: keystone.url });
  site = await startSite({ keystone, authUrl: proxy.url });
});

afterAll(async () => {
  await site?.stop();
  await proxy?.stop();
  await keystone?.stop();
});

afterEach(() => proxy.heal());

const ready = async () => {
  const startedAt = performance.now();
  const { status, body } = await site.get("/readyz");
  return { status, tookMs: performance.now() - startedAt, ...JSON.parse(body) };
};

describe("/readyz", () => {
  it.each<FaultName>(["hang-before", "503-before", "reset-before"])(
    "is 200, at once, while Keystone fails (%s), and says so",
    async (fault) => {
      await expect.poll(async () => (await ready()).keystone, { timeout: 6_000 }).toBe(true);
      proxy.inject({}, faults[fault]);
      const seen: Awaited<ReturnType<typeof ready>>[] = [];
      await expect
        .poll(
          async () => {
            seen.push(await ready());
            return seen.at(-1)?.keystone;
          },
          { timeout: 8_000, interval: 100 },
        )
        .toBe(false);
      for (const answer of seen)
        expect(answer).toMatchObject({ status: 200, ready: true, database: true });
      expect(Math.max(...seen.map(({ tookMs }) => tookMs))).toBeLessThan(1_000);
    },
  );

  it("is 503 while the database takes no writes, and 200 when it does again", async () => {
    const { pathname } = new URL(site.stack.databaseUrl);
    const name = pathname.slice(1);
    const sql = postgres(site.stack.databaseUrl, { max: 1, onnotice: () => {} });
    // For its next connections: the pool's are ended.
    const setReadOnly = async (value: "on" | "off") => {
      await sql`set transaction_read_only = off`.catch(() => {});
      await sql.unsafe(`alter database "${name}" set default_transaction_read_only = ${value}`);
      await sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = ${name} and pid <> pg_backend_pid()`;
    };
    try {
      await setReadOnly("on");
      await expect
        .poll(ready, { timeout: 8_000 })
        .toMatchObject({ status: 503, ready: false, database: false });
      await setReadOnly("off");
      await expect
        .poll(ready, { timeout: 8_000 })
        .toMatchObject({ status: 200, ready: true, database: true });
    } finally {
      await sql.end({ timeout: 5 });
    }
  });
});
