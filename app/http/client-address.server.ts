import { isIP } from "node:net";
import type { Request } from "express";

/**
 * @returns where a request comes from: the address TRUST_PROXY's proxies tell, without the port some of
 *   them add (each would be another client to the limits); the socket's own where they tell none
 */
export function clientAddressOf(request: Request): string {
  const told = (request.ip ?? "")
    .trim()
    .replace(/^(\d+(?:\.\d+){3}):\d+$/, "$1")
    .replace(/^\[([\da-f:.]+)\](?::\d+)?$/i, "$1");
  return isIP(told) ? told : (request.socket.remoteAddress ?? "unknown");
}
