import { randomUUID } from "node:crypto";
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mailedConfirmToken } from "../support/mailed-confirm-token";
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

/** Prints how much a test tried, all of which held. */
function tell(what: string, tried: number): void {
  process.stdout.write(`abuse: ${what}: ${tried} tried, ${tried} held\n`);
}

/** Says of each answer what it must be, and counts them for `tell`. */
function tries() {
  let count = 0;
  return {
    get count() {
      return count;
    },
    /** @param expected statuses, of which it is one */
    status(what: string, { status }: Pick<RawAnswer, "status">, ...expected: number[]): void {
      count += 1;
      expect(expected, `${what}: ${status}`).toContain(status);
    },
    /** Held off: told when to come back, at most so much later, and given no session. */
    heldOff(what: string, answer: RawAnswer, status: number, mostSeconds: number): void {
      count += 1;
      expect(answer.status, what).toBe(status);
      expect(retryAfterOf(answer), `${what}: Retry-After`).toBeGreaterThanOrEqual(1);
      expect(retryAfterOf(answer), `${what}: Retry-After`).toBeLessThanOrEqual(mostSeconds);
      expect(setsCookie(answer), `${what}: Set-Cookie`).toBe(false);
    },
    is(what: string, actual: unknown, expected: unknown): void {
      count += 1;
      expect(actual, what).toEqual(expected);
    },
  };
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
  const kinds: [what: string, unlimited: number, plain: Send, byScript: Send][] = [
    [
      "a link that there is not",
      404,
      (sender) => limited.redeem(randomUUID(), "0000", "Own-password-1", sender),
      (sender) => limited.post("/_root.data?index", { token: randomUUID() }, sender),
    ],
    [
      "a refused sign-in",
      403,
      (sender) => limited.signIn(randomUUID(), "wrong", sender),
      (sender) =>
        limited.post(
          "/admin/sign-in.data",
          { user_name: randomUUID(), password: "wrong", domain: "Default" },
          sender,
        ),
    ],
    [
      "a request for a link",
      400,
      (sender) => limited.post("/reset", { name: "x" }, sender),
      (sender) => limited.post("/reset.data", { name: "x" }, sender),
    ],
  ];

  it("counts what is wrong, each kind by itself, outlives a restart, and ends with its minute", async () => {
    const tried = tries();
    const flooder = { from: "127.0.0.21" };
    const elsewhere = { from: "127.0.0.22" };
    const link = await limited.issue();
    for (const [what, unlimited, plain, byScript] of kinds) {
      const each = (count: number) =>
        inTurns(count, (index) => (index % 2 === 0 ? plain : byScript)(flooder));
      for (const answer of await each(LIMIT_PER_MINUTE))
        tried.status(`${what}, within the limit`, answer, unlimited);
      for (const answer of await each(2))
        tried.heldOff(`${what}, beyond the limit`, answer, 429, 60);
    }
    await limited.stack.server.restart();
    for (const [what, , send] of kinds)
      tried.status(`${what}, after a restart`, await send(flooder), 429);
    // Sign-ins are held off before Keystone is asked, the right ones too.
    tried.heldOff("the right password", await limited.signInAsAdmin(flooder), 429, 60);
    for (const [what, unlimited, send] of kinds)
      tried.status(`${what}, from elsewhere`, await send(elsewhere), unlimited);
    tried.status("signing in elsewhere", await limited.signInAsAdmin(elsewhere), 302);
    // A link that there is works on, and counts its own wrong PINs.
    const wrongPin = await limited.redeem(link.token, "9999", "Own-password-1", flooder);
    tried.status("a wrong PIN", wrongPin, 403);
    tried.is("what its page says", wrongPin.body.includes("2 attempts left"), true);
    const redeemed = await limited.redeem(link.token, link.pin, "Own-password-1", flooder);
    tried.status("the right PIN", redeemed, 200);
    await limited.endWindows();
    for (const [what, unlimited, send] of kinds)
      tried.status(`${what}, a minute later`, await send(flooder), unlimited);
    tried.status("signing in, a minute later", await limited.signInAsAdmin(flooder), 302);
    tell("the limit by address", tried.count);
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
    const tried = tries();
    const here = { from: "127.0.0.28" };
    for (let index = 0; index < 3 * LIMIT_PER_MINUTE; index++)
      tried.status("signing in", await limited.signInAsAdmin(here), 302);
    for (let index = 0; index < 3 * LIMIT_PER_MINUTE; index++) {
      const link = await limited.issue();
      const redeem = () => limited.redeem(link.token, link.pin, "Own-password-1", here);
      tried.status("opening a link", await limited.get(`/?token=${link.token}`, here), 200);
      tried.status("redeeming it", await redeem(), 200);
      // Everybody opens a used link once more.
      tried.status("opening it again", await limited.get(`/?token=${link.token}`, here), 404);
      tried.status("opening /reset", await limited.get("/reset", here), 200);
    }
    tell("who is right behind one address", tried.count);
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
    const tried = tries();
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
      tried.status(`request ${index + 1}`, answer, index < LIMIT_PER_MINUTE ? 400 : 429);
    }
    tell("forged addresses against the limit", tried.count);
  });

  it("fails closed: without its database nobody is let in, and afterwards everybody", async () => {
    const tried = tries();
    const link = await limited.issue();
    const cookie = cookieOf(await limited.signInAsAdmin({ from: "127.0.0.24" }));
    const origin: [string, string] = ["Origin", limited.stack.url];
    const signedIn = { headers: [["Cookie", cookie], origin] as [string, string][] };
    const from = { from: "127.0.0.25" };
    const redeem = () => limited.redeem(link.token, link.pin, "Own-password-1", from);
    const signIn = () => limited.signInAsAdmin(from);
    const ask = () => limited.post("/reset", resetFields("a@example.org"), from);
    const acts: Record<string, () => Promise<RawAnswer>> = {
      redeeming: redeem,
      "signing in": signIn,
      "asking for a link": ask,
      "the console": () => limited.get("/admin", signedIn),
      "issuing in the console": () =>
        limited.post(`/admin/users/${link.userId}`, { password: "random" }, signedIn),
      "issuing by script": () => limited.put(link.userId, {}),
    };
    await proxy.goAway();
    await Promise.all(
      Object.entries(acts).map(async ([name, act]) =>
        tried.heldOff(`${name}, without a database`, await act(), 503, 3600),
      ),
    );
    const changed = limited.stack.sandboxKeystone?.cloud.user(link.userId).passwords.length;
    tried.is("passwords that Keystone has of the user", changed, 1);
    await proxy.comeBack();
    tried.status("redeeming, afterwards", await redeem(), 200);
    tried.status("signing in, afterwards", await signIn(), 302);
    tried.status("asking for a link, afterwards", await ask(), 200);
    tell("limits without a database", tried.count);
  });

  it("fails closed too where its table alone is gone", async () => {
    const tried = tries();
    const link = await limited.issue();
    const from = { from: "127.0.0.26" };
    await limited.sql`alter table rate_limits rename to lost`;
    const answers = {
      "a link that there is not": await limited.redeem(
        randomUUID(),
        link.pin,
        "Own-password-1",
        from,
      ),
      "a wrong PIN": await limited.redeem(link.token, "9999", "Own-password-1", from),
      "signing in": await limited.signInAsAdmin(from),
    };
    await limited.sql`alter table lost rename to rate_limits`;
    for (const [name, answer] of Object.entries(answers)) {
      tried.status(name, answer, 500, 503);
      tried.is(`${name}: Set-Cookie`, setsCookie(answer), false);
    }
    // The link has counted the wrong PIN all the same.
    const [row] = await limited.sql<[{ attempts: number }]>`
      select attempts from links where user_id = ${link.userId}`;
    tried.is("wrong PINs of the link", row.attempts, 1);
    tell("limits without their table", tried.count);
  });
});

