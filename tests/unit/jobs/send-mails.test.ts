import { randomBytes, randomUUID } from "node:crypto";
import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { MailQueueOptions } from "../../../app/jobs/send-mails.server";
import type { LogFields } from "../../../app/telemetry/log.server";
import { createVault } from "../../../app/vault/vault.server";
import type { Database } from "../../../db/client";
import {
  type ClaimedMail,
  claimDueMails,
  markCancelled,
  markFailed,
  markForRetry,
  markSent,
  releaseClaim,
} from "../../../db/mails.store";
import type { MailContent } from "../../../emails/mail-content";
import type { SendOutcome } from "../../../emails/transport";
import { type StartedQueue, startMailWorker } from "../../support/worker";

// What the worker does when, and what it does with each answer: an outage of a minute, and a database that
// never answers, take no time here. The outbox's rows have their tests on PostgreSQL.
vi.mock("../../../db/mails.store");
// Modules stay loaded from one file of tests to the next. Here the worker is loaded anew, upon a store
// that is not the real one, and nobody else meets that.
vi.hoisted(() => vi.resetModules());
afterAll(() => {
  vi.doUnmock("../../../db/mails.store");
  vi.resetModules();
});

const db = {} as Database;
const vault = createVault([randomBytes(32)]);
const config = {
  brand: { appName: "Example Cloud", dashboardUrl: undefined, supportContact: undefined },
  languages: ["en", "de"],
  defaultLanguage: "en",
} as const;
const TOKEN = "3f0f9b8e-5d5f-4a06-9a53-6a3f8a0f1b2c";
const RECIPIENT = "jane.doe@example.org";

/** What is in the outbox, for whoever looks next. */
let due: ClaimedMail[];
/** What each of its mails was answered, in turn; the last answer stays. */
let answers: (() => Promise<SendOutcome>)[];
let sends: { mailId: string; timeoutSeconds: number }[];
let logged: [level: string, event: string, fields: LogFields][];
let workers: StartedQueue[];

const record =
  (level: string) =>
  (event: string, fields: LogFields = {}) => {
    logged.push([level, event, fields]);
  };
const log = {
  debug: record("debug"),
  info: record("info"),
  warn: record("warn"),
  error: record("error"),
};
const events = () => logged.map(([, event]) => event);

const taken = async (): Promise<SendOutcome> => ({ ok: true });
const answer = (outcome: Partial<Extract<SendOutcome, { ok: false }>>) => async () => ({
  ok: false as const,
  final: false,
  smtpCode: undefined,
  errorCode: undefined,
  words: "",
  ...outcome,
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
  due = [];
  answers = [taken];
  sends = [];
  logged = [];
  workers = [];
  vi.mocked(claimDueMails).mockImplementation(async (_db, { limit }) => due.splice(0, limit));
  vi.mocked(markSent).mockResolvedValue(undefined);
  for (const mark of [releaseClaim, markFailed, markForRetry, markCancelled])
    vi.mocked(mark).mockResolvedValue(true);
});
afterEach(async () => {
  for (const mark of [claimDueMails, markSent, markFailed, markForRetry, markCancelled])
    vi.mocked(mark).mockResolvedValue([] as never);
  const stopped = Promise.all(workers.map((worker) => worker.stop()));
  await vi.runAllTimersAsync();
  await stopped;
  vi.useRealTimers();
  vi.resetAllMocks();
});

function work(options: Partial<MailQueueOptions> = {}): StartedQueue {
  const worker = startMailWorker({
    db,
    vault,
    config,
    log,
    transport: {
      send: ({ mailId }, { timeoutSeconds }) => {
        sends.push({ mailId, timeoutSeconds });
        const next = answers.length > 1 ? answers.shift() : answers[0];
        return (next ?? taken)();
      },
      verify: taken,
      close: () => {},
    },
    ...options,
  });
  workers.push(worker);
  return worker;
}

