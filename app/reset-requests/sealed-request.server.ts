import type { ResetRequestRow } from "../../db/reset-requests.store";
import { describeError, type Log } from "../telemetry/log.server";
import { type SealedFor, type Vault, VaultError } from "../vault/vault.server";

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

export const sealRequest = (vault: Vault, id: string, request: SealedRequest): Buffer =>
  vault.seal(JSON.stringify(request), ownerOf(id));

/**
 * @returns what is sealed, where the row's name and address are the sealed ones; undefined where nothing
 *   is sealed any more, or the row is not as it was sealed, which the log then tells. Of a request from
 *   before they were confirmed, which is sealed as its bare PIN, `before: true`
 */
export function openRequest(
  { vault, log }: { vault: Vault; log: Log },
  row: Pick<ResetRequestRow, "id" | "name" | "email" | "sealedPin">,
): (SealedRequest & { before: false }) | { before: true; pin: string } | undefined {
  if (!row.sealedPin) return undefined;
  try {
    const text = vault.open(row.sealedPin, ownerOf(row.id)).toString("utf8");
    if (/^[0-9]+$/.test(text)) return { before: true, pin: text };
    const sealed = JSON.parse(text) as SealedRequest;
    if (sealed.name === row.name && sealed.email === row.email) return { ...sealed, before: false };
    log.error("reset.changed", { requestedResetId: row.id });
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    log.error("reset.changed", { requestedResetId: row.id, error: describeError(error) });
  }
  return undefined;
}
