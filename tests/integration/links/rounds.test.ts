import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { erase } from "../../../app/jobs/rounds.server";
import { issueLink } from "../../../app/links/issue-link.server";
import { redeemLink } from "../../../app/links/redeem/redeem-link.server";
import { settleLinks } from "../../../app/links/redeem/settle-links.server";
import { sealUnsettled } from "../../../app/links/sealed-fields.server";
import { findUnsettledLinks } from "../../../db/link-claims.store";
import { findUntoldOwners, purgeExpiredSecrets } from "../../../db/links.store";
import { enqueueMail } from "../../../emails/outbox";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { askForLink, confirm } from "../../support/reset-requests";
import { newAdmin, newOrigin, startTestServices, type TestServices } from "../../support/services";
import { runRounds } from "../../support/worker";

/** No Keystone is asked in this file. */
const keystoneUrl = "http://127.0.0.1:9";

describe("what is over", () => {
  let database: TestDatabase;
  let started: TestServices;
  beforeAll(async () => {
    database = await createTestDatabase();
    started = await startTestServices({ keystoneUrl, database, env: { PURGE_AFTER: "3600" } });
  });
  afterAll(async () => {
    await started?.stop();
    await database?.close();
  });

  async function issue(ago?: string) {
    const userId = randomBytes(16).toString("hex");
    const result = await issueLink(
      started.services,
      { userId, pin: "0420", initialPassword: "Initial-1", via: "api", mailTo: "jane@example.org" },
      newAdmin(),
    );
    if (!result.ok) throw new Error(result.reason);
    const { id, token } = result.link;
    if (ago)
      await database.sql`
        update links set expires_at = now() - ${ago}::interval where id = ${id}`;
    return { id, userId, token };
  }
  const row = async ({ id }: { id: string }) =>
    (await database.sql`select * from links where id = ${id}`)[0];
  const redeem = ({ token }: Awaited<ReturnType<typeof issue>>) =>
    redeemLink(started.services, { token, pin: "0420", password: "Own-1-pass" }, newOrigin());

  it("is erased: the secrets of a link that has been expired for PURGE_AFTER, and not before", async () => {
    const old = await issue("61 minutes");
    const recent = await issue("59 minutes");
    const alive = await issue();
    expect(await erase(started.services)).toEqual({ purged: 1 });
    expect(await row(old)).toMatchObject({
      state: "pending",
      token_hash: null,
      sealed_pin_key: null,
      pin_mac: null,
      sealed_password: null,
      sealed_attempts: null,
    });
    for (const link of [recent, alive])
      expect(await row(link)).toMatchObject({ sealed_password: expect.any(Buffer) });
    const events = await database.sql`
      select actor_kind, outcome, user_id from audit_events
      where link_id = ${old.id} and action = 'link.secrets-purged'`;
    expect([...events]).toEqual([{ actor_kind: "system", outcome: "ok", user_id: old.userId }]);
    expect(await redeem(old)).toMatchObject({ reason: "unknown-link" });
    expect(await redeem(recent)).toMatchObject({ reason: "expired" });
    expect(await erase(started.services)).toEqual({ purged: 0 });
    // Said where there was something to say.
    expect(started.logged("links.purged").map(({ count }) => count)).toEqual([1]);
  });

  it("is so by the database's clock: a server whose own is days ahead erases nothing that is alive", async () => {
    const alive = await issue();
    const { token } = await askForLink(started, { email: "clock@example.org" });
    await confirm(started.services, token);
    const realNow = Date.now;
    vi.spyOn(Date, "now").mockImplementation(() => realNow() + 400 * 86_400_000);
    try {
      await erase(started.services);
    } finally {
      vi.mocked(Date.now).mockRestore();
    }
    expect(await row(alive)).toMatchObject({ sealed_password: expect.any(Buffer) });
    const open = await database.sql`
      select state from reset_requests where email = 'clock@example.org'`;
    expect([...open]).toEqual([{ state: "open" }]);
  });

  it("is erased with the mail that still waits to carry it", async () => {
    const old = await issue("61 minutes");
    await erase(started.services);
    const mails = (await started.mails()).filter((mail) => mail.linkId === old.id);
    expect(mails).toEqual([expect.objectContaining({ template: "link", props: undefined })]);
  });

  it("takes no other mail with it: what its user is still to hear is sent", async () => {
    const old = await issue("61 minutes");
    await enqueueMail(database.db, started.services.vault, {
      ...{ template: "password-set", recipient: "told@example.org", linkId: old.id, props: {} },
    });
    await erase(started.services);
    const mails = (await started.mails()).filter(({ recipient }) => recipient.startsWith("told@"));
    expect(mails).toEqual([expect.objectContaining({ state: "queued" })]);
  });

  it("is done by so many at a time, and only what there is to do", async () => {
    const { sql, db } = database;
    const links = [];
    for (let index = 0; index < 4; index++) links.push(await issue("3 hours"));
    const [alive, ...old] = links as [(typeof links)[0], ...typeof links];
    await sql`update links set expires_at = now() + interval '1 hour' where id = ${alive.id}`;
    const ids = old.map(({ id }) => id);
    await sql`
      update links set owner_untold = '{pin-replaced}', user_email = 'own@example.org'
      where id = any(${ids})`;
    const others = await Promise.all([issue(), issue()]);
    await sql`update links set owner_untold = '{pin-replaced}' where id = ${others[0].id}`;
    await sql`update links set user_email = 'own@example.org' where id = ${others[1].id}`;

    expect(await findUntoldOwners(db, { limit: 2 })).toHaveLength(2);
    const untold = (await findUntoldOwners(db, { limit: 9 })).map(({ id }) => id);
    expect(untold.sort()).toEqual([...ids].sort());
    const due = { expiredForSeconds: 3600, limit: 2 };
    const purged = [await purgeExpiredSecrets(db, due), await purgeExpiredSecrets(db, due)];
    expect(purged.map((rows) => rows.length)).toEqual([2, 1]);
    expect(purged.flatMap((rows) => rows.map(({ userId }) => userId)).sort()).toEqual(
      old.map(({ userId }) => userId).sort(),
    );
    await sql`update links set owner_untold = null`;
  });

  it("is settled by twenty at a time, the longest waiting first", async () => {
    const { sql } = database;
    const { vault } = started.services;
    const links = [];
    for (let minutes = 4; minutes < 25; minutes++) {
      const link = await issue();
      const sealed = sealUnsettled(vault, link.userId, [{ by: "user", password: "Lost-1" }]);
      await sql`
        update links set sealed_attempts = ${sealed},
          attempted_at = now() - make_interval(mins => ${minutes}) where id = ${link.id}`;
      links.unshift(link.id);
    }
    const asked: string[] = [];
    const keystone = {
      inOneTurn: async () => {
        asked.push("one");
        return false;
      },
    };
    const context = { ...started.services, keystone } as unknown as TestServices["services"];
    expect(await settleLinks(context)).toEqual({ asked: 20, completed: 0 });
    expect(asked).toHaveLength(20);
    const oldest = await findUnsettledLinks(database.db, {
      ...{ olderThanSeconds: 0, askAgainAfterSeconds: 0, limit: 20 },
    });
    expect(oldest.map(({ id }) => id)).toEqual(links.slice(0, 20));
    expect(started.logged("links.settled")).toEqual([]);
    await runRounds(context);
    expect(started.logged("links.settled").map(({ count }) => count)).toEqual([20]);
    await sql`update links set sealed_attempts = null where id = any(${links})`;
  });

  it.each([
    [179, null, 0],
    [181, null, 1],
    [181, 34, 0],
    [181, 36, 1],
  ])(
    "is asked after three minutes, and once more after 35: %s s, %s min",
    async (seconds, minutes, asked) => {
      const link = await issue();
      const sealed = sealUnsettled(started.services.vault, link.userId, [
        { by: "user", password: "Lost-1" },
      ]);
      await database.sql`
      update links set sealed_attempts = ${sealed},
        attempted_at = now() - make_interval(secs => ${seconds}),
        settle_asked_at = now() - make_interval(mins => ${minutes}::int)
      where id = ${link.id}`;
      const keystone = { inOneTurn: async () => false };
      const context = { ...started.services, keystone } as unknown as TestServices["services"];
      expect(await settleLinks(context)).toEqual({ asked, completed: 0 });
      await database.sql`update links set sealed_attempts = null where id = ${link.id}`;
    },
  );

  it("tells the helpdesk of those who ask for a link", async () => {
    await confirm(
      started.services,
      (await askForLink(started, { email: "ask@example.org" })).token,
    );
    await runRounds(started.services);
    const digests = (await started.mails()).filter(({ template }) => template === "reset-digest");
    expect(digests).toEqual([expect.objectContaining({ recipient: "helpdesk@example.org" })]);
    await database.sql`delete from reset_requests`;
  });

  it("is left alone while a redemption is under way, and erased when its lease is over", async () => {
    const link = await issue("2 hours");
    const { sql } = database;
    await sql`
      update links set claim_id = gen_random_uuid(), claimed_until = now() + interval '1 minute'
      where id = ${link.id}`;
    await erase(started.services);
    expect(await row(link)).toMatchObject({ sealed_password: expect.any(Buffer) });
    await sql`update links set claimed_until = now() - interval '1 second' where id = ${link.id}`;
    await erase(started.services);
    expect(await row(link)).toMatchObject({ sealed_password: null, claim_id: null });
  });

  it("is erased by several replicas at once, each link by one", async () => {
    const other = await startTestServices({ keystoneUrl, database, env: { PURGE_AFTER: "3600" } });
    try {
      const links = [];
      for (let index = 0; index < 20; index++) links.push(await issue("2 hours"));
      const results = await Promise.all(
        [started, other, started, other].map(({ services }) => erase(services)),
      );
      // The replica that was just started may have been first.
      expect(results.reduce((sum, { purged }) => sum + purged, 0)).toBeLessThanOrEqual(20);
      const ids = links.map((link) => link.id);
      const events = await database.sql`
        select link_id, count(*)::int as times from audit_events
        where action = 'link.secrets-purged' and link_id = any(${ids}) group by link_id`;
      expect(events).toHaveLength(20);
      expect(events.every((event) => event.times === 1)).toBe(true);
    } finally {
      await other.stop();
    }
  });

  it("is deleted: sessions, limits, administrators, requests and mails that have had their time", async () => {
    const { sql } = database;
    const session = (id: string, expires: string, seen: string) => sql`
      insert into admin_sessions
        (id_hash, user_id, user_name, user_domain_name, sealed_token, expires_at, last_seen_at)
      values (sha256(${id}::bytea), 'a', ${id}, 'a', ${Buffer.alloc(37, 1)},
        now() + ${expires}::interval, now() - ${seen}::interval)`;
    await session("alive", "1 hour", "1 minute");
    await session("over", "-1 second", "1 minute");
    await session("idle", "1 hour", "31 minutes");
    await sql`
      insert into rate_limits (key, points, expire)
      values ('over', 1, now() - interval '1 second'), ('alive', 1, now() + interval '1 minute')`;
    await sql`
      insert into known_admins (user_id, name, domain_name, account, last_signed_in_at)
      values ('gone', 'a', 'a', 'a', now() - interval '401 days'),
        ('here', 'b', 'b', 'b', now() - interval '399 days')`;
    for (const email of ["old@example.org", "new@example.org"])
      await confirm(started.services, (await askForLink(started, { email })).token);
    for (const email of ["unconfirmed@example.org", "late@example.org"])
      await askForLink(started, { email });
    await sql`
      update reset_requests set created_at = now() - interval '31 days'
      where email = 'old@example.org'`;
    await sql`
      update reset_requests set confirm_before = now() - interval '1 second'
      where email = 'late@example.org'`;
    const link = await issue();
    await sql`
      insert into mails (link_id, template, recipient, state, created_at, next_attempt_at)
      values (${link.id}, 'link', 'old', 'sent', now() - interval '91 days', now()),
        (${link.id}, 'link', 'new', 'sent', now() - interval '89 days', now()),
        (${link.id}, 'link', 'waiting', 'queued', now() - interval '91 days',
          now() + interval '1 hour')`;

    await erase(started.services);

    const left = async (statement: string) =>
      (await sql.unsafe(statement)).map((one) => Object.values(one)[0]);
    expect(await left("select user_name from admin_sessions")).toEqual(["alive"]);
    expect(await left("select key from rate_limits where key in ('over', 'alive')")).toEqual([
      "alive",
    ]);
    expect(await left("select user_id from known_admins")).toEqual(["here"]);
    expect(await left("select email from reset_requests order by 1")).toEqual([
      "new@example.org",
      "unconfirmed@example.org",
    ]);
    expect(
      await left(
        "select recipient from mails where recipient in ('old','new','waiting') order by 1",
      ),
    ).toEqual(["new", "waiting"]);
  });
});
