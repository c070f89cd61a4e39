import { createServer } from "node:http";
import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allowedMethods, refuseOtherMethods } from "../../../app/http/allowed-methods.server";
import { listen } from "../../support/listen";

describe("the methods a path takes", () => {
  it("never include PUT", () => {
    for (const path of [
      "/",
      "/tokens",
      "/tokenx/abc",
      "/admin/token/abc",
      "/admin/links",
      "/reset",
    ])
      expect(allowedMethods(path)).toEqual(["GET", "HEAD", "POST"]);
  });

  it("are reading alone for what only tells", () => {
    for (const path of ["/healthz", "/readyz", "/assets/app.js", "/__manifest"])
      expect(allowedMethods(path)).toEqual(["GET", "HEAD"]);
    expect(allowedMethods("/healthz/more")).toContain("POST");
  });
});

describe("a request by another method", () => {
  const app = express();
  app.use(refuseOtherMethods);
  app.use((_request, response) => {
    response.status(200).send("let in");
  });
  const server = createServer(app);
  let url = "";
  beforeAll(async () => {
    url = `http://127.0.0.1:${await listen(server)}`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  it.each(["PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY"])(
    "is refused with Allow and Keystone's shape: %s on a page",
    async (method) => {
      const response = await fetch(`${url}/reset`, { method }).catch((error) => error);
      // Node's own parser does not let every name through to us.
      if (response instanceof Error) throw response;
      if (response.status === 400) return expect(method).toBe("QUERY");
      expect(response.status).toBe(405);
      expect(response.headers.get("Allow")).toBe("GET, HEAD, POST");
      expect(await response.json()).toEqual({
        error: { code: 405, title: "Method Not Allowed", message: expect.stringContaining("POST") },
      });
    },
  );

  it("is let in by the right one", async () => {
    expect((await fetch(`${url}/`, { method: "POST" })).status).toBe(200);
    expect((await fetch(`${url}/healthz`, { method: "POST" })).status).toBe(405);
  });
});
