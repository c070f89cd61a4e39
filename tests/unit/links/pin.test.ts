import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isPin, matchesPin, storePin } from "../../../app/links/pin.server";
import { createVault, VaultError } from "../../../app/vault/vault.server";

const vault = createVault([randomBytes(32)]);
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
        const stored = storePin(vault, { pin, userId: "user-1" });
        expect(matchesPin(vault, { pin, userId: "user-1", stored })).toBe(true);
        expect(matchesPin(vault, { pin: other, userId: "user-1", stored })).toBe(other === pin);
      }),
    );
  });

  it("is refused, not an error, where the guess is longer or empty", () => {
    const stored = storePin(vault, { pin: "1234", userId: "user-1" });
    for (const pin of ["", "123", "12345", "1234\u0000", "x".repeat(100_000)])
      expect(matchesPin(vault, { pin, userId: "user-1", stored })).toBe(false);
  });

  it("has a key of its own: the same PIN of two users does not look the same", () => {
    const macs = Array.from({ length: 50 }, (_, index) =>
      storePin(vault, { pin: "1234", userId: `user-${index}` }).pinMac.toString("hex"),
    );
    expect(new Set(macs).size).toBe(50);
  });

  it("is told from a new one under the key that was kept", () => {
    const first = storePin(vault, { pin: "1234", userId: "user-1" });
    const keptKey = first.sealedPinKey;
    const again = storePin(vault, { pin: "1234", userId: "user-1", keptKey });
    const other = storePin(vault, { pin: "4321", userId: "user-1", keptKey });
    expect(again.pinMac).toEqual(first.pinMac);
    expect(other.pinMac).not.toEqual(first.pinMac);
    expect(again.sealedPinKey).not.toEqual(first.sealedPinKey);
  });

  it("cannot be tried without SECRET_KEYS, nor in another user's row", () => {
    const stored = storePin(vault, { pin: "1234", userId: "user-1" });
    const stranger = createVault([randomBytes(32)]);
    expect(() => matchesPin(stranger, { pin: "1234", userId: "user-1", stored })).toThrow(
      VaultError,
    );
    expect(() => matchesPin(vault, { pin: "1234", userId: "user-2", stored })).toThrow(VaultError);
  });
});
