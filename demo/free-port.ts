import { createServer } from "node:net";

/**
 * A TCP port on 127.0.0.1 that nothing listens on. Another process may take it before it is used:
 * prefer listening on port 0 where the listener can tell its port.
 */
export function getFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
  });
}
