import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { viewConfirmation } from "../../../app/reset-requests/confirm-request.server";
import { createConfirmToken } from "../../../app/reset-requests/confirm-token.server";
import {
  closeRequest,
  getRequest,
  listRequests,
  openRequestPin,
} from "../../../app/reset-requests/handle-requests.server";
import { hashToken } from "../../../app/vault/vault.server";
import { askForLink, confirm } from "../../support/reset-requests";
import { newAdmin, newOrigin, startTestServices, type TestServices } from "../../support/services";
import { runRounds } from "../../support/worker";

let started: TestServices;
beforeAll(async () => {
  started = await startTestServices({ keystoneUrl: "http://127.0.0.1:9" });
});
afterAll(() => started?.stop());

const newEmail = () => `${randomBytes(6).toString("hex")}@example.org`;
const pinOf = ({ id }: { id: string }) => openRequestPin(started.services, { id });
const rowOf = async ({ id }: { id: string }) =>
  (await started.database.sql`select * from reset_requests where id = ${id}`)[0];
const listed = async (search: string) =>
  (await listRequests(started.services, { state: "open", search, limit: 50, offset: 0 })).requests;
const eventsOf = async ({ id }: { id: string }) =>
  started.database.sql`
    select action, actor_kind, outcome, client_address, request_id from audit_events
    where reset_request_id = ${id} order by id`;

describe("asking in another's name", () => {
  it("leaves the victim's request as it was, with its own PIN", async () => {
    const email = newEmail();
    const victim = await askForLink(started, { email, pin: "1111", from: "192.0.2.1" });
    const attacker = await askForLink(started, {
      email: email.toUpperCase(),
      pin: "9999",
      from: "198.51.100.9",
    });
    expect(await listed(email)).toEqual([]);

    expect(await confirm(started.services, victim.token)).toMatchObject({ ok: true });
    expect((await listed(email)).map(({ code }) => code)).toEqual([victim.code]);
    expect(await pinOf(victim)).toBe("1111");
    expect(await pinOf(attacker)).toBeUndefined();

    // Nor is it replaced by what comes after it, confirmed or not.
    const later = await askForLink(started, { email, pin: "8888", from: "198.51.100.9" });
    await confirm(started.services, attacker.token);
    await confirm(started.services, later.token);
    expect(await Promise.all([victim, attacker, later].map(pinOf))).toEqual([
      "1111",
      "9999",
      "8888",
    ]);
    const all = await listed(email);
    expect(new Set(all.map(({ code }) => code)).size).toBe(3);
    expect(all.map(({ openOfMailbox }) => openOfMailbox)).toEqual([3, 3, 3]);
  });

  it("closes the door for nobody, however many are open", async () => {
    await started.database.sql`
      insert into reset_requests (state, name, email)
      select 'open', 'x', 'filler-' || n || '@filler.example' from generate_series(1, 1000) n`;
    const late = await askForLink(started, { email: newEmail() });
    expect(await confirm(started.services, late.token)).toMatchObject({ ok: true });
    await started.database.sql`delete from reset_requests where email like '%@filler.example'`;
  });
});

