import { BlockList, isIP } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/**
 * Whether a host is this very machine, by its name alone: nothing is looked up.
 *
 * @param host as `URL.hostname` has it: an IPv6 address in brackets, or without
 */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  // RFC 6761 has it resolve to this machine and nowhere else.
  if (name === "localhost") return true;
  const version = isIP(name);
  return version !== 0 && loopback.check(name, version === 4 ? "ipv4" : "ipv6");
}
