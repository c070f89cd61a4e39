import type { Request, Response } from "express";
import { describe, expect, it } from "vitest";
import { ownAddress } from "../../../app/http/own-address.server";

const handler = ownAddress(new URL("https://setpass.example.org/"));

/** @returns what Remix is told of a request */
function told(
  originalUrl: string,
  { method = "GET", headers = {} as Record<string, string> } = {},
) {
  const request = {
    method,
    originalUrl,
    headers: { ...headers },
    get: (name: string) => headers[name.toLowerCase()],
  };
  const locals: { origin?: string | null } = {};
  let answered: unknown;
  let status = 200;
  let passedOn = false;
  const response = {
    locals,
    status: (given: number) => {
      status = given;
      return response;
    },
    json: (body: unknown) => {
      answered = body;
    },
  };
  handler(request as unknown as Request, response as unknown as Response, () => {
    passedOn = true;
  });
  return { url: request.originalUrl, headers: request.headers, locals, status, answered, passedOn };
}

describe("what Remix is told of a request", () => {
  it.each([
    ["/", "/"],
    ["/?token=x&y=1", "/?token=x&y=1"],
    ["/admin/links?page=2", "/admin/links?page=2"],
    ["/admin/links.data?_routes=x", "/admin/links.data?_routes=x"],
    ["/admin/users/token/x.data", "/admin/users/token/x.data"],
  ])("is its address as it is: %s", (given, url) => {
    expect(told(given)).toMatchObject({ url, passedOn: true });
  });

  it.each([
    ["POST", "/", "/?index"],
    ["POST", "/?token=x&y=1", "/?index&token=x&y=1"],
    ["POST", "/?index", "/?index"],
    ["POST", "/?index&token=x", "/?index&token=x"],
    ["POST", "/reset?a=b", "/reset?a=b"],
    ["GET", "/?a=b", "/?a=b"],
  ])("is the index route's form for a %s to %s", (method, given, url) => {
    expect(told(given, { method })).toMatchObject({ url, passedOn: true });
  });

  it("is nothing at all where it asks as the Remix of old did", () => {
    for (const url of ["/?_data=routes/x", "/admin?a=b&_data"])
      expect(told(url)).toMatchObject({
        passedOn: false,
        status: 400,
        answered: {
          error: { code: 400, title: "Bad Request", message: expect.stringMatching(/malformed/) },
        },
      });
  });

  it("is PUBLIC_URL's host, whatever the request says; its Origin is kept for our own check", () => {
    const headers = {
      host: "evil.example",
      origin: "https://evil.example",
      "x-forwarded-host": "evil.example",
      "x-forwarded-proto": "http",
      accept: "text/html",
    };
    const { headers: left, locals } = told("/", { headers });
    expect(left).toEqual({ host: "setpass.example.org", accept: "text/html" });
    expect(locals).toEqual({ origin: "https://evil.example" });
    expect(told("/").locals).toEqual({ origin: null });
  });
});
