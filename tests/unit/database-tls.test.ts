import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { openDatabase } from "../../db/client";
import { listen } from "../support/listen";
import { makeSelfSignedCertificate } from "../support/self-signed-certificate";

const run = promisify(execFile);

/** PostgreSQL, as far as the first message after TLS stands: which of its users was named there. */
const named: string[] = [];
const { key, certificate } = makeSelfSignedCertificate();
const sockets = new Set<Socket>();
const server = createServer((socket) => {
  sockets.add(socket);
  socket.on("error", () => {});
  socket.on("close", () => sockets.delete(socket));
  // SSLRequest (PostgreSQL, 55.2.10): taken with one letter, and then TLS begins.
  socket.once("data", () => {
    socket.write("S");
    const secured = new TLSSocket(socket, { isServer: true, key, cert: certificate });
    secured.on("error", () => {});
    secured.once("data", (message: Buffer) => {
      named.push(/user\0([^\0]+)/.exec(message.toString("latin1"))?.[1] ?? "nobody");
      const fields = Buffer.from("SFATAL\0VFATAL\0C28000\0Mnobody is let in here\0\0");
      const length = Buffer.alloc(4);
      length.writeInt32BE(fields.length + 4);
      secured.end(Buffer.concat([Buffer.from("E"), length, fields]));
    });
  });
});

const folder = mkdtempSync(path.join(tmpdir(), "setpass-database-tls-"));
const authorities = path.join(folder, "ca.pem");
let url: string;

beforeAll(async () => {
  writeFileSync(authorities, certificate);
  url = `postgres://setpass@127.0.0.1:${await listen(server)}/setpass`;
});
afterEach(() => {
  named.length = 0;
});
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

/** @returns what became of the first query, in the words of the innermost error */
async function outcomeWith(sslmode: string): Promise<string> {
  const database = openDatabase({ url: `${url}?sslmode=${sslmode}`, poolSize: 1 });
  try {
    await database.db.execute("select 1");
    return "answered";
  } catch (error) {
    let at = error;
    while (at instanceof Error && at.cause instanceof Error) at = at.cause;
    return (at as Error).message;
  } finally {
    await database.close({ timeoutSeconds: 1 });
  }
}

it("a database whose certificate is not trusted learns nothing with sslmode=verify-full", async () => {
  expect(await outcomeWith("verify-full")).toMatch(/self-signed certificate/);
  expect(named).toEqual([]);
});

it("with sslmode=require, prefer or allow it may be anybody's: no certificate is checked", async () => {
  for (const sslmode of ["require", "prefer", "allow"])
    expect(await outcomeWith(sslmode)).toBe("nobody is let in here");
  expect(named).toEqual(["setpass", "setpass", "setpass"]);
});

it("an authority of one's own is trusted where NODE_EXTRA_CA_CERTS names it", async () => {
  const script = `
    import { openDatabase } from "./db/client.ts";
    const database = openDatabase({ url: process.argv[1], poolSize: 1 });
    await database.db.execute("select 1").catch((error) => {
      process.stdout.write(String(error.cause?.message));
    });
    await database.close({ timeoutSeconds: 1 });
  `;
  const { stdout } = await run(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "--eval", script, `${url}?sslmode=verify-full`],
    { env: { ...process.env, NODE_EXTRA_CA_CERTS: authorities }, timeout: 20_000 },
  );
  expect(stdout).toBe("nobody is let in here");
  expect(named).toEqual(["setpass"]);
}, 30_000);
