import { randomBytes, randomUUID } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import {
  cancelQueuedMails,
  claimDueMails,
  countMailsByState,
  latestMailOfLinks,
  markCancelled,
  markSent,
} from "../../db/mails.store";
import { links, mails } from "../../db/schema";
import { createTestDatabase, type TestDatabase } from "../support/database";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());
afterEach(async () => {
  await database.db.delete(mails);
  await database.db.delete(links);
});

const sealedProps = Buffer.concat([Buffer.from([1]), randomBytes(40)]);
const secondsFromNow = (seconds: number) => sql`now() + make_interval(secs => ${seconds})`;

async function insertMail(
  row: Omit<Partial<typeof mails.$inferInsert>, "nextAttemptAt" | "leasedUntil" | "createdAt"> & {
    dueInSeconds?: number;
    leasedForSeconds?: number;
    createdInSeconds?: number;
  } = {},
): Promise<string> {
  const { dueInSeconds = 0, leasedForSeconds, createdInSeconds = 0, ...rest } = row;
  const id = randomUUID();
  await database.db.insert(mails).values({
    id,
    template: "link",
    recipient: "jane.doe@example.org",
    sealedProps,
    ...rest,
    nextAttemptAt: secondsFromNow(dueInSeconds),
    createdAt: secondsFromNow(createdInSeconds),
    ...(leasedForSeconds !== undefined && { leasedUntil: secondsFromNow(leasedForSeconds) }),
  });
  return id;
}

async function insertLink(issuedInSeconds = 0): Promise<string> {
  const [link] = await database.db
    .insert(links)
    .values({
      userId: randomUUID(),
      issuedAt: secondsFromNow(issuedInSeconds),
      expiresAt: secondsFromNow(3_600),
      issuedById: "admin",
      issuedVia: "console",
    })
    .returning({ id: links.id });
  return link?.id ?? "";
}

const rowOf = async (id: string) =>
  (await database.db.select().from(mails).where(eq(mails.id, id)))[0];

it("a claim takes what is due and nobody's, the longest waiting first, and no more than asked for", async () => {
  const second = await insertMail({ dueInSeconds: -20 });
  const third = await insertMail({ dueInSeconds: -10, leasedForSeconds: -1 });
  const first = await insertMail({ dueInSeconds: -30 });
  await insertMail({ dueInSeconds: 60 });
  await insertMail({ dueInSeconds: -90, leasedForSeconds: 60 });
  for (const state of ["sent", "failed", "cancelled"] as const)
    await insertMail({ dueInSeconds: -90, state, sealedProps: null });
  const claim = async (limit: number) =>
    (await claimDueMails(database.db, { limit, leaseSeconds: 60 })).map(({ id }) => id);
  expect(await claim(1)).toEqual([first]);
  expect(await claim(1)).toEqual([second]);
  expect(await claim(9)).toEqual([third]);
  expect(await claim(9)).toEqual([]);
  const { leasedUntil, attempts } = (await rowOf(first)) ?? {};
  expect(attempts).toBe(1);
  expect(leasedUntil?.getTime()).toBeGreaterThan(Date.now() + 50_000);
});

it("a claim passes over what another one is just taking, without waiting for it", async () => {
  const [one, other] = [await insertMail({ dueInSeconds: -9 }), await insertMail()];
  await database.db.transaction(async (tx) => {
    const [taken] = await claimDueMails(tx, { limit: 1, leaseSeconds: 60 });
    expect(taken?.id).toBe(one);
    const elsewhere = await claimDueMails(database.db, { limit: 9, leaseSeconds: 60 });
    expect(elsewhere.map(({ id }) => id)).toEqual([other]);
  });
});

it.each(["queued", "failed", "cancelled"] as const)(
  "a mail that was sent is told to be, also where it is %s by now; when, is told once",
  async (state) => {
    const id = await insertMail({ state, leasedForSeconds: 60, lastError: "450 Later" });
    const bystander = await insertMail();
    await markSent(database.db, id);
    const sent = await rowOf(id);
    expect(sent).toMatchObject({
      state: "sent",
      sentAt: expect.any(Date),
      sealedProps: null,
      leasedUntil: null,
      lastError: null,
    });
    await markSent(database.db, id);
    expect(await rowOf(id)).toEqual(sent);
    expect(await rowOf(bystander)).toMatchObject({ state: "queued", sealedProps });
  },
);

it("a claimed mail that is cancelled is erased, says why, and is nobody's", async () => {
  const id = await insertMail({ attempts: 1, leasedForSeconds: 60 });
  expect(await markCancelled(database.db, { id, attempt: 1 }, "The link expired.")).toBe(true);
  expect(await rowOf(id)).toMatchObject({
    state: "cancelled",
    lastError: "The link expired.",
    sealedProps: null,
    leasedUntil: null,
  });
});

it("what a link had queued is cancelled: not what was sent, nor other links' mails", async () => {
  const [linkId, otherLink] = [await insertLink(), await insertLink()];
  const queued = await insertMail({ linkId });
  const claimed = await insertMail({ linkId, template: "link-changed", leasedForSeconds: 60 });
  const others = await Promise.all([
    insertMail({ linkId, state: "sent", sealedProps: null }),
    insertMail({ linkId, state: "failed", sealedProps: null }),
    insertMail({ linkId: otherLink }),
    insertMail(),
  ]);
  const before = await Promise.all(others.map(rowOf));
  expect(await cancelQueuedMails(database.db, { linkId })).toBe(2);
  for (const id of [queued, claimed])
    expect(await rowOf(id)).toMatchObject({
      state: "cancelled",
      sealedProps: null,
      leasedUntil: null,
    });
  expect(await Promise.all(others.map(rowOf))).toEqual(before);
  expect(await cancelQueuedMails(database.db, { linkId })).toBe(0);
});

it("the newest mail of a link is its newest, whichever was written first, since it was issued", async () => {
  const [renewed, justIssued, notAsked] = [
    await insertLink(-60),
    await insertLink(-30),
    await insertLink(-60),
  ];
  const newest = await insertMail({ linkId: renewed, createdInSeconds: -10 });
  await insertMail({ linkId: renewed, createdInSeconds: -50 });
  // Of the link as it was before.
  await insertMail({ linkId: justIssued, createdInSeconds: -31 });
  await insertMail({ linkId: notAsked, createdInSeconds: -10 });
  const found = await latestMailOfLinks(database.db, [renewed, justIssued]);
  expect([...found].map(([linkId, { id }]) => [linkId, id])).toEqual([[renewed, newest]]);

  // In one transaction with its link, as links are issued.
  const withLink = await insertMail({ linkId: justIssued });
  await database.db
    .update(mails)
    .set({ createdAt: sql`(select issued_at from links where id = ${justIssued})` })
    .where(eq(mails.id, withLink));
  const again = await latestMailOfLinks(database.db, [justIssued]);
  expect(again.get(justIssued)?.id).toBe(withLink);
});

it("nothing is counted where there is nothing", async () => {
  const none = { queued: 0, sent: 0, failed: 0, cancelled: 0 };
  expect(await countMailsByState(database.db)).toEqual(none);
});
