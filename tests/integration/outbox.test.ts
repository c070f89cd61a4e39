import { randomBytes, randomUUID } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { MailQueueOptions } from "../../app/jobs/send-mails.server";
import { createLog } from "../../app/telemetry/log.server";
import { createVault } from "../../app/vault/vault.server";
import {
  cancelQueuedMails,
  claimDueMails,
  countMailsByState,
  deleteOldMails,
  latestMailOfLinks,
  markCancelled,
  markFailed,
  markForRetry,
  markSent,
  releaseClaim,
} from "../../db/mails.store";
import { links, mails } from "../../db/schema";
import { enqueueMail, type MailToSend } from "../../emails/outbox";
import { createMailTransport, type MailTransport } from "../../emails/transport";
import { createTestDatabase, type TestDatabase } from "../support/database";
import { startSmtpServer, type TestSmtpServer } from "../support/smtp";
import { type StartedQueue, startMailWorker } from "../support/worker";

/** Checks until it holds; the machine may be busy with other tests. */
const eventually = <Value>(read: () => Value) => expect.poll(read, { timeout: 20_000 });

const PUBLIC_URL = new URL("https://setpass.example.org");
const config = {
  brand: { appName: "Example Cloud", dashboardUrl: undefined, supportContact: undefined },
  languages: ["en", "de"],
  defaultLanguage: "en",
} as const;
const vault = createVault([randomBytes(32)]);

let database: TestDatabase;
let smtp: TestSmtpServer;
let transports: MailTransport[];
let workers: StartedQueue[];
let logged: string;

const log = createLog(
  { level: "debug" },
  {
    write: (line) => {
      logged += line;
    },
  },
);

beforeAll(async () => {
  database = await createTestDatabase();
  smtp = await startSmtpServer();
});
afterAll(async () => {
  await smtp?.stop();
  await database?.close();
});

beforeEach(() => {
  transports = [];
  workers = [];
  logged = "";
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  for (const transport of transports) transport.close();
  smtp.behave({});
  smtp.clear();
  await database.db.delete(mails);
  await database.db.delete(links);
});

function transportTo(smtpUrl: string): MailTransport {
  const transport = createMailTransport({
    smtpUrl,
    from: "Example Cloud <cloud@example.org>",
    replyTo: "helpdesk@example.org",
    publicUrl: PUBLIC_URL,
  });
  transports.push(transport);
  return transport;
}

function work(options: Partial<MailQueueOptions> = {}): StartedQueue {
  const worker = startMailWorker({
    db: database.db,
    vault,
    transport: options.transport ?? transportTo(smtp.url),
    config,
    log,
    pollSeconds: 0.1,
    ...options,
  });
  workers.push(worker);
  return worker;
}

const linkMail = (options: { recipient?: string; linkId?: string; expiresAt?: Date } = {}) => {
  const token = randomUUID();
  const url = `https://setpass.example.org/?token=${token}`;
  const mail: MailToSend = {
    template: "link",
    recipient: options.recipient ?? "jane.doe@example.org",
    ...(options.linkId === undefined ? {} : { linkId: options.linkId }),
    props: {
      userName: "jane.doe",
      url,
      expiresAt: (options.expiresAt ?? new Date(Date.now() + 3_600_000)).toISOString(),
      pinLength: 4,
    },
  };
  return { mail, url, token };
};

const rowOf = async (id: string) => {
  const [row] = await database.db.select().from(mails).where(eq(mails.id, id));
  if (!row) throw new Error("no such mail");
  return row;
};

const stateOf = async (id: string) => (await rowOf(id)).state;

async function insertLink(): Promise<string> {
  const [link] = await database.db
    .insert(links)
    .values({
      userId: randomUUID(),
      expiresAt: new Date(Date.now() + 3_600_000),
      issuedById: "admin",
      issuedVia: "console",
    })
    .returning({ id: links.id });
  if (!link) throw new Error("no link");
  return link.id;
}

