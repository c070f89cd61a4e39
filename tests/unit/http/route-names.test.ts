import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nameOf } from "./route-table";

describe("the name of a route in logs and metrics", () => {
  it.each([
    ["/", "/"],
    ["/_root.data", "/"],
    ["/token/4d2c1e", "/token/:userId"],
    ["/token", "other"],
    ["/token/4d2c1e/more", "other"],
    ["/assets/app-1a2b.js", "/assets/*"],
    ["/admin", "/admin"],
    ["/admin.data", "/admin"],
    ["/admin/", "other"],
    ["/admin.DATA", "other"],
    ["/admin/sign-in", "/admin/sign-in"],
    ["/admin/links/0f8b", "/admin/links/:id"],
    ["/admin/links/0f8b.data", "/admin/links/:id"],
    ["/admin/links", "other"],
    ["/admin/requests", "/admin/requests"],
    ["/admin/requests.data", "/admin/requests"],
    ["/admin/requests/review", "/admin/requests/review"],
    ["/admin/users", "/admin/users"],
    ["/admin/users/new", "/admin/users/:userId"],
    ["/admin/linksandmore", "other"],
    ["/admin/whatever", "other"],
    ["/administrator", "other"],
    ["/reset", "/reset"],
    ["/reset.data", "/reset"],
    ["/reset/confirm", "/reset/confirm"],
    ["/reset/confirm.data", "/reset/confirm"],
    ["/reset/confirm/more", "other"],
    ["/reset/more", "other"],
    ["/healthz", "/healthz"],
    ["/readyz", "/readyz"],
    ["/metrics", "other"],
    ["/wp-login.php", "other"],
    ["//", "other"],
  ])("of %s is %s", (path, name) => {
    expect(nameOf(path)).toBe(name);
  });

  it("comes from a short list, so that nobody fills a metric with names of their own", () => {
    const known = new Set([
      ...["/", "/token/:userId", "/assets/*", "/admin", "/admin/sign-in", "/admin/sign-out"],
      ...["/admin/users", "/admin/users/:userId", "/admin/links/:id", "/admin/requests"],
      ...["/admin/requests/review", "/reset", "/reset/confirm", "/healthz", "/readyz", "other"],
    ]);
    const part = fc.constantFrom(
      ...["/", "/admin", "/links", "/users", "/token", "/reset", "/assets", "/metrics", ".data"],
      ...["4d2c1e", "%2f", "..", "é", "\u0000"],
    );
    const paths = fc.oneof(
      fc.array(part, { maxLength: 6 }).map((parts) => `/${parts.join("")}`),
      fc.string().map((text) => `/${text}`),
    );
    fc.assert(
      fc.property(paths, (path) => {
        expect(known).toContain(nameOf(path));
      }),
      { numRuns: 2000 },
    );
  });
});
