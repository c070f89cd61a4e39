import process from "node:process";
import { describe, expect, it } from "vitest";

/**
 * A suite that needs something of the machine. CI has to have it: there the suite fails without.
 * Elsewhere it is left out, and the report shows why.
 *
 * @param needed.has whether it is there
 * @param needed.what in words: "a real Keystone"
 */
export function describeWhere(
  needed: { has: boolean; what: string },
  name: string,
  suite: () => void,
): void {
  if (needed.has) {
    describe(name, suite);
    return;
  }
  const isCi = process.env.CI === "true" || process.env.CI === "1";
  describe(name, () => {
    it(`needs ${needed.what}, which is not here: LEFT OUT`, () => {
      expect(isCi, `CI must run this suite, and it has not got ${needed.what}`).toBe(false);
    });
  });
}