describe("a mail in the outbox", () => {
  it("is sent encrypted, signed in, and says who it is from and where to answer", async () => {
    const { mail, url } = linkMail();
    const id = await enqueueMail(database.db, vault, mail);
    work();
    const received = await smtp.waitForMessage();
    expect(received).toMatchObject({
      from: "cloud@example.org",
      to: ["jane.doe@example.org"],
      encrypted: true,
      user: "setpass",
      subject: "Your Example Cloud account: choose your password",
      messageId: `<${id}@setpass.example.org>`,
    });
    expect(received.text.split("\n")).toContain(url);
    expect(received.html).toContain(`href="${url}"`);
    expect(received.parsed.replyTo?.text).toBe("helpdesk@example.org");
    // Nobody's absence notice answers: as the standard has it, and as Exchange does.
    expect(received.parsed.headers.get("auto-submitted")).toBe("auto-generated");
    expect(received.parsed.headers.get("x-auto-response-suppress")).toBe("All");
    await eventually(() => stateOf(id)).toBe("sent");
  });

  it("is sealed while it waits, and erased once it is sent", async () => {
    const { mail, token } = linkMail();
    const id = await enqueueMail(database.db, vault, mail);
    const waiting = await rowOf(id);
    expect(waiting.sealedProps?.length).toBeGreaterThan(100);
    expect(waiting.sealedProps?.toString("latin1")).not.toContain(token);
    expect(JSON.stringify({ ...waiting, sealedProps: null })).not.toContain(token);

    work();
    await eventually(() => stateOf(id)).toBe("sent");
    expect(await rowOf(id)).toMatchObject({
      sealedProps: null,
      leasedUntil: null,
      lastError: null,
      attempts: 1,
      sentAt: expect.any(Date),
    });
  });

  it("is sent at once when the worker is woken, long before it would look by itself", async () => {
    const worker = work({ pollSeconds: 600 });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await enqueueMail(database.db, vault, linkMail().mail);
    const wokenAt = performance.now();
    worker.wake();
    await smtp.waitForMessage();
    expect(performance.now() - wokenAt).toBeLessThan(5_000);
  });

  it("is never sent when the act it tells of did not happen", async () => {
    await expect(
      database.db.transaction(async (tx) => {
        await enqueueMail(tx, vault, linkMail({ recipient: "never@example.org" }).mail);
        throw new Error("the act failed");
      }),
    ).rejects.toThrow("the act failed");
    await enqueueMail(database.db, vault, linkMail({ recipient: "after@example.org" }).mail);
    work();
    await smtp.waitForMessage((mail) => mail.to.includes("after@example.org"));
    expect(smtp.messages.map((mail) => mail.to)).toEqual([["after@example.org"]]);
  });

  it("goes to one address, whatever is written in its place", async () => {
    const recipients = [
      "a@example.org, b@example.org",
      "a@example.org>\r\nRCPT TO:<b@example.org",
      "a@example.org\r\nBcc: b@example.org",
      "Jane <a@example.org>",
      "nobody",
    ];
    const ids = await Promise.all(
      recipients.map((recipient) => enqueueMail(database.db, vault, linkMail({ recipient }).mail)),
    );
    const begun = smtp.dataCount();
    work();
    for (const id of ids) await eventually(() => stateOf(id)).toBe("failed");
    expect(smtp.dataCount()).toBe(begun);
    const [first] = ids as [string];
    expect((await rowOf(first)).lastError).toBe("bad-address");
  });

  it("leaves neither address nor content in the log", async () => {
    const { mail, token } = linkMail({ recipient: "secret.person@example.org" });
    const id = await enqueueMail(database.db, vault, mail);
    smtp.behave({
      rejectRecipient: { code: 450, text: `4.2.1 <secret.person@example.org> is busy ${token}` },
    });
    work({ retryDelaySeconds: () => 0.1 });
    await eventually(() => logged).toContain("mail.retry");
    smtp.behave({});
    await eventually(() => logged).toContain("mail.sent");
    expect(logged).toContain(id);
    expect(logged).toContain('"smtpCode":450');
    for (const secret of ["secret.person", "example.org", token, "jane.doe", "busy"])
      expect(logged).not.toContain(secret);
  });
});

