import { describe, expect, it } from "vitest";
import { keystoneError, textAnswer, wantsJson } from "../../../app/http/respond.server";

const accepting = (accept?: string) =>
  new Request("https://setpass.example.org/", accept === undefined ? {} : { headers: { accept } });

describe("JSON", () => {
  it("is given to those who ask for it by name", () => {
    for (const accept of [
      "application/json",
      "Application/JSON",
      "application/json; charset=utf-8",
      "text/html, application/json;q=0.9, */*;q=0.1",
    ])
      expect(wantsJson(accepting(accept))).toBe(true);
  });

  it("is not given to the others: the plain text of old is what scripts rely on", () => {
    for (const accept of [
      undefined,
      "*/*",
      "application/*",
      "text/plain",
      "application/json;q=0",
      "application/json; q=0.0",
      "application/problem+json",
      "text/plain;version=application/json",
    ])
      expect(wantsJson(accepting(accept))).toBe(false);
  });
});

describe("an error of the API", () => {
  it("has Keystone's shape, which keystoneauth shows to its user", async () => {
    const response = keystoneError(503, "Keystone does not answer.", { "Retry-After": "7" });
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("7");
    expect(response.headers.get("Content-Type")).toMatch(/^application\/json/);
    expect(await response.json()).toEqual({
      error: { code: 503, title: "Service Unavailable", message: "Keystone does not answer." },
    });
  });
});

describe("an answer to a script", () => {
  it("tells its length in bytes, so that it goes out in one piece", async () => {
    const text = textAnswer("zw\u00f6lf", { status: 202 });
    expect(text.status).toBe(202);
    expect(text.headers.get("Content-Type")).toBe("text/plain; charset=utf-8");
    expect(text.headers.get("Content-Length")).toBe("6");
    const error = keystoneError(400, "The pin m\u00fcsste \u2026");
    const bytes = (await error.clone().arrayBuffer()).byteLength;
    expect(error.headers.get("Content-Length")).toBe(String(bytes));
  });
});
