import { describe, expect, it } from "vitest";
import {
  confirmUrl,
  createConfirmToken,
  parseConfirmToken,
} from "../../../app/reset-requests/confirm-token.server";

describe("the token that confirms a request", () => {
  it("is 256 random bits, another each time, and read back as it is", () => {
    const tokens = Array.from({ length: 100 }, createConfirmToken);
    expect(new Set(tokens).size).toBe(100);
    for (const token of tokens) {
      expect(token).toMatch(/^[\w-]{43}$/);
      expect(Buffer.from(token, "base64url")).toHaveLength(32);
      expect(parseConfirmToken(token)).toBe(token);
      expect(parseConfirmToken(` ${token}\n`)).toBe(token);
    }
  });

  it("is none where it is anything else", () => {
    const token = createConfirmToken();
    for (const text of [
      ...[undefined, null, "", " ", token.slice(1), `${token}A`, `A${token}`, `${token} x`],
      ...[`${token.slice(0, 42)}+`, `${token.slice(0, 42)}=`, `${token}\u0000`],
    ])
      expect(parseConfirmToken(text), String(text)).toBeUndefined();
  });

  it("is mailed in an address below PUBLIC_URL", () => {
    const token = createConfirmToken();
    const url = new URL(confirmUrl(new URL("https://setpass.example.org/"), token));
    expect(`${url.origin}${url.pathname}`).toBe("https://setpass.example.org/reset/confirm");
    expect([...url.searchParams]).toEqual([["token", token]]);
  });
});
