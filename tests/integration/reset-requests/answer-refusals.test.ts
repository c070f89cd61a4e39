import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Visitor } from "../../../app/audit/initiator.server";
import { issueLink } from "../../../app/links/issue-link.server";
import {
  type AnswerPlan,
  answerRequest,
  planAnswer,
} from "../../../app/reset-requests/answer-requests.server";
import { getRequest } from "../../../app/reset-requests/handle-requests.server";
import {
  type SandboxKeystone,
  startSandboxKeystone,
} from "../../../demo/keystone/sandbox-keystone";
import {
  type Fault,
  type FaultProxy,
  faults,
  refusal,
  startFaultProxy,
} from "../../support/fault-proxy";
import { newPassword } from "../../support/issued-links";
import { type KeystoneAdmin, keystoneAdmin } from "../../support/keystone-admin";
import { askForLink, confirm } from "../../support/reset-requests";
import {
  newAdmin,
  newOrigin,
  startTestServices,
  type TestServices,
  testAdmin,
} from "../../support/services";

describe("a request that cannot be answered", () => {
  let started: TestServices;
  let keystone: KeystoneAdmin;
  let sandbox: SandboxKeystone;
  let proxy: FaultProxy;
  let admin: typeof testAdmin & { keystoneToken: string };
  /** Not the role admin: Keystone is asked whom it may change. */
  let weaker: typeof admin;
  beforeAll(async () => {
    sandbox = await startSandboxKeystone();
    keystone = keystoneAdmin(sandbox);
    proxy = await startFaultProxy({ target: sandbox.url });
    started = await startTestServices({
      keystoneUrl: proxy.url,
      env: { RESET_LIMIT_PER_HOUR: "1000" },
    });
    admin = { ...testAdmin, keystoneToken: await keystone.token() };
    weaker = { ...admin, holdsAdminRole: false };
  });
  afterAll(async () => {
    await started?.stop();
    await proxy?.stop();
    await sandbox?.stop();
  });
  afterEach(() => proxy.heal());

  /** Somebody whose mailbox has confirmed that they want a link. */
  async function asker() {
    const name = `asks-${randomBytes(6).toString("hex")}`;
    const password = newPassword();
    const person = { name, email: `${name}@example.org` };
    const { id: userId } = await keystone.createUser({ ...person, password });
    const { id, token } = await askForLink(started, { ...person, pin: "8265" });
    await confirm(started.services, token);
    return { id, userId, password, ...person };
  }
  type Asker = Awaited<ReturnType<typeof asker>>;

  async function plan({ id }: Asker, by = admin, origin = newOrigin()) {
    const request = await getRequest(started.services, id);
    if (!request) throw new Error("there is no such request");
    const { request: _, ...planned } = await planAnswer(
      started.services,
      request,
      newAdmin(origin, by),
    );
    return planned;
  }

  const answer = (
    { id, userId }: { id: string; userId: string },
    more: { by?: typeof admin; agreed?: Partial<AnswerPlan>; origin?: Visitor } = {},
  ) =>
    answerRequest(
      started.services,
      { id, agreed: { userId, password: "random", ...more.agreed } },
      newAdmin(more.origin ?? newOrigin(), more.by ?? admin),
    );

  const issue = ({ userId, password }: Asker, pin = "1111") =>
    issueLink(started.services, { userId, pin, initialPassword: password, via: "api" }, newAdmin());

  /** It is as it was, and anybody may answer it. */
  async function expectFree({ id }: Asker) {
    const [row] = await started.database
      .sql`select state, answering_until from reset_requests where id = ${id}`;
    expect(row).toEqual({ state: "open", answering_until: null });
  }

  const onUser = ({ userId }: Asker, method: string) => ({
    method,
    path: `/v3/users/${userId}`,
  });

  it("has no PIN any more, or one that was used up", async () => {
    const erased = await asker();
    await started.database.sql`update reset_requests set sealed_pin = null where id = ${erased.id}`;
    expect(await plan(erased)).toEqual({ ok: false, reason: "not-open" });

    const exhausted = await asker();
    await issue(exhausted);
    await started.database
      .sql`update links set pin_guesses = 10 where user_id = ${exhausted.userId}`;
    expect(await plan(exhausted)).toEqual({ ok: false, reason: "pin-exhausted" });
    expect(await answer(exhausted)).toMatchObject({ reason: "pin-exhausted" });
    await expectFree(exhausted);
  });

  it("keeps an initial password only where it is thought to be in force", async () => {
    const person = await asker();
    await issue(person);
    const { userId } = person;
    expect(await plan(person)).toMatchObject({ plan: { userId, password: "keep" } });
    await started.database
      .sql`update links set problem = 'password-locked' where user_id = ${userId}`;
    expect(await plan(person)).toMatchObject({ plan: { userId, password: "keep" } });
    await started.database
      .sql`update links set problem = 'initial-password-stale' where user_id = ${userId}`;
    expect(await plan(person)).toMatchObject({ plan: { userId, password: "random" } });
  });

  it("is answered with what Keystone says of the user, by its console, and with its origin", async () => {
    const person = await asker();
    const origin = newOrigin("192.0.2.51");
    expect(await answer(person, { origin })).toMatchObject({ ok: true, mailTo: person.email });
    const [link] = await started.database.sql`
        select id, issued_via, mail_to, user_name, user_email, user_domain_name, issued_by_id
        from links where user_id = ${person.userId}`;
    expect(link).toMatchObject({
      issued_via: "console",
      mail_to: person.email,
      user_name: person.name,
      user_email: person.email,
      user_domain_name: "Default",
      issued_by_id: admin.userId,
    });
    // Every call to Keystone bears the request's id, so that its log can be found.
    const calls = proxy.calls.filter(
      ({ headers }) => headers["x-openstack-request-id"] === origin.requestId,
    );
    expect(calls.map(({ method }) => method)).toContain("PATCH");
    for (const path of ["/v3/users", `/v3/users/${person.userId}`])
      expect(calls.map((call) => call.path)).toContain(path);
    expect(calls.filter((call) => call.path === "/v3/users")).toHaveLength(1);
  });

  it("is being answered, was answered, or is none", async () => {
    const person = await asker();
    const paused = proxy.inject({ method: "GET", path: "/v3/users" }, faults.paused);
    const first = answer(person);
    await paused.waitForHits(1);
    const [held] = await started.database.sql`
        select extract(epoch from answering_until - clock_timestamp())::int as seconds
        from reset_requests where id = ${person.id}`;
    expect(held?.seconds).toBeGreaterThan(100);
    expect(held?.seconds).toBeLessThanOrEqual(120);
    expect(await answer(person)).toEqual({ ok: false, reason: "being-answered" });
    proxy.heal();
    await paused.release();
    expect(await first).toMatchObject({ ok: true });
    expect(await answer(person)).toEqual({ ok: false, reason: "not-open" });
    expect(await answer({ ...person, id: randomUUID() })).toEqual({
      ok: false,
      reason: "not-open",
    });
  });

  it("is another user's than was agreed to, or would end a password that was to be kept", async () => {
    const person = await asker();
    const other = await asker();
    const changed = { ok: false, reason: "changed" };
    expect(await answer(person, { agreed: { userId: other.userId } })).toEqual(changed);
    expect(await answer(person, { agreed: { password: "keep" } })).toEqual(changed);
    await expectFree(person);
    expect(
      await started.database.sql`select 1 from links where user_id = ${person.userId}`,
    ).toHaveLength(0);
  });

  it("is of somebody whose link is being redeemed", async () => {
    const person = await asker();
    await issue(person);
    await started.database.sql`
        update links set claimed_until = now() + interval '1 minute', claim_id = gen_random_uuid()
        where user_id = ${person.userId}`;
    expect(await answer(person, { agreed: { password: "keep" } })).toEqual({
      ok: false,
      reason: "redemption-under-way",
    });
    await expectFree(person);
  });

  it.each<[string, Fault, string]>([
    ["forbids it", refusal(403), "forbidden"],
    ["fails", faults["500-before"], "keystone-unavailable"],
    ["is away", faults["reset-before"], "keystone-unavailable"],
  ])("where Keystone %s when it is asked for the user", async (_, fault, reason) => {
    const person = await asker();
    proxy.inject({ method: "GET", path: "/v3/users" }, fault);
    expect(await plan(person)).toEqual({ ok: false, reason });
    expect(await answer(person)).toMatchObject({ ok: false, reason });
    proxy.heal();
    // When the plan was made, and it is asked once more before the link goes out.
    proxy.inject(onUser(person, "GET"), fault);
    expect(await answer(person)).toMatchObject({ ok: false, reason });
    await expectFree(person);
  });

  it("ends the session where Keystone takes the token no more", async () => {
    const person = await asker();
    proxy.inject({ method: "GET", path: "/v3/users" }, refusal(401));
    await expect(plan(person)).rejects.toMatchObject({ kind: "unauthorized" });
    await expect(answer(person)).rejects.toMatchObject({ kind: "unauthorized" });
    await expectFree(person);
  });

  it("is of somebody who has gone, or has another address, at the last moment", async () => {
    const person = await asker();
    proxy.inject(onUser(person, "GET"), refusal(404));
    expect(await answer(person)).toEqual({ ok: false, reason: "no-such-user" });
    proxy.heal();
    proxy.inject(onUser(person, "GET"), {
      carryOut: "first",
      answer: {
        kind: "rewrite",
        rewrite: (given) => ({
          ...given,
          body: given.body.replace(person.email, `x-${person.email}`),
        }),
      },
    });
    expect(await answer(person)).toEqual({ ok: false, reason: "other-address" });
    await expectFree(person);
    expect(
      await started.database.sql`select 1 from links where user_id = ${person.userId}`,
    ).toHaveLength(0);
  });

  describe("by somebody whom Keystone does not let change the user:", () => {
    it.each<[number, string]>([
      [403, "forbidden"],
      [404, "no-such-user"],
      [401, "forbidden"],
      [503, "keystone-unavailable"],
    ])("asked whether they may, it says %i", async (status, reason) => {
      const person = await asker();
      proxy.inject(onUser(person, "PATCH"), refusal(status));
      expect(await plan(person, weaker)).toEqual({ ok: false, reason });
      expect(await answer(person, { by: weaker })).toMatchObject({ ok: false, reason });
      await expectFree(person);
    });
  });

  describe("because Keystone takes no random password:", () => {
    it.each<[number, string, Record<string, string>]>([
      [400, "The password is too weak.", { reason: "password-refused" }],
      [409, "The password was used before.", { reason: "password-refused" }],
      [403, "You are not authorized.", { reason: "forbidden" }],
      [404, "Could not find user.", { reason: "no-such-user" }],
      [500, "Something failed.", { reason: "keystone-unavailable" }],
    ])("it says %i %s", async (status, words, expected) => {
      const person = await asker();
      proxy.inject(onUser(person, "PATCH"), refusal(status, words));
      const refused = await answer(person);
      expect(refused).toEqual({
        ok: false,
        ...expected,
        ...(expected.reason === "password-refused" && { message: words }),
      });
      await expectFree(person);
      expect(
        await started.database.sql`select 1 from links where user_id = ${person.userId}`,
      ).toHaveLength(0);
    });
  });
});
