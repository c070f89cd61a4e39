import { createHmac, randomBytes, randomInt } from "node:crypto";
import type { IssuedPin } from "../../db/issue-link.store";
import { rowOfPinKey } from "../../db/sealed-values.store";
import { type SealedFor, type Vault, VaultError } from "../vault/vault.server";

const PIN_KEY_BYTES = 32;
/** The link a PIN belongs to. */
export interface PinOwner {
  readonly userId: string;
  /** Of the link token. */
  readonly tokenHash: Buffer;
}

const COLUMN = "links.sealed_pin_key";
const sealedFor = ({ userId, tokenHash }: PinOwner): SealedFor => ({
  column: COLUMN,
  row: rowOfPinKey(userId, tokenHash),
});
/** Of a release that did not bind the key to the link's token. */
const formerlySealedFor = ({ userId }: PinOwner): SealedFor => ({ column: COLUMN, row: userId });
const mac = (key: Buffer, pin: string) => createHmac("sha256", key).update(pin, "utf8").digest();

/**
 * @param pinLength how many digits (PIN_LENGTH)
 * @returns whether the value is a string of exactly that many ASCII digits
 */
export function isPin(value: unknown, pinLength: number): value is string {
  return typeof value === "string" && value.length === pinLength && /^[0-9]+$/.test(value);
}

/** @returns a random PIN, for whoever gave none */
export const makeUpPin = (pinLength: number): string =>
  Array.from({ length: pinLength }, () => randomInt(10)).join("");

/**
 * @param pin a well-formed PIN
 * @param owner the link it is for: the seal is bound to it
 * @param keptKey the MAC key of the user's row, if there is one: under the same key the same PIN gives
 *   the same MAC, which is how a PIN that was kept is told from a new one
 */
export function sealPin(
  vault: Vault,
  { pin, owner, keptKey }: { pin: string; owner: PinOwner; keptKey?: Buffer },
): IssuedPin {
  const key = keptKey ?? randomBytes(PIN_KEY_BYTES);
  return {
    sealedPinKey: sealPinKey(vault, key, owner),
    pinMac: mac(key, pin),
    pinLength: pin.length,
  };
}

/** For the link that takes another's place and keeps its PIN. */
export const sealPinKey = (vault: Vault, key: Buffer, owner: PinOwner): Buffer =>
  vault.seal(key, sealedFor(owner));

/**
 * Opens the key of a link that gets a new token, to be sealed for that one. Never to compare with: a
 * key of a former release, too, which opens for any token, is opened here.
 *
 * @returns undefined where it is bound to neither this link nor, formerly, this user
 */
export function openKeptPinKey(
  vault: Vault,
  sealedPinKey: Buffer,
  owner: PinOwner,
): Buffer | undefined {
  return (
    openedOr(vault, sealedPinKey, sealedFor(owner)) ??
    openedOr(vault, sealedPinKey, formerlySealedFor(owner))
  );
}

function openedOr(vault: Vault, sealed: Buffer, owner: SealedFor): Buffer | undefined {
  try {
    return vault.open(sealed, owner);
  } catch (error) {
    if (error instanceof VaultError) return undefined;
    throw error;
  }
}

/**
 * @returns what is compared with the PIN's that is kept; `outdated` where the key was sealed by a release
 *   that did not bind it to the token: nothing is compared with that
 * @throws {VaultError} if the key cannot be opened
 */
export function macOfPin(
  vault: Vault,
  { pin, owner, sealedPinKey }: { pin: string; owner: PinOwner; sealedPinKey: Buffer },
): Buffer | "outdated" {
  const key = openedOr(vault, sealedPinKey, sealedFor(owner));
  if (key) return mac(key, pin);
  vault.open(sealedPinKey, formerlySealedFor(owner));
  return "outdated";
}
