import { describe, expect, it } from "vitest";
import { accountKeyOf } from "../../../app/admins/account-key.server";

const keyOf = (userName: string) => accountKeyOf({ userName, domainName: "Default" });

describe("what sign-ins are counted by", () => {
  it.each([
    ["capitals", "ADMIN"],
    ["an accent", "\u00e1dmin"],
    ["a zero-width space", "ad\u200bmin"],
    ["a soft hyphen", "ad\u00admin"],
    ["a word joiner", "ad\u2060min"],
    ["a dotless i", "adm\u0131n"],
    ["full-width letters", "\uff41dmin"],
    ["a variation selector", "admin\ufe0f"],
    ["spaces behind it, which MySQL does not count", "admin  "],
    ["a space before it, and an invisible one", " \u200badmin"],
  ])("is the same for an account spelled with %s", (_, spelling) => {
    expect(keyOf(spelling)).toBe(keyOf("admin"));
  });

  it("is the same for a sharp s and the letters it stands for", () => {
    expect(keyOf("stra\u00dfe")).toBe(keyOf("strasse"));
    expect(keyOf("STRA\u1e9eE")).toBe(keyOf("strasse"));
    // Some collations take it for one s.
    expect(keyOf("stra\u00dfe")).toBe(keyOf("strase"));
  });

  it("is another for another account, and for one of another domain", () => {
    expect(keyOf("admin")).not.toBe(keyOf("admln"));
    expect(keyOf("admin")).not.toBe(accountKeyOf({ userName: "admin", domainName: "Other" }));
    expect(accountKeyOf({ userName: "a", domainName: "bc" })).not.toBe(
      accountKeyOf({ userName: "ab", domainName: "c" }),
    );
  });
});
