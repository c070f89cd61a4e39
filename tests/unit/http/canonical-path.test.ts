import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readTarget } from "../../../app/http/canonical-path.server";
import { nameOf } from "./route-table";

describe("the target of a request", () => {
  const pathOf = (target: string) => {
    const read = readTarget(target, nameOf);
    return read.ok ? `${read.path}${read.search}` : read.reason;
  };

  it.each([
    ["/", "/"],
    ["/?token=a//b/../c", "/?token=a//b/../c"],
    ["/reset?", "/reset?"],
    ["/admin/users/%C3%A9", "/admin/users/%C3%A9"],
    ["/token/A%2Edata?x", "/token/A%2Edata?x"],
    ["http://evil.example", "/"],
    ["HTTPS://evil.example?token=x", "/?token=x"],
    ["http://evil.example/reset?a=b", "/reset?a=b"],
  ])("%s is read as %s", (target, path) => {
    expect(pathOf(target)).toBe(path);
  });

  it.each([
    ...["", "*", "reset", "?token=x", "x:/", "http://[/", "http://evil.example:99999/", "http:///"],
    ...[
      "/#",
      "/reset#x",
      "/\\x",
      "/x\\",
      "/token/%5c",
      "/token/%00",
      "/token/%C2%85",
      "/%zz",
      "/%",
    ],
    ...["/token/a%2fb", "/token%2Fa", "/%2f%2fx", "/admin%2F.."],
    ...["/\u00e9", "/a b", "/a\tb", "/\x7f"],
  ])("%j cannot be read", (target) => {
    expect(pathOf(target)).toBe("unreadable");
  });

  it.each([
    ...["//", "//x", "/x/", "/x//y", "/.", "/..", "/x/./y", "/x/../y", "/token/%2e", "/token/.%2E"],
    ...["/Admin", "/admin/LINKS/x", "/%61dmin", "/reset%3f", "/a%20b"],
    ...[
      "http://evil.example//",
      "http://evil.example/x/..",
      "/TOKEN/x",
      "/Assets/x",
      "/_root.DATA",
    ],
  ])("%j is not in its one form", (target) => {
    expect(pathOf(target)).toBe("not-canonical");
  });

  it("has one form only: what URL makes of a path that is taken, is that path", () => {
    const part = fc.constantFrom(
      ...["/", "/admin", "/ADMIN", "/token/", "..", ".", "%2e", "%2E", "%2f", "%5c", "\\", "%61"],
      ...["reset", "links", "x", "%00", "%zz", ".data", "#", ";", "%252e", "\u00e9"],
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const target = `/${parts.join("")}`;
        const read = readTarget(target, nameOf);
        if (!read.ok) return;
        const { pathname } = new URL(`http://x${target}`);
        expect(pathname).toBe(target);
        expect(nameOf(decodeURIComponent(target))).toBe(nameOf(target));
        expect(nameOf(target.toLowerCase())).toBe(nameOf(target));
      }),
      { numRuns: 3000 },
    );
  });
});
