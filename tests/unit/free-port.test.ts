import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { expect, it } from "vitest";
import { getFreePort } from "../../demo/free-port";

const listen = (port: number) =>
  new Promise<Server>((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });

it("a port that the system has lent to a connection cannot be listened on meanwhile", async () => {
  const server = await listen(0);
  const { port } = server.address() as AddressInfo;
  const outgoing = connect({ port, host: "127.0.0.1" });
  await once(outgoing, "connect");
  await expect(listen(outgoing.localPort ?? 0)).rejects.toMatchObject({ code: "EADDRINUSE" });
  outgoing.destroy();
  server.close();
});

it("a free port is none that the system lends", async () => {
  const told = "/proc/sys/net/ipv4/ip_local_port_range";
  // Those of the BSDs, macOS and Windows begin higher than Linux's own.
  const first = existsSync(told) ? Number(readFileSync(told, "utf8").split(/\s+/)[0]) : 32_768;
  const ports = await Promise.all(Array.from({ length: 200 }, getFreePort));
  expect(Math.max(...ports)).toBeLessThan(first);
  expect(Math.min(...ports)).toBeGreaterThan(1023);
});

it("a free port is given once, however many ask", async () => {
  const ports = await Promise.all(Array.from({ length: 200 }, getFreePort));
  expect(new Set(ports).size).toBe(200);
});
