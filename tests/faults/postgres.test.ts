import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrateDatabase } from "../../db/migrate";
import type { EmbeddedPostgres } from "../../demo/embedded-postgres";
import { eventually, type FaultStack, startFaultStack } from "../support/fault-stack";
import type { Answer } from "../support/people";
import { startTestPostgres } from "../support/postgres";
import { startServerProcess } from "../support/server-process";
import { type Cast, crashActs } from "./crash-acts";
import { CRASH_POINTS, type CrashPoint } from "./crash-points";

const long = process.env.SETPASS_LONG === "1";

/** Five seconds for a connection, twelve for an answer, and what a busy machine adds. */
const BOUNDED_MS = 25_000;

const env = {
  AUTH_CACHE_SECONDS: "0",
  RATE_LIMIT_PER_MINUTE: "1000000",
  RESET_LIMIT_PER_HOUR: "1000",
};

async function castFor(stack: FaultStack): Promise<Cast> {
  const { adminUserName, adminPassword } = stack.keystoneAdmin;
  return {
    stack,
    cookie: await stack.people.signIn({ userName: adminUserName, password: adminPassword }),
  };
}

/** A COMMIT, or a statement outside of any transaction. */
const endsSomething = (name: string) =>
  /committed|counted|is claimed|marked as sent|renew|^issue/.test(name);

/** A 503 as the contract has it, not an error of ours. */
function expectUnavailable(answer: Answer): void {
  expect(answer.status, answer.text.slice(0, 300)).toBe(503);
  expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
}

/** Nothing that the server did not see coming: no 500, no stray rejection, no end. */
function expectComposed({ server }: FaultStack): void {
  const events = server.events();
  const unforeseen = events.filter(
    (event) =>
      (event.event === "request.answered" && event.status === 500) ||
      event.event === "server.unhandled-rejection" ||
      event.event === "page.failed",
  );
  expect(unforeseen).toEqual([]);
  expect(events.filter((event) => event.event === "server.started")).toHaveLength(1);
}

describe("a connection cut in the middle of an act", () => {
  // In the middle of a transaction, after one statement is before the next.
  const points = CRASH_POINTS.filter(
    ({ where, moment, name }) =>
      where.in === "database" && (long || moment === "before" || endsSomething(name)),
  );
  let cast: Cast;
  let tried = 0;
  let held = 0;

  beforeAll(async () => {
    cast = await castFor(await startFaultStack({ env }));
  });
  afterAll(() => cast.stack.stop());

  /** These happen behind an answer. */
  const isBehind = ({ name }: CrashPoint) =>
    /the user is described|it is claimed|it is marked as sent|its name is let go/.test(name);

  /** A network that breaks resets a connection, a PostgreSQL that ends closes it. */
  const both = points.flatMap((point, at) =>
    (["cut", "close"] as const)
      .map((how) => ({ ...point, how }))
      .filter((_, which) => long || which === at % 2),
  );

  it.each(both)("$how, $name: a 503, and nothing half done", async ({ how, ...point }) => {
    tried += 1;
    const { stack } = cast;
    const { where, moment } = point;
    if (where.in !== "database") return;
    const steps = crashActs("same password")[point.act];
    const subject = await steps.prepare(cast);
    const rule = stack.postgres.inject(where, moment, () => how, { times: 1 });
    const answer = await steps.perform(cast, subject);
    await eventually("the server takes this step", () => rule.hits > 0);
    stack.postgres.heal();
    if (isBehind(point)) expect(answer.status).toBe(200);
    else expectUnavailable(answer);
    if (point.act === "mail")
      await stack.database.sql`
        update mails set leased_until = clock_timestamp() where leased_until is not null`;
    await steps.finish(cast, subject, answer.status === 200 ? answer : undefined);
    held += 1;
  });

  it("leaves the server alive and well", () => {
    expectComposed(cast.stack);
    process.stdout.write(`connections cut at a statement: ${tried} tried, ${held} held\n`);
  });
});

