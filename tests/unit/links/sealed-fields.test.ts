import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { leaseSecondsFor } from "../../../app/links/redeem/lease.server";
import {
  openPassword,
  openUnsettled,
  sealPassword,
  sealsPassword,
  sealUnsettled,
} from "../../../app/links/sealed-fields.server";
import { createVault, VaultError } from "../../../app/vault/vault.server";

const vault = createVault([randomBytes(32)]);
const stranger = createVault([randomBytes(32)]);

describe("a sealed password", () => {
  const sealed = sealPassword(vault, "jane", "Secret-1");

  it("opens for its user alone", () => {
    expect(openPassword(vault, "jane", sealed)).toBe("Secret-1");
    expect(() => openPassword(vault, "john", sealed)).toThrow(VaultError);
  });

  it("is told from another, and is none where it cannot be opened", () => {
    const asks = (password: string, by = vault, userId = "jane") =>
      sealsPassword(by, userId, { sealed, password });
    expect(asks("Secret-1")).toBe(true);
    expect(asks("Secret-2")).toBe(false);
    expect(asks("Secret-1", stranger)).toBe(false);
    expect(asks("Secret-1", vault, "john")).toBe(false);
  });
});

describe("passwords whose answer was lost", () => {
  const unsettled = ["one", "two", "three", "four"].map((password) => ({
    by: "user" as const,
    password,
  }));

  it("are kept in their order, the newest three of them", () => {
    const kept = (count: number) => {
      const sealed = sealUnsettled(vault, "jane", unsettled.slice(0, count));
      return openUnsettled(vault, "jane", sealed).map(({ password }) => password);
    };
    expect(kept(1)).toEqual(["one"]);
    expect(kept(3)).toEqual(["one", "two", "three"]);
    expect(kept(4)).toEqual(["two", "three", "four"]);
  });

  it("are nothing at all where there are none", () => {
    expect(sealUnsettled(vault, "jane", [])).toBeNull();
    expect(openUnsettled(vault, "jane", null)).toEqual([]);
  });
});

describe("a redemption's lease", () => {
  it("is the time of six calls, and a minute at least", () => {
    expect([1, 10, 11, 30].map(leaseSecondsFor)).toEqual([60, 60, 66, 180]);
  });
});