describe("a limit by account", () => {
  it("holds from one address and from many, outlives a restart, and asks not whether there is one", async () => {
    const tried = tries();
    const { adminUserName, adminPassword } = open.stack.keystone;
    for (const [round, userName] of [adminUserName, "no-such-account"].entries()) {
      const at = (host: number) => ({ from: `127.0.${round + 1}.${host}` });
      const wrong = (host: number, spelling = userName) =>
        open.signIn(spelling, "Wrong-password-1", at(host));
      for (let slip = 1; slip <= 10; slip++)
        tried.status(`${userName}, slip ${slip}`, await wrong(1), 403);
      tried.status(`${userName}, slip 11`, await wrong(1), 429);
      // The same account to Keystone on MySQL, whose names know no case and no accents.
      for (const spelling of [userName.toUpperCase(), ` ${userName}\t`, accented(userName)])
        tried.status(`spelt ${JSON.stringify(spelling)}`, await wrong(1, spelling), 429);
      if (round === 0 || isLong) await open.stack.server.restart();
      tried.status(`${userName}, after a restart`, await wrong(1), 429);
      const others = await Promise.all(
        Array.from({ length: 40 }, (_, index) => wrong(2 + (index % 4))),
      );
      for (const answer of others) tried.status(`${userName}, from elsewhere`, answer, 403);
      const refused = await open.signIn(userName, adminPassword, at(9));
      tried.heldOff(`${userName}, after fifty from everywhere`, refused, 429, 900);
      tried.status("a neighbour's name", await open.signIn(`${userName}-2`, "x", at(9)), 403);
    }
    await open.endWindows();
    tried.status("the right password, later", await open.signInAsAdmin(), 302);
    tell("the limits by account", tried.count);
  });

  it("is forgotten by whoever signs in: typing a password wrong is no crime", async () => {
    const tried = tries();
    const { adminUserName } = open.stack.keystone;
    const here = { from: "127.0.3.1" };
    for (let round = 1; round <= 3; round++) {
      for (let slip = 1; slip <= 9; slip++) {
        const answer = await open.signIn(adminUserName, "wrong", here);
        tried.status(`round ${round}, slip ${slip}`, answer, 403);
      }
      tried.status(`round ${round}, the right one`, await open.signInAsAdmin(here), 302);
    }
    tell("sign-ins after slips", tried.count);
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
    const tried = tries();
    for (let round = 0; round < rounds; round++) {
      await open.endWindows();
      for (const [kind, [userName, typed, domain]] of Object.entries(kinds)) {
        const startedAt = performance.now();
        const answer = await open.signIn(userName, typed, { from: "127.0.4.1" }, domain);
        times.set(kind, [...(times.get(kind) ?? []), performance.now() - startedAt]);
        bodies.set(kind, plainBody(answer, [userName, domain]));
        tried.status(kind, answer, 403);
        expect(setsCookie(answer), kind).toBe(false);
      }
    }
    // The quickest of each: what a busy machine adds says nothing of the account.
    const all = [...times.values()].map((ofKind) => Math.min(...ofKind));
    const spread = Math.max(...all) - Math.min(...all);
    process.stdout.write(
      `abuse: refused sign-ins take ${Math.round(Math.min(...all))} to ${Math.round(Math.max(...all))} ms at the quickest of ${rounds}, whichever the account\n`,
    );
    expect(new Set(bodies.values()).size).toBe(1);
    expect(spread).toBeLessThan(Math.max(25, Math.min(...all)));
    tell("refused sign-ins", tried.count);
  });

  it("does not tell either by the request for a new link, nor how much its mailbox was mailed", async () => {
    const { keystone } = open.stack;
    await keystone.createUser({ name: "jane", password: "x", email: "jane@example.org" });
    const known = await open.post("/reset", resetFields("jane@example.org"));
    const unknown = await open.post("/reset", resetFields("nobody@example.org"));
    expect([known.status, unknown.status]).toEqual([200, 200]);
    const page = plainBody(unknown, ["nobody@example.org"]);
    expect(plainBody(known, ["jane@example.org"])).toBe(page);
    // Three mails are all that one sender has it sent in an hour.
    for (let index = 0; index < 5; index++) {
      const again = await open.post("/reset", resetFields("jane@example.org"));
      expect([again.status, plainBody(again, ["jane@example.org"])]).toEqual([200, page]);
    }
    const [{ mails }] = await open.sql<[{ mails: number }]>`
      select count(*)::int as mails from mails
      where template = 'reset-confirm' and recipient = 'jane@example.org'`;
    expect(mails).toBe(3);
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

/** A page without what is every answer's own: number, nonce, moment, a request's code, what was typed. */
function plainBody({ body }: RawAnswer, typed: readonly string[]): string {
  let text = body
    .replace(/req-[0-9a-f-]{36}/g, "req")
    .replace(/nonce="[^"]*"/g, "")
    .replace(/\b[0-9A-Z]{2}-[0-9A-Z]{3}\b/g, "code")
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
    expect(seen.mailText).toContain("https://setpass.example.org/reset/confirm?token=");
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
    tell("forged headers without TRUST_PROXY", forged.length);
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
    tell("forwarded addresses", tried.length);
    await open.stack.server.restart({ TRUST_PROXY: "none" });
  });
});

describe("the holder of a link", () => {
  it("locks that link and nothing else", async () => {
    const tried = tries();
    const attacked = await open.issue();
    const neighbour = await open.issue();
    const own = "Own-password-1";
    const user = open.stack.sandboxKeystone?.cloud.user(attacked.userId);
    for (let guess = 1; guess <= 6; guess++)
      tried.status(`wrong PIN ${guess}`, await open.redeem(attacked.token, "9999", own), 403);
    const locked = await open.redeem(attacked.token, attacked.pin, own);
    tried.status("the right PIN, too late", locked, 403);
    // A wrong PIN never reached Keystone, so the account is not locked there either.
    tried.is("failed sign-ins that Keystone counted", user?.failedSignIns, 0);
    const unharmed = await open.redeem(neighbour.token, neighbour.pin, own);
    tried.status("another link", unharmed, 200);
    tried.status("signing in", await open.signInAsAdmin(), 302);
    const asked = await open.post("/reset", resetFields("other@example.org"));
    tried.status("asking for a link", asked, 200);
    const renewed = await open.put(attacked.userId, {});
    tried.status("the new link", await open.redeem(renewed.body, attacked.pin, own), 200);
    // What is left of an old token does nothing to the newer link.
    for (const token of [attacked.token, renewed.body, randomUUID()])
      tried.status("a dead link", await open.redeem(token, "9999", own), 404);
    tell("locking others out", tried.count);
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
    // A mail to each mailbox that was named, six to one that was named by all; none to the helpdesk.
    const mailed = await limited.sql<{ recipient: string; mails: number }[]>`
      select recipient, count(*)::int as mails from mails
      where template in ('reset-confirm', 'reset-digest') group by recipient order by mails`;
    expect(mailed.filter(({ mails }) => mails > 1).map(({ recipient }) => recipient)).toEqual([
      "same@example.org",
    ]);
    expect(mailed.at(-1)?.mails).toBeLessThanOrEqual(6);
    expect(grown.audit_events).toBeLessThanOrEqual(2 * admitted);
    // Seven an address and two for all; two for each account and for each mailbox; for an hour at most.
    expect(grown.rate_limits).toBeLessThanOrEqual(7 * addresses.length + 2 + 4 * admitted);
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
    // Requests for a link have a room of their own; and who is somebody is always written down.
    const email = `${randomUUID()}@example.org`;
    expect((await open.post("/reset", resetFields(email), { from })).status).toBe(200);
    expect((await open.signInAsAdmin({ from })).status).toBe(302);
    expect(await written()).toBe(62);

    await open.sql`
      update rate_limits set points = 999 where key = ${open.limitKey("events", "all")}`;
    const others = await inTurns(5, (index) =>
      open.signIn(randomUUID(), "wrong", { from: `127.0.7.${index + 2}` }),
    );
    expect(new Set(others.map(({ status }) => status))).toEqual(new Set([403]));
    const [{ rows }] = await open.sql<[{ rows: number }]>`
      select count(*)::int as rows from audit_events where client_address like '127.0.7.%'`;
    expect(rows).toBe(63);
    tell("rows of the trail", 75);
  });

  it("closes the door for nobody: a mailbox that was never named is mailed, with a thousand open", async () => {
    await limited.sql`
      insert into reset_requests (state, name, email)
      select 'open', 'x', 'filler-' || n || '@example.org' from generate_series(1, 1000) n`;
    const email = "late@example.org";
    const taken = await limited.post("/reset", resetFields(email), { from: "127.0.8.1" });
    expect(taken.status).toBe(200);
    const token = await mailedConfirmToken(limited.stack.smtp, email);
    const confirmed = await limited.post("/reset/confirm", { token }, { from: "127.0.8.2" });
    expect(confirmed.status).toBe(200);
    const [row] = await limited.sql`select state from reset_requests where email = ${email}`;
    expect(row?.state).toBe("open");
    await limited.sql`delete from reset_requests where email like 'filler-%'`;
    tell("the door for somebody new", 1);
  });

  it("is refused after so many an hour from one address, in words and with when to come back", async () => {
    await limited.stack.server.restart({
      RESET_LIMIT_PER_HOUR: "4",
      RATE_LIMIT_PER_MINUTE: "1000",
    });
    const ask = (from: string) =>
      limited.post("/reset", resetFields(`${randomUUID()}@example.org`), { from });
    const answers = await inTurns(6, () => ask("127.0.8.3"));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429, 429]);
    const last = answers.at(-1) as RawAnswer;
    expect(retryAfterOf(last)).toBeGreaterThan(3000);
    expect(last.body).toContain("There have been many requests from your network");
    expect((await ask("127.0.8.4")).status).toBe(200);
    tell("requests from one address", 6);
  });
});