describe("a request", () => {
  it("counts once its mailbox has confirmed it, and is no administrator's business before", async () => {
    const email = newEmail();
    const asked = await askForLink(started, { email });
    expect(await getRequest(started.services, asked.id)).toBeUndefined();
    const close = () => closeRequest(started.services, { id: asked.id }, newAdmin());
    expect(await close()).toEqual({ ok: false, reason: "not-open" });
    expect(await confirm(started.services, asked.token)).toMatchObject({
      ok: true,
      confirmedNow: true,
      request: { code: asked.code, email, state: "confirmed" },
    });
    expect(await getRequest(started.services, asked.id)).toMatchObject({
      code: asked.code,
      state: "open",
      confirmedAt: expect.any(Date),
      openOfMailbox: 1,
    });
    expect(await close()).toEqual({ ok: true });
    expect(await rowOf(asked)).toMatchObject({ sealed_pin: null, confirm_token_hash: null });
    expect(await confirm(started.services, asked.token)).toEqual({
      ok: false,
      reason: "unknown-token",
    });
  });

  it("is in the trail as it goes, each time with from where and by which request", async () => {
    const asked = await askForLink(started, { email: newEmail(), from: "192.0.2.31" });
    const confirming = newOrigin("192.0.2.32");
    await confirm(started.services, asked.token, "", confirming);
    const closing = newOrigin("192.0.2.33");
    await closeRequest(started.services, { id: asked.id }, newAdmin(closing));
    const user = { actor_kind: "user", outcome: "ok" };
    expect([...(await eventsOf(asked))]).toEqual([
      {
        action: "reset.requested",
        ...user,
        client_address: "192.0.2.31",
        request_id: expect.stringMatching(/^req-/),
      },
      {
        action: "reset.confirmed",
        ...user,
        client_address: "192.0.2.32",
        request_id: confirming.requestId,
      },
      {
        action: "reset.closed",
        actor_kind: "admin",
        outcome: "ok",
        client_address: "192.0.2.33",
        request_id: closing.requestId,
      },
    ]);
  });

  it("is kept and mailed where the trail has no more room for it, which the log then tells", async () => {
    expect(started.logged("audit.left-out")).toEqual([]);
    const services = { ...started.services, requestEvents: { admit: async () => false } };
    const asked = await askForLink({ ...started, services }, { email: newEmail() });
    expect(await eventsOf(asked)).toHaveLength(0);
    expect(started.logged("audit.left-out")).toMatchObject([{ reason: "reset.requested" }]);
    expect(await confirm(started.services, asked.token)).toMatchObject({ ok: true });
  });

  it("is not changed by looking at it", async () => {
    const asked = await askForLink(started, { email: newEmail() });
    const before = await rowOf(asked);
    for (let look = 0; look < 3; look++)
      expect(await viewConfirmation(started.services, asked.token as never)).toMatchObject({
        ok: true,
        request: { code: asked.code, state: "waiting" },
      });
    expect(await rowOf(asked)).toEqual(before);
  });

  it("is confirmed once, by one of sixteen who come at the same time", async () => {
    const asked = await askForLink(started, { email: newEmail() });
    const results = await Promise.all(
      Array.from({ length: 16 }, () => confirm(started.services, asked.token)),
    );
    expect(results.every(({ ok }) => ok)).toBe(true);
    expect(results.filter((one) => one.ok && one.confirmedNow)).toHaveLength(1);
    const events = await eventsOf(asked);
    expect(events.filter(({ action }) => action === "reset.confirmed")).toHaveLength(1);
    expect(await confirm(started.services, asked.token)).toMatchObject({
      ok: true,
      confirmedNow: false,
    });
  });

  it("ends where nobody confirms it within a day, and is deleted", async () => {
    const asked = await askForLink(started, { email: newEmail() });
    const lifetime = await started.database.sql`
      select extract(epoch from confirm_before - created_at)::int as seconds
      from reset_requests where id = ${asked.id}`;
    expect(lifetime[0]?.seconds).toBe(86_400);
    await started.database.sql`
      update reset_requests set confirm_before = clock_timestamp() - interval '1 second'
      where id = ${asked.id}`;
    const kept = await askForLink(started, { email: newEmail() });
    expect(await confirm(started.services, asked.token)).toEqual({ ok: false, reason: "expired" });
    expect(await viewConfirmation(started.services, asked.token as never)).toEqual({
      ok: false,
      reason: "expired",
    });
    await runRounds(started.services);
    expect(await rowOf(asked)).toBeUndefined();
    expect(await rowOf(kept)).toBeDefined();
    expect(await confirm(started.services, asked.token)).toEqual({
      ok: false,
      reason: "unknown-token",
    });
  });

  it("is always in the trail, and confirming again takes no room there from others", async () => {
    const asked = await askForLink(started, { email: newEmail(), from: "203.0.113.40" });
    const origin = newOrigin("203.0.113.40");
    for (let again = 0; again < 70; again++)
      expect(await confirm(started.services, asked.token, "", origin)).toMatchObject({ ok: true });
    expect((await eventsOf(asked)).map(({ action }) => action)).toEqual([
      "reset.requested",
      "reset.confirmed",
    ]);
    expect(await started.services.anonymousEvents.admit("203.0.113.40")).toBe(true);
    expect(await started.services.requestEvents.admit("203.0.113.40")).toBe(true);
  });

  it("is not confirmed by a mail that is older than its link works, though that one was", async () => {
    const email = newEmail();
    const former = await askForLink(started, { email });
    await confirm(started.services, former.token);
    await started.database.sql`
      update reset_requests set confirm_before = now() - interval '1 hour' where id = ${former.id}`;
    const later = await askForLink(started, { email, pin: "9999", from: "198.51.100.9" });
    expect(await confirm(started.services, former.token, later.code)).toEqual({
      ok: false,
      reason: "expired",
    });
    expect(await pinOf(later)).toBeUndefined();
    // Whoever looks again at their own still learns that it is confirmed.
    expect(await confirm(started.services, former.token)).toMatchObject({ ok: true });
  });

  it("that has ended is not confirmed by the link of a later one either", async () => {
    const email = newEmail();
    const asked = await askForLink(started, { email });
    const later = await askForLink(started, { email });
    await started.database.sql`
      update reset_requests set confirm_before = clock_timestamp() - interval '1 second'
      where id = ${asked.id}`;
    expect(await confirm(started.services, later.token, asked.code)).toEqual({
      ok: false,
      reason: "expired",
    });
    expect(await rowOf(asked)).toMatchObject({ state: "unconfirmed" });
  });

  it("is not confirmed where its time ends at that very moment", async () => {
    const asked = await askForLink(started, { email: newEmail() });
    await started.database.sql`
      update reset_requests set confirm_before = clock_timestamp() + interval '300 milliseconds'
      where id = ${asked.id}`;
    const { services } = started;
    const slow: typeof services.vault = {
      ...services.vault,
      seal(...given) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
        return services.vault.seal(...given);
      },
    };
    expect(await confirm({ ...services, vault: slow }, asked.token)).toEqual({
      ok: false,
      reason: "expired",
    });
    expect(await rowOf(asked)).toMatchObject({ state: "unconfirmed", confirmed_at: null });
    expect((await eventsOf(asked)).map(({ action }) => action)).toEqual(["reset.requested"]);
  });

  it("keeps neither its token nor its PIN where a reader of the database could use them", async () => {
    const asked = await askForLink(started, { email: newEmail(), pin: "7193" });
    const row = JSON.stringify(await rowOf(asked));
    expect(row).not.toContain(asked.token);
    expect(row).not.toContain("7193");
    expect((await rowOf(asked))?.confirm_token_hash).toEqual(hashToken(asked.token as never));
    expect(started.logText()).not.toContain(asked.token);
  });
});

