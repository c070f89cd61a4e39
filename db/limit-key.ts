import { isIPv6 } from "node:net";

/**
 * What an address is counted by. Whoever has one IPv6 address has the 2^64 beside it, so those count
 * as one.
 */
export function limitKeyOf(address: string): string {
  if (!isIPv6(address)) return address;
  // The URL parser writes the address in its one short form; then the elided groups come back.
  const [head = "", tail] = new URL(`http://[${address.replace(/%.*/, "")}]`).hostname
    .slice(1, -1)
    .split("::");
  const groups = head.split(":").filter(Boolean);
  const rest = tail?.split(":") ?? [];
  const zeros = Array.from({ length: 8 - groups.length - rest.length }, () => "0");
  const all = [...groups, ...zeros, ...rest];
  // A socket on `::` writes IPv4 as ::ffff:192.0.2.7; one network of those would be the whole world.
  if (/^(0:){5}ffff:/.test(all.join(":")))
    return all
      .slice(6)
      .map((group) => Number.parseInt(group, 16))
      .flatMap((two) => [two >> 8, two & 255])
      .join(".");
  return `${all.slice(0, 4).join(":")}::/64`;
}