const passwordSet: MailContent = {
  template: "password-set",
  props: { at: "2030-01-01T00:00:00.000Z" },
};
const url = `https://setpass.example.org/?token=${TOKEN}`;
const link = (expiresAt: string): MailContent => ({
  template: "link",
  props: { url, expiresAt, pinLength: 4 },
});
const resetConfirm = (expiresAt: string): MailContent => ({
  template: "reset-confirm",
  props: { code: "K7-QF2", url, expiresAt },
});

function mail(content = passwordSet, more: Partial<ClaimedMail> = {}): ClaimedMail {
  const id = randomUUID();
  const sealed = vault.seal(JSON.stringify({ ...content, recipient: RECIPIENT }), {
    column: "mails.sealed_props",
    row: id,
  });
  const { template } = content;
  return {
    id,
    template,
    recipient: RECIPIENT,
    linkId: null,
    sealedProps: sealed,
    attempt: 1,
    ...more,
  };
}

/** Lets all go on that waits for no timer. Rendering takes some turns of the event loop. */
async function settle() {
  for (let turns = 0; turns < 50; turns += 1) await turn();
}
async function pass(ms: number) {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
}
/** Waits for real, without the time of the worker going on. */
async function until(holds: () => boolean) {
  const deadline = process.hrtime.bigint() + 10_000_000_000n;
  while (!holds()) {
    if (process.hrtime.bigint() > deadline) throw new Error("it did not come to that");
    await turn();
  }
}

const calls = (of: typeof claimDueMails | typeof markSent) => vi.mocked(of).mock.calls.length;

function deferred<Value>() {
  let resolve: (value: Value) => void = () => {};
  const promise = new Promise<Value>((settled) => {
    resolve = settled;
  });
  return { promise, resolve };
}

/** @returns when it was called, in milliseconds from now */
function timesOf<Result>(fails: (call: number) => boolean, result: Result) {
  const startedAt = Date.now();
  const times: number[] = [];
  const fake = async () => {
    times.push(Date.now() - startedAt);
    if (fails(times.length)) throw new Error("connection refused");
    return result;
  };
  return { times, fake };
}

describe("a worker looks into the outbox", () => {
  it("at once, and every five seconds from then on: for five mails, which are its own for two minutes", async () => {
    work();
    await settle();
    expect(vi.mocked(claimDueMails).mock.calls).toEqual([[db, { limit: 5, leaseSeconds: 120 }]]);
    await pass(4_999);
    expect(calls(claimDueMails)).toBe(1);
    await pass(1);
    expect(calls(claimDueMails)).toBe(2);
    await pass(10_000);
    expect(calls(claimDueMails)).toBe(4);
    expect(logged).toEqual([]);
  });

  it("at once when it is woken, and once", async () => {
    const worker = work();
    await pass(1_000);
    worker.wake();
    await settle();
    expect(calls(claimDueMails)).toBe(2);
    await pass(4_999);
    expect(calls(claimDueMails)).toBe(2);
    await pass(1);
    expect(calls(claimDueMails)).toBe(3);
  });

  it("again when it is woken while it looks", async () => {
    const looking = deferred<ClaimedMail[]>();
    vi.mocked(claimDueMails).mockReturnValueOnce(looking.promise);
    const worker = work();
    worker.wake();
    due = [mail()];
    looking.resolve([]);
    await until(() => calls(markSent) === 1);
    await pass(100);
    expect(calls(claimDueMails)).toBe(2);
  });

  it("for as many as it can send at once, and for the next as soon as one is done", async () => {
    const first = deferred<SendOutcome>();
    const never = deferred<SendOutcome>();
    answers = [() => first.promise, () => never.promise];
    const queued = [mail(), mail(), mail(), mail()];
    due = [...queued];
    work({ concurrency: 2 });
    await until(() => sends.length === 2);
    await pass(20_000);
    expect(sends).toHaveLength(2);
    expect(due).toHaveLength(2);
    first.resolve({ ok: true });
    await until(() => sends.length === 3);
    expect(vi.mocked(claimDueMails).mock.lastCall?.[1]).toMatchObject({ limit: 1 });
    expect(sends.map(({ mailId }) => mailId)).toEqual(queued.slice(0, 3).map(({ id }) => id));
    never.resolve({ ok: true });
  });

  it("and gives a mail three quarters of the lease to be sent in", async () => {
    due = [mail()];
    work();
    await until(() => sends.length === 1);
    expect(sends[0]?.timeoutSeconds).toBe(90);
  });
});

