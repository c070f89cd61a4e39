import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type ListenOptions } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import path from "node:path";
import { sql } from "drizzle-orm";
import { expect, inject, it } from "vitest";
import { openDatabase } from "../../db/client";
import { describeWhere } from "../support/describe-where";

/** PostgreSQL, as if it listened there. */
async function listening(where: ListenOptions) {
  const { hostname, port } = new URL(inject("postgresUrl"));
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(where, resolve));
  return server;
}

async function answers(address: string): Promise<unknown> {
  const url = inject("postgresUrl").replace(/@[^/]+\//, `@${address}/`);
  const { db, close } = openDatabase({ url, poolSize: 1 });
  try {
    return (await db.execute(sql`select 'here' as it`))[0];
  } finally {
    await close({ timeoutSeconds: 1 });
  }
}

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === "::1"),
);

describeWhere({ has: hasIpv6, what: "an IPv6 loopback" }, "DATABASE_URL, by IPv6", () => {
  it("may name an address, in brackets", async () => {
    const server = await listening({ host: "::1", port: 0 });
    const address = server.address();
    const port = typeof address === "object" ? address?.port : undefined;
    expect(await answers(`[::1]:${port}`)).toEqual({ it: "here" });
    server.close();
  });
});

it("DATABASE_URL may name the folder of a socket, with its slashes as %2F", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "setpass-socket-"));
  const server = await listening({ path: path.join(folder, ".s.PGSQL.5432") });
  expect(await answers(encodeURIComponent(folder))).toEqual({ it: "here" });
  server.close();
  await rm(folder, { recursive: true, force: true });
});
