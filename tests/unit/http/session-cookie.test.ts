import { describe, expect, it } from "vitest";
import type { SessionId } from "../../../app/admins/sign-in.server";
import type { AppLoadContext } from "../../../app/http/load-context.server";
import {
  clearedSessionCookieHeader,
  readSessionId,
  sessionCookieHeader,
} from "../../../app/http/session-cookie.server";

const siteAt = (publicUrl: string) =>
  ({ services: { config: { publicUrl: new URL(publicUrl) } } }) as unknown as AppLoadContext;
const overHttps = siteAt("https://setpass.example.org");
const overHttp = siteAt("http://localhost:3000");
const END = new Date("2030-01-02T03:04:05Z");

const pairOf = (header: string) => header.split("; ")[0] ?? "";
const asking = (cookie: string) =>
  new Request("https://setpass.example.org/admin", { headers: { Cookie: cookie } });
const set = (context: AppLoadContext) =>
  sessionCookieHeader(context, "an-id" as SessionId, END).then((header) => header.split("; "));

describe("the cookie of a session", () => {
  it("is for this host alone, over https, for no script, and ends with the session", async () => {
    const [pair = "", ...attributes] = await set(overHttps);
    expect(pair).toMatch(/^__Host-setpass=[^;]+$/);
    expect(attributes.sort()).toEqual([
      "Expires=Wed, 02 Jan 2030 03:04:05 GMT",
      "HttpOnly",
      "Path=/",
      "SameSite=Lax",
      "Secure",
    ]);
  });

  it("does without https where PUBLIC_URL does, and with nothing else", async () => {
    const [pair = "", ...attributes] = await set(overHttp);
    expect(pair).toMatch(/^setpass=[^;]+$/);
    expect(attributes.sort()).toEqual([
      "Expires=Wed, 02 Jan 2030 03:04:05 GMT",
      "HttpOnly",
      "Path=/",
      "SameSite=Lax",
    ]);
  });

  it("is removed, by each of the ways that browsers know", async () => {
    const [pair, ...attributes] = (await clearedSessionCookieHeader(overHttps)).split("; ");
    expect(pair).toBe("__Host-setpass=");
    expect(attributes).toContain("Max-Age=0");
    expect(attributes).toContain("Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    expect(attributes).toEqual(expect.arrayContaining(["HttpOnly", "Path=/", "Secure"]));
  });

  it("is read as it was set, beside others, and by its own name alone", async () => {
    const header = pairOf(await sessionCookieHeader(overHttps, "an-id" as SessionId, END));
    expect(await readSessionId(asking(header), overHttps)).toBe("an-id");
    expect(await readSessionId(asking(`theme=dark; ${header}; x=y`), overHttps)).toBe("an-id");
    expect(await readSessionId(asking(header.slice("__Host-".length)), overHttps)).toBeUndefined();
  });

  it("is none where it is empty, removed, missing or no text", async () => {
    const removed = pairOf(await clearedSessionCookieHeader(overHttps));
    const encoded = (value: unknown) =>
      `__Host-setpass=${encodeURIComponent(Buffer.from(JSON.stringify(value)).toString("base64"))}`;
    for (const cookie of [
      ...["", removed, "__Host-setpass=", "__Host-setpass=%%%", "theme=dark"],
      ...[encoded(""), encoded(5), encoded(null), encoded({ id: "x" })],
    ])
      expect(await readSessionId(asking(cookie), overHttps), cookie).toBeUndefined();
  });
});
