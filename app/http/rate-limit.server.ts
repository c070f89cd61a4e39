import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import type { ActionFunctionArgs } from "@remix-run/node";
import type { RateLimitResult } from "../../db/rate-limits.store";

/**
 * What an address is counted by. Whoever has one IPv6 address has the 2^64 beside it, so those count
 * as one.
 */
export function limitKeyOf(address: string): string {
  if (!isIPv6(address)) return address;
  // The URL parser writes the address in its one short form; then the elided groups come back.
  const [head = "", tail] = new URL(`http://[${address.replace(/%.*$/, "")}]`).hostname
    .slice(1, -1)
    .split("::");
  const groups = head.split(":").filter(Boolean);
  const rest = tail?.split(":").filter(Boolean) ?? [];
  const zeros = Array.from({ length: 8 - groups.length - rest.length }, () => "0");
  const all = tail === undefined ? groups : [...groups, ...zeros, ...rest];
  // A socket on `::` writes IPv4 as ::ffff:192.0.2.7; one network of those would be the whole world.
  if (/^(0:){5}ffff:/.test(all.join(":")))
    return all
      .slice(6)
      .map((group) => Number.parseInt(group, 16))
      .flatMap((two) => [two >> 8, two & 255])
      .join(".");
  return `${all.slice(0, 4).join(":")}::/64`;
}

/**
 * Counts an anonymous form against its sender's address.
 *
 * @throws {Response} 429 with Retry-After
 */
export async function limitByAddress({ context }: ActionFunctionArgs): Promise<void> {
  refuseBeyond(await context.services.limits.address.take(limitKeyOf(context.clientAddress)));
}

/**
 * Counts a sign-in against the account it names, whether there is such an account or not: from one
 * address, and (much more of them) from everywhere.
 *
 * @throws {Response} 429 with Retry-After
 */
export async function limitSignIn(
  { context }: ActionFunctionArgs,
  account: { userName: string; domainName: string },
): Promise<void> {
  const { limits } = context.services;
  const named = accountKey(account);
  refuseBeyond(
    await limits.signInFromAddress.take(`${named}:${limitKeyOf(context.clientAddress)}`),
  );
  refuseBeyond(await limits.signIn.take(named));
}

/** After a sign-in that was right, what was counted against the account is forgotten. */
export async function forgiveSignIn(
  { context }: ActionFunctionArgs,
  account: { userName: string; domainName: string },
): Promise<void> {
  const { limits } = context.services;
  const named = accountKey(account);
  await Promise.all([
    limits.signInFromAddress.reset(`${named}:${limitKeyOf(context.clientAddress)}`),
    limits.signIn.reset(named),
  ]);
}

/** Hashed, because people type passwords into the name field, and to bound its length. */
const accountKey = ({ userName, domainName }: { userName: string; domainName: string }) =>
  createHash("sha256")
    .update(JSON.stringify([foldName(domainName), foldName(userName)]))
    .digest("base64url");

/** To a Keystone on MySQL, whose names know no case and no accents, all these are one account. */
const foldName = (name: string) => name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function refuseBeyond(result: RateLimitResult): void {
  if (result.ok) return;
  throw new Response(
    `Too many tries. Wait ${result.retryAfterSeconds} seconds, then try again; nothing was changed.`,
    {
      status: 429,
      statusText: "Too Many Requests",
      headers: { "Retry-After": String(result.retryAfterSeconds) },
    },
  );
}
