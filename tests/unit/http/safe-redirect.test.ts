import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { safePath } from "../../../app/http/safe-redirect";

const FALLBACK = "/admin";
const SITE = "https://setpass.example.org";

/** Where a browser goes that is told so by a page of ours. */
const goesTo = (location: string) => new URL(location, `${SITE}/admin/sign-in`).origin;

describe("where a sign-in leads to", () => {
  it("is the page that was asked for, with its query and its anchor", () => {
    for (const path of ["/admin", "/admin/links?status=expired&page=2", "/admin/links/1#mail", "/"])
      expect(safePath(path, FALLBACK)).toBe(path);
  });

  it("is the fallback where nothing was asked for", () => {
    for (const nothing of [null, undefined, ""]) expect(safePath(nothing, FALLBACK)).toBe(FALLBACK);
  });

  it.each(["links", "x/y", "?page=2", "#mail", "/links\t", "/li\nnks", "/links\\1", "/a\u0085b"])(
    "is the fallback where that is no path as ours are written: %j",
    (next) => {
      expect(safePath(next, FALLBACK)).toBe(FALLBACK);
    },
  );

  it.each([
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/.//evil.example",
    "/..//evil.example",
    "/x/..//evil.example",
    "/%2e//evil.example",
    "/%2E%2e//evil.example/%2e",
    "/./\\evil.example",
    "javascript:alert(1)",
    "data:text/html,hello",
    "admin",
    "http:/evil.example",
    "/\u0000/evil.example",
  ])("is never another site: %j", (next) => {
    expect(goesTo(safePath(next, FALLBACK))).toBe(SITE);
  });

  it("is never another site, whatever is put together", () => {
    const separators = fc.constantFrom("/", "/", "/", "\\", ".", "..", "%2e", "\t", "@", "?", "#");
    const anything = fc.constantFrom(
      ...["evil.example", "https:", "admin", "%2f", "%5c", " ", "\u0000", "\u2028", "／", "é"],
    );
    const path = fc
      .array(fc.oneof({ weight: 4, arbitrary: separators }, anything), { maxLength: 6 })
      .map((parts) => `/${parts.join("")}evil.example`);
    let kept = 0;
    fc.assert(
      fc.property(path, (next) => {
        const safe = safePath(next, FALLBACK);
        expect(safe).toMatch(/^\//);
        expect(goesTo(safe)).toBe(SITE);
        if (safe !== FALLBACK) kept++;
      }),
      { numRuns: 3000 },
    );
    expect(kept).toBeGreaterThan(300);
  });
});
