import { type SealedFor, type Vault, VaultError } from "../vault/vault.server";
import { KEPT_UNSETTLED, type Unsettled } from "./redeem/unsettled";

const passwordOf = (userId: string): SealedFor => ({
  column: "links.sealed_password",
  row: userId,
});
const unsettledOf = (userId: string): SealedFor => ({
  column: "links.sealed_attempts",
  row: userId,
});

export const sealPassword = (vault: Vault, userId: string, password: string) =>
  vault.seal(password, passwordOf(userId));

/** @throws {VaultError} */
export const openPassword = (vault: Vault, userId: string, sealed: Buffer) =>
  vault.open(sealed, passwordOf(userId)).toString("utf8");

/** @returns whether this is the password that is sealed; false also where the seal cannot be opened */
export function sealsPassword(
  vault: Vault,
  userId: string,
  { sealed, password }: { sealed: Buffer; password: string },
): boolean {
  try {
    return openPassword(vault, userId, sealed) === password;
  } catch (error) {
    if (error instanceof VaultError) return false;
    throw error;
  }
}

/** @returns the sealed list, or null for an empty one */
export function sealUnsettled(vault: Vault, userId: string, unsettled: Unsettled): Buffer | null {
  if (unsettled.length === 0) return null;
  return vault.seal(JSON.stringify(unsettled.slice(-KEPT_UNSETTLED)), unsettledOf(userId));
}

/** @returns oldest first; empty where nothing is unsettled. @throws {VaultError} */
export function openUnsettled(vault: Vault, userId: string, sealed: Buffer | null): Unsettled {
  if (!sealed) return [];
  return JSON.parse(vault.open(sealed, unsettledOf(userId)).toString("utf8"));
}