describe("another request of the same mailbox", () => {
  it("is confirmed by any link its mailbox was sent, by its code, as people type it", async () => {
    const email = newEmail();
    const first = await askForLink(started, { email, pin: "1111" });
    const second = await askForLink(started, { email: email.toUpperCase(), pin: "2222" });
    const typed = ` ${second.code.replace("-", "").toLowerCase()} `;
    expect(await confirm(started.services, first.token, typed)).toMatchObject({
      ok: true,
      confirmedNow: true,
      request: { code: second.code },
    });
    expect(await pinOf(second)).toBe("2222");
    expect(await rowOf(first)).toMatchObject({ state: "unconfirmed" });
  });

  it("is not to be had once it is closed", async () => {
    const email = newEmail();
    const first = await askForLink(started, { email });
    const second = await askForLink(started, { email });
    await confirm(started.services, second.token);
    await closeRequest(started.services, { id: second.id }, newAdmin());
    expect(await confirm(started.services, first.token, second.code)).toEqual({
      ok: false,
      reason: "unknown-code",
    });
  });

  it("is not to be had with the link of another mailbox", async () => {
    const mine = await askForLink(started, { email: newEmail() });
    const theirs = await askForLink(started, { email: newEmail() });
    for (const code of [theirs.code, "ZZ-ZZZ", "nonsense", "'; drop table links"])
      expect(await confirm(started.services, mine.token, code)).toEqual({
        ok: false,
        reason: "unknown-code",
      });
    expect(await rowOf(theirs)).toMatchObject({ state: "unconfirmed" });
    expect(await rowOf(mine)).toMatchObject({ state: "unconfirmed" });

    // Nor of one that looks the same, or is to other rules of what letters are.
    const email = newEmail();
    const kay = await askForLink(started, { email: `k${email}` });
    const kelvin = await askForLink(started, { email: `\u212a${email}` });
    expect(await confirm(started.services, kay.token, kelvin.code)).toEqual({
      ok: false,
      reason: "unknown-code",
    });
  });
});

