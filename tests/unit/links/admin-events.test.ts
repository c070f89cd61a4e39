import { describe, expect, it } from "vitest";
import { adminEvent, type PermittedAdmin } from "../../../app/admins/permitted-admin.server";

const origin = { clientAddress: "192.0.2.7", requestId: "req-1" };

describe("an act's row in the trail", () => {
  const reader = { userId: "r", userName: "reader", permits: { userId: "jane" } } as PermittedAdmin;
  const act = { action: "link.revoked", linkId: "link", outcome: "ok" } as const;

  it("says who acted on whom, from where and by which request", () => {
    expect(adminEvent(reader, origin, { ...act, userId: "jane" })).toEqual({
      ...{ action: "link.revoked", userId: "jane", linkId: "link", outcome: "ok" },
      ...{ actorKind: "admin", actorId: "r", actorName: "reader" },
      ...{ clientAddress: "192.0.2.7", requestId: "req-1" },
    });
  });

  it("is of nobody else than the one whom the permit is for", () => {
    expect(() => adminEvent(reader, origin, { ...act, userId: "john" })).toThrow(/another user/);
  });
});
