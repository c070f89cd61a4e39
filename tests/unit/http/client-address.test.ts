import type { Request } from "express";
import { describe, expect, it } from "vitest";
import { clientAddressOf } from "../../../app/http/client-address.server";

/** @param told what the trusted proxies say, as Express reads it */
const addressOf = (told: string | undefined, ofSocket: string | undefined = "192.0.2.200") =>
  clientAddressOf({ ip: told, socket: { remoteAddress: ofSocket } } as unknown as Request);

describe("a client's address", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    [" 192.0.2.7 ", "192.0.2.7"],
    ["192.0.2.7:41234", "192.0.2.7"],
    ["2001:db8::7", "2001:db8::7"],
    ["[2001:db8::7]", "2001:db8::7"],
    ["[2001:DB8::7]:41234", "2001:DB8::7"],
    ["::ffff:192.0.2.7", "::ffff:192.0.2.7"],
  ])("is what the proxies tell, without a port, which would be another client: %j", (told, is) => {
    expect(addressOf(told)).toBe(is);
  });

  it.each([
    undefined,
    "",
    "unknown",
    "_hidden",
    "192.0.2",
    "x192.0.2.7:80",
    "192.0.2.7:80x",
    "192.0.2.7:",
    "x[2001:db8::7]:80",
    // No address that there is, though one that a careless reader would make of it.
    "::ffff:192.0.2.7:80",
    "[2001:db8::7]2",
    "1[::7]",
    "[2001:db8::7]:80x",
    "<script>",
  ])("is the socket's where they tell none: %j", (told) => {
    expect(addressOf(told)).toBe("192.0.2.200");
  });

  it("is unknown where there is none at all", () => {
    const none = { ip: undefined, socket: {} } as unknown as Request;
    expect(clientAddressOf(none)).toBe("unknown");
  });
});
