import { randomUUID } from "node:crypto";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The secret in a link: a random (version 4) UUID, 122 bits from the system's generator. */
export type LinkToken = string & { readonly __brand: "LinkToken" };

export function createLinkToken(): LinkToken {
  return randomUUID() as LinkToken;
}

/** @returns the token in its one spelling, or undefined where the text cannot be one */
export function parseLinkToken(text: string | null | undefined): LinkToken | undefined {
  const token = text?.trim().toLowerCase();
  return token !== undefined && UUID.test(token) ? (token as LinkToken) : undefined;
}

/**
 * @returns the address that is mailed; the token is in its query, the only place the wire format has
 */
export function linkUrl(publicUrl: URL, token: LinkToken): string {
  const url = new URL("/", publicUrl);
  url.searchParams.set("token", token);
  return url.href;
}
