import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLinkToken, linkUrl, parseLinkToken } from "../../../app/links/link-token.server";

describe("a link token", () => {
  it("is a random UUID, another one each time", () => {
    const tokens = Array.from({ length: 1000 }, createLinkToken);
    expect(new Set(tokens).size).toBe(1000);
    for (const token of tokens)
      expect(token).toMatch(
        /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
  });

  it("is read back as it was, and as a mail program may have changed it", () => {
    const token = createLinkToken();
    expect(parseLinkToken(token)).toBe(token);
    expect(parseLinkToken(token.toUpperCase())).toBe(token);
    expect(parseLinkToken(` ${token}\n`)).toBe(token);
  });

  it("is nothing else, so that the database is asked about nothing else", () => {
    for (const text of [undefined, null, "", "null", "00000000", "{}", "' or 1=1 --", "%00"])
      expect(parseLinkToken(text)).toBeUndefined();
    const token = createLinkToken();
    expect(parseLinkToken(`${token}${token}`)).toBeUndefined();
    expect(parseLinkToken(`${token}\n${token}`)).toBeUndefined();
    expect(parseLinkToken(token.replaceAll("-", ""))).toBeUndefined();
    expect(parseLinkToken(`{${token}}`)).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(parseLinkToken(text)).toBeUndefined();
      }),
    );
  });
});

describe("a link's address", () => {
  const token = createLinkToken();

  it("is PUBLIC_URL with the token in its query", () => {
    expect(linkUrl(new URL("https://setpass.example.org"), token)).toBe(
      `https://setpass.example.org/?token=${token}`,
    );
    expect(linkUrl(new URL("http://localhost:3000/"), token)).toBe(
      `http://localhost:3000/?token=${token}`,
    );
  });
});
