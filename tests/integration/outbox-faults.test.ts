import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import process from "node:process";
import { eq } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { MailQueueOptions } from "../../app/jobs/send-mails.server";
import { createLog } from "../../app/telemetry/log.server";
import { createVault } from "../../app/vault/vault.server";
import { openDatabase } from "../../db/client";
import { mails } from "../../db/schema";
import { enqueueMail } from "../../emails/outbox";
import { createMailTransport, type MailTransport } from "../../emails/transport";
import { createTestDatabase, type TestDatabase } from "../support/database";
import { startPostgresProxy } from "../support/postgres-proxy";
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
const key = randomBytes(32);
const vault = createVault([key]);

let database: TestDatabase;
let smtp: TestSmtpServer;
let transports: MailTransport[];
let workers: StartedQueue[];
let events: { event: string; at: number; [field: string]: unknown }[];

const log = createLog(
  { level: "debug" },
  { write: (line) => events.push({ ...JSON.parse(line), at: performance.now() }) },
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
  events = [];
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  for (const transport of transports) transport.close();
  smtp.behave({});
  smtp.clear();
  await database.db.delete(mails);
});

function work(options: Partial<MailQueueOptions> & { smtpUrl?: string } = {}): StartedQueue {
  const { smtpUrl = smtp.url, ...rest } = options;
  const transport = createMailTransport({
    smtpUrl,
    from: "cloud@example.org",
    replyTo: undefined,
    publicUrl: PUBLIC_URL,
  });
  transports.push(transport);
  const worker = startMailWorker({
    db: database.db,
    vault,
    transport,
    config,
    log,
    pollSeconds: 0.05,
    retryDelaySeconds: () => 0.1,
    ...rest,
  });
  workers.push(worker);
  return worker;
}

async function enqueueLinkMail(): Promise<{ id: string; token: string }> {
  const token = randomUUID();
  const id = await enqueueMail(database.db, vault, {
    template: "link",
    recipient: "jane.doe@example.org",
    props: {
      userName: "jane.doe",
      url: `https://setpass.example.org/?token=${token}`,
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
      pinLength: 4,
    },
  });
  return { id, token };
}

const rowOf = async (id: string) => {
  const [row] = await database.db.select().from(mails).where(eq(mails.id, id));
  if (!row) throw new Error("no such mail");
  return row;
};
const stateOf = async (id: string) => (await rowOf(id)).state;
const named = (name: string) => events.filter(({ event }) => event === name);

describe("a mail server that answers 4xx", () => {
  it("is asked again, after a wait that grows, until it takes the mail", async () => {
    const { id } = await enqueueLinkMail();
    smtp.behave({ rejectRecipient: { code: 450, text: "4.2.0 Greylisted, come back later" } });
    work({ retryDelaySeconds: (attempt) => 0.2 * 2 ** attempt });
    await eventually(() => named("mail.retry").length).toBe(3);
    expect(await rowOf(id)).toMatchObject({
      state: "queued",
      attempts: 3,
      lastError: "450 4.2.0 Greylisted, come back later",
      leasedUntil: null,
    });
    smtp.behave({});
    await eventually(() => stateOf(id)).toBe("sent");

    const tries = [...named("mail.retry"), ...named("mail.sent")].map(({ at }) => at);
    const waits = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    const [first = 0, second = 0, third = 0] = waits;
    expect(first).toBeGreaterThanOrEqual(380);
    expect(second).toBeGreaterThanOrEqual(780);
    expect(third).toBeGreaterThanOrEqual(1580);
    expect(await rowOf(id)).toMatchObject({ attempts: 4, lastError: null });
    expect(smtp.messages).toHaveLength(1);
  });

  it("is given up after the last try, with its words kept", async () => {
    const { id } = await enqueueLinkMail();
    smtp.behave({ rejectData: { code: 451, text: "4.3.0 Disk full" } });
    work({ maxAttempts: 3 });
    await eventually(() => stateOf(id)).toBe("failed");
    expect(await rowOf(id)).toMatchObject({
      attempts: 3,
      lastError: "451 4.3.0 Disk full",
      sealedProps: null,
    });
    expect(named("mail.failed")).toMatchObject([{ mailId: id, smtpCode: 451, attempt: 3 }]);
  });
});