describe("PostgreSQL restarted, killed and cut off under load", () => {
  let server: EmbeddedPostgres;
  let sql: postgres.Sql;
  let cast: Cast;

  beforeAll(async () => {
    server = await startTestPostgres();
    const url = await server.createDatabase("setpass");
    await migrateDatabase({ url, folder: "db/migrations" });
    sql = postgres(url, { max: 1, onnotice: () => {} });
    cast = await castFor(await startFaultStack({ env, database: { url, sql } }));
  });
  afterAll(async () => {
    await cast.stack.stop();
    await sql.end({ timeout: 1 });
    await server.stop();
  });

  const outages: Record<string, (stack: FaultStack) => Promise<void>> = {
    "is restarted": () => server.restart(),
    "is killed": async () => {
      await server.kill("SIGKILL");
      await server.restart();
    },
    "ends every session": async () => {
      const other = postgres(server.url, { max: 1, onnotice: () => {} });
      await other`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'setpass'`;
      await other.end({ timeout: 5 });
    },
    "is cut off for a moment, again and again": async ({ postgres: proxy }) => {
      for (let cut = 0; cut < 10; cut++) {
        proxy.cut();
        await sleep(50);
      }
    },
    "is out of reach for two seconds": async ({ postgres: proxy }) => {
      await proxy.goAway();
      await sleep(2000);
      await proxy.comeBack();
    },
    "says nothing for two seconds": async ({ postgres: proxy }) => {
      proxy.fallSilent();
      await sleep(2000);
      proxy.speak();
    },
  };

  it("answers, with 503 where it must, recovers by itself, and leaves nothing half written", async () => {
    const { stack, cookie } = cast;
    const { people } = stack;
    const counts = { answers: 0, unavailable: 0, slowestMs: 0 };
    const users: { id: string; linkToken: string; chosen: string }[] = [];
    let loaded = true;

    const ask = async (send: () => Promise<Answer>, others: number[]) => {
      const startedAt = performance.now();
      const answer = await send();
      counts.answers += 1;
      counts.slowestMs = Math.max(counts.slowestMs, performance.now() - startedAt);
      if (answer.status === 503) {
        counts.unavailable += 1;
        expectUnavailable(answer);
      } else expect([200, ...others], answer.text.slice(0, 300)).toContain(answer.status);
      return answer;
    };

    const script = async () => {
      while (loaded) {
        const { id, email, initialPassword } = await stack.newUser();
        const body = { pin: "1234", password: initialPassword };
        let link: Answer;
        do {
          link = await ask(() => people.putLink(stack.authToken, id, body), []);
        } while (link.status !== 200);
        const chosen = `Chosen-${id}`;
        const user = { id, linkToken: link.text, chosen };
        users.push(user);
        const [row] = await sql`select id from links where user_id = ${id}`.catch(() => []);
        if (row) {
          const fields = { intent: "resend", mail_to: email };
          const path = `/admin/links/${row.id}`;
          const resent = await ask(() => people.sendForm(cookie, path, fields), []);
          const url = /[?&]token=([0-9a-f-]{36})/.exec(resent.text);
          user.linkToken = resent.status === 200 && url?.[1] ? url[1] : "lost";
        }
        if (user.linkToken !== "lost") {
          const typed = { pin: "1234", password: chosen };
          await ask(() => people.redeem(user.linkToken, typed), [404, 409]);
        }
      }
    };
    const working = Promise.all(Array.from({ length: 4 }, script));

    let recoveries = 0;
    try {
      const rounds = long ? 10 : 1;
      for (let round = 0; round < rounds; round++)
        for (const [name, outage] of Object.entries(outages)) {
          await sleep(300);
          await outage(stack);
          // By itself, and soon: no restart of ours, no operator.
          await eventually(`PostgreSQL ${name}: ready again`, async () => {
            const ready = await people.request("GET", "/readyz");
            return ready.status === 200;
          });
          recoveries += 1;
        }
    } finally {
      loaded = false;
    }
    await working;
    expectComposed(stack);
    expect(counts.slowestMs).toBeLessThan(BOUNDED_MS);

    // Everybody comes to their end, also those whose answer was lost.
    await eventually("our own connection is back", () =>
      sql`select 1`.then(
        () => true,
        () => false,
      ),
    );
    await sql`update links set claimed_until = clock_timestamp() where claimed_until is not null`;
    for (const { id, chosen } of users) {
      const [row] = await sql`select state from links where user_id = ${id}`;
      if (row?.state === "pending") {
        const renewed = await people.putLink(stack.authToken, id);
        expect(renewed.status).toBe(200);
        const done = await people.redeem(renewed.text, { pin: "1234", password: chosen });
        expect(done.status, done.text.slice(0, 300)).toBe(200);
      }
      expect(await stack.isPassword(id, chosen)).toBe(true);
    }
    const [whole] = await sql`
      select count(*)::int as links,
        count(*) filter (where state = 'completed')::int as completed,
        (select count(*)::int from links where not exists (
          select from audit_events where link_id = links.id and action = 'link.issued'))
          as links_without_audit,
        (select count(*)::int from audit_events where action like 'link.%' and not exists (
          select from links where id = link_id)) as audits_without_link,
        (select count(*)::int from audit_events where action = 'link.resent') as resent,
        (select count(*)::int from mails where template = 'link') as link_mails,
        (select count(*)::int from audit_events
          where action = 'link.redeemed' and outcome = 'ok') as redeemed,
        (select count(*)::int from mails where template = 'password-set') as told,
        count(coalesce(mail_to, user_email)) filter
          (where state = 'completed' and owner_untold is null)::int as to_be_told
      from links`;
    expect(whole).toMatchObject({
      links: users.length,
      completed: users.length,
      links_without_audit: 0,
      audits_without_link: 0,
      link_mails: whole?.resent,
      redeemed: users.length,
      told: whole?.to_be_told,
    });
    await eventually(
      "the outbox is empty",
      async () => {
        await sql`update mails set leased_until = clock_timestamp() where leased_until is not null
          and leased_until < clock_timestamp() + interval '100 seconds'`;
        const [row] = await sql`select count(*)::int as n from mails where state = 'queued'`;
        return row?.n === 0;
      },
      60_000,
    );
    process.stdout.write(
      `PostgreSQL away under load: ${recoveries} outages tried, ${recoveries} recovered from; ` +
        `${counts.answers} answers, ${counts.unavailable} of them 503, the slowest after ${Math.round(counts.slowestMs)} ms; ` +
        `${users.length} hand-overs, all held\n`,
    );
  }, 1_800_000);
});