describe("whoever can write to the database, but has not the keys", () => {
  it("cannot confirm a request, by its state or by a token of their own", async () => {
    const { sql } = started.database;
    const byState = await askForLink(started, { email: newEmail() });
    await sql`
      update reset_requests set state = 'open', confirmed_at = now() where id = ${byState.id}`;
    expect(await pinOf(byState)).toBeUndefined();

    const byToken = await askForLink(started, { email: newEmail() });
    const planted = createConfirmToken();
    await sql`
      update reset_requests set confirm_token_hash = ${hashToken(planted)} where id = ${byToken.id}`;
    expect(await confirm(started.services, planted)).toEqual({
      ok: false,
      reason: "unknown-token",
    });
    expect(started.logged("reset.changed").length).toBeGreaterThanOrEqual(2);
  });

  it("cannot have a changed request confirmed, by its token or by its code", async () => {
    const email = newEmail();
    const mine = await askForLink(started, { email });
    const changed = await askForLink(started, { email });
    await started.database.sql`update reset_requests set name = 'x' where id = ${changed.id}`;
    const unknown = { ok: false, reason: "unknown-token" };
    expect(await confirm(started.services, mine.token, changed.code)).toEqual(unknown);
    expect(await confirm(started.services, changed.token)).toEqual(unknown);
    expect(await viewConfirmation(started.services, changed.token as never)).toEqual(unknown);
    expect(await rowOf(changed)).toMatchObject({ state: "unconfirmed" });
  });

  it("cannot put another's name or address to a PIN of their own, nor a PIN to another's request", async () => {
    const { sql } = started.database;
    const mine = await askForLink(started, { email: newEmail(), pin: "9999" });
    const theirs = await askForLink(started, { email: newEmail(), pin: "1111" });
    for (const { token } of [mine, theirs]) await confirm(started.services, token);
    const before = await rowOf(mine);
    await sql`update reset_requests set name = 'victim' where id = ${mine.id}`;
    expect(await pinOf(mine)).toBeUndefined();
    await sql`
      update reset_requests set name = ${before?.name}, email = 'victim@example.org'
      where id = ${mine.id}`;
    expect(await pinOf(mine)).toBeUndefined();
    await sql`
      update reset_requests set sealed_pin = ${before?.sealed_pin} where id = ${theirs.id}`;
    expect(await pinOf(theirs)).toBeUndefined();
    await sql`
      update reset_requests set sealed_pin = '\\x01'::bytea || decode(repeat('00', 60), 'hex')
      where id = ${theirs.id}`;
    expect(await pinOf(theirs)).toBeUndefined();
    expect(await confirm(started.services, theirs.token)).toMatchObject({ ok: false });
    // Nor move a request's code: it is the id's, which the PIN is sealed to.
    await sql`update reset_requests set email = ${before?.email} where id = ${mine.id}`;
    expect(await pinOf(mine)).toBe("9999");
    const [moved] = await sql`
      update reset_requests set id = gen_random_uuid() where id = ${mine.id} returning id`;
    expect(await pinOf({ id: moved?.id as string })).toBeUndefined();
  });
});