describe("a mail server that answers 5xx", () => {
  it("to the recipient is final: its words are kept, the content is erased", async () => {
    const { id } = await enqueueLinkMail();
    smtp.behave({ rejectRecipient: { code: 550, text: "5.1.1 User unknown" } });
    work();
    await eventually(() => stateOf(id)).toBe("failed");
    expect(await rowOf(id)).toMatchObject({
      attempts: 1,
      lastError: "550 5.1.1 User unknown",
      sealedProps: null,
    });
    expect(named("mail.failed")).toMatchObject([
      { mailId: id, template: "link", smtpCode: 550, attempt: 1 },
    ]);
  });

  it("to the content is final, and the link it quotes is not kept", async () => {
    const { id, token } = await enqueueLinkMail();
    smtp.behave({
      rejectData: {
        code: 554,
        text: `5.7.1 Blocked address https://setpass.example.org/?token=${token} (${token.toUpperCase()})`,
      },
    });
    work();
    await eventually(() => stateOf(id)).toBe("failed");
    const { lastError } = await rowOf(id);
    expect(lastError).toMatch(/^quoted-link$/);
    expect(JSON.stringify(events)).not.toContain(token);
  });

  it("to the sender is final: nobody takes mail from it tomorrow either", async () => {
    const { id } = await enqueueLinkMail();
    smtp.behave({ rejectSender: { code: 553, text: "5.7.1 Sender address rejected" } });
    work();
    await eventually(() => stateOf(id)).toBe("failed");
    expect(await rowOf(id)).toMatchObject({
      attempts: 1,
      lastError: "553 5.7.1 Sender address rejected",
      sealedProps: null,
    });
  });

  it("to the session is not, though said at MAIL FROM", async () => {
    const [code, text] = [530, "5.7.0 Must issue a STARTTLS command first"];
    const { id } = await enqueueLinkMail();
    smtp.behave({ rejectSender: { code, text } });
    work();
    await eventually(() => named("mail.retry").length).toBeGreaterThan(0);
    expect(await rowOf(id)).toMatchObject({ state: "queued", lastError: `${code} ${text}` });
    expect((await rowOf(id)).sealedProps).not.toBeNull();
    smtp.behave({});
    await eventually(() => stateOf(id)).toBe("sent");
    expect(named("mail.failed")).toEqual([]);
  });

  it("to the login is not: the mail waits until the operator has mended the password", async () => {
    const { id } = await enqueueLinkMail();
    const wrong = new URL(smtp.url);
    wrong.password = "not-the-password";
    const worker = work({ smtpUrl: wrong.href });
    await eventually(() => named("mail.retry").length).toBeGreaterThan(1);
    await worker.stop();
    const waiting = await rowOf(id);
    expect(waiting.state).toBe("queued");
    expect(waiting.lastError).toMatch(/^535 5\.7\.8/);
    expect(waiting.lastError).not.toContain("not-the-password");
    expect(JSON.stringify(events)).not.toContain("not-the-password");

    work();
    await eventually(() => stateOf(id)).toBe("sent");
  });
});

it("a mail server that quotes the password it was given does not bring it into the console", async () => {
  const { id } = await enqueueLinkMail();
  const password = decodeURIComponent(new URL(smtp.url).password);
  const encoded = Buffer.from(password).toString("base64");
  smtp.behave({ rejectLogin: { code: 535, text: `5.7.8 Not ${password}, nor ${encoded}` } });
  work();
  await eventually(() => named("mail.retry").length).toBeGreaterThan(0);
  const { state, lastError } = await rowOf(id);
  expect(state).toBe("queued");
  expect(lastError).toBe("535 5.7.8 Not [password], nor [password]");
  for (const secret of [password, encoded]) expect(JSON.stringify(events)).not.toContain(secret);
});