describe("two workers on one outbox", () => {
  it("never send one mail twice", async () => {
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        enqueueMail(database.db, vault, linkMail({ recipient: `user${index}@example.org` }).mail),
      ),
    );
    smtp.behave({ delayDataMs: 20 });
    work({ pollSeconds: 0.02 });
    work({ pollSeconds: 0.02 });
    await eventually(() => countMailsByState(database.db)).toEqual({
      queued: 0,
      sent: 60,
      failed: 0,
      cancelled: 0,
    });
    expect(smtp.messages).toHaveLength(60);
    expect(new Set(smtp.messages.map((mail) => mail.messageId))).toEqual(
      new Set(ids.map((id) => `<${id}@setpass.example.org>`)),
    );
  });

  it("do not take more than they asked for, nor what another one holds", async () => {
    for (let index = 0; index < 8; index += 1)
      await enqueueMail(database.db, vault, linkMail().mail);
    const claims = await Promise.all(
      [3, 3, 3].map((limit) => claimDueMails(database.db, { limit, leaseSeconds: 60 })),
    );
    for (const claim of claims) expect(claim.length).toBeLessThanOrEqual(3);
    const ids = claims.flat().map((mail) => mail.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(
      ids.length + (await claimDueMails(database.db, { limit: 9, leaseSeconds: 60 })).length,
    ).toBe(8);
  });
});

describe("a claim whose lease ran out, and whose mail another worker took since,", () => {
  /** The first claim of a mail that is claimed a second time by now. */
  async function overtaken() {
    const id = await enqueueMail(database.db, vault, linkMail().mail);
    const [stale] = await claimDueMails(database.db, { limit: 1, leaseSeconds: 60 });
    await database.db.update(mails).set({ leasedUntil: sql`now()` }).where(eq(mails.id, id));
    const [current] = await claimDueMails(database.db, { limit: 1, leaseSeconds: 60 });
    if (!stale || !current) throw new Error("the mail was not claimed twice");
    expect([stale, current]).toMatchObject([
      { id, attempt: 1 },
      { id, attempt: 2 },
    ]);
    return { stale, current, held: await rowOf(id) };
  }

  const retry = { delaySeconds: 60, lastError: "451 4.3.0 Disk full" };

  it("neither fails, cancels, postpones nor releases it: only the newer claim does", async () => {
    const { stale, current, held } = await overtaken();
    expect(await markFailed(database.db, stale, "550 5.1.1 User unknown")).toBe(false);
    expect(await markCancelled(database.db, stale, "The link expired.")).toBe(false);
    expect(await markForRetry(database.db, stale, retry)).toBe(false);
    await releaseClaim(database.db, stale);
    expect(await rowOf(held.id)).toEqual(held);

    expect(await markForRetry(database.db, current, retry)).toBe(true);
    const waiting = await rowOf(held.id);
    expect(waiting).toMatchObject({ state: "queued", attempts: 2, leasedUntil: null });
    expect(waiting.lastError).toBe("451 4.3.0 Disk full");
    expect(waiting.nextAttemptAt.getTime()).toBeGreaterThan(held.nextAttemptAt.getTime() + 50_000);
  });

  it("still tells that the mail was sent, which is true whoever says it", async () => {
    const { stale, current } = await overtaken();
    await markSent(database.db, stale.id);
    expect(await rowOf(stale.id)).toMatchObject({ state: "sent", sealedProps: null });
    expect(await markFailed(database.db, current, "550 5.1.1 User unknown")).toBe(false);
    expect(await stateOf(stale.id)).toBe("sent");
  });

  it("leaves other mails alone", async () => {
    const { current } = await overtaken();
    const other = await enqueueMail(database.db, vault, linkMail().mail);
    await claimDueMails(database.db, { limit: 1, leaseSeconds: 60 });
    await database.db.update(mails).set({ attempts: 2 }).where(eq(mails.id, other));
    const untouched = await rowOf(other);
    await releaseClaim(database.db, current);
    expect(await rowOf(current.id)).toMatchObject({ attempts: 1, leasedUntil: null });
    expect(await markFailed(database.db, { ...current, attempt: 1 }, "550 No")).toBe(true);
    expect(await rowOf(other)).toEqual(untouched);
  });
});

