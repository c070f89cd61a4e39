import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { SealedFor, Vault } from "../vault/vault.server";

/** What the database keeps of a PIN. Neither part lets anybody test a guess without SECRET_KEYS. */
export interface StoredPin {
  /** A random MAC key, sealed. */
  readonly sealedPinKey: Buffer;
  /** HMAC-SHA-256 of the PIN under that key. */
  readonly pinMac: Buffer;
  /** How many digits: PIN_LENGTH may be another by the time it is asked for. */
  readonly pinLength: number;
}

const PIN_KEY_BYTES = 32;
const sealedFor = (userId: string): SealedFor => ({ column: "links.sealed_pin_key", row: userId });
const mac = (key: Buffer, pin: string) => createHmac("sha256", key).update(pin, "utf8").digest();

/**
 * @param pinLength how many digits (PIN_LENGTH)
 * @returns whether the value is a string of exactly that many ASCII digits
 */
export function isPin(value: unknown, pinLength: number): value is string {
  return typeof value === "string" && value.length === pinLength && /^[0-9]+$/.test(value);
}

/**
 * @param pin a well-formed PIN
 * @param userId the Keystone user the link is for: the seal is bound to it
 * @param keptKey the sealed MAC key of the user's row, if there is one: under the same key the same
 *   PIN gives the same MAC, which is how a PIN that was kept is told from a new one
 */
export function storePin(
  vault: Vault,
  { pin, userId, keptKey }: { pin: string; userId: string; keptKey?: Buffer },
): StoredPin {
  const key = keptKey ? vault.open(keptKey, sealedFor(userId)) : randomBytes(PIN_KEY_BYTES);
  return {
    sealedPinKey: vault.seal(key, sealedFor(userId)),
    pinMac: mac(key, pin),
    pinLength: pin.length,
  };
}

/**
 * Compares in constant time.
 *
 * @throws {VaultError} if the key cannot be opened
 */
export function matchesPin(
  vault: Vault,
  {
    pin,
    userId,
    stored,
  }: { pin: string; userId: string; stored: Pick<StoredPin, "sealedPinKey" | "pinMac"> },
): boolean {
  const key = vault.open(stored.sealedPinKey, sealedFor(userId));
  return timingSafeEqual(mac(key, pin), stored.pinMac);
}
