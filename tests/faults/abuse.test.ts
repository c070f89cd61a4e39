import { randomUUID } from "node:crypto";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostgresProxy, startPostgresProxy } from "../support/postgres-proxy";
import type { RawAnswer } from "../support/raw-http";
import {
  cookieOf,
  resetFields,
  retryAfterOf,
  type Sender,
  type Site,
  setsCookie,
  startSite,
} from "../support/raw-site";

const isLong = process.env.SETPASS_LONG === "1";
const LIMIT_PER_MINUTE = 5;
const PUBLIC_URL = "https://setpass.example.org";

/** Prints what a test tried and how much of it held. */
function tell(what: string, tried: number, held: number): void {
  process.stdout.write(`abuse: ${what}: ${tried} tried, ${held} held\n`);
  expect(held).toBe(tried);
}

/** With no limit by address that these tests would run into. */
let open: Site;
/** With one of five requests a minute, and a way to take its database away. */
let limited: Site;
let proxy: PostgresProxy;

beforeAll(async () => {
  [open, limited] = await Promise.all([
    startSite({ publicUrl: PUBLIC_URL }),
    startSite({ env: { RATE_LIMIT_PER_MINUTE: String(LIMIT_PER_MINUTE) } }),
  ]);
  proxy = await startPostgresProxy({ target: limited.stack.databaseUrl });
  await limited.stack.server.restart({ DATABASE_URL: proxy.through(limited.stack.databaseUrl) });
});

afterAll(async () => {
  await open?.stop();
  await limited?.stop();
  await proxy?.stop();
});