describe("a mail whose tries are used up", () => {
  it("is given up, and not sent, where its worker died at the last of them", async () => {
    const id = await enqueueMail(database.db, vault, linkMail().mail);
    const tries = { attempts: 3, leasedUntil: sql`now() - interval '1 second'` };
    await database.db.update(mails).set(tries).where(eq(mails.id, id));
    work({ maxAttempts: 3 });
    await eventually(() => stateOf(id)).toBe("failed");
    expect(await rowOf(id)).toMatchObject({
      lastError: "given-up",
      sealedProps: null,
      leasedUntil: null,
    });
    expect(smtp.messages).toEqual([]);
    expect(logged).toContain('"reason":"given-up"');
  });

  it("is still sent at the last of them", async () => {
    const id = await enqueueMail(database.db, vault, linkMail().mail);
    await database.db.update(mails).set({ attempts: 2 }).where(eq(mails.id, id));
    work({ maxAttempts: 3 });
    await eventually(() => stateOf(id)).toBe("sent");
    expect(await rowOf(id)).toMatchObject({ attempts: 3 });
  });
});

describe("a mail that is not wanted any more", () => {
  it("is not sent once it is cancelled, and erased", async () => {
    const linkId = await insertLink();
    const id = await enqueueMail(database.db, vault, linkMail({ linkId }).mail);
    const other = await enqueueMail(database.db, vault, {
      template: "password-set",
      recipient: "jane.doe@example.org",
      linkId,
      props: { userName: "jane.doe", at: new Date().toISOString() },
    });
    expect(await cancelQueuedMails(database.db, { linkId, template: "link" })).toBe(1);
    work();
    await eventually(() => stateOf(other)).toBe("sent");
    expect(await rowOf(id)).toMatchObject({ state: "cancelled", sealedProps: null, attempts: 0 });
    expect(smtp.messages.map((mail) => mail.subject)).toEqual([
      "Your Example Cloud password was set",
    ]);
  });

  it("is not sent when its link has expired meanwhile, and says so", async () => {
    const expired = await enqueueMail(
      database.db,
      vault,
      linkMail({ expiresAt: new Date(Date.now() - 1000) }).mail,
    );
    work();
    await eventually(() => stateOf(expired)).toBe("cancelled");
    expect(await rowOf(expired)).toMatchObject({
      sealedProps: null,
      lastError: "link-expired",
    });
    expect(smtp.messages).toEqual([]);
  });
});

describe("a mail that cannot be trusted", () => {
  it("is not sent to an address that was written over the first", async () => {
    const id = await enqueueMail(database.db, vault, linkMail().mail);
    await database.db.update(mails).set({ recipient: "thief@example.org" }).where(eq(mails.id, id));
    work();
    await eventually(() => stateOf(id)).toBe("failed");
    expect((await rowOf(id)).lastError).toBe("changed");
    expect(smtp.messages).toEqual([]);
  });

  it("is not sent as another kind than it was written as", async () => {
    const id = await enqueueMail(database.db, vault, linkMail().mail);
    await database.db.update(mails).set({ template: "link-problem" }).where(eq(mails.id, id));
    work();
    await eventually(() => stateOf(id)).toBe("failed");
    expect((await rowOf(id)).lastError).toBe("changed");
    expect(smtp.messages).toEqual([]);
  });

  it("is not sent with what was sealed for another mail", async () => {
    const id = await enqueueMail(database.db, vault, linkMail().mail);
    const other = await enqueueMail(database.db, vault, linkMail().mail);
    const { sealedProps } = await rowOf(other);
    await database.db.update(mails).set({ sealedProps }).where(eq(mails.id, id));
    work();
    await eventually(() => stateOf(other)).toBe("sent");
    await eventually(() => stateOf(id)).toBe("failed");
    expect(smtp.messages).toHaveLength(1);
  });

  it("fails when no key opens it, and the log says which", async () => {
    const foreign = createVault([randomBytes(32)]);
    const id = await enqueueMail(database.db, foreign, linkMail().mail);
    work();
    await eventually(() => stateOf(id)).toBe("failed");
    expect((await rowOf(id)).lastError).toBe("unreadable");
    expect(logged).toMatch(/"mail\.failed".*which SECRET_KEYS does not hold/);
  });
});