describe("a mail server that is", () => {
  it("away is tried again, and gets the mail when it is back", async () => {
    const { id } = await enqueueLinkMail();
    await smtp.goAway();
    try {
      work();
      await eventually(async () => (await rowOf(id)).attempts).toBeGreaterThan(1);
      await eventually(async () => (await rowOf(id)).lastError).toMatch(/ECONNREFUSED/);
    } finally {
      await smtp.comeBack();
    }
    await eventually(() => stateOf(id)).toBe("sent");
    expect(smtp.messages).toHaveLength(1);
  });

  it.each(["greeting", "data"] as const)(
    "silent at the %s is left in time, and tried again",
    async (hangAt) => {
      const { id } = await enqueueLinkMail();
      smtp.behave({ hangAt });
      work({ leaseSeconds: 2 });
      await eventually(() => named("mail.retry").length).toBe(1);
      expect((await rowOf(id)).lastError).toBe("timeout");
      smtp.behave({});
      await eventually(() => stateOf(id)).toBe("sent");
    },
  );

  it("not who it says gets nothing: an unknown certificate is refused", async () => {
    const { id } = await enqueueLinkMail();
    const begun = smtp.dataCount();
    const untrusting = new URL(smtp.url);
    untrusting.searchParams.delete("tls.ca");
    work({ smtpUrl: untrusting.href });
    await eventually(async () => (await rowOf(id)).lastError ?? "").toMatch(
      /self-signed certificate/,
    );
    expect(await stateOf(id)).toBe("queued");
    expect(smtp.dataCount()).toBe(begun);
    // The words are for the console; the log says by its code that it is a certificate.
    await eventually(() => named("mail.retry")[0]).toMatchObject({
      mailId: id,
      reason: "no-answer",
      errorCode: "DEPTH_ZERO_SELF_SIGNED_CERT",
    });
  });

  it("known by another name gets nothing, unless SMTP_URL says which", async () => {
    const { id } = await enqueueLinkMail();
    const misnamed = new URL(smtp.url);
    misnamed.searchParams.set("tls.servername", "elsewhere.example.org");
    const begun = smtp.dataCount();
    const worker = work({ smtpUrl: misnamed.href });
    await eventually(() => named("mail.retry")[0]).toMatchObject({
      mailId: id,
      reason: "no-answer",
      errorCode: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
    await worker.stop();
    expect(smtp.dataCount()).toBe(begun);
    expect(await stateOf(id)).toBe("queued");
  });

  it("without TLS gets neither password nor mail when TLS is required", async () => {
    const plain = await startSmtpServer({ starttls: false, requireAuth: false });
    try {
      const { id } = await enqueueLinkMail();
      const strict = new URL(plain.url);
      strict.searchParams.set("requireTLS", "true");
      const worker = work({ smtpUrl: strict.href });
      await eventually(() => named("mail.retry").length).toBeGreaterThan(0);
      await worker.stop();
      expect(await stateOf(id)).toBe("queued");
      expect(plain.dataCount()).toBe(0);
    } finally {
      await plain.stop();
    }
  });
});

it("smtps is spoken from the first byte", async () => {
  const implicit = await startSmtpServer({ implicitTls: true });
  try {
    const { id } = await enqueueLinkMail();
    work({ smtpUrl: implicit.url });
    expect(await implicit.waitForMessage()).toMatchObject({ encrypted: true, user: "setpass" });
    await eventually(() => stateOf(id)).toBe("sent");
  } finally {
    await implicit.stop();
  }
});

describe("a mail that may have been delivered", () => {
  it("is sent again with the same Message-ID when the server's yes was lost", async () => {
    const { id } = await enqueueLinkMail();
    smtp.behave({ dropAfterData: true });
    work();
    await eventually(() => smtp.messages.length).toBeGreaterThan(0);
    smtp.behave({});
    await eventually(() => stateOf(id)).toBe("sent");
    expect(smtp.messages.length).toBeGreaterThan(1);
    expect(new Set(smtp.messages.map((mail) => mail.messageId))).toEqual(
      new Set([`<${id}@setpass.example.org>`]),
    );
  });

  it("is sent again with the same Message-ID when its worker was killed, once the lease ran out", async () => {
    const { id } = await enqueueLinkMail();
    smtp.behave({ delayDataMs: 60_000 });
    const worker = startWorkerProcess();
    try {
      await smtp.waitForMessage(undefined, 30_000);
    } finally {
      worker.kill("SIGKILL");
    }
    smtp.behave({});
    const [firstTime] = smtp.messages;
    const held = await rowOf(id);
    expect(held).toMatchObject({ state: "queued", attempts: 1 });

    work();
    await eventually(() => stateOf(id)).toBe("sent");
    const after = await rowOf(id);
    expect(after.attempts).toBe(2);
    expect(after.sentAt?.getTime()).toBeGreaterThanOrEqual(held.leasedUntil?.getTime() ?? Infinity);
    expect(smtp.messages.map((mail) => mail.messageId)).toEqual([
      firstTime?.messageId,
      firstTime?.messageId,
    ]);
  });
});

/** A worker in a process of its own, to be killed. Its lease is three seconds. */
function startWorkerProcess(): ChildProcess {
  const script = `
    import { createVault } from "./app/vault/vault.server.ts";
    import { openDatabase } from "./db/client.ts";
    import { mailQueue } from "./app/jobs/send-mails.server.ts";
    import { createWorker } from "./app/jobs/worker.server.ts";
    import { createMailTransport } from "./emails/transport.ts";
    const silent = () => {};
    const log = { info: silent, warn: silent, error: silent, debug: silent };
    createWorker({ log }).start(mailQueue({
      db: openDatabase({ url: process.env.TEST_DATABASE_URL, poolSize: 2 }).db,
      vault: createVault([Buffer.from(process.env.TEST_KEY, "base64")]),
      transport: createMailTransport({
        smtpUrl: process.env.TEST_SMTP_URL,
        from: "cloud@example.org",
        replyTo: undefined,
        publicUrl: new URL("${PUBLIC_URL.href}"),
      }),
      config: { brand: { appName: "Example Cloud" }, languages: ["en"], defaultLanguage: "en" },
      log,
      leaseSeconds: 3,
    }));
  `;
  return spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", script], {
    stdio: ["ignore", "ignore", "inherit"],
    env: {
      ...process.env,
      TEST_DATABASE_URL: database.url,
      TEST_SMTP_URL: smtp.url,
      TEST_KEY: key.toString("base64"),
    },
  });
}

