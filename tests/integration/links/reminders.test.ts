import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueLink } from "../../../app/links/issue-link.server";
import type { LinkToken } from "../../../app/links/link-token.server";
import { remindUsers } from "../../../app/links/remind-users.server";
import { resendLink } from "../../../app/links/resend-link.server";
import { revokeLink } from "../../../app/links/revoke-link.server";
import { viewLink } from "../../../app/links/view-link.server";
import { hashToken } from "../../../app/vault/vault.server";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { newAdmin, startTestServices, type TestServices } from "../../support/services";

/** No Keystone is asked in this file. */
const keystoneUrl = "http://127.0.0.1:9";

describe("who has not used a link that is about to expire", () => {
  let database: TestDatabase;
  let one: TestServices;
  let two: TestServices;
  let none: TestServices;
  beforeAll(async () => {
    database = await createTestDatabase();
    const start = (env: Record<string, string>) =>
      startTestServices({ keystoneUrl, database, env: { REMIND_BEFORE: "21600", ...env } });
    one = await start({});
    two = await start({
      REMINDERS: "2",
      SECRET_KEYS: one.config.secretKeys.map((key) => key.toString("base64")).join(),
    });
    none = await start({ REMINDERS: "0" });
  });
  afterAll(async () => {
    for (const started of [one, two, none]) await started?.stop();
    await database?.close();
  });

  interface Waiting {
    id: string;
    userId: string;
    address: string;
    token: LinkToken;
  }
  /** Issued a day before its end, mailed then, and the mail server took it. */
  async function waiting({
    hoursLeft = 5,
    lifetimeHours = 24,
    language = undefined as string | undefined,
    mailed = true,
  } = {}): Promise<Waiting> {
    const userId = randomBytes(16).toString("hex");
    const address = `${userId}@example.org`;
    const result = await issueLink(
      one.services,
      {
        ...{ userId, pin: "0420", initialPassword: "Initial-1", via: "console", language },
        ...(mailed && { mailTo: address }),
      },
      newAdmin(),
    );
    if (!result.ok) throw new Error(result.reason);
    const { id, token } = result.link;
    await database.sql`update mails set state = 'sent', sealed_props = null where link_id = ${id}`;
    await setLeft({ id }, hoursLeft, lifetimeHours);
    return { id, userId, address, token };
  }
  /** As if so much of its time were over. */
  async function setLeft({ id }: { id: string }, hoursLeft: number, lifetimeHours = 24) {
    await database.sql`
      update links set expires_at = now() + ${hoursLeft} * interval '1 hour',
        issued_at = now() + (${hoursLeft}::float - ${lifetimeHours}::float) * interval '1 hour' where id = ${id}`;
    await database.sql`
      update mails set created_at = (select issued_at from links where id = ${id}) where link_id = ${id}`;
  }
  /** And as if what was mailed so far had been mailed, and taken, so long ago. */
  async function pass({ id }: { id: string }, hours: number) {
    const past = database.sql`${hours} * interval '1 hour'`;
    await database.sql`
      update links set expires_at = expires_at - ${past}, issued_at = issued_at - ${past} where id = ${id}`;
    await database.sql`
      update mails set created_at = created_at - ${past}, state = 'sent', sealed_props = null where link_id = ${id}`;
  }
  const row = async ({ id }: { id: string }) =>
    (await database.sql`select * from links where id = ${id}`)[0];
  const mailsOf = async ({ id }: { id: string }) =>
    (await one.mails()).filter(({ linkId, state }) => linkId === id && state === "queued");
  const trailOf = async ({ id }: { id: string }) =>
    database.sql`select actor_kind, outcome, user_id from audit_events where link_id = ${id} and action = 'link.reminded'`;
  const tokenIn = (mail: { props: Record<string, unknown> | undefined } | undefined) =>
    new URL(String(mail?.props?.url)).searchParams.get("token") as LinkToken;
  async function expectNoneFor(link: Waiting, by = one) {
    const before = await row(link);
    await remindUsers(by.services);
    expect(await mailsOf(link)).toEqual([]);
    expect([...(await trailOf(link))]).toEqual([]);
    expect(await row(link)).toEqual(before);
  }

  it("gets a new link, in their language, for as long as the old one, which no longer works", async () => {
    const link = await waiting({ language: "de" });
    const before = await row(link);
    await remindUsers(one.services);
    const mails = await mailsOf(link);
    expect(mails).toEqual([
      expect.objectContaining({
        ...{ template: "link", recipient: link.address, language: "de" },
        props: expect.objectContaining({
          isReminder: true,
          expiresAt: new Date(before?.expires_at).toISOString(),
        }),
      }),
    ]);
    const token = tokenIn(mails[0]);
    const after = await row(link);
    expect(after).toEqual({
      ...before,
      token_hash: hashToken(token),
      sealed_pin_key: expect.any(Buffer),
    });
    expect(after?.token_hash).not.toEqual(before?.token_hash);
    expect(await viewLink(one.services, token)).toMatchObject({ userId: link.userId });
    expect(await viewLink(one.services, link.token)).toBeUndefined();
    expect([...(await trailOf(link))]).toEqual([
      { actor_kind: "system", outcome: "ok", user_id: link.userId },
    ]);
    expect(one.logged("link.reminded").map(({ linkId }) => linkId)).toContain(link.id);
    expect(one.logText()).not.toContain(token);
  });

  it("gets one, however many replicas see it at the same moment", async () => {
    const links = await Promise.all(Array.from({ length: 5 }, () => waiting()));
    const rounds = await Promise.all(
      Array.from({ length: 16 }, (_, index) => remindUsers((index % 2 ? one : two).services)),
    );
    expect(rounds.reduce((sum, { reminded }) => sum + reminded, 0)).toBe(5);
    for (const link of links) {
      expect(await mailsOf(link)).toHaveLength(1);
      expect(await trailOf(link)).toHaveLength(1);
    }
  });

  it("gets no more than REMINDERS, one in each part of the time", async () => {
    const single = await waiting();
    await remindUsers(one.services);
    await pass(single, 3);
    await remindUsers(one.services);
    expect(await trailOf(single)).toHaveLength(1);

    const link = await waiting({ hoursLeft: 5.9 });
    const seen: number[] = [];
    for (let step = 0; step < 12; step++) {
      await remindUsers(two.services);
      seen.push((await trailOf(link)).length);
      await pass(link, 0.5);
    }
    expect(seen).toEqual([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]);
  });

  it("gets one for all the time that nobody was at work", async () => {
    const link = await waiting({ hoursLeft: 1 });
    await remindUsers(two.services);
    await pass(link, 0.5);
    await remindUsers(two.services);
    expect(await trailOf(link)).toHaveLength(1);
  });

  it("gets none before: half of a short life is left alone", async () => {
    await expectNoneFor(await waiting({ hoursLeft: 6.1 }));
    await expectNoneFor(await waiting({ hoursLeft: 1.1, lifetimeHours: 2 }));
    const short = await waiting({ hoursLeft: 0.9, lifetimeHours: 2 });
    await remindUsers(one.services);
    expect(await mailsOf(short)).toHaveLength(1);
  });

  it("gets none after: the next link is the administrator's to give", async () => {
    await expectNoneFor(await waiting({ hoursLeft: -0.1 }));
  });

  it("gets none where there are to be none", async () => {
    await expectNoneFor(await waiting(), none);
  });

  it("gets none where setpass has not mailed the link: whoever hands it over would hold a dead one", async () => {
    const link = await waiting({ mailed: false });
    await database.sql`update links set mail_to = ${link.address} where id = ${link.id}`;
    await expectNoneFor(link);
    // Nor where what was mailed was another link, before this one was made.
    const again = await waiting();
    await database.sql`
      update mails set created_at = created_at - interval '1 second' where link_id = ${again.id}`;
    await expectNoneFor(again);
  });

  it.each(["queued", "failed", "cancelled"])("gets none where the mail is %s", async (state) => {
    const link = await waiting();
    await database.sql`update mails set state = ${state} where link_id = ${link.id}`;
    await remindUsers(one.services);
    expect([...(await trailOf(link))]).toEqual([]);
  });

  it.each([
    ["was mailed again a moment ago", "", true],
    [
      "is being redeemed",
      "claimed_until = now() + interval '1 minute', claim_id = gen_random_uuid()",
    ],
    ["is locked", "attempts = 3"],
    ["had its initial password replaced by one that nobody knows", "scrambled_at = now()"],
    ["has a PIN whose guesses are used up", "pin_guesses = 10"],
    ["waits for an administrator", "problem = 'account-disabled'"],
    ["is of a user Keystone does not know", "user_found = false"],
    ["goes to another address since", "mail_to = 'other@example.org'"],
  ])("gets none where the link %s", async (_, change, resent = false) => {
    const link = await waiting();
    if (change) await database.sql.unsafe(`update links set ${change} where id = '${link.id}'`);
    if (resent) {
      await resendLink(one.services, { linkId: link.id, mailTo: link.address }, newAdmin());
      await database.sql`update mails set state = 'sent', sealed_props = null where link_id = ${link.id}`;
    }
    await expectNoneFor(link);
  });

  it("gets none while Keystone's answer to their own password is lost", async () => {
    const link = await waiting();
    await database.sql`update links set sealed_attempts = sealed_password where id = ${link.id}`;
    await expectNoneFor(link);
  });

  it("gets none where the link was revoked", async () => {
    const link = await waiting();
    await revokeLink(one.services, { linkId: link.id }, newAdmin());
    await expectNoneFor(link);
  });

  it("is reminded of a renewed link as of a first one", async () => {
    const link = await waiting();
    await remindUsers(one.services);
    const renewed = await issueLink(
      one.services,
      { userId: link.userId, via: "console", mailTo: link.address },
      newAdmin(),
    );
    expect(renewed.ok).toBe(true);
    await database.sql`update mails set state = 'sent', sealed_props = null where link_id = ${link.id} and state = 'queued'`;
    await remindUsers(one.services);
    expect(await trailOf(link)).toHaveLength(1);
    await pass(link, 19);
    await remindUsers(one.services);
    expect(await trailOf(link)).toHaveLength(2);
  });

  it("keeps the link they have where the mail, the row in the trail, or its commit fails", async () => {
    for (const table of ["mails", "audit_events", "links"]) {
      const link = await waiting();
      await database.sql.unsafe(`
        create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
        create constraint trigger refuse after insert or update on ${table}
          deferrable initially deferred for each row execute function refuse()`);
      try {
        await expect(remindUsers(one.services)).rejects.toThrow();
      } finally {
        await database.sql`drop function refuse cascade`;
      }
      expect(await viewLink(one.services, link.token)).toMatchObject({ userId: link.userId });
      expect(await mailsOf(link)).toEqual([]);
      await remindUsers(one.services);
      expect(await mailsOf(link)).toHaveLength(1);
    }
  });

  it("is not forgotten because of another's link that nobody can read", async () => {
    const broken = await waiting();
    const link = await waiting();
    await database.sql`
      update links set sealed_pin_key = (select sealed_pin_key from links where id = ${link.id}) where id = ${broken.id}`;
    await remindUsers(one.services);
    expect(await mailsOf(link)).toHaveLength(1);
    expect(await mailsOf(broken)).toEqual([]);
  });
});