describe("stopping", () => {
  it("finishes the mails under way, writes them down, and takes no more", async () => {
    smtp.behave({ delayDataMs: 800 });
    for (let index = 0; index < 6; index += 1)
      await enqueueMail(database.db, vault, linkMail().mail);
    const began = smtp.dataCount();
    const worker = work({ concurrency: 2 });
    await eventually(() => smtp.dataCount()).toBe(began + 2);
    await worker.stop();
    expect(await countMailsByState(database.db)).toEqual({
      queued: 4,
      sent: 2,
      failed: 0,
      cancelled: 0,
    });
    expect(smtp.messages).toHaveLength(2);
    const held = await database.db.select().from(mails).where(eq(mails.state, "queued"));
    expect(held.map((mail) => [mail.attempts, mail.leasedUntil])).toEqual(
      Array.from({ length: 4 }, () => [0, null]),
    );
  });
});

describe("what the console and the metrics read", () => {
  it("tells how the newest link mail of each link stands", async () => {
    const [first, second, without] = await Promise.all([insertLink(), insertLink(), insertLink()]);
    await enqueueMail(database.db, vault, linkMail({ linkId: first }).mail);
    const newest = await enqueueMail(
      database.db,
      vault,
      linkMail({ linkId: first, recipient: "new@example.org" }).mail,
    );
    await enqueueMail(database.db, vault, {
      template: "password-set",
      recipient: "jane.doe@example.org",
      linkId: first,
      props: { at: new Date().toISOString() },
    });
    const failed = await enqueueMail(database.db, vault, linkMail({ linkId: second }).mail);
    smtp.behave({ rejectRecipient: { code: 550, text: "5.1.1 User unknown" } });
    await database.db
      .update(mails)
      .set({ nextAttemptAt: sql`now() + interval '1 hour'` })
      .where(eq(mails.linkId, first));
    work();
    await eventually(() => stateOf(failed)).toBe("failed");

    const found = await latestMailOfLinks(database.db, [first, second, without]);
    expect([...found.keys()].sort()).toEqual([first, second].sort());
    expect(found.get(first)).toMatchObject({
      id: newest,
      template: "link",
      recipient: "new@example.org",
      state: "queued",
      attempts: 0,
      lastError: null,
      createdAt: expect.any(Date),
      sentAt: null,
    });
    expect(found.get(second)).toMatchObject({
      id: failed,
      state: "failed",
      attempts: 1,
      lastError: "550 5.1.1 User unknown",
    });
    expect(await latestMailOfLinks(database.db, [])).toEqual(new Map());
  });

  it("forgets old mails, except those that still wait", async () => {
    const waiting = await enqueueMail(database.db, vault, linkMail().mail);
    const old = await enqueueMail(database.db, vault, linkMail().mail);
    const young = await enqueueMail(database.db, vault, linkMail().mail);
    const aged = sql`now() - interval '31 days'`;
    await database.db.update(mails).set({ createdAt: aged }).where(eq(mails.id, waiting));
    await database.db
      .update(mails)
      .set({ createdAt: aged, state: "sent" })
      .where(eq(mails.id, old));
    await database.db.update(mails).set({ state: "sent" }).where(eq(mails.id, young));
    expect(await deleteOldMails(database.db, { olderThanDays: 30 })).toBe(1);
    const left = await database.db.select({ id: mails.id }).from(mails);
    expect(left.map((mail) => mail.id).sort()).toEqual([waiting, young].sort());
  });
});