describe("a database that fails", () => {
  it("is asked again ever more seldom, every half minute in the end, and told of once", async () => {
    const { times, fake } = timesOf((call) => call <= 9 || call === 11, []);
    vi.mocked(claimDueMails).mockImplementation(fake);
    work();
    await pass(200_000);
    const waits = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(waits.slice(0, 12)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000,
      // It answered, and failed once more, and answered.
      5_000, 500, 5_000,
    ]);
    expect(logged).toEqual([
      [
        "error",
        "jobs.database-lost",
        { kind: "mails", error: expect.objectContaining({ message: "connection refused" }) },
      ],
      ["info", "jobs.database-back", { kind: "mails" }],
      ["error", "jobs.database-lost", expect.anything()],
      ["info", "jobs.database-back", { kind: "mails" }],
    ]);
  });

  it("has failed when it has not answered for twenty seconds", async () => {
    vi.mocked(claimDueMails).mockReturnValueOnce(new Promise(() => {}));
    work();
    await pass(19_999);
    expect(logged).toEqual([]);
    await pass(1);
    expect(logged[0]?.[2].error?.message).toBe("no answer within 20 s");
    await pass(500);
    expect(calls(claimDueMails)).toBe(2);
  });

  it("is told again and again that a mail was sent, until it takes it; the mail is sent once", async () => {
    const { times, fake } = timesOf((call) => call <= 3, undefined);
    vi.mocked(markSent).mockImplementation(fake);
    const sent = mail();
    due = [sent];
    work();
    await until(() => times.length === 1);
    await pass(500);
    await pass(1_000);
    due = [{ ...sent, attempt: 2 }];
    await pass(1_999);
    expect(times).toEqual([0, 500, 1_500]);
    await pass(1);
    expect(times).toEqual([0, 500, 1_500, 3_500]);
    expect(events()).toEqual(["mail.sent", "jobs.database-lost", "jobs.database-back"]);
    await pass(1_500);
    expect(calls(claimDueMails)).toBe(2);
  });

  it("does not have the mail sent again that it could not be told of, though its lease ran out", async () => {
    vi.mocked(markSent).mockRejectedValue(new Error("connection refused"));
    const sent = mail();
    due = [sent];
    work();
    await until(() => calls(markSent) === 1);
    due = [{ ...sent, attempt: 2 }];
    await pass(5_000);
    expect(due).toEqual([]);
    expect(sends).toHaveLength(1);
    // Once it was told, the mail is one like any other: somebody may have queued it again by hand.
    vi.mocked(markSent).mockResolvedValue(undefined);
    await pass(30_000);
    due = [{ ...sent, attempt: 3 }];
    await pass(5_000);
    await until(() => sends.length === 2);
  });
});

