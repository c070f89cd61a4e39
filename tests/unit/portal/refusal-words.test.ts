import { describe, expect, it } from "vitest";
import { wordsIn } from "../../../app/messages/catalogs.server";
import { deadLink, type Refusal, wordsForRefusal } from "../../../app/portal/refusal-words";

const en = wordsIn("en");
const tell = (refusal: Refusal) => wordsForRefusal(en, refusal);

describe("a link that leads no further", () => {
  it("says the same whether it is unknown, replaced or used, and offers to sign in", () => {
    // What the page shows for a link it does not find, and for one that went while it was redeemed.
    expect(tell({ ok: false, reason: "unknown-link" })).toEqual(deadLink(en));
    expect(deadLink(en).waysOn).toBe("sign-in-or-new-link");
  });

  it("sends nobody to sign in whose password was not set", () => {
    for (const reason of ["locked", "expired"] as const)
      expect(tell({ ok: false, reason })).toMatchObject({ waysOn: "new-link" });
    expect(
      tell({ ok: false, reason: "needs-administrator", problem: "account-disabled" }),
    ).toMatchObject({ waysOn: "none" });
  });
});

describe("a wrong PIN", () => {
  const words = (attemptsLeft: number) => tell({ ok: false, reason: "wrong-pin", attemptsLeft });

  it("is answered by the form and how many tries are left", () => {
    expect(words(2)).toMatchObject({
      form: true,
      field: "pin",
      message: "Wrong PIN. You have 2 attempts left.",
    });
    expect(words(1)).toMatchObject({ message: "Wrong PIN. You have 1 attempt left." });
  });

  it("that was the last shows the same page as every try after it, with no form on it", () => {
    expect(words(0)).toEqual(tell({ ok: false, reason: "locked" }));
    expect(words(0)).toMatchObject({ form: false, heading: "This link is locked" });
  });
});
