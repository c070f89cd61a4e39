import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  isPin,
  macOfPin,
  openKeptPinKey,
  sealPin,
  sealPinKey,
} from "../../../app/links/pin.server";
import { createVault, VaultError } from "../../../app/vault/vault.server";
import type { IssuedPin } from "../../../db/issue-link.store";

const vault = createVault([randomBytes(32)]);
const owner = { userId: "user-1", tokenHash: randomBytes(32) };
/** As the database compares them. */
const matches = (pin: string, stored: IssuedPin, by = owner) => {
  const { sealedPinKey, pinMac } = stored;
  const mac = macOfPin(vault, { pin, owner: by, sealedPinKey });
  return mac !== "outdated" && mac.equals(pinMac);
};
const pins = fc.stringMatching(/^[0-9]{4}$/);

describe("a well-formed PIN", () => {
  it("is a string of exactly so many digits", () => {
    expect(isPin("0000", 4)).toBe(true);
    expect(isPin("0420", 4)).toBe(true);
    expect(isPin("123456", 6)).toBe(true);
    expect(isPin("123", 4)).toBe(false);
    expect(isPin("12345", 4)).toBe(false);
    expect(isPin("", 4)).toBe(false);
  });

  it("is never a number, nor anything else that prints like one", () => {
    for (const value of [1234, 1234n, ["1234"], { toString: () => "1234" }, null, undefined, true])
      expect(isPin(value, 4)).toBe(false);
  });

  it("has no space, sign, line end or digit of another script", () => {
    for (const value of [" 123", "123 ", "+123", "-123", "1.23", "1e10", "123\n", "١٢٣٤", "1२34"])
      expect(isPin(value, 4)).toBe(false);
    expect(isPin("12\u00002", 4)).toBe(false);
  });

  it("is nothing else, whatever is typed", () => {
    const nearly = fc.string({
      unit: fc.constantFrom(..."0123456789", " ", "\n", "\u0000", "٣", "०", "𝟙", "x", "-"),
      maxLength: 8,
    });
    fc.assert(
      fc.property(nearly, fc.integer({ min: 4, max: 6 }), (text, length) => {
        const digits = [...text].filter((character) => character >= "0" && character <= "9");
        expect(isPin(text, length)).toBe(digits.length === length && digits.join("") === text);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("a stored PIN", () => {
  it("matches itself and no other", () => {
    fc.assert(
      fc.property(pins, pins, (pin, other) => {
        const stored = sealPin(vault, { pin, owner });
        expect(matches(pin, stored)).toBe(true);
        expect(matches(other, stored)).toBe(other === pin);
      }),
    );
  });

  it("is refused, not an error, where the guess is longer or empty", () => {
    const stored = sealPin(vault, { pin: "1234", owner });
    for (const pin of ["", "123", "12345", "1234\u0000", "x".repeat(100_000)])
      expect(matches(pin, stored)).toBe(false);
  });

  it("has a key of its own: the same PIN of two users does not look the same", () => {
    const macs = Array.from({ length: 50 }, (_, index) =>
      sealPin(vault, {
        pin: "1234",
        owner: { ...owner, userId: `user-${index}` },
      }).pinMac.toString("hex"),
    );
    expect(new Set(macs).size).toBe(50);
  });

  it("is told from a new one under the key that was kept, also for another token", () => {
    const first = sealPin(vault, { pin: "1234", owner });
    const keptKey = openKeptPinKey(vault, first.sealedPinKey, owner);
    expect(keptKey).toHaveLength(32);
    const next = { ...owner, tokenHash: randomBytes(32) };
    const again = sealPin(vault, { pin: "1234", owner: next, keptKey });
    const other = sealPin(vault, { pin: "4321", owner: next, keptKey });
    expect(again.pinMac).toEqual(first.pinMac);
    expect(other.pinMac).not.toEqual(first.pinMac);
    expect(matches("1234", again, next)).toBe(true);
  });

  it("cannot be tried without SECRET_KEYS, nor in another user's row, nor by another token", () => {
    const { sealedPinKey } = sealPin(vault, { pin: "1234", owner });
    const stranger = createVault([randomBytes(32)]);
    const others = [
      { by: stranger, owner },
      { by: vault, owner: { ...owner, userId: "user-2" } },
      { by: vault, owner: { ...owner, tokenHash: randomBytes(32) } },
    ];
    for (const other of others) {
      const guess = () => macOfPin(other.by, { pin: "1234", owner: other.owner, sealedPinKey });
      expect(guess).toThrow(VaultError);
      expect(openKeptPinKey(other.by, sealedPinKey, other.owner)).toBeUndefined();
    }
  });

  it("of a release that did not bind it to its token is not compared, but can be kept", () => {
    const key = randomBytes(32);
    const former = vault.seal(key, { column: "links.sealed_pin_key", row: owner.userId });
    for (const pin of ["1234", "4321"])
      expect(macOfPin(vault, { pin, owner, sealedPinKey: former })).toBe("outdated");
    const kept = openKeptPinKey(vault, former, owner);
    expect(kept).toEqual(key);
    const sealed = sealPinKey(vault, kept ?? Buffer.alloc(0), owner);
    expect(openKeptPinKey(vault, sealed, { ...owner, tokenHash: randomBytes(32) })).toBeUndefined();
  });
});
