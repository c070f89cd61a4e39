import type { ActionFunctionArgs } from "@remix-run/node";
import { limitKeyOf } from "../../db/limit-key";
import type { RateLimitResult } from "../../db/rate-limits.store";
import { type AccountName, accountKeyOf } from "../admins/account-key.server";

/** Counts an anonymous form against its sender's address. */
export const limitByAddress = ({ context }: ActionFunctionArgs): Promise<RateLimitResult> =>
  context.services.limits.address.take(limitKeyOf(context.clientAddress));

/**
 * Counts a link that there is not, or a wrong PIN, against the sender's address. Not whoever has a link:
 * of two hundred in a lecture hall behind one address, each must get in.
 */
export const countWrongLink = ({ context }: ActionFunctionArgs): Promise<RateLimitResult> =>
  context.services.limits.wrongLink.take(limitKeyOf(context.clientAddress));

/**
 * Counts a sign-in before Keystone is asked: against its sender's address, and against the account it
 * names, whether there is such an account or not, from that address and (much more of them) from
 * everywhere. `forgiveSignIn` takes back what was right.
 */
export async function limitSignIn(
  { context }: ActionFunctionArgs,
  account: AccountName,
): Promise<RateLimitResult> {
  const { limits } = context.services;
  const named = accountKeyOf(account);
  const from = limitKeyOf(context.clientAddress);
  const ofAddress = await limits.signInOfAddress.take(from);
  if (!ofAddress.ok) return ofAddress;
  const fromAddress = await limits.signInFromAddress.take(`${named}:${from}`);
  return fromAddress.ok ? limits.signIn.take(named) : fromAddress;
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
