import { describe, expect, it } from "vitest";
import {
  invalidResponse,
  isKeystoneError,
  isKeystoneOutage,
  isOutageKind,
  KeystoneError,
  type KeystoneErrorKind,
} from "../../../app/keystone/errors.server";

const errorOf = (kind: KeystoneErrorKind) =>
  new KeystoneError({
    ...{ kind, message: "it failed", method: "GET", path: "/v3/users" },
    mayHaveHappened: false,
  });

describe("an error of Keystone's", () => {
  it.each<KeystoneErrorKind>([
    ...(["unreachable", "busy", "interrupted", "timeout", "server-error"] as const),
    ...(["rate-limited", "invalid-response", "unexpected-status"] as const),
  ])("is an outage where it does not work: %s", (kind) => {
    expect([isKeystoneOutage(errorOf(kind)), isOutageKind(kind)]).toEqual([true, true]);
  });

  it.each<KeystoneErrorKind>([
    ...(["bad-request", "unauthorized", "mfa-required"] as const),
    ...(["forbidden", "not-found", "conflict"] as const),
  ])("is none where it said no: %s", (kind) => {
    expect([isKeystoneOutage(errorOf(kind)), isOutageKind(kind)]).toEqual([false, false]);
  });

  it("is known by its name, from whichever bundle it comes, and nothing else is one", () => {
    const ofAnotherBundle = Object.assign(new Error("it failed"), {
      name: "KeystoneError",
      kind: "timeout",
    });
    expect(isKeystoneError(ofAnotherBundle)).toBe(true);
    expect(isKeystoneOutage(ofAnotherBundle)).toBe(true);
    const others = [new Error("x"), { name: "KeystoneError", kind: "timeout" }, undefined, null];
    for (const other of [...others, Object.assign(new Error("x"), { kind: "timeout" })])
      expect([isKeystoneError(other), isKeystoneOutage(other)]).toEqual([false, false]);
  });

  it("has all that is known of it", () => {
    const fields = {
      ...({
        kind: "mfa-required",
        message: "another method",
        method: "POST",
        path: "/v3/x",
      } as const),
      ...{ status: 401, code: "ECONNRESET", keystoneRequestId: "req-1", retryAfterSeconds: 5 },
      ...{ detail: "words", mayHaveHappened: true, requiredAuthMethods: [["password", "totp"]] },
    };
    const error = new KeystoneError(fields);
    expect({ ...error, message: error.message }).toEqual({ ...fields, name: "KeystoneError" });
  });

  it("of an answer that is not one may have happened all the same", () => {
    const error = invalidResponse({
      ...{ problem: "It has no user", authUrl: "https://keystone.example.org/identity/v3" },
      ...{ method: "GET", path: "/users/u1", status: 200, keystoneRequestId: "req-1" },
    });
    expect(error).toMatchObject({
      kind: "invalid-response",
      message: "It has no user: GET https://keystone.example.org/identity/v3/users/u1",
      ...{ method: "GET", path: "/identity/v3/users/u1", status: 200, keystoneRequestId: "req-1" },
      mayHaveHappened: true,
    });
  });
});
