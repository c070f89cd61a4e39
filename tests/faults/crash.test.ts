import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { faults } from "../support/fault-proxy";
import { eventually, type FaultStack, startFaultStack } from "../support/fault-stack";
import type { Answer } from "../support/people";
import { type Cast, type ComingBack, crashActs } from "./crash-acts";
import { CRASH_POINTS, type CrashPoint } from "./crash-points";

const long = process.env.SETPASS_LONG === "1";
/** In turn, round by round; the short form has one round, and for each point the harder one. */
const COMING_BACK: readonly ComingBack[] = ["same password", "another password", "never"];
const hardestAt = ({ where, moment }: CrashPoint): ComingBack =>
  moment === "before" ? "another password" : where.in === "keystone" ? "never" : "same password";

/** The acknowledgement of these mails is lost: they may come twice, and twice only. */
const acknowledgementLost = (point: CrashPoint) =>
  point.act === "mail" &&
  ((point.where.in === "smtp" && point.where.stage === "end-of-data") ||
    /marked as sent/.test(point.name));

const env = {
  // Every call is asked about, so that every step is there to be killed at.
  AUTH_CACHE_SECONDS: "0",
  // Everybody asks from the same address.
  RESET_LIMIT_PER_HOUR: "1000",
};

async function castFor(stack: FaultStack): Promise<Cast> {
  const { adminUserName, adminPassword } = stack.keystoneAdmin;
  const cookie = await stack.people.signIn({
    userName: adminUserName,
    password: adminPassword,
  });
  return { stack, cookie };
}

/** @returns resolves when the server is dead, killed at this very point */
function killAt(stack: FaultStack, point: CrashPoint): Promise<void> {
  const { where, moment } = point;
  return new Promise((resolve, reject) => {
    const kill = async () => {
      await stack.server.kill();
      resolve();
      return "cut" as const;
    };
    switch (where.in) {
      case "database":
        stack.postgres.inject(where, moment, kill, { times: 1 });
        return;
      case "keystone": {
        const fault = moment === "before" ? faults["hang-before"] : faults["hang-after"];
        const rule = stack.keystone.inject(where, fault, { times: 1 });
        rule.waitForHits(1).then(kill).catch(reject);
        return;
      }
      case "smtp":
        stack.smtp.injectOnce(where.stage, moment, kill);
        return;
    }
  });
}

/** Kills the server at the point, starts it again, and sees everybody to their end. */
async function crashAt(cast: Cast, point: CrashPoint, comingBack: ComingBack): Promise<string> {
  const { stack } = cast;
  if (!stack.server.running) await stack.server.start(); // another point's failure is not this one's
  const act = crashActs(comingBack)[point.act];
  const subject = await act.prepare(cast);
  const killed = killAt(stack, point);
  const answer = await act.perform(cast, subject).catch(() => undefined);
  const reached = await Promise.race([killed.then(() => true), sleep(10_000, false)]);
  for (const proxy of [stack.postgres, stack.keystone, stack.smtp]) proxy.heal();
  expect(reached, "the server comes to this point").toBe(true);
  // What a worker that died held is due when its lease ends: two minutes pass.
  await stack.database.sql`
    update mails set leased_until = clock_timestamp() where leased_until is not null`;
  await stack.server.start();
  await act.finish(cast, subject, answer);
  return subject.email;
}

/** @returns how often each mail was delivered, by Message-ID */
function deliveries(stack: FaultStack): Map<string, { times: number; to: string }> {
  const found = new Map<string, { times: number; to: string }>();
  for (const { messageId, to } of stack.mailbox.messages) {
    const times = (found.get(messageId)?.times ?? 0) + 1;
    found.set(messageId, { times, to: to[0] ?? "" });
  }
  return found;
}

/** Every mail in the outbox was delivered, or called off. @returns how many were delivered */
async function everyMailIsOut(stack: FaultStack): Promise<number> {
  await eventually("the outbox is empty", async () => {
    const [row] = await stack.database.sql`select count(*)::int as n from mails
      where state not in ('sent', 'cancelled')`;
    return row?.n === 0;
  });
  const sent = await stack.database.sql<
    { id: string }[]
  >`select id from mails where state = 'sent'`;
  const delivered = deliveries(stack);
  const host = new URL(stack.server.url).hostname;
  for (const { id } of sent)
    expect(delivered.has(`<${id}@${host}>`), "what is marked as sent was delivered").toBe(true);
  return sent.length;
}