describe.concurrent("a database that is there and does not answer", () => {
  it("queues requests for its few connections, then answers 503, and never hangs", async () => {
    const stack = await startFaultStack({ env: { ...env, DATABASE_POOL_SIZE: "2" } });
    try {
      const { people } = stack;
      const users = await Promise.all(Array.from({ length: 12 }, () => stack.newUser()));
      const putAll = () =>
        Promise.all(
          users.map(async ({ id, initialPassword }) => {
            const startedAt = performance.now();
            const body = { pin: "1234", password: initialPassword };
            const answer = await people.putLink(stack.authToken, id, body);
            return { ...answer, tookMs: performance.now() - startedAt };
          }),
        );

      const writes = { sql: /^with written as/ };
      const briefly = stack.postgres.hold(writes, "before");
      const queued = putAll();
      await briefly.waitForHits(2);
      await sleep(1000);
      expect(stack.postgres.connections(), "no more than two").toBe(2);
      briefly.release();
      expect((await queued).map(({ status }) => status)).toEqual(users.map(() => 200));

      const held = stack.postgres.hold(writes, "before");
      const stuck = putAll();
      await held.waitForHits(2);
      const alive = await people.request("GET", "/healthz", { timeoutMs: 2000 });
      expect(alive.status, "the process itself is alive").toBe(200);
      const signal = AbortSignal.timeout(6000);
      const metrics = await fetch(stack.server.metricsUrl, { signal });
      expect(metrics.status, "and its metrics can be read").toBe(200);
      const portal = await people.openLink("00000000-0000-4000-8000-000000000000");
      expectUnavailable(portal);
      const answers = await stuck;
      for (const answer of answers) expectUnavailable(answer);
      const slowestMs = Math.max(...answers.map(({ tookMs }) => tookMs));
      expect(slowestMs).toBeLessThan(BOUNDED_MS);

      held.release();
      await eventually("it works again, by itself", async () => {
        const [answer] = await putAll();
        return answer?.status === 200;
      });
      const [rows] = await stack.database.sql`
        select (select count(*)::int from links) as links,
          (select count(distinct link_id)::int from audit_events
            where action = 'link.issued') as audited`;
      expect(rows).toEqual({ links: 12, audited: 12 });
      expectComposed(stack);
      process.stdout.write(
        `a pool of 2 with 12 requests: 24 tried, 24 held; 12 queued, 12 answered 503 within ${Math.round(slowestMs)} ms\n`,
      );
    } finally {
      await stack.stop();
    }
  });

  it("answers 503 in bounded time where PostgreSQL takes connections and says nothing", async () => {
    const stack = await startFaultStack({ env });
    try {
      const { people } = stack;
      const { id, initialPassword } = await stack.newUser();
      const body = { pin: "1234", password: initialPassword };
      const link = await people.putLink(stack.authToken, id, body);
      const { adminUserName, adminPassword } = stack.keystoneAdmin;
      const credentials = { userName: adminUserName, password: adminPassword };
      const cookie = await people.signIn(credentials);

      stack.postgres.fallSilent();
      const form = { "Content-Type": "application/x-www-form-urlencoded" };
      const requests: Record<string, () => Promise<Answer>> = {
        PUT: () => people.putLink(stack.authToken, id, body),
        "the portal": () => people.openLink(link.text),
        redeeming: () => people.redeem(link.text, { pin: "1234", password: "Chosen-1234" }),
        "the console": () => people.request("GET", "/admin", { headers: { Cookie: cookie } }),
        "signing in": () =>
          people.request("POST", "/admin/sign-in", {
            headers: { ...form, Origin: stack.server.url },
            body: "user_name=a&password=b&domain=Default",
          }),
        "asking for a reset": () =>
          people.request("POST", "/reset", {
            headers: form,
            body: "name=a&email=a@example.org&confirm_email=a@example.org&pin=1234",
          }),
        readiness: () => people.request("GET", "/readyz"),
      };
      let slowestMs = 0;
      // Some get a connection that was good, and wait for an answer; some wait for a connection.
      await Promise.all(
        Object.entries(requests).map(async ([name, send]) => {
          const startedAt = performance.now();
          const answer = await send();
          slowestMs = Math.max(slowestMs, performance.now() - startedAt);
          expect(answer.status, name).toBe(503);
          expectUnavailable(answer);
        }),
      );
      expect(slowestMs).toBeLessThan(BOUNDED_MS);

      stack.postgres.speak();
      await eventually("it works again, by itself", async () => {
        const answer = await people.openLink(link.text);
        return answer.status === 200;
      });
      const set = await people.redeem(link.text, { pin: "1234", password: "Chosen-1234" });
      expect(set.status).toBe(200);
      expectComposed(stack);
      process.stdout.write(
        `a silent PostgreSQL: 7 requests tried, 7 held, the slowest after ${Math.round(slowestMs)} ms\n`,
      );
    } finally {
      await stack.stop();
    }
  });

  it("waits at its start for a database that comes later", async () => {
    const stack = await startFaultStack({ env });
    try {
      await stack.server.stop();
      for (const [away, back] of [
        [() => stack.postgres.goAway(), () => stack.postgres.comeBack()],
        [async () => stack.postgres.fallSilent(), async () => stack.postgres.speak()],
      ] as const) {
        await away();
        let started = false;
        const starting = startServerProcess({ env: stack.env }).then((server) => {
          started = true;
          return server;
        });
        await sleep(2500);
        expect(started).toBe(false);
        await back();
        const server = await starting;
        const words = server
          .events()
          .filter(({ event }) => event === "server.waiting-for-database");
        expect(words.length).toBeLessThanOrEqual(1);
        await server.stop();
      }
    } finally {
      await stack.stop();
    }
  });

  it("ends in order on SIGTERM, whatever the database does", async () => {
    const stack = await startFaultStack({ env });
    try {
      stack.postgres.fallSilent();
      const stuck = stack.people.openLink("00000000-0000-4000-8000-000000000000");
      await sleep(200);
      const startedAt = performance.now();
      expect(await stack.server.stop()).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(45_000);
      expectUnavailable(await stuck);
    } finally {
      await stack.stop();
    }
  });
});
