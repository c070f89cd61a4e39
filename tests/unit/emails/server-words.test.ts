import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { keepableWords } from "../../../emails/server-words";

const TOKEN = "3f0f9b8e-5d5f-4a06-9a53-6a3f8a0f1b2c";
const LINK = `https://setpass.example.org/?token=${TOKEN}`;

describe("the words of a mail server", () => {
  it("are kept as they are when they hold nothing secret", () => {
    const words = "550 5.1.1 <jane@example.org>: Recipient address rejected: User unknown";
    expect(keepableWords(words, LINK)).toBe(words);
  });

  it("keep the address of the server's own help page", () => {
    const words = "550 5.7.1 See https://support.example.com/mail/?p=Unsolicited for details";
    expect(keepableWords(words, LINK)).toBe(words);
  });

  it("lose the link", () => {
    expect(keepableWords(`554 Blocked for <${LINK}> in body`, LINK)).toBe(
      "554 Blocked for [link] in body",
    );
  });

  it("are not kept at all when they hold a piece of the token, however it is written", () => {
    for (const quoted of [
      TOKEN,
      TOKEN.toUpperCase(),
      TOKEN.replaceAll("-", ""),
      TOKEN.slice(9, 23),
      `${TOKEN.slice(0, 12)}=\r\n${TOKEN.slice(12)}`,
      `?token=3D${TOKEN}`,
    ]) {
      const kept = keepableWords(`554 spam: ${quoted}`, LINK);
      expect(kept).toMatch(/^quoted-link$/);
    }
  });

  it("are not kept with any eight characters of the token, and are with seven: those happen", () => {
    const token = TOKEN.replaceAll("-", "");
    for (let at = 0; at + 8 <= token.length; at += 1)
      expect(keepableWords(`554 spam: ${token.slice(at, at + 8)}`, LINK)).toMatch(/^quoted-link$/);
    for (let at = 0; at + 7 <= token.length; at += 1) {
      const words = `554 queued as ${token.slice(at, at + 7)}`;
      expect(keepableWords(words, LINK)).toBe(words);
    }
  });

  it("never hold eight characters of the token in a row, wherever it stands in them", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.nat(TOKEN.length), (before, after, at) => {
        const kept = keepableWords(
          `${before}${TOKEN.slice(at)}${TOKEN.slice(0, at)}${after}`,
          LINK,
        );
        const bare = kept.toLowerCase().replace(/[^a-z0-9]/g, "");
        const token = TOKEN.replaceAll("-", "");
        for (let start = 0; start + 8 <= token.length; start += 1)
          expect(bare).not.toContain(token.slice(start, start + 8));
      }),
    );
  });

  it("are one line of at most 300 characters, without control characters", () => {
    const kept = keepableWords(`550-first\r\n550 \u001b[31msecond\u0000 ${"x".repeat(1000)}`);
    expect(kept.startsWith("550-first 550 [31msecond xxx")).toBe(true);
    expect(kept).toHaveLength(300);
  });
});