describe("a limit by address", () => {
  type Send = (sender: Sender) => Promise<RawAnswer>;
  /** What is wrong, each kind counted by itself; and the same as Remix's own script sends it. */
  const wrong: Record<string, [plain: Send, byScript: Send]> = {
    "a link that there is not": [
      (sender) => limited.redeem(randomUUID(), "0000", "Own-password-1", sender),
      (sender) => limited.post("/_root.data?index", { token: randomUUID() }, sender),
    ],
    "a refused sign-in": [
      (sender) => limited.signIn(randomUUID(), "wrong", sender),
      (sender) =>
        limited.post(
          "/admin/sign-in.data",
          { user_name: randomUUID(), password: "wrong", domain: "Default" },
          sender,
        ),
    ],
    "a request for a link": [
      (sender) => limited.post("/reset", { name: "x" }, sender),
      (sender) => limited.post("/reset.data", { name: "x" }, sender),
    ],
  };
  const kinds = Object.values(wrong);

  it("counts what is wrong, each kind by itself, outlives a restart, and ends with its minute", async () => {
    const held: boolean[] = [];
    const flooder = { from: "127.0.0.21" };
    const link = await limited.issue();
    for (const [plain, byScript] of kinds) {
      const each = (count: number) =>
        inTurns(count, (index) => (index % 2 === 0 ? plain : byScript)(flooder));
      for (const answer of await each(LIMIT_PER_MINUTE)) held.push(answer.status !== 429);
      for (const answer of await each(2)) {
        const seconds = retryAfterOf(answer);
        held.push(answer.status === 429 && seconds >= 1 && seconds <= 60);
      }
    }
    await limited.stack.server.restart();
    for (const [send] of kinds) held.push((await send(flooder)).status === 429);
    // Sign-ins are held off before Keystone is asked, the right ones too.
    const signIn = await limited.signInAsAdmin(flooder);
    held.push(signIn.status === 429 && !setsCookie(signIn));
    for (const [send] of kinds) held.push((await send({ from: "127.0.0.22" })).status !== 429);
    held.push((await limited.signInAsAdmin({ from: "127.0.0.22" })).status === 302);
    // A link that there is works on, and counts its own wrong PINs.
    const wrongPin = await limited.redeem(link.token, "9999", "Own-password-1", flooder);
    held.push(wrongPin.status === 403 && wrongPin.body.includes("2 tries left"));
    held.push(
      (await limited.redeem(link.token, link.pin, "Own-password-1", flooder)).status === 200,
    );
    await limited.endWindows();
    for (const [send] of kinds) held.push((await send(flooder)).status !== 429);
    held.push((await limited.signInAsAdmin(flooder)).status === 302);
    tell("the limit by address", held.length, held.filter(Boolean).length);
  });

  it("asks Keystone about no more sign-ins than that, however many come at once", async () => {
    const from = "127.0.0.27";
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => limited.signIn(randomUUID(), "wrong", { from })),
    );
    const of = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect([of(403), of(429)]).toEqual([LIMIT_PER_MINUTE, 40 - LIMIT_PER_MINUTE]);
  });

  it("does not count who is right: sign-ins, links and their pages", async () => {
    const held: boolean[] = [];
    const here = { from: "127.0.0.28" };
    for (let index = 0; index < 3 * LIMIT_PER_MINUTE; index++)
      held.push((await limited.signInAsAdmin(here)).status === 302);
    for (let index = 0; index < 3 * LIMIT_PER_MINUTE; index++) {
      const link = await limited.issue();
      held.push((await limited.get(`/?token=${link.token}`, here)).status === 200);
      held.push(
        (await limited.redeem(link.token, link.pin, "Own-password-1", here)).status === 200,
      );
      // Everybody opens a used link once more.
      held.push((await limited.get(`/?token=${link.token}`, here)).status === 404);
      held.push((await limited.get("/reset", here)).status === 200);
    }
    tell("who is right behind one address", held.length, held.filter(Boolean).length);
  });

  it("lets a lecture hall of two hundred in, who share an address, within a minute", async () => {
    const students = 200;
    const hall = { from: "127.0.0.29" };
    const links = await inLanes(students, () => limited.issue());
    const startedAt = performance.now();
    const redeemAll = inLanes(students, async (index) => {
      const link = links[index] as (typeof links)[number];
      const page = await limited.get(`/?token=${link.token}`, hall);
      // One in ten mistypes the PIN first: more than the limit of wrong ones.
      const slip =
        index % 10 === 0
          ? await limited.redeem(link.token, "9999", "Own-password-1", hall)
          : undefined;
      const done = await limited.redeem(link.token, link.pin, "Own-password-1", hall);
      const again = await limited.get(`/?token=${link.token}`, hall);
      return [page.status, slip?.status ?? 403, done.status, again.status];
    });
    const resets = inLanes(60, () => limited.get("/reset", hall));
    const signIn = await limited.signInAsAdmin(hall);
    const put = await limited.put((await limited.issue()).userId, {}, hall);
    const statuses = await redeemAll;
    const tookSeconds = (performance.now() - startedAt) / 1000;
    expect(new Set(statuses.map(String))).toEqual(new Set(["200,403,200,404"]));
    expect(new Set((await resets).map(({ status }) => status))).toEqual(new Set([200]));
    expect([signIn.status, put.status]).toEqual([302, 200]);
    expect((await limited.signInAsAdmin(hall)).status).toBe(302);
    expect(tookSeconds).toBeLessThan(60);
    process.stdout.write(
      `abuse: a lecture hall: ${students} redeemed behind one address in ${tookSeconds.toFixed(1)} s\n`,
    );
  });

  it("cannot be dodged by saying that one is somebody else", async () => {
    const held: boolean[] = [];
    const from = "127.0.0.23";
    const names = [
      "X-Forwarded-For",
      "X-Real-IP",
      "Forwarded",
      "CF-Connecting-IP",
      "True-Client-IP",
    ];
    for (let index = 0; index < 5 * LIMIT_PER_MINUTE; index++) {
      const headers = names.map((name): [string, string] => [
        name,
        name === "Forwarded" ? `for=192.0.2.${index}` : `192.0.2.${index}`,
      ]);
      const answer = await limited.post("/reset", { name: "x" }, { from, headers });
      held.push((answer.status === 429) === index >= LIMIT_PER_MINUTE);
    }
    tell("forged addresses against the limit", held.length, held.filter(Boolean).length);
  });

  it("fails closed: without its database nobody is let in, and afterwards everybody", async () => {
    const held: boolean[] = [];
    const link = await limited.issue();
    const cookie = cookieOf(await limited.signInAsAdmin({ from: "127.0.0.24" }));
    const origin: [string, string] = ["Origin", limited.stack.url];
    const signedIn = { headers: [["Cookie", cookie], origin] as [string, string][] };
    const acts: (() => Promise<RawAnswer>)[] = [
      () => limited.redeem(link.token, link.pin, "Own-password-1", { from: "127.0.0.25" }),
      () => limited.signInAsAdmin({ from: "127.0.0.25" }),
      () => limited.post("/reset", resetFields("a@example.org"), { from: "127.0.0.25" }),
      () => limited.get("/admin", signedIn),
      () => limited.post(`/admin/users/${link.userId}`, { password: "random" }, signedIn),
      () => limited.put(link.userId, {}),
    ];
    await proxy.goAway();
    for (const answer of await Promise.all(acts.map((act) => act()))) {
      held.push(answer.status === 503 && retryAfterOf(answer) > 0 && !setsCookie(answer));
    }
    const changed = limited.stack.sandboxKeystone?.cloud.user(link.userId).passwords.length;
    held.push(changed === 1);
    await proxy.comeBack();
    const [redeem, signIn, ask] = acts;
    held.push((await redeem?.())?.status === 200);
    held.push((await signIn?.())?.status === 302);
    held.push((await ask?.())?.status === 200);
    tell("limits without a database", held.length, held.filter(Boolean).length);
  });

  it("fails closed too where its table alone is gone", async () => {
    const link = await limited.issue();
    const from = { from: "127.0.0.26" };
    await limited.sql`alter table rate_limits rename to lost`;
    const answers = [
      await limited.redeem(randomUUID(), link.pin, "Own-password-1", from),
      await limited.redeem(link.token, "9999", "Own-password-1", from),
      await limited.signInAsAdmin(from),
    ];
    await limited.sql`alter table lost rename to rate_limits`;
    const held = answers.filter((answer) => answer.status >= 500 && !setsCookie(answer));
    // The link has counted the wrong PIN all the same.
    const [row] = await limited.sql<[{ attempts: number }]>`
      select attempts from links where user_id = ${link.userId}`;
    tell("limits without their table", answers.length + 1, held.length + row.attempts);
  });
});