it("a mail that is written while the worker looks is sent at once, not at its next look", async () => {
  const proxy = await startPostgresProxy({ target: database.url });
  const client = openDatabase({ url: proxy.through(database.url), poolSize: 2 });
  try {
    // The worker has looked and found nothing, and does not know it yet.
    const looking = proxy.hold({ sql: /^update "mails" set/ }, "after");
    const worker = work({ db: client.db, pollSeconds: 600 });
    await looking.waitForHits(1);
    const { id } = await enqueueLinkMail();
    worker.wake();
    looking.release();
    await eventually(() => stateOf(id)).toBe("sent");
    await worker.stop();
  } finally {
    await client.close({ timeoutSeconds: 1 });
    await proxy.stop();
  }
});

describe("a database that goes away", () => {
  it("is told of once in the log, and the mails go out when it is back", async () => {
    const proxy = await startPostgresProxy({ target: database.url });
    const client = openDatabase({ url: proxy.through(database.url), poolSize: 2 });
    try {
      const worker = work({ db: client.db });
      await eventually(() => proxy.connections()).toBeGreaterThan(0);
      await proxy.goAway();
      await eventually(() => named("jobs.database-lost").length).toBe(1);
      const { id } = await enqueueLinkMail();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      await proxy.comeBack();
      await eventually(() => stateOf(id)).toBe("sent");
      expect(named("jobs.database-lost")).toHaveLength(1);
      expect(named("jobs.database-back")).toHaveLength(1);
      await worker.stop();
    } finally {
      await client.close({ timeoutSeconds: 1 });
      await proxy.stop();
    }
  });

  it("just after the server took a mail does not make it go out twice", async () => {
    const proxy = await startPostgresProxy({ target: database.url });
    const client = openDatabase({ url: proxy.through(database.url), poolSize: 2 });
    try {
      const { id } = await enqueueLinkMail();
      smtp.behave({ delayDataMs: 500 });
      const worker = work({ db: client.db, leaseSeconds: 2 });
      await smtp.waitForMessage();
      await proxy.goAway();
      await eventually(() => named("mail.sent").length).toBe(1);
      // Longer than the lease: by the row alone, the mail is anybody's again.
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      expect(await stateOf(id)).toBe("queued");
      await proxy.comeBack();
      await eventually(() => stateOf(id)).toBe("sent");
      await worker.stop();
      expect(smtp.messages).toHaveLength(1);
    } finally {
      await client.close({ timeoutSeconds: 1 });
      await proxy.stop();
    }
  });
});
