import { describe, expect, it } from "vitest";
import { mailboxKeys } from "../../../app/reset-requests/request-limits.server";

const mailbox = (email: string) => mailboxKeys(email).mailbox;
const person = (email: string) => mailboxKeys(email).person;

describe("what a mailbox is counted by", () => {
  it.each([
    ["upper and lower case", "Jane@Example.ORG", "jane@example.org"],
    ["a domain's two forms", "jane@bücher.example", "jane@xn--bcher-kva.example"],
    ["a domain's last dot", "jane@example.org.", "jane@example.org"],
    ["a full-width domain", "jane@\uff45xample.org", "jane@example.org"],
    ["a domain with a soft hyphen", "jane@ex\u00adample.org", "jane@example.org"],
    ["a decomposed domain", "jane@bu\u0308cher.example", "jane@b\u00fccher.example"],
  ])("is the same for %s", (_what, one, other) => {
    expect(mailbox(one)).toBe(mailbox(other));
    expect(person(one)).toBe(person(other));
  });

  it.each([
    ["a full-width letter", "\uff4aane@example.org", "jane@example.org"],
    ["a Kelvin sign", "\u212aate@example.org", "kate@example.org"],
    ["a decomposed letter", "jose\u0301@example.org", "jos\u00e9@example.org"],
    ["a tag", "jane+a@example.org", "jane@example.org"],
    ["another tag", "jane+a@example.org", "jane+b+c@example.org"],
    ["dots", "jane.doe@example.org", "janedoe@example.org"],
  ])(
    "is another with %s, which mail goes elsewhere with, and one person's all the same",
    (_what, one, other) => {
      expect(mailbox(one)).not.toBe(mailbox(other));
      expect(person(one)).toBe(person(other));
    },
  );

  it("takes a plus at the beginning for no tag", () => {
    expect(mailbox("+a@example.org")).not.toBe(mailbox("+b@example.org"));
    expect(person("+a+b@example.org")).not.toBe(person("+a+c@example.org"));
  });

  it("takes a name of dots alone for one", () => {
    expect(person("..@example.org")).not.toBe(person("...@example.org"));
  });

  it("takes what may be one person for one, where a single sender is counted", () => {
    for (const spelling of [
      "jane.doe@example.org",
      "j.anedoe+x@example.org",
      "JANEDOE@example.org",
    ])
      expect(person(spelling)).toBe(person("janedoe@example.org"));
    expect(person("jane@example.org")).not.toBe(person("jane@example.com"));
    expect(person("jane@example.org")).not.toBe(person("joan@example.org"));
    expect(person("jane@example.org")).not.toBe(person("kane@example.org"));
  });
});
