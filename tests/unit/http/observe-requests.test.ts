import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { routeOf } from "../../../app/http/observe-requests.server";

describe("the name of a route in logs and metrics", () => {
  it.each([
    ["/", "/"],
    ["/_root.data", "/"],
    ["/token/4d2c1e", "/token/:userId"],
    ["/token/", "/token/:userId"],
    ["/assets/app-1a2b.js", "/assets/*"],
    ["/admin", "/admin"],
    ["/admin.data", "/admin"],
    ["/admin/", "/admin"],
    ["/admin/sign-in", "/admin/sign-in"],
    ["/admin/links/0f8b", "/admin/links"],
    ["/admin/links.data", "/admin/links"],
    ["/admin/users/new", "/admin/users"],
    ["/admin/linksandmore", "/admin"],
    ["/admin/whatever", "/admin"],
    ["/administrator", "other"],
    ["/reset", "/reset"],
    ["/reset/confirm", "/reset/confirm"],
    ["/reset/more", "other"],
    ["/reset/confirm/more", "other"],
    ["/healthz", "/healthz"],
    ["/readyz", "/readyz"],
    ["/metrics", "/metrics"],
    ["/wp-login.php", "other"],
    ["//", "other"],
  ])("of %s is %s", (path, name) => {
    expect(routeOf(path)).toBe(name);
  });

  it("comes from a short list, so that nobody fills a metric with names of their own", () => {
    const known = new Set([
      ...["/", "/token/:userId", "/assets/*", "/admin", "/admin/sign-in", "/admin/sign-out"],
      ...["/admin/users", "/admin/links", "/admin/requests", "/reset", "/reset/confirm"],
      ...["/healthz", "/readyz", "/metrics", "other"],
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
        expect(known).toContain(routeOf(path));
      }),
      { numRuns: 2000 },
    );
  });
});
