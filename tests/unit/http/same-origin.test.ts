import { beforeEach, describe, expect, it } from "vitest";
import type { SessionId } from "../../../app/admins/sign-in.server";
import type { AppLoadContext } from "../../../app/http/load-context.server";
import { requireSameOrigin } from "../../../app/http/same-origin.server";
import { sessionCookieHeader } from "../../../app/http/session-cookie.server";
import { createLog } from "../../../app/telemetry/log.server";

/** What was logged, a line each. */
let logged: string[] = [];
beforeEach(() => {
  logged = [];
});
const log = createLog({ level: "debug" }, { write: (line) => logged.push(line) });

function contextAt(publicUrl: string): AppLoadContext {
  return {
    services: { config: { publicUrl: new URL(publicUrl) }, log },
    requestId: "req-1",
    clientAddress: "192.0.2.7",
    origin: null,
  } as unknown as AppLoadContext;
}

const site = contextAt("https://setpass.example.org");

/** @returns the status it is refused with, or undefined where it is let in */
async function refusal(
  { Origin, ...headers }: { Origin?: string } & Record<string, string>,
  context = site,
): Promise<number | undefined> {
  const request = new Request("https://setpass.example.org/admin/links", {
    method: "POST",
    headers,
  });
  try {
    // The HTTP server takes the header away before Remix sees the request: see own-address.server.
    await requireSameOrigin(request, { ...context, origin: Origin ?? null });
    return undefined;
  } catch (answer) {
    if (answer instanceof Response) return answer.status;
    throw answer;
  }
}

const cookie = async (context = site) =>
  (await sessionCookieHeader(context, "some-session" as SessionId, new Date(Date.now() + 60_000)))
    .split(";", 1)
    .join();

describe("a form", () => {
  it("is taken from our own pages, with a session and without", async () => {
    const Origin = "https://setpass.example.org";
    expect(await refusal({ Origin })).toBeUndefined();
    expect(await refusal({ Origin, Cookie: await cookie() })).toBeUndefined();
  });

  it.each([
    "https://evil.example",
    "http://setpass.example.org",
    "https://setpass.example.org:8443",
    "https://setpass.example.org.evil.example",
    "https://SETPASS.example.org.",
    "null",
    "",
  ])("is refused from %j, with a session and without", async (Origin) => {
    expect(await refusal({ Origin })).toBe(403);
    expect(await refusal({ Origin, Cookie: await cookie() })).toBe(403);
  });

  it("is refused from another site however the request names its host", async () => {
    const forged = {
      Origin: "https://evil.example",
      Host: "evil.example",
      "X-Forwarded-Host": "evil.example",
      "X-Forwarded-Proto": "https",
    };
    expect(await refusal(forged)).toBe(403);
  });

  it("needs no Origin from a client that is no browser, but never goes without one with a session", async () => {
    expect(await refusal({})).toBeUndefined();
    expect(await refusal({ Cookie: "theme=dark" })).toBeUndefined();
    expect(await refusal({ Cookie: await cookie() })).toBe(403);
    expect(await refusal({ Cookie: `theme=dark; ${await cookie()}` })).toBe(403);
  });

  it("is in the log where it is refused, with the client's address and nothing it sent", async () => {
    await refusal({ Origin: "https://evil.example", Cookie: await cookie() });
    await refusal({ Cookie: await cookie() });
    const lines = logged.map((line) => JSON.parse(line));
    for (const { time } of lines) expect(time).toMatch(/^\d{4}-.*Z$/);
    const said = {
      ...{ level: "warn", event: "request.cross-origin" },
      ...{ requestId: "req-1", clientAddress: "192.0.2.7" },
    };
    expect(lines.map(({ time, ...line }) => line)).toEqual([said, said]);
  });

  it("is not in the log where it is taken", async () => {
    const Origin = "https://setpass.example.org";
    await refusal({ Origin, Cookie: await cookie() });
    await refusal({});
    expect(logged).toEqual([]);
  });

  it("knows its session by either name: __Host- where it is https, plain where it is http", async () => {
    const local = contextAt("http://localhost:3000");
    expect(await cookie(site)).toMatch(/^__Host-setpass=/);
    expect(await cookie(local)).toMatch(/^setpass=/);
    expect(await refusal({ Cookie: await cookie(local) }, local)).toBe(403);
    expect(await refusal({ Origin: "http://localhost:3000" }, local)).toBeUndefined();
  });
});
