import { randomBytes } from "node:crypto";

const BYTES = 32;
const SHAPE = /^[\w-]{43}$/;

/** The secret in the link that confirms a request: 256 random bits, base64url. */
export type ConfirmToken = string & { readonly __brand: "ConfirmToken" };

export const createConfirmToken = (): ConfirmToken =>
  randomBytes(BYTES).toString("base64url") as ConfirmToken;

/** @returns undefined where the text cannot be one */
export function parseConfirmToken(text: string | null | undefined): ConfirmToken | undefined {
  const token = text?.trim();
  return token !== undefined && SHAPE.test(token) ? (token as ConfirmToken) : undefined;
}

/** @param publicUrl PUBLIC_URL @returns the address that is mailed */
export function confirmUrl(publicUrl: URL, token: ConfirmToken): string {
  const url = new URL("/reset/confirm", publicUrl);
  url.searchParams.set("token", token);
  return url.href;
}
