import { randomBytes, randomUUID } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import { openRequest, sealRequest } from "../../../app/reset-requests/sealed-request.server";
import { createLog } from "../../../app/telemetry/log.server";
import { createVault, type Vault } from "../../../app/vault/vault.server";

const vault = createVault([randomBytes(32)]);
const id = randomUUID();
const request = {
  pin: "4071",
  name: "Jane",
  email: "jane@example.org",
  confirmTokenHash: "ab".repeat(32),
  confirmed: true,
};
const row = (more: Record<string, unknown> = {}) => ({
  ...{ id, name: "Jane", email: "jane@example.org" },
  sealedPin: sealRequest(vault, id, request),
  ...more,
});

let logged: Record<string, unknown>[] = [];
beforeEach(() => {
  logged = [];
});
const log = createLog({ level: "debug" }, { write: (line) => logged.push(JSON.parse(line)) });
const open = (given: Parameters<typeof openRequest>[1], by: Vault = vault) =>
  openRequest({ vault: by, log }, given);
const asBefore = (text: string) =>
  vault.seal(text, { column: "reset_requests.sealed_pin", row: id });

describe("what is sealed of a request", () => {
  it("is opened as it was sealed", () => {
    expect(open(row())).toEqual({ ...request, before: false });
    expect(logged).toEqual([]);
  });

  it.each([
    ["another name", { name: "Joe" }],
    ["another address", { email: "joe@example.org" }],
    ["another id", { id: randomUUID() }],
    ["another seal", { sealedPin: Buffer.alloc(60, 1) }],
  ])("is not opened for %s, and the log is told", (_, changed) => {
    expect(open(row(changed))).toBeUndefined();
    expect(logged).toMatchObject([{ level: "error", event: "reset.changed" }]);
  });

  it("is nothing once it is erased, which is nothing to tell", () => {
    expect(open(row({ sealedPin: null }))).toBeUndefined();
    expect(logged).toEqual([]);
  });

  it("of a request from before they were confirmed is its bare PIN", () => {
    expect(open(row({ sealedPin: asBefore("4071") }))).toEqual({ before: true, pin: "4071" });
    expect(logged).toEqual([]);
  });

  it("is nothing else that holds digits: a mistake of ours is none of the database's", () => {
    for (const text of ["4071x", "x4071", ""])
      expect(() => open(row({ sealedPin: asBefore(text) }))).toThrow(SyntaxError);
  });
});
