import { describe, expect, it } from "vitest";
import { type PermittedAdmin, requirePermit } from "../../../app/admins/permitted-admin.server";

/** One as the use cases get it: made elsewhere, its brand is the compiler's alone. */
const permitted = (permits: PermittedAdmin["permits"]) =>
  ({ userId: "reader", userName: "reader", userEmail: undefined, permits }) as PermittedAdmin;

describe("a permit", () => {
  it("for one user is none for another", () => {
    const forJane = permitted({ userId: "jane" });
    expect(() => requirePermit(forJane, "jane")).not.toThrow();
    expect(() => requirePermit(forJane, "reader")).toThrow(/another user/);
    expect(() => requirePermit(forJane, "")).toThrow(/another user/);
  });

  it("for any user is one for each", () => {
    expect(() => requirePermit(permitted("any-user"), "jane")).not.toThrow();
  });
});