describe("a limit by account", () => {
  it("holds from one address and from many, outlives a restart, and asks not whether there is one", async () => {
    const held: boolean[] = [];
    const { adminUserName, adminPassword } = open.stack.keystone;
    for (const [round, userName] of [adminUserName, "no-such-account"].entries()) {
      const at = (host: number) => ({ from: `127.0.${round + 1}.${host}` });
      const wrong = (host: number, spelling = userName) =>
        open.signIn(spelling, "Wrong-password-1", at(host));
      for (let index = 0; index < 10; index++) held.push((await wrong(1)).status === 403);
      held.push((await wrong(1)).status === 429);
      // The same account to Keystone on MySQL, whose names know no case and no accents.
      for (const spelling of [userName.toUpperCase(), ` ${userName}\t`, accented(userName)])
        held.push((await wrong(1, spelling)).status === 429);
      if (round === 0 || isLong) await open.stack.server.restart();
      held.push((await wrong(1)).status === 429);
      const others = await Promise.all(
        Array.from({ length: 40 }, (_, index) => wrong(2 + (index % 4))),
      );
      for (const { status } of others) held.push(status === 403);
      const refused = await open.signIn(userName, adminPassword, at(9));
      held.push(refused.status === 429 && retryAfterOf(refused) <= 900 && !setsCookie(refused));
      held.push((await open.signIn(`${userName}-2`, "x", at(9))).status === 403);
    }
    await open.endWindows();
    held.push((await open.signInAsAdmin()).status === 302);
    tell("the limits by account", held.length, held.filter(Boolean).length);
  });

  it("is forgotten by whoever signs in: typing a password wrong is no crime", async () => {
    const held: boolean[] = [];
    const { adminUserName } = open.stack.keystone;
    const here = { from: "127.0.3.1" };
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 9; index++)
        held.push((await open.signIn(adminUserName, "wrong", here)).status === 403);
      held.push((await open.signInAsAdmin(here)).status === 302);
    }
    tell("sign-ins after slips", held.length, held.filter(Boolean).length);
  });

  it("and the answer to a refused sign-in tell nothing of the account", async () => {
    const { keystone } = open.stack;
    const password = "Right-password-1";
    const member = await keystone.createUser({ name: "member", password });
    const project = await keystone.createProject({ name: "elsewhere" });
    await keystone.assignRole({ userId: member.id, role: "member", projectId: project.id });
    await keystone.createUser({ name: "disabled", password, enabled: false });
    const admin = await keystone.createUser({ name: "overseer", password });
    const adminProject = await keystone.projectId(keystone.adminProjectName);
    await keystone.assignRole({ userId: admin.id, role: "admin", projectId: adminProject });
    const kinds: Record<string, [user: string, password: string, domain: string]> = {
      "an administrator's, wrong password": ["overseer", "Wrong-password-1", "Default"],
      "a member's, wrong password": ["member", "Wrong-password-1", "Default"],
      "a member's, right password": ["member", password, "Default"],
      "a disabled one, right password": ["disabled", password, "Default"],
      "no such account": ["no-such-account", password, "Default"],
      "no such domain": ["member", password, "Nowhere"],
    };
    const rounds = isLong ? 60 : 12;
    const times = new Map<string, number[]>();
    const bodies = new Map<string, string>();
    let same = 0;
    for (let round = 0; round < rounds; round++) {
      await open.endWindows();
      for (const [kind, [userName, typed, domain]] of Object.entries(kinds)) {
        const startedAt = performance.now();
        const answer = await open.signIn(userName, typed, { from: "127.0.4.1" }, domain);
        times.set(kind, [...(times.get(kind) ?? []), performance.now() - startedAt]);
        bodies.set(kind, plainBody(answer, [userName, domain]));
        if (answer.status === 403 && !setsCookie(answer)) same += 1;
      }
    }
    const middle = [...times].map(([kind, all]) => [kind, median(all)] as const);
    const all = middle.map(([, ms]) => ms);
    const spread = Math.max(...all) - Math.min(...all);
    process.stdout.write(
      `abuse: refused sign-ins take ${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))} ms (medians of ${rounds}), whichever the account\n`,
    );
    expect(new Set(bodies.values()).size).toBe(1);
    expect(spread).toBeLessThan(Math.max(25, Math.min(...all)));
    tell("refused sign-ins", rounds * Object.keys(kinds).length, same);
  });

  it("does not tell either by the request for a new link", async () => {
    const { keystone } = open.stack;
    await keystone.createUser({ name: "jane", password: "x", email: "jane@example.org" });
    const known = await open.post("/reset", resetFields("jane@example.org"));
    const unknown = await open.post("/reset", resetFields("nobody@example.org"));
    expect([known.status, unknown.status]).toEqual([200, 200]);
    expect(plainBody(known, ["jane@example.org"])).toBe(plainBody(unknown, ["nobody@example.org"]));
  });
});

