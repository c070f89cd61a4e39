import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";

const LOWEST = 10_000;
/** Where the system begins to take ports for outgoing connections, if it does not say. */
const USUAL_FIRST_OUTGOING = 32_768;
const FEWEST_TO_CHOOSE_FROM = 1000;

const given = new Set<number>();

/**
 * A TCP port on 127.0.0.1 that nothing listens on, and each time another one. Not one of those that the
 * system takes for outgoing connections: any of them could be in use for a moment when its server is
 * started again on the same port.
 *
 * @throws Error where none is found
 */
export async function getFreePort(): Promise<number> {
  const end = firstOutgoingPort();
  for (let tries = 0; tries < 100; tries += 1) {
    const port = end - LOWEST < FEWEST_TO_CHOOSE_FROM ? 0 : randomInt(LOWEST, end);
    const free = given.has(port) ? undefined : await listenFor(port);
    if (free === undefined || given.has(free)) continue;
    given.add(free);
    return free;
  }
  throw new Error("There is no free port on 127.0.0.1");
}

/** @returns the port, where nobody else listens on it; 0 is any */
function listenFor(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        resolve(address !== null && typeof address === "object" ? address.port : undefined),
      );
    });
  });
}

function firstOutgoingPort(): number {
  try {
    const range = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
    return Number.parseInt(range, 10);
  } catch {
    return USUAL_FIRST_OUTGOING;
  }
}