describe("a worker that is told to stop", () => {
  it("stops at once where it only waits, and leaves no timer that would keep the process", async () => {
    const worker = work({ pollSeconds: 600 });
    await settle();
    await worker.stop();
    expect(vi.getTimerCount()).toBe(0);
    expect(calls(claimDueMails)).toBe(1);
  });

  it("leaves no timer of a wait that was cut short, nor of an answer that came", async () => {
    const worker = work({ pollSeconds: 600 });
    await settle();
    worker.wake();
    await settle();
    // The wait it is in.
    expect(vi.getTimerCount()).toBe(1);
    await worker.stop();
  });

  it("hands back what it was about to take, and waits for nothing", async () => {
    const looking = deferred<ClaimedMail[]>();
    vi.mocked(claimDueMails).mockReturnValueOnce(looking.promise);
    const worker = work();
    const claimed = mail();
    const stopped = worker.stop();
    looking.resolve([claimed]);
    await stopped;
    expect(vi.mocked(releaseClaim).mock.calls).toEqual([[db, claimed]]);
    expect(sends).toEqual([]);
  });

  it("waits for the mail that is on its way, and takes no more", async () => {
    const sending = deferred<SendOutcome>();
    answers = [() => sending.promise];
    due = [mail()];
    const worker = work();
    await until(() => sends.length === 1);
    due = [mail()];
    let hasStopped = false;
    const stopped = worker.stop().then(() => {
      hasStopped = true;
    });
    await pass(60_000);
    expect(hasStopped).toBe(false);
    sending.resolve({ ok: true });
    await stopped;
    expect(calls(markSent)).toBe(1);
    expect(sends).toHaveLength(1);
  });

  it("tries at once, and twice more, to write down what it sent, and leaves it to the lease then", async () => {
    const { times, fake } = timesOf(() => true, undefined);
    vi.mocked(markSent).mockImplementation(fake);
    due = [mail()];
    const worker = work();
    await until(() => times.length === 1);
    await pass(500);
    await pass(1_000);
    await pass(100);
    expect(times).toEqual([0, 500, 1_500]);
    let hasStopped = false;
    void worker.stop().then(() => {
      hasStopped = true;
    });
    await settle();
    expect(times).toEqual([0, 500, 1_500, 1_600]);
    await pass(499);
    expect(times).toHaveLength(4);
    await pass(1);
    await pass(500);
    expect(times).toEqual([0, 500, 1_500, 1_600, 2_100, 2_600]);
    expect(hasStopped).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("what becomes of a mail", () => {
  async function deliver(claimed: ClaimedMail, options: Partial<MailQueueOptions> = {}) {
    due = [claimed];
    work({ retryDelaySeconds: (attempt) => attempt * 100, ...options });
    await until(() => events().some((event) => event.startsWith("mail.")));
    await settle();
    const [level, event, fields] = logged.at(-1) ?? [];
    // As JSON has it: without what is undefined.
    return { level, event, fields: JSON.parse(JSON.stringify(fields)) };
  }

  it("that is taken: it is sent, and the log names it, its link and the time it took", async () => {
    const claimed = mail(passwordSet, { linkId: "link-1", attempt: 3 });
    answers = [
      async () => {
        await vi.advanceTimersByTimeAsync(1_234);
        return { ok: true };
      },
    ];
    expect(await deliver(claimed)).toEqual({
      level: "info",
      event: "mail.sent",
      fields: {
        mailId: claimed.id,
        template: "password-set",
        attempt: 3,
        linkId: "link-1",
        durationMs: 1_234,
      },
    });
    expect(vi.mocked(markSent).mock.calls).toEqual([[db, claimed.id]]);
  });

  it.each([
    ["refused for good", { final: true, smtpCode: 550 }, "failed", { reason: "refused" }],
    ["refused for now", { smtpCode: 450 }, "retry", { reason: "refused" }],
    ["not answered", { errorCode: "ECONNREFUSED" }, "retry", { reason: "no-answer" }],
    ["not to be sent at all", { final: true }, "failed", { reason: "no-answer" }],
  ])("that is %s", async (_, outcome, end, expected) => {
    const claimed = mail(passwordSet, { attempt: 2 });
    answers = [answer({ ...outcome, words: "the server's\r\nwords" })];
    const { final, ...codes } = { final: false, ...outcome };
    expect(await deliver(claimed)).toEqual({
      level: end === "failed" ? "error" : "warn",
      event: `mail.${end}`,
      fields: {
        mailId: claimed.id,
        template: "password-set",
        attempt: 2,
        ...expected,
        ...codes,
      },
    });
    const lastError = "the server's words";
    expect(vi.mocked(markFailed).mock.calls).toEqual(
      end === "failed" ? [[db, claimed, lastError]] : [],
    );
    expect(vi.mocked(markForRetry).mock.calls).toEqual(
      end === "failed" ? [] : [[db, claimed, { delaySeconds: 200, lastError }]],
    );
  });

  it.each([
    [29, "mail.retry", "refused"],
    [30, "mail.failed", "refused"],
    [31, "mail.failed", "given-up"],
  ])("that is refused for now at the try of number %i: %s", async (attempt, event, reason) => {
    answers = [answer({ smtpCode: 450 })];
    const { event: told, fields } = await deliver(mail(passwordSet, { attempt }));
    expect([told, fields.reason]).toEqual([event, reason]);
  });

  it.each([
    ["link", link],
    ["reset-confirm", resetConfirm],
  ])("that brings a link which has expired, of the kind %s: it is cancelled", async (_, of) => {
    const claimed = mail(of(new Date(Date.now() - 1_000).toISOString()));
    expect(await deliver(claimed)).toMatchObject({
      level: "info",
      event: "mail.cancelled",
      fields: { mailId: claimed.id, reason: "link-expired" },
    });
    expect(vi.mocked(markCancelled).mock.calls).toEqual([[db, claimed, "link-expired"]]);
    expect(sends).toEqual([]);
  });

  it.each([
    ["link", link],
    ["reset-confirm", resetConfirm],
  ])("whose link the server quotes, of the kind %s: its words are not kept", async (_, of) => {
    answers = [answer({ final: true, smtpCode: 554, words: `554 spam: ${TOKEN.slice(0, 13)}` })];
    await deliver(mail(of(new Date(Date.now() + 60_000).toISOString())));
    expect(vi.mocked(markFailed).mock.lastCall?.[2]).toMatch(/^quoted-link$/);
  });

  it("that cannot be put into words: it is tried again, and nothing was sent", async () => {
    const { event, fields } = await deliver(
      mail({ template: "password-set", props: { at: "no instant" } }),
    );
    expect([event, fields.reason]).toEqual(["mail.retry", "not-rendered"]);
    expect(events()).toContain("mail.not-rendered");
    expect(vi.mocked(markForRetry).mock.lastCall?.[2].lastError).toBe("not-written");
    expect(sends).toEqual([]);
  });

  it.each([
    [
      "another key",
      { sealedProps: createVault([randomBytes(32)]).seal("{}", { column: "", row: "" }) },
      "unreadable",
    ],
    ["nothing in it", { sealedProps: null }, "changed"],
    ["another recipient", { recipient: "thief@example.org" }, "changed"],
    ["another kind", { template: "link-problem" as const }, "changed"],
  ])(
    "that cannot be trusted, with %s: it has failed, and nothing was sent",
    async (_, changed, why) => {
      const { event, fields } = await deliver(mail(passwordSet, changed));
      expect([event, fields.reason]).toEqual(["mail.failed", "unreadable"]);
      expect(vi.mocked(markFailed).mock.lastCall?.[2]).toBe(why);
      expect(fields.error?.message).toMatch(/./);
      expect(sends).toEqual([]);
    },
  );

  it("that nobody foresaw: it is told of, nothing is written down, and the next has its place", async () => {
    answers = [() => Promise.reject(new Error("surprise")), taken];
    const strange = mail();
    due = [strange, mail()];
    work({ concurrency: 1 });
    await until(() => calls(markSent) === 1);
    expect(logged[0]).toMatchObject([
      "error",
      "mail.not-handled",
      { mailId: strange.id, error: { message: "surprise" } },
    ]);
    expect(sends).toHaveLength(2);
    for (const mark of [releaseClaim, markFailed, markForRetry, markCancelled])
      expect(mark).not.toHaveBeenCalled();
  });
});
