import { describe, expect, it } from "vitest";
import {
  type Admin,
  type Initiator,
  type PermittedInitiator,
  requirePermit,
} from "../../../app/audit/initiator.server";
import { eventOf, record } from "../../../app/audit/record.server";
import type { Queryable } from "../../../db/client";

const reader: Initiator<Admin> = {
  actor: { kind: "admin", userId: "reader", userName: "Rita Reader" },
  clientAddress: "192.0.2.7",
  requestId: "req-1",
};

/** One as the use cases get it: made elsewhere, its brand is the compiler's alone. */
const permitted = (permits: PermittedInitiator["permits"]) =>
  ({ ...reader, permits }) as PermittedInitiator;

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

describe("the row of an act", () => {
  const revoked = { action: "link.revoked", outcome: "ok" } as const;

  it("says who acted on whom, and from where", () => {
    expect(eventOf(permitted({ userId: "jane" }), { ...revoked, userId: "jane" })).toEqual({
      action: "link.revoked",
      actorKind: "admin",
      actorId: "reader",
      actorName: "Rita Reader",
      userId: "jane",
      outcome: "ok",
      clientAddress: "192.0.2.7",
      requestId: "req-1",
    });
  });

  it("has no name for a user, nor for the server, and only a name for one who claims to be somebody", () => {
    const from = { clientAddress: "192.0.2.7", requestId: "req-1" };
    const who = (actor: Parameters<typeof eventOf>[0]["actor"]) => {
      const event = eventOf({ ...from, actor } as Initiator, { ...revoked, userId: "jane" });
      return [event.actorKind, event.actorId, event.actorName];
    };
    expect(who({ kind: "user" })).toEqual(["user", undefined, undefined]);
    expect(who({ kind: "system" })).toEqual(["system", undefined, undefined]);
    expect(who({ kind: "claimant", userName: "root" })).toEqual(["admin", undefined, "root"]);
  });

  it("is not written for an administrator's act on a user they have no permit for", async () => {
    const written: unknown[] = [];
    const db = { execute: async (row: unknown) => written.push(row) } as unknown as Queryable;
    const onJane = { ...revoked, userId: "jane" };
    // @ts-expect-error the compiler wants a permit as well
    await expect(record(db, reader, onJane)).rejects.toThrow(/another user/);
    await expect(record(db, permitted({ userId: "john" }), onJane)).rejects.toThrow(/another user/);
    expect(written).toHaveLength(0);
    await record(db, permitted({ userId: "jane" }), onJane);
    expect(written).toHaveLength(1);
  });
});
