import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { type SandboxKeystone, startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { eventually } from "../support/fault-stack";
import { keystoneAdmin } from "../support/keystone-admin";
import { type Answer, type People, peopleAt } from "../support/people";
import { type RoundRobin, startRoundRobin } from "../support/round-robin";
import { type ServerProcess, startServerProcess } from "../support/server-process";
import { startSmtpServer, type TestSmtpServer } from "../support/smtp";
import { serverEnvironment } from "../support/stack";

const long = process.env.SETPASS_LONG === "1";
const REPLICAS = 3;
const MAX_ATTEMPTS = 3;
const LIMIT_PER_MINUTE = 30;

describe("three replicas on one database, behind a round-robin proxy", () => {
  let sql: postgres.Sql;
  let databaseUrl: string;
  let keystone: SandboxKeystone;
  let smtp: TestSmtpServer;
  let proxy: RoundRobin;
  let servers: ServerProcess[] = [];
  let people: People;
  let authToken: string;
  /** As slow as a real one, so that those who race are really on their way at the same time. */
  const keystoneOptions = { delayMs: 60 };
  const counts = { tried: 0, held: 0 };

  beforeAll(async () => {
    const name = `setpass_replicas_${randomBytes(6).toString("hex")}`;
    const superuser = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
    await superuser`create database ${superuser(name)}`;
    await superuser.end({ timeout: 5 });
    const url = new URL(inject("postgresUrl"));
    url.pathname = `/${name}`;
    databaseUrl = url.href;
    sql = postgres(databaseUrl, { max: 2, onnotice: () => {} });
    keystone = await startSandboxKeystone(keystoneOptions);
    smtp = await startSmtpServer({ starttls: false });
    proxy = await startRoundRobin({ targets: () => servers.map((server) => server.url) });
    people = peopleAt({ url: proxy.url });
    authToken = await keystoneAdmin(keystone).token();
  });

  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await proxy.stop();
    await smtp.stop();
    await keystone.stop();
    await sql.end({ timeout: 5 });
    const superuser = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
    await superuser`drop database ${superuser(new URL(databaseUrl).pathname.slice(1))} with (force)`;
    await superuser.end({ timeout: 5 });
    process.stdout.write(
      `three replicas as one: ${counts.tried} promises tried, ${counts.held} held\n`,
    );
  });

  const holds = (promise: string, prove: () => Promise<void>) =>
    it(promise, async () => {
      counts.tried += 1;
      await prove();
      counts.held += 1;
    });

  let addresses = 0;
  /** Somebody else each time: no address has used up its requests. */
  const elsewhere = () => {
    addresses += 1;
    const address = `127.1.${Math.floor(addresses / 250)}.${(addresses % 250) + 1}`;
    return peopleAt({ url: proxy.url, address });
  };

  let users = 0;
  async function issueLink(): Promise<{ id: string; linkToken: string; pin: string }> {
    users += 1;
    const initialPassword = `Initial-${users}`;
    const { id } = keystone.cloud.addUser({
      name: `user-${users}`,
      password: initialPassword,
      email: `user-${users}@example.org`,
    });
    const body = { pin: "4711", password: initialPassword };
    const answer = await people.putLink(authToken, id, body);
    expect(answer.status).toBe(200);
    return { id, linkToken: answer.text, pin: "4711" };
  }

  const isPassword = (id: string, password: string) => {
    try {
      keystone.cloud.checkPassword(keystone.cloud.user(id), password);
      return true;
    } catch {
      return false;
    }
  };

  const statuses = (answers: readonly Answer[]) =>
    answers.reduce<Record<number, number>>((seen, { status }) => {
      seen[status] = (seen[status] ?? 0) + 1;
      return seen;
    }, {});

  holds("migrates an empty database once, though all of them try at once", async () => {
    const env = {
      ...serverEnvironment({
        publicUrl: proxy.url,
        databaseUrl,
        keystone,
        smtpUrl: smtp.url,
      }),
      MIGRATE_ON_START: "1",
      TRUST_PROXY: "1",
      MAX_ATTEMPTS: String(MAX_ATTEMPTS),
      RATE_LIMIT_PER_MINUTE: String(LIMIT_PER_MINUTE),
    };
    servers = await Promise.all(
      Array.from({ length: REPLICAS }, () => startServerProcess({ env })),
    );
    const journal = JSON.parse(await readFile("db/migrations/meta/_journal.json", "utf8"));
    const [row] = await sql`select count(*)::int as n from drizzle.__drizzle_migrations`;
    expect(row?.n).toBe(journal.entries.length);
  });

  holds("compares no more PINs than MAX_ATTEMPTS, of 300 at once from everywhere", async () => {
    const { id, linkToken, pin } = await issueLink();
    const before = [...proxy.counts];
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, guess) =>
        elsewhere().redeem(linkToken, {
          pin: String(guess).padStart(4, "0"),
          password: "Guessed-1234",
        }),
      ),
    );
    for (const [index, count] of proxy.counts.entries())
      expect(count - (before[index] ?? 0), "every replica was asked").toBe(100);
    expect(statuses(answers)).toEqual({ 403: 300 });
    const [row] = await sql`
      select attempts, pin_guesses, state, (select count(*)::int from audit_events
        where user_id = ${id} and action = 'link.pin-refused') as compared
      from links where user_id = ${id}`;
    expect(row).toEqual({
      attempts: MAX_ATTEMPTS,
      pin_guesses: MAX_ATTEMPTS,
      state: "pending",
      compared: MAX_ATTEMPTS,
    });
    const right = await elsewhere().redeem(linkToken, { pin, password: "Chosen-1234" });
    expect(right.status, "locked, for the right PIN too").toBe(403);
    expect(isPassword(id, "Chosen-1234")).toBe(false);
  });

  holds(
    "lets one of sixteen right redemptions succeed, and Keystone has its password",
    async () => {
      for (let round = 0; round < (long ? 50 : 3); round++) {
        const { id, linkToken, pin } = await issueLink();
        const racers = Array.from({ length: 16 }, (_, racer) => `Racer-${round}-${racer}`);
        const answers = await Promise.all(
          racers.map((password) => elsewhere().redeem(linkToken, { pin, password })),
        );
        const winners = racers.filter((_, index) => answers[index]?.status === 200);
        expect(winners).toHaveLength(1);
        // The others came while it was under way, or when it was done.
        const { 200: _, 409: underWay = 0, 404: done = 0, ...others } = statuses(answers);
        expect([underWay + done, others]).toEqual([15, {}]);
        expect(racers.filter((password) => isPassword(id, password))).toEqual(winners);
        const [row] = await sql`
        select state, (select count(*)::int from audit_events
          where user_id = ${id} and action = 'link.redeemed') as redeemed
        from links where user_id = ${id}`;
        expect(row).toEqual({ state: "completed", redeemed: 1 });
      }
    },
  );

  holds("leaves one link of sixteen issued at once, and an audit row for each", async () => {
    const { id, linkToken } = await issueLink();
    const answers = await Promise.all(
      Array.from({ length: 16 }, () => people.putLink(authToken, id)),
    );
    expect(statuses(answers)).toEqual({ 200: 16 });
    const tokens = [linkToken, ...answers.map(({ text }) => text)];
    const opened = await Promise.all(tokens.map((token) => people.openLink(token)));
    expect(statuses(opened)).toEqual({ 200: 1, 404: 16 });
    const [row] = await sql`
      select count(*)::int as n from audit_events
      where user_id = ${id} and action in ('link.issued', 'link.renewed')`;
    expect(row?.n).toBe(17);
  });

  holds("counts an address's forms together, and every other address by itself", async () => {
    const flooder = elsewhere();
    const post = (who: People) =>
      who.request("POST", "/reset", {
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
        body: "name=&email=&confirm_email=&pin=",
      });
    const answers = await Promise.all(Array.from({ length: 60 }, () => post(flooder)));
    expect(statuses(answers)).toEqual({ 400: LIMIT_PER_MINUTE, 429: 60 - LIMIT_PER_MINUTE });
    for (const { status, headers } of answers)
      if (status === 429) expect(Number(headers["retry-after"])).toBeGreaterThan(0);
    expect((await post(elsewhere())).status).toBe(400);
  });

  holds("counts wrong sign-ins of an account together", async () => {
    const guesser = elsewhere();
    const answers = await Promise.all(
      Array.from({ length: 18 }, (_, guess) =>
        guesser.request("POST", "/admin/sign-in", {
          headers: {
            "Content-Type": "application/x-www-form-urlencoded",
            Origin: new URL(proxy.url).origin,
          },
          body: `user_name=somebody&password=wrong-${guess}&domain=Default`,
        }),
      ),
    );
    const { 429: limited, ...others } = statuses(answers);
    expect(limited).toBe(8);
    expect(Object.values(others)).toEqual([10]);
    expect(Object.keys(others)).not.toContain("302");
  });

  holds("knows a session everywhere, until it is ended anywhere", async () => {
    const admin = elsewhere();
    const { adminUserName, adminPassword } = keystone;
    const cookie = await admin.signIn({ userName: adminUserName, password: adminPassword });
    const visit = () => admin.request("GET", "/admin", { headers: { Cookie: cookie } });
    const visits = [];
    for (let turn = 0; turn < 2 * REPLICAS; turn++) visits.push(await visit());
    expect(statuses(visits)).toEqual({ 200: 2 * REPLICAS });

    const out = await admin.sendForm(cookie, "/admin/sign-out", {});
    expect(out.status).toBe(302);
    const after = [];
    for (let turn = 0; turn < REPLICAS; turn++) after.push(await visit());
    expect(statuses(after)).toEqual({ 302: REPLICAS });
  });

  holds("sends each mail once, whichever of them takes it", async () => {
    const mails = long ? 600 : 60;
    const before = smtp.messages.length;
    const answers = await Promise.all(
      Array.from({ length: mails }, (_, mail) => {
        const email = `asker-${mail}@example.org`;
        return elsewhere().request("POST", "/reset", {
          headers: { "Content-Type": "application/x-www-form-urlencoded" },
          body: new URLSearchParams({
            name: `asker-${mail}`,
            email,
            confirm_email: email,
            pin: "1234",
          }).toString(),
        });
      }),
    );
    expect(statuses(answers)).toEqual({ 200: mails });
    await eventually(
      "the outbox is empty",
      async () => {
        const [row] = await sql`select count(*)::int as n from mails where state = 'queued'`;
        return row?.n === 0;
      },
      60_000,
    );
    const resets = smtp.messages
      .slice(before)
      .filter(({ to }) => to.some((address) => address.startsWith("asker-")))
      .map(({ messageId }) => messageId);
    expect(resets).toHaveLength(mails);
    expect(new Set(resets).size).toBe(mails);
    const [row] = await sql`select max(attempts)::int as most from mails`;
    expect(row?.most, "no mail was claimed twice").toBe(1);
    const senders = servers.filter((server) =>
      server.events().some(({ event }) => event === "mail.sent"),
    );
    expect(senders.length, "more than one of them sent").toBeGreaterThan(1);
  });

  holds("goes on when one of them is killed: another finishes what it had begun", async () => {
    const { id, linkToken, pin } = await issueLink();
    const [victim, ...rest] = servers;
    if (!victim) throw new Error("there are replicas");
    // Keystone sets the password and takes its time to say so; the replica dies meanwhile.
    keystoneOptions.delayMs = 5000;
    const dying = peopleAt({ url: victim.url, publicUrl: proxy.url })
      .redeem(linkToken, { pin, password: "Chosen-1234" })
      .catch(() => undefined);
    await eventually("Keystone has set it", () => isPassword(id, "Chosen-1234"));
    await victim.kill();
    expect(await dying).toBeUndefined();
    servers = rest;
    keystoneOptions.delayMs = 60;

    const early = await elsewhere().redeem(linkToken, { pin, password: "Chosen-1234" });
    expect(early.status, "until the lease ends").toBe(409);
    await sql`update links set claimed_until = clock_timestamp() where user_id = ${id}`;
    const set = await elsewhere().redeem(linkToken, { pin, password: "Chosen-1234" });
    expect(set.status).toBe(200);
    const [row] = await sql`select state from links where user_id = ${id}`;
    expect(row?.state).toBe("completed");
  });
});