/** One after the other: what is counted is not to depend on who comes first. */
async function inTurns<T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let index = 0; index < count; index++) results.push(await act(index));
  return results;
}

/** So many, twenty at a time. */
async function inLanes<T>(count: number, act: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await act(index);
  };
  await Promise.all(Array.from({ length: 20 }, lane));
  return results;
}

const accented = (text: string) => text.replace(/a/i, "\u00e0").replace(/o/i, "\uff4f");

function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** A page without what is every answer's own: its number, its nonce, its moment, what was typed. */
function plainBody({ body }: RawAnswer, typed: readonly string[]): string {
  let text = body
    .replace(/req-[0-9a-f-]{36}/g, "req")
    .replace(/nonce="[^"]*"/g, "")
    .replace(/\b1\d{12}\b/g, "now");
  for (const value of typed) text = text.replaceAll(value, "typed");
  return text;
}

describe("what a request says of itself", () => {
  const forged: [string, string][] = [
    ["X-Forwarded-For", "203.0.113.66"],
    ["X-Forwarded-Host", "evil.example"],
    ["X-Forwarded-Proto", "http"],
    ["X-Forwarded-Port", "81"],
    ["X-Real-IP", "203.0.113.66"],
    ["Forwarded", "for=203.0.113.66;host=evil.example;proto=http"],
    ["X-Original-Host", "evil.example"],
    ["Host", "evil.example"],
  ];

  /** Everything that can be seen of a request's address: links, mails, the trail, the limits. */
  async function lookAround(headers: [string, string][]) {
    const { userId } = await open.issue();
    const put = await open.put(
      userId,
      {},
      { headers: [...headers, ["Accept", "application/json"]] },
    );
    const link = JSON.parse(put.body) as { url: string; token: string };
    await open.post("/reset", resetFields(`${randomUUID()}@example.org`), { headers });
    const mail = await open.stack.smtp.waitForMessage(({ subject }) =>
      /request|link/i.test(subject),
    );
    open.stack.smtp.clear();
    await open.redeem(link.token, "0000", "Own-password-1", { headers });
    await open.signIn("nobody", "wrong", { headers });
    const events = await open.sql<{ action: string; client_address: string }[]>`
      select action, client_address from audit_events order by id desc limit 4`;
    const signIn = await open.signInAsAdmin({ headers });
    const limits = await open.sql<{ key: string }[]>`select key from rate_limits`;
    await open.sql`delete from rate_limits`;
    return {
      linkUrl: link.url,
      mailText: mail.text,
      actions: events.map(({ action }) => action).reverse(),
      addresses: new Set(events.map((event) => event.client_address)),
      cookie: signIn.headers["set-cookie"]?.[0] ?? "",
      location: signIn.headers.location?.[0],
      limitKeys: limits.map(({ key }) => key),
    };
  }

  const everyAct = ["link.renewed", "reset.requested", "link.pin-refused", "admin.sign-in-refused"];

  it("changes nothing: links, mails, cookies and the trail know PUBLIC_URL and the socket alone", async () => {
    const seen = await lookAround(forged);
    expect(seen.linkUrl).toMatch(/^https:\/\/setpass\.example\.org\/\?token=[0-9a-f-]{36}$/);
    expect(seen.mailText).toContain("https://setpass.example.org/admin/requests");
    expect(seen.mailText).not.toContain("evil.example");
    expect(seen.actions).toEqual(everyAct);
    expect(seen.addresses).toEqual(new Set(["127.0.0.1"]));
    expect(seen.cookie).toMatch(/^__Host-setpass=.*; Secure/);
    expect(seen.location).toBe("/admin");
    for (const limit of ["address", "wrong-link", "sign-in-of", "events-of"])
      expect(seen.limitKeys).toContain(open.limitKey(limit, "127.0.0.1"));
    for (const limit of ["address", "wrong-link", "sign-in-of", "events-of"])
      expect(seen.limitKeys).not.toContain(open.limitKey(limit, "203.0.113.66"));
    // Keyed: an address cannot be read from a dump, nor a name that was typed.
    expect(seen.limitKeys.join()).not.toContain("127.0.0.1");
    tell("forged headers without TRUST_PROXY", forged.length, forged.length);
  });

  it("is believed of the proxies that TRUST_PROXY names, and of the address before them alone", async () => {
    const cases: [trust: string, forwardedFor: string, expected: string][] = [
      ["1", "203.0.113.66", "203.0.113.66"],
      ["1", "198.51.100.1, 203.0.113.66", "203.0.113.66"],
      ["loopback", "198.51.100.1, 203.0.113.66", "203.0.113.66"],
      // Some proxies add the port; each would be another client to the limits.
      ["loopback", "203.0.113.66:51234", "203.0.113.66"],
      ["loopback", "[2001:db8::7]:443", "2001:db8::7"],
      ["loopback", "nonsense", "127.0.0.1"],
      ["loopback", "x".repeat(8000), "127.0.0.1"],
      ["2", "198.51.100.1, 203.0.113.66, 10.0.0.1", "203.0.113.66"],
      ["127.0.0.0/8,10.0.0.0/8", "198.51.100.1, 203.0.113.66, 10.0.0.1", "203.0.113.66"],
      ["10.0.0.0/8", "203.0.113.66", "127.0.0.1"],
      ["none", "203.0.113.66", "127.0.0.1"],
    ];
    const tried = isLong ? cases : cases.slice(1, 7);
    let trusted = "none";
    for (const [trust, forwardedFor, expected] of tried) {
      if (trust !== trusted) await open.stack.server.restart({ TRUST_PROXY: trust });
      trusted = trust;
      const others = forged.filter(([name]) => name !== "X-Forwarded-For");
      const seen = await lookAround([...others, ["X-Forwarded-For", forwardedFor]]);
      expect([trust, forwardedFor, ...seen.addresses]).toEqual([trust, forwardedFor, expected]);
      const key = expected.includes("::") ? "2001:db8:0:0::/64" : expected;
      expect(seen.limitKeys).toContain(open.limitKey("address", key));
      // The address is all that is taken from a proxy.
      expect(seen.linkUrl).toMatch(/^https:\/\/setpass\.example\.org\//);
      expect(seen.mailText).not.toContain("evil.example");
      expect(seen.cookie).toMatch(/^__Host-setpass=/);
    }
    tell("forwarded addresses", tried.length, tried.length);
    await open.stack.server.restart({ TRUST_PROXY: "none" });
  });
});

describe("the holder of a link", () => {
  it("locks that link and nothing else", async () => {
    const held: boolean[] = [];
    const attacked = await open.issue();
    const neighbour = await open.issue();
    const calls = open.stack.sandboxKeystone?.cloud.user(attacked.userId);
    for (let index = 0; index < 6; index++) {
      const { status } = await open.redeem(attacked.token, "9999", "Own-password-1");
      held.push(status === 403);
    }
    held.push((await open.redeem(attacked.token, attacked.pin, "Own-password-1")).status === 403);
    // A wrong PIN never reached Keystone, so the account is not locked there either.
    held.push(calls?.failedSignIns === 0);
    held.push((await open.redeem(neighbour.token, neighbour.pin, "Own-password-1")).status === 200);
    held.push((await open.signInAsAdmin()).status === 302);
    held.push((await open.post("/reset", resetFields("other@example.org"))).status === 200);
    const renewed = await open.put(attacked.userId, {});
    held.push((await open.redeem(renewed.body, attacked.pin, "Own-password-1")).status === 200);
    // What is left of an old token does nothing to the newer link.
    for (const token of [attacked.token, renewed.body, randomUUID()])
      held.push((await open.redeem(token, "9999", "Own-password-1")).status === 404);
    tell("locking others out", held.length, held.filter(Boolean).length);
  });

  it("gets no more than three guesses, however many at once, and ten of one PIN over all renewals", async () => {
    const racers = 16;
    const { userId, pin, token } = await open.issue();
    let guesses = 0;
    let current = token;
    const exhausted = async () => (await open.put(userId, {})).status === 409;
    for (let round = 0; round < 8; round++) {
      const answers = await Promise.all(
        Array.from({ length: racers }, () => open.redeem(current, "9999", "Own-password-1")),
      );
      expect(answers.every(({ status }) => status === 403)).toBe(true);
      const [row] = await open.sql<[{ attempts: number; pin_guesses: number }]>`
        select attempts, pin_guesses from links where user_id = ${userId}`;
      expect(row.attempts).toBeLessThanOrEqual(3);
      guesses = row.pin_guesses;
      const renewed = await open.put(userId, {});
      if (renewed.status !== 200) break;
      current = renewed.body;
    }
    expect(guesses).toBe(10);
    const [{ compared }] = await open.sql<[{ compared: number }]>`
      select count(*)::int as compared from audit_events
      where user_id = ${userId} and action = 'link.pin-refused'`;
    expect(compared).toBe(10);
    expect(await exhausted()).toBe(true);
    expect((await open.put(userId, { pin })).status).toBe(409);
    expect((await open.put(userId, { pin, password: "Initial-1" })).status).toBe(409);
    expect((await open.put(userId, { password: "Initial-1" })).status).toBe(409);
    expect((await open.redeem(current, pin, "Own-password-1")).status).toBe(403);
    const afresh = await open.put(userId, { pin: "8266" });
    expect(afresh.status).toBe(200);
    expect((await open.redeem(afresh.body, "8266", "Own-password-1")).status).toBe(200);
    process.stdout.write(
      `abuse: guesses of one PIN over renewals: ${4 * racers} tried or more, ${guesses} compared, the rest held\n`,
    );
  });
});

describe("a flood of anonymous requests", () => {
  it("makes no session, and fills no table beyond what the limits let through", async () => {
    const { token } = await limited.issue();
    const before = await limited.countRows();
    const addresses = Array.from({ length: isLong ? 40 : 8 }, (_, index) => `127.0.9.${index + 1}`);
    const statuses: number[] = [];
    const cookies: string[] = [];
    const each = async (from: string) => {
      for (let index = 0; index < (isLong ? 20 : 4); index++) {
        const bait: [string, string][] = [["Cookie", `setpass=${randomUUID()}`]];
        const email = `${randomUUID()}@example.org`;
        const answers = [
          await limited.signIn(randomUUID(), "wrong", { from }),
          await limited.signIn("admin", "", { from }),
          await limited.post("/reset", resetFields(email), { from }),
          await limited.post("/reset", resetFields("same@example.org"), { from }),
          await limited.post("/", { token, pin: "", password: "" }, { from }),
          await limited.redeem(randomUUID(), "1234", "Own-password-1", { from }),
          await limited.get("/admin", { from, headers: bait }),
          await limited.send(
            { method: "PUT", target: `/token/${randomUUID()}`, body: "{}" },
            { from },
          ),
        ];
        statuses.push(...answers.map(({ status }) => status));
        cookies.push(...answers.map(cookieOf).filter((cookie) => /=./.test(cookie)));
      }
    };
    await Promise.all(addresses.map(each));
    const after = await limited.countRows();
    const grown = Object.fromEntries(
      Object.entries(after).map(([table, rows]) => [table, rows - (before[table] ?? 0)]),
    );
    // Of each kind: requests for a link, and sign-ins.
    const admitted = addresses.length * LIMIT_PER_MINUTE;
    expect(statuses.filter((status) => status >= 500)).toEqual([]);
    expect(cookies).toEqual([]);
    expect(grown).toMatchObject({ admin_sessions: 0, links: 0 });
    expect(grown.reset_requests).toBeLessThanOrEqual(admitted);
    // The helpdesk is told of each once, the requests that replace another are not told again.
    expect(grown.mails).toBe(grown.reset_requests);
    expect(grown.audit_events).toBeLessThanOrEqual(2 * admitted);
    // Four an address and one for all; and two for each account that was named; for an hour at most.
    expect(grown.rate_limits).toBeLessThanOrEqual(4 * addresses.length + 1 + 2 * admitted);
    const [{ longest }] = await limited.sql<[{ longest: number }]>`
      select max(extract(epoch from expire - now()))::int as longest from rate_limits`;
    expect(longest).toBeLessThanOrEqual(3600);
    process.stdout.write(
      `abuse: a flood of ${statuses.length} requests from ${addresses.length} addresses: ${statuses.filter((status) => status === 429).length} were held off; rows grew by ${JSON.stringify(grown)}\n`,
    );
  });

  it("adds to the trail no more than sixty rows an hour from one address, and a thousand from all", async () => {
    const from = "127.0.7.1";
    const refused = () => open.signIn(randomUUID(), "wrong", { from });
    const written = async () => {
      const [row] = await open.sql<[{ rows: number }]>`
        select count(*)::int as rows from audit_events where client_address = ${from}`;
      return row.rows;
    };
    const answers = await inTurns(70, refused);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
    expect(await written()).toBe(60);
    // A request for a link is taken all the same; and who is somebody is always written down.
    const email = `${randomUUID()}@example.org`;
    expect((await open.post("/reset", resetFields(email), { from })).status).toBe(200);
    expect((await open.signInAsAdmin({ from })).status).toBe(302);
    expect(await written()).toBe(61);

    await open.sql`
      update rate_limits set points = 999 where key = ${open.limitKey("events", "all")}`;
    const others = await inTurns(5, (index) =>
      open.signIn(randomUUID(), "wrong", { from: `127.0.7.${index + 2}` }),
    );
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([403]));
    const [{ rows }] = await open.sql<[{ rows: number }]>`
      select count(*)::int as rows from audit_events where client_address like '127.0.7.%'`;
    expect(rows).toBe(62);
    tell("rows of the trail", 75, 75);
  });

  it("leaves room for no more than a thousand open requests for a link", async () => {
    const [{ open }] = await limited.sql<[{ open: number }]>`
      select count(*)::int as open from reset_requests where state = 'open'`;
    await limited.sql`
      insert into reset_requests (name, email, sealed_pin)
      select 'x', 'filler-' || n || '@example.org', ''::bytea from generate_series(1, ${1000 - open}) n`;
    const refused = await limited.post("/reset", resetFields("late@example.org"), {
      from: "127.0.8.1",
    });
    const { reset_requests: rows } = await limited.countRows();
    expect([refused.status, rows]).toEqual([503, 1000]);
    tell("requests beyond a thousand", 1, 1);
  });
});
