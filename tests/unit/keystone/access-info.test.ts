import { describe, expect, it } from "vitest";
import { readAccessInfo, willExpireSoon } from "../../../app/keystone/access-info.server";
import type { KeystoneError } from "../../../app/keystone/errors.server";
import { parseKeystoneTime } from "../../../app/keystone/keystone-time.server";
import type { KeystoneResponse } from "../../../app/keystone/request.server";

const call = { authUrl: "https://keystone.example.org/v3", method: "POST", path: "/auth/tokens" };
const named = (id: string) => ({ id, name: `${id} by name` });
const inDomain = (id: string) => ({ ...named(id), domain: named("d") });
const whole = {
  expires_at: "2030-01-02T03:04:05.000000Z",
  issued_at: "2030-01-02T02:04:05.000000Z",
  methods: ["password"],
  user: { ...inDomain("u"), password_expires_at: "2031-01-02T03:04:05.000000" },
  roles: [named("r")],
};

const read = (
  token: unknown,
  headers: Record<string, string> = { "x-subject-token": "the-token" },
) =>
  readAccessInfo(
    {
      status: 201,
      keystoneRequestId: "req-1",
      headers: { get: (name: string) => headers[name], names: () => Object.keys(headers) },
      json: token === undefined ? undefined : { token },
    } as unknown as KeystoneResponse,
    call,
  );
const failureOf = (...given: Parameters<typeof read>): KeystoneError => {
  try {
    read(...given);
  } catch (error) {
    return error as KeystoneError;
  }
  throw new Error("it was read");
};

describe("what Keystone says of a token", () => {
  it("is read with its times, and with no scope where it has none", () => {
    expect(read(whole)).toEqual({
      token: "the-token",
      expiresAt: new Date("2030-01-02T03:04:05Z"),
      issuedAt: new Date("2030-01-02T02:04:05Z"),
      methods: ["password"],
      user: inDomain("u"),
      roles: [named("r")],
      passwordExpiresAt: new Date("2031-01-02T03:04:05Z"),
    });
    expect(Object.keys(read(whole))).toHaveLength(7);
  });

  it.each([
    ["a project", { project: inDomain("p") }, { project: inDomain("p") }],
    ["a domain", { domain: named("d") }, { domain: named("d") }],
    ["the system", { system: { all: true } }, { system: true }],
    ["a part of the system", { system: { all: false } }, { system: false }],
    ["something of the system", { system: {} }, { system: false }],
  ])("has its scope: %s", (_, given, expected) => {
    const { project, domain, system } = read({ ...whole, ...given });
    expect({ project, domain, system }).toEqual({
      ...{ project: undefined, domain: undefined, system: undefined },
      ...expected,
    });
  });

  it("may know no end, and say nothing of the rest", () => {
    const { expires_at: _, ...endless } = { ...whole, expires_at: null };
    expect(read({ ...endless, expires_at: null }).expiresAt).toBeNull();
    expect(read({ expires_at: null, user: inDomain("u") })).toEqual({
      token: "the-token",
      ...{ expiresAt: null, issuedAt: null, passwordExpiresAt: null, methods: [], roles: [] },
      user: inDomain("u"),
    });
  });

  it.each<[string, unknown, string]>([
    ["no body", undefined, "the body"],
    ["no end", { user: inDomain("u") }, "token.expires_at"],
    ["no date for an end", { ...whole, expires_at: "soon" }, "token.expires_at"],
    ["a user without a domain", { ...whole, user: named("u") }, "token.user.domain"],
  ])("is no answer with %s, which names the field, and no value", (_, token, field) => {
    const error = failureOf(token);
    expect(error).toMatchObject({
      kind: "invalid-response",
      status: 201,
      keystoneRequestId: "req-1",
    });
    expect(error.message).toContain(`unreadable: ${field})`);
    expect(error.message).not.toContain("the-token");
  });

  it("may lack its end where somebody wants to hear of that, with the names of what there was", () => {
    const { expires_at: _, ...endless } = whole;
    const heard: string[][] = [];
    const strange = { ...endless, "a name\nof theirs": 1 };
    const access = readAccessInfo(
      {
        status: 201,
        headers: { get: () => "the-token", names: () => [] },
        json: { token: strange },
      } as unknown as KeystoneResponse,
      call,
      (fields) => heard.push(fields),
    );
    expect(access.expiresAt).toBeNull();
    expect(heard).toEqual([["issued_at", "methods", "user", "roles", "…"]]);
  });

  it.each([
    [{}, "none"],
    [{ "x-subject-token": "", date: "today" }, "x-subject-token, date"],
  ])("is no answer without the token itself: %j", (headers, names) => {
    const error = failureOf(whole, headers);
    expect(error).toMatchObject({ kind: "invalid-response", keystoneRequestId: "req-1" });
    expect(error.message).toContain(`(the headers were: ${names})`);
  });
});

describe("a token's end", () => {
  const now = new Date("2030-01-02T03:04:05Z");
  const endsIn = (seconds: number) => ({ expiresAt: new Date(now.getTime() + seconds * 1000) });
  it("is soon within so many seconds, or over; without one it never is", () => {
    const isSoon = (access: { expiresAt: Date | null }) =>
      willExpireSoon(access, { withinSeconds: 60, now });
    expect([61, 60, 59, 0, -5].map((seconds) => isSoon(endsIn(seconds)))).toEqual([
      ...[false, true, true, true, true],
    ]);
    expect(isSoon({ expiresAt: null })).toBe(false);
  });
});

describe("a time of Keystone's", () => {
  it.each([
    ["2030-01-02T03:04:05.000000Z", "2030-01-02T03:04:05.000Z"],
    ["2030-01-02T03:04:05.000000", "2030-01-02T03:04:05.000Z"],
    ["2030-01-02T03:04:05z", "2030-01-02T03:04:05.000Z"],
    ["2030-01-02T03:04:05+02:00", "2030-01-02T01:04:05.000Z"],
    ["2030-01-02T03:04:05-0200", "2030-01-02T05:04:05.000Z"],
  ])("is in UTC unless it says otherwise: %s", (text, expected) => {
    expect(parseKeystoneTime(text)?.toISOString()).toBe(expected);
  });

  it.each(["", "soon", "2030-13-45T00:00:00", "Z"])("is none: %j", (text) => {
    expect(parseKeystoneTime(text)).toBeUndefined();
  });
});
