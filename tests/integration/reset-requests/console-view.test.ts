import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  closeAnswered,
  closeRequest,
  countOpenRequests,
  getRequest,
  getRequests,
  listRequests,
} from "../../../app/reset-requests/handle-requests.server";
import {
  closeResetRequest,
  holdResetRequest,
  releaseResetRequest,
  takeUntoldRequests,
} from "../../../db/reset-requests.store";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { newAdmin, newOrigin, testAdmin } from "../../support/services";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database?.close());
beforeEach(() => database.sql`delete from reset_requests`);

interface Row {
  id?: string;
  state?: "unconfirmed" | "open" | "closed";
  name?: string;
  email?: string;
  minutesAgo?: number;
  confirmedMinutesAgo?: number | null;
  closedMinutesAgo?: number;
  answeredUserId?: string;
}

/** @returns its id */
async function insert(row: Row = {}): Promise<string> {
  const { id = randomUUID(), state = "open", name = "Jane", email = "jane@example.org" } = row;
  const ago = (minutes: number | null | undefined) =>
    minutes === null || minutes === undefined ? null : new Date(Date.now() - minutes * 60_000);
  await database.sql`
    insert into reset_requests (id, state, name, email, created_at, confirmed_at, closed_at,
      answered_user_id)
    values (${id}, ${state}, ${name}, ${email}, ${ago(row.minutesAgo ?? 10)},
      ${ago(row.confirmedMinutesAgo === undefined ? 5 : row.confirmedMinutesAgo)},
      ${ago(row.closedMinutesAgo)}, ${row.answeredUserId ?? null})`;
  return id;
}

const rowOf = async (id: string) =>
  (await database.sql`select * from reset_requests where id = ${id}`)[0];

async function list(more: { search?: string; state?: "open" | "closed"; page?: number } = {}) {
  const { search = "", state = "open", page = 0 } = more;
  const found = await listRequests(database, { search, state, limit: 2, offset: page * 2 });
  return { ids: found.requests.map(({ id }) => id), total: found.total };
}
const found = async (search: string) => (await list({ search })).ids;

describe("the list of requests", () => {
  it("has those of its state by pages, newest first, and says how many there are", async () => {
    const middle = await insert({ minutesAgo: 20 });
    const newest = await insert({ minutesAgo: 10 });
    const oldest = await insert({ minutesAgo: 30 });
    const closed = await insert({ state: "closed" });
    await insert({ state: "unconfirmed" });
    expect(await list()).toEqual({ ids: [newest, middle], total: 3 });
    expect(await list({ page: 1 })).toEqual({ ids: [oldest], total: 3 });
    expect(await list({ state: "closed" })).toEqual({ ids: [closed], total: 1 });
    expect(await countOpenRequests(database)).toBe(3);
  });

  it("is found through by a part of the name or the address, in either case, as it is typed", async () => {
    const jane = await insert({ name: "Jane Doe", email: "first@example.org" });
    const joe = await insert({ name: "100% Joe_", email: "second@EXAMPLE.net" });
    expect(await found("jane")).toEqual([jane]);
    expect(await found("NE D")).toEqual([jane]);
    expect(await found("first@")).toEqual([jane]);
    expect(await found("example.NET")).toEqual([joe]);
    expect(await found("0% j")).toEqual([joe]);
    expect(await found("e_")).toEqual([joe]);
    for (const nobody of ["\\", "J_ne", "J%e", "nobody"]) expect(await found(nobody)).toEqual([]);
    await insert({ state: "closed", name: "Jane Doe" });
    expect((await list({ search: "jane" })).total).toBe(1);
  });

  it("is found through by a code: its request, and none whose id lies beside it", async () => {
    // The first 25 bits are the code's: ids from 0x00000080 to 0x000000ff are 00-001's.
    const rest = "-1111-4222-8333-444444444444";
    const last = await insert({ id: `000000ff${rest}`, minutesAgo: 1 });
    const first = await insert({ id: `00000080${rest}`, minutesAgo: 2 });
    await insert({ id: `0000007f${rest}` });
    await insert({ id: `00000100${rest}` });
    expect(await found("00-001")).toEqual([last, first]);
  });
});

