import { type SealedFor, type Vault, VaultError } from "../vault/vault.server";

/**
 * A password that was sent to Keystone and may be in force: the user's own, or a random one set for
 * an administrator. Kept until Keystone's answer is known, so that a lost answer loses nothing.
 */
export interface UnsettledPassword {
  readonly by: "user" | "admin";
  readonly password: string;
}

/** Each costs a failed sign-in to ask about; older ones cannot be on their way any more. */
export const KEPT_UNSETTLED = 3;

const passwordOf = (userId: string): SealedFor => ({
  column: "links.sealed_password",
  row: userId,
});
const attemptsOf = (userId: string): SealedFor => ({
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
export function sealUnsettled(
  vault: Vault,
  userId: string,
  attempts: readonly UnsettledPassword[],
): Buffer | null {
  if (attempts.length === 0) return null;
  return vault.seal(JSON.stringify(attempts.slice(-KEPT_UNSETTLED)), attemptsOf(userId));
}

/** @returns oldest first; empty where nothing is unsettled. @throws {VaultError} */
export function openUnsettled(
  vault: Vault,
  userId: string,
  sealed: Buffer | null,
): UnsettledPassword[] {
  if (!sealed) return [];
  return JSON.parse(vault.open(sealed, attemptsOf(userId)).toString("utf8"));
}
