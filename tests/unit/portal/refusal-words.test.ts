import { describe, expect, it } from "vitest";
import { DEAD_LINK, wordsForRefusal } from "../../../app/portal/refusal-words";

describe("a link that leads no further", () => {
  it("says the same whether it is unknown, replaced or used, and offers to sign in", () => {
    // What the page shows for a link it does not find, and for one that went while it was redeemed.
    expect(wordsForRefusal({ ok: false, reason: "unknown-link" })).toBe(DEAD_LINK);
    expect(DEAD_LINK.waysOn).toBe("sign-in-or-new-link");
  });

  it("sends nobody to sign in whose password was not set", () => {
    for (const reason of ["locked", "expired"] as const)
      expect(wordsForRefusal({ ok: false, reason })).toMatchObject({ waysOn: "new-link" });
    expect(
      wordsForRefusal({ ok: false, reason: "needs-administrator", problem: "account-disabled" }),
    ).toMatchObject({ waysOn: "none" });
  });
});
