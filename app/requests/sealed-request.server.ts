import type { ResetRequestRow } from "../../db/reset-requests.store";
import type { SealedFor, Vault } from "../vault/vault.server";

/**
 * What the seal of a request holds beside the PIN: everything of the row that decides whose PIN it is.
 * Whoever can write to the database, but has not the keys, can then neither put another name or address
 * to it, nor confirm it: neither by its state, nor by a token of their own.
 */
export interface SealedRequest {
  readonly pin: string;
  readonly name: string;
  readonly email: string;
  /** Hex of the SHA-256 of the token that was mailed. */
  readonly confirmTokenHash: string;
  readonly confirmed: boolean;
}

const ownerOf = (id: string): SealedFor => ({ column: "reset_requests.sealed_pin", row: id });

/** @param id the request's */
export const sealRequest = (vault: Vault, id: string, request: SealedRequest): Buffer =>
  vault.seal(JSON.stringify(request), ownerOf(id));

/**
 * @returns what is sealed, where the row's name and address are the sealed ones; undefined where they
 *   are not, or nothing is sealed any more. Of a request from before they were confirmed, which is
 *   sealed as its bare PIN, `before: true`
 * @throws {VaultError}
 */
export function openRequest(
  vault: Vault,
  row: Pick<ResetRequestRow, "id" | "name" | "email" | "sealedPin">,
): (SealedRequest & { before: false }) | { before: true; pin: string } | undefined {
  if (!row.sealedPin) return undefined;
  const text = vault.open(row.sealedPin, ownerOf(row.id)).toString("utf8");
  if (/^[0-9]+$/.test(text)) return { before: true, pin: text };
  const sealed = JSON.parse(text) as SealedRequest;
  if (sealed.name !== row.name || sealed.email !== row.email) return undefined;
  return { ...sealed, before: false };
}
