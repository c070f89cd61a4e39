import { describe, expect, it } from "vitest";
import { canonicalAddress, foldCase, isSameMailbox } from "../../../app/links/same-mailbox";

describe("an address, in the form in which mail goes there", () => {
  it.each([
    ["jane@example.org", "jane@example.org"],
    ["Jane.Doe@Example.ORG", "Jane.Doe@example.org"],
    ["j@bücher.example", "j@xn--bcher-kva.example"],
    ["j@ｅｘａｍｐｌｅ.org", "j@example.org"],
    ["j@exam\u00adple.org", "j@example.org"],
    ["j@example.org.", "j@example.org"],
    ["j@a.example.org..", "j@a.example.org"],
    ['"a@b"@example.org', '"a@b"@example.org'],
  ])("of %s is %s", (address, canonical) => {
    expect(canonicalAddress(address)).toBe(canonical);
  });

  it.each([
    "@example.org",
    "jane@",
    "jane",
    "example.org",
    "",
    "jane@exa mple.org",
    "jane@example.org/path",
    "jane@example.org?query",
    "jane@example.org#part",
    "jane@example.org:25",
    "jane@[192.0.2.1]",
    "jane@exam%70le.org",
    "jane@example.org\\x",
    "jane@xn--a",
    "jane@.",
  ])("is none of %s, to whose domain no mail goes", (address) => {
    expect(canonicalAddress(address)).toBeUndefined();
  });
});

describe("letters", () => {
  it("of ASCII lose their case, and no others", () => {
    expect(foldCase("JANE.Doe@Example.ORG")).toBe("jane.doe@example.org");
    expect(foldCase("Ä\u212a\u0130@x")).toBe("Ä\u212a\u0130@x");
  });
});

describe("two addresses", () => {
  it.each([
    ["jane@example.org", "JANE@EXAMPLE.ORG"],
    [" jane@example.org ", "jane@example.org"],
    ["jane@example.org", "\tjane@example.org\n"],
    ["j@bücher.example", "j@xn--bcher-kva.example"],
    ["not an address", "NOT AN ADDRESS"],
    [" not an address", "not an address "],
  ])("are one mailbox: %j, %j", (one, other) => {
    expect(isSameMailbox(one, other)).toBe(true);
  });

  it.each([
    ["jane@example.org", "joan@example.org"],
    ["jane@example.org", "jane@example.com"],
    ["jack@example.org", "jac\u212a@example.org"],
    [null, ""],
    [undefined, "jane@example.org"],
    ["", "jane@example.org"],
  ])("are two: %j, %j", (one, other) => {
    expect(isSameMailbox(one, other)).toBe(false);
  });
});