describe("a request in the console", () => {
  it("has a code where its mailbox was ever shown one, and says whether there is a PIN", async () => {
    const id = await insert({ id: "00000080-1111-4222-8333-444444444444" });
    expect(await getRequest(database, id)).toMatchObject({ code: "00-001", hasPin: false });
    await database.sql`
      update reset_requests set sealed_pin = ${Buffer.alloc(37, 1)} where id = ${id}`;
    expect(await getRequest(database, id)).toMatchObject({ hasPin: true });
    const legacy = await insert({ confirmedMinutesAgo: null });
    expect(await getRequest(database, legacy)).toMatchObject({ code: null, confirmedAt: null });
  });

  it("is had by its id, and so are several, oldest first, but none that nobody confirmed", async () => {
    const newer = await insert({ minutesAgo: 10 });
    const older = await insert({ minutesAgo: 20 });
    const closed = await insert({ state: "closed", minutesAgo: 30 });
    const unconfirmed = await insert({ state: "unconfirmed", minutesAgo: 40 });
    const ids = async (given: string[]) => (await getRequests(database, given)).map(({ id }) => id);
    expect(await ids([newer, older, closed, unconfirmed])).toEqual([closed, older, newer]);
    expect(await ids([older])).toEqual([older]);
    expect(await ids([])).toEqual([]);
    expect(await getRequest(database, unconfirmed)).toBeUndefined();
  });

  it("knows what else there is of its mailbox, in either case, and of no other", async () => {
    const mine = await insert({ email: "jane@example.org" });
    const capitals = await insert({ email: "JANE@example.org" });
    await insert({ email: "jane@example.org", state: "unconfirmed" });
    await insert({ email: "jane@example.org", state: "closed", closedMinutesAgo: 1 });
    const other = await insert({ email: "joe@example.org" });
    const alone = { openOfMailbox: 1, mailboxAnsweredAt: null };
    for (const id of [mine, capitals])
      expect(await getRequest(database, id)).toMatchObject({
        openOfMailbox: 2,
        mailboxAnsweredAt: null,
      });
    expect(await getRequest(database, other)).toMatchObject(alone);

    const answered = { state: "closed", answeredUserId: "u1" } as const;
    const latest = await insert({ ...answered, closedMinutesAgo: 3 });
    await insert({ ...answered, closedMinutesAgo: 7 });
    expect((await getRequest(database, mine))?.mailboxAnsweredAt).toEqual(
      (await rowOf(latest))?.closed_at,
    );
    expect(await getRequest(database, other)).toMatchObject(alone);
    // Of a mailbox that has none open, too.
    expect(await getRequest(database, latest)).toMatchObject({ openOfMailbox: 2 });
  });
});

describe("a request that is being answered", () => {
  const hold = (id: string) => holdResetRequest(database.db, { id, holdSeconds: 60 });

  it("is held by one, for so long, and others are not", async () => {
    const id = await insert();
    const other = await insert();
    expect([await hold(id), await hold(id)]).toEqual([true, false]);
    expect(await hold(other)).toBe(true);
    const held = (await rowOf(id))?.answering_until.getTime() - Date.now();
    expect(Math.abs(held - 60_000)).toBeLessThan(15_000);
    await releaseResetRequest(database.db, id);
    expect([await hold(other), await hold(id)]).toEqual([false, true]);
    await database.sql`
      update reset_requests set answering_until = now() - interval '1 second' where id = ${id}`;
    expect(await hold(id)).toBe(true);
  });

  it("is an open one, that there is", async () => {
    expect(await hold(await insert({ state: "unconfirmed" }))).toBe(false);
    expect(await hold(await insert({ state: "closed" }))).toBe(false);
    expect(await hold(randomUUID())).toBe(false);
  });
});

