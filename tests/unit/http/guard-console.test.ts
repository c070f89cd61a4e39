import { describe, expect, it } from "vitest";
import {
  adminOf,
  guardConsole,
  type Handler,
  isOfConsole,
} from "../../../app/http/guard-console.server";
import type { AppLoadContext } from "../../../app/http/load-context.server";

const SITE = "https://setpass.example.org";

/** Of a visitor without a cookie. */
const stranger = (origin: string | null = null) =>
  ({
    services: { config: { publicUrl: new URL(SITE) }, log: { warn: () => {} } },
    requestId: "req-1",
    origin,
  }) as unknown as AppLoadContext;

const ask = (address: string, { method = "GET", origin = null as string | null } = {}) => {
  const request = new Request(SITE + address, { method });
  const args = { request, context: stranger(origin), params: {} };
  return guardConsole(() => {
    throw new Error("a handler of the console was reached");
  })(args as unknown as Parameters<Handler>[0]) as Promise<unknown>;
};

async function placeOf(answer: Promise<unknown>): Promise<string | null> {
  const response = await answer.then(
    () => Promise.reject(new Error("the guard let a stranger in")),
    (thrown: unknown) => thrown,
  );
  if (!(response instanceof Response)) throw response;
  expect(response.status).toBe(302);
  expect(response.headers.get("Set-Cookie")).toMatch(/^__Host-setpass=;/);
  return response.headers.get("Location");
}

describe("whoever is not signed in", () => {
  it.each([
    ["/admin", "/admin/sign-in"],
    ["/admin/_root.data", "/admin/sign-in?next=%2Fadmin%2F"],
    ["/admin.data", "/admin/sign-in"],
    ["/admin/users", "/admin/sign-in?next=%2Fadmin%2Fusers"],
    ["/admin/users.data?q=a%20b&_routes=x", "/admin/sign-in?next=%2Fadmin%2Fusers%3Fq%3Da%2Bb"],
    ["/admin/links.data?_routes=routes%2Fadmin", "/admin/sign-in?next=%2Fadmin%2Flinks"],
  ])("of %s is sent to %s", async (address, place) => {
    expect(await placeOf(ask(address))).toBe(place);
  });

  it("comes back to no form", async () => {
    const form = ask("/admin/links", { method: "POST", origin: SITE });
    expect(await placeOf(form)).toBe("/admin/sign-in");
  });

  it.each(["POST", "PUT", "DELETE"])("has a %s from another site refused first", async (method) => {
    const answer = ask("/admin/links", { method, origin: "https://elsewhere.example" });
    await expect(answer).rejects.toMatchObject({ status: 403 });
  });
});

describe("the console", () => {
  it("is what begins with admin, save the page to sign in at", () => {
    const paths = ["admin", "admin/links/:id", "admin/sign-in", "reset", "token/:userId"];
    expect(paths.filter(isOfConsole)).toEqual(["admin", "admin/links/:id"]);
  });

  it("has an administrator in every handler, and nobody does elsewhere", () => {
    expect(() => adminOf(stranger())).toThrow("Nobody is signed in here");
  });
});