describe.each([
  {
    on: "the sandbox Keystone",
    keystone: undefined,
    points: CRASH_POINTS.filter((point) => long || point.short),
    rounds: long ? 3 : 1,
  },
  {
    on: "the real Keystone",
    keystone: inject("keystone"),
    points: CRASH_POINTS.filter(
      ({ where, act, moment }) =>
        where.in === "keystone" &&
        (act === "redeem" || act === "console-issue" || act === "open") &&
        (long || moment === "after"),
    ),
    rounds: inject("keystone") ? (long ? 3 : 1) : 0,
  },
])("kill -9 at a step, before $on", ({ keystone, points, rounds }) => {
  let cast: Cast;
  let tried = 0;
  let held = 0;
  const mayComeTwice = new Set<string>();

  beforeAll(async () => {
    if (rounds > 0) cast = await castFor(await startFaultStack({ keystone, env }));
  });
  afterAll(async () => {
    if (rounds > 0) await cast.stack.stop();
  });

  for (let round = 0; round < rounds; round++) {
    const inTurn = rounds > 1 ? COMING_BACK[round % COMING_BACK.length] : undefined;
    it.each(points)(`$name${inTurn ? ` (${inTurn})` : ""}`, async (point) => {
      tried += 1;
      const email = await crashAt(cast, point, inTurn ?? hardestAt(point));
      if (acknowledgementLost(point)) mayComeTwice.add(email);
      held += 1;
    });
  }

  it("loses no mail, and sends none twice but where the acknowledgement was lost", async () => {
    if (rounds === 0) return;
    const sent = await everyMailIsOut(cast.stack);
    for (const { times, to } of deliveries(cast.stack).values())
      expect(times, `to ${to}`).toBeLessThanOrEqual(mayComeTwice.has(to) ? 2 : 1);
    process.stdout.write(
      `crashes at a step: ${tried} tried, ${held} held; ${sent} mails, none lost\n`,
    );
  });
});

describe("kill -9 at any moment, under load", () => {
  const kills = long ? 200 : 4;
  const loops = 4;
  let stack: FaultStack;
  let answers = 0;

  beforeAll(async () => {
    stack = await startFaultStack({ env });
  });
  afterAll(() => stack.stop());

  /** From the script to the user, each trying again as people and scripts do. @returns the user's id */
  async function handOver(): Promise<string> {
    const { id, email, initialPassword } = await stack.newUser();
    const chosen = `Chosen-${id}`;
    const insist = async (once: () => Promise<Answer>, enough: (answer: Answer) => boolean) => {
      for (;;) {
        const answer = await once().catch(() => undefined);
        if (answer) answers += 1;
        if (answer && enough(answer)) return answer;
        if (answer) expect([409, 503], `to ${email}: ${answer.text}`).toContain(answer.status);
        await sleep(50);
      }
    };
    const body = { pin: "1234", password: initialPassword };
    const link = await insist(
      () => stack.people.putLink(stack.authToken, id, body),
      ({ status }) => status === 200,
    );
    // 404: it was completed, and the answer lost.
    await insist(
      () => stack.people.redeem(link.text, { pin: "1234", password: chosen }),
      ({ status }) => status === 200 || status === 404,
    );
    expect(await stack.isPassword(id, chosen), "Keystone has the password typed").toBe(true);
    return id;
  }

  it(`${kills} times, everybody gets what they came for, once`, async () => {
    let dying = true;
    const users: string[] = [];
    const working = Array.from({ length: loops }, async () => {
      while (dying) users.push(await handOver());
    });
    const killing = async () => {
      for (let kill = 0; kill < kills; kill++) {
        // Counted in answers, not in seconds: on a slow machine as well, there is something to kill.
        const enough = answers + 1 + Math.random() * 30;
        await eventually("the server is at work", () => answers >= enough, 60_000);
        await stack.server.kill();
        // Time passes: whatever the dead process had leased is free.
        await stack.database.sql`
          update links set claimed_until = clock_timestamp() where claimed_until is not null`;
        await stack.database.sql`
          update mails set leased_until = clock_timestamp() where leased_until is not null`;
        await stack.server.start();
      }
    };
    await killing().finally(() => {
      dying = false;
    });
    await Promise.all(working);
    await everyMailIsOut(stack);

    const { sql } = stack.database;
    const [whole] = await sql`
      select count(*)::int as links,
        count(*) filter (where state = 'completed')::int as completed,
        count(coalesce(mail_to, user_email)) filter (where owner_untold is null)::int as addressed,
        (select count(*)::int from audit_events
          where action = 'link.redeemed' and outcome = 'ok') as redeemed,
        (select count(distinct user_id)::int from audit_events
          where action = 'link.redeemed' and outcome = 'ok') as redeemers,
        (select count(*)::int from mails where template = 'password-set') as told
      from links`;
    const { length } = users;
    expect(whole).toEqual({
      links: length,
      completed: length,
      addressed: whole?.told,
      redeemed: length,
      redeemers: length,
      told: whole?.told,
    });
    // A mail is delivered again only by a worker that claimed it anew: the one before had died.
    const tries = await sql<{ id: string; attempts: number }[]>`select id, attempts from mails`;
    const attempts = new Map(tries.map((mail) => [mail.id, mail.attempts]));
    let twice = 0;
    for (const [messageId, { times }] of deliveries(stack)) {
      if (times > 1) twice += 1;
      expect(times).toBeLessThanOrEqual(attempts.get(messageId.slice(1).split("@")[0] ?? "") ?? 0);
    }
    expect(twice, "at most the mails under way at a kill").toBeLessThanOrEqual(kills * 5);
    process.stdout.write(
      `crashes under load: ${kills} kills, ${length} hand-overs tried, ${length} held; ${whole?.told} mails, ${twice} acknowledgements lost\n`,
    );
  }, 3_600_000);
});