describe("a request that is closed", () => {
  it("has nothing left that could be used, and says who closed it, and what for", async () => {
    const id = await insert();
    const other = await insert();
    await database.sql`
      update reset_requests set sealed_pin = ${Buffer.alloc(37, 1)},
        confirm_token_hash = sha256(id::text::bytea), answering_until = now() + interval '1 minute'`;
    const untouched = await rowOf(other);
    const linkId = randomUUID();
    const origin = newOrigin("192.0.2.44");
    const answer = { id, userId: "u1", linkId };
    expect(await closeAnswered(database.db, answer, newAdmin(origin))).toEqual({ ok: true });
    expect(await rowOf(id)).toMatchObject({
      state: "closed",
      sealed_pin: null,
      confirm_token_hash: null,
      answering_until: null,
      closed_by_id: testAdmin.userId,
      closed_by_name: testAdmin.userName,
      answered_user_id: "u1",
    });
    expect(Date.now() - (await rowOf(id))?.closed_at.getTime()).toBeLessThan(15_000);
    expect(await rowOf(other)).toEqual(untouched);
    expect(await closeAnswered(database.db, answer, newAdmin(origin))).toEqual({
      ok: false,
      reason: "not-open",
    });
    const events = await database.sql`
      select action, actor_kind, actor_id, actor_name, user_id, link_id, outcome, client_address,
        request_id from audit_events where reset_request_id = ${id}`;
    expect([...events]).toEqual([
      {
        action: "reset.answered",
        actor_kind: "admin",
        actor_id: testAdmin.userId,
        actor_name: testAdmin.userName,
        user_id: "u1",
        link_id: linkId,
        outcome: "ok",
        client_address: "192.0.2.44",
        request_id: origin.requestId,
      },
    ]);
  });

  it("without a link names no user, in the trail either, and takes the role admin", async () => {
    const id = await insert();
    const weaker = { ...testAdmin, holdsAdminRole: false };
    expect(await closeRequest(database, { id }, newAdmin(newOrigin(), weaker))).toEqual({
      ok: false,
      reason: "forbidden",
    });
    expect(await rowOf(id)).toMatchObject({ state: "open" });
    expect(await closeRequest(database, { id }, newAdmin())).toEqual({ ok: true });
    expect(await rowOf(id)).toMatchObject({ state: "closed", answered_user_id: null });
    const events = await database.sql`
      select action, user_id, link_id from audit_events where reset_request_id = ${id}`;
    expect([...events]).toEqual([{ action: "reset.closed", user_id: null, link_id: null }]);
  });

  it("was open: another state stays what it is", async () => {
    for (const state of ["unconfirmed", "closed"] as const) {
      const id = await insert({ state });
      const how = { id, closedById: "a", closedByName: "A", answeredUserId: null };
      expect(await closeResetRequest(database.db, how)).toBe(false);
      expect(await rowOf(id)).toMatchObject({ state, closed_by_id: null });
    }
  });
});

it("what the helpdesk is told of comes in the order it came to count, each once", async () => {
  const first = await insert({ minutesAgo: 50, confirmedMinutesAgo: 30 });
  const third = await insert({ minutesAgo: 60, confirmedMinutesAgo: 10 });
  const second = await insert({ minutesAgo: 20, confirmedMinutesAgo: null });
  await insert({ state: "closed" });
  await insert({ state: "unconfirmed" });
  const take = () =>
    database.db.transaction(async (tx) =>
      (await takeUntoldRequests(tx, { everySeconds: 600 })).map(({ id }) => id),
    );
  const taken = await database.db.transaction(async (tx) => {
    const mine = await takeUntoldRequests(tx, { everySeconds: 600 });
    // Another replica does not wait for this one: it has nothing to tell.
    expect(await take()).toEqual([]);
    return mine.map(({ id }) => id);
  });
  expect(taken).toEqual([first, second, third]);
  const fourth = await insert();
  expect(await take()).toEqual([]);
  await database.sql`
    update reset_requests set helpdesk_told_at = helpdesk_told_at - interval '10 minutes'`;
  expect(await take()).toEqual([fourth]);
});
