import type { ActionFunctionArgs } from "@remix-run/node";
import { limitKeyOf } from "../../db/limit-key";
import type { RateLimitResult } from "../../db/rate-limits.store";
import { type AccountName, accountKeyOf } from "../admins/account-key.server";

/**
 * Counts an anonymous form against its sender's address.
 *
 * @throws {Response} 429 with Retry-After
 */
export async function limitByAddress({ context }: ActionFunctionArgs): Promise<void> {
  refuseBeyond(await context.services.limits.address.take(limitKeyOf(context.clientAddress)));
}

/**
 * Counts a link that there is not, or a wrong PIN, against the sender's address. Not whoever has a link:
 * of two hundred in a lecture hall behind one address, each must get in.
 *
 * @throws {Response} 429 with Retry-After. A wrong PIN is answered as what it is all the same: the link
 *   itself counts those, and takes no more of them from anywhere.
 */
export async function countWrongLink({ context }: ActionFunctionArgs): Promise<void> {
  refuseBeyond(await context.services.limits.wrongLink.take(limitKeyOf(context.clientAddress)));
}

/**
 * Counts a sign-in before Keystone is asked: against its sender's address, and against the account it
 * names, whether there is such an account or not, from that address and (much more of them) from
 * everywhere. `forgiveSignIn` takes back what was right.
 *
 * @throws {Response} 429 with Retry-After
 */
export async function limitSignIn(
  { context }: ActionFunctionArgs,
  account: AccountName,
): Promise<void> {
  const { limits } = context.services;
  const named = accountKeyOf(account);
  const from = limitKeyOf(context.clientAddress);
  refuseBeyond(await limits.signInOfAddress.take(from));
  refuseBeyond(await limits.signInFromAddress.take(`${named}:${from}`));
  refuseBeyond(await limits.signIn.take(named));
}

/**
 * After a sign-in that was right, what was counted against the account is forgotten. Of what was counted
 * against the address only this one: an account of one's own must not pay for guesses at others.
 */
export async function forgiveSignIn(
  { context }: ActionFunctionArgs,
  account: AccountName,
): Promise<void> {
  const { limits } = context.services;
  const named = accountKeyOf(account);
  const from = limitKeyOf(context.clientAddress);
  await Promise.all([
    limits.signInOfAddress.giveBack(from),
    limits.signInFromAddress.reset(`${named}:${from}`),
    limits.signIn.reset(named),
  ]);
}

function refuseBeyond(result: RateLimitResult): void {
  if (result.ok) return;
  throw new Response(null, {
    status: 429,
    statusText: "Too Many Requests",
    headers: { "Retry-After": String(result.retryAfterSeconds) },
  });
}
