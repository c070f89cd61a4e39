import type { Request, Response } from "express";
import { describe, expect, it } from "vitest";
import { pageHeaders, securityHeaders } from "../../../app/http/headers.server";

/** The headers of one answer, in lower case, whose nonce is `bm9uY2U=`. */
function headersWith(handler: typeof pageHeaders): Record<string, string> {
  const headers: Record<string, string> = {};
  let passedOn = 0;
  const response = {
    locals: { nonce: "bm9uY2U=" },
    setHeader: (name: string, value: string) => {
      headers[name.toLowerCase()] = value;
    },
    removeHeader: () => {},
  };
  handler({} as Request, response as unknown as Response, () => {
    passedOn += 1;
  });
  expect(passedOn).toBe(1);
  return headers;
}

const overHttps = headersWith(securityHeaders({ https: true }));
const overHttp = headersWith(securityHeaders({ https: false }));

const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'nonce-bm9uY2U='",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
];

describe("the headers of an answer", () => {
  it("let a page use our own files alone, and no other page have it in a frame", () => {
    expect(overHttp["content-security-policy"]?.split(";")).toEqual(POLICY);
    expect(overHttps["content-security-policy"]?.split(";")).toEqual([
      ...POLICY,
      "upgrade-insecure-requests",
    ]);
  });

  it("keep browsers to https for a year, this very host alone, and only where there is https", () => {
    expect(overHttps["strict-transport-security"]).toBe("max-age=31536000");
    expect(overHttp["strict-transport-security"]).toBeUndefined();
  });

  it.each([
    ["referrer-policy", "strict-origin"],
    ["cross-origin-opener-policy", "same-origin"],
    ["cross-origin-resource-policy", "same-origin"],
    ["x-frame-options", "DENY"],
    ["x-content-type-options", "nosniff"],
    ["x-robots-tag", "noindex, nofollow"],
  ])("are the same with https and without: %s", (name, value) => {
    expect([overHttps[name], overHttp[name]]).toEqual([value, value]);
  });

  it("give a page no device", () => {
    for (const device of ["camera", "display-capture", "geolocation", "microphone", "payment"])
      expect(overHttps["permissions-policy"]?.split(", ")).toContain(`${device}=()`);
  });

  it("keep pages out of caches", () => {
    expect(headersWith(pageHeaders)).toEqual({ "cache-control": "no-store" });
  });
});
