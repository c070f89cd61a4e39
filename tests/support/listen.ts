import { once } from "node:events";
import type { AddressInfo, Server } from "node:net";

/** Starts a server of the test's own on 127.0.0.1. @returns its port, which was free */
export async function listen(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
