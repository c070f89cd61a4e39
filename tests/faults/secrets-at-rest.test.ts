import { execFile } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { appendFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { EmbeddedPostgres } from "../../demo/embedded-postgres";
import { startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { dumpDatabase } from "../support/dump-database";
import { inLanes } from "../support/fault-matrix";
import { type FaultProxy, faults, startFaultProxy } from "../support/fault-proxy";
import { type Finding, findSecrets } from "../support/find-secrets";
import { type KeystoneAccess, type KeystoneAdmin, keystoneAdmin } from "../support/keystone-admin";
import { mailedConfirmToken } from "../support/mailed-confirm-token";
import { startTestPostgres } from "../support/postgres";
import { testPasswordRegex, testPasswordRegexDescription } from "../support/real-keystone";
import { encodingsOf, type ScannedSecret, scanFor } from "../support/secret-scan";
import { startServerProcess } from "../support/server-process";
import { startSmtpServer, type TestSmtpServer } from "../support/smtp";
import { newSecretKey, type Stack, startStack } from "../support/stack";
import {
  type Answer,
  type Ask,
  createVisitor,
  linkTokenIn,
  newRequestId,
  type Visitor,
} from "../support/visitor";

/**
 * A long run of everything setpass does, with every secret of it noted. Afterwards none of them may be
 * found in the database, its WAL and its data folder, in any log, in the metrics, or in any answer but
 * the one that is there to show it.
 */
const long = process.env.SETPASS_LONG === "1";
const ROUNDS = long ? 12 : 2;
const PIN_LENGTH = 12;
const root = path.resolve(import.meta.dirname, "../..");

const secrets = new Map<string, ScannedSecret>();
/** Notes a secret, for the scan at the end. */
function secret(kind: string, value: string, more: Partial<ScannedSecret> = {}): string {
  secrets.set(value, { kind, value, ...more });
  return value;
}

// Twelve digits: a hit is a hit, where four would be anywhere.
const newPin = () =>
  secret("PIN", `9${Array.from({ length: PIN_LENGTH - 1 }, () => randomInt(10)).join("")}`, {
    guessable: true,
  });
const newPassword = (kind: string) =>
  // With everything that an encoding may change.
  secret(kind, `${randomBytes(9).toString("base64url")}-1a &<"'+%\\é`, { guessable: true });
const newName = (what: string) => `${what}-${randomBytes(6).toString("hex")}`;

/** Everything that was answered, without what the answer is there to show. */
const answers: { what: string; content: string }[] = [];

function keep(asked: Ask, answer: Answer): void {
  const { pathname, searchParams } = new URL(asked.path, "http://site.invalid");
  const shown: string[] = [];
  const isToken = (text: string | undefined | null) =>
    text && secrets.get(text)?.kind === "link token" ? [text] : [];
  if (asked.method === "PUT" && answer.status === 200)
    shown.push(secret("link token", linkTokenIn(answer.text) ?? answer.text));
  // A form holds the token of its own link, to be sent with it.
  if (pathname === "/") shown.push(...isToken(searchParams.get("token")));
  if (pathname === "/reset/confirm")
    shown.push(...[searchParams.get("token"), asked.form?.token].flatMap((token) => token ?? []));
  if (pathname.startsWith("/admin/") && asked.form && answer.status === 200) {
    const fresh = linkTokenIn(answer.text);
    if (fresh) shown.push(secret("link token", fresh));
  }
  // What was typed into the name field is shown again, so that it can be mended.
  if (pathname === "/admin/sign-in" && asked.form?.user_name) shown.push(asked.form.user_name);
  for (const cookie of answer.headers.getSetCookie()) {
    const value = decodeURIComponent(cookie.split(";", 1)[0]?.split("=")[1] ?? "");
    if (value === "") continue;
    const sessionId = JSON.parse(Buffer.from(value, "base64").toString("utf8")) as string;
    shown.push(secret("session cookie", value), secret("session id", sessionId));
  }
  let content = `${[...answer.headers].map((pair) => pair.join(": ")).join("\n")}\n\n${answer.text}`;
  for (const value of shown.flatMap((one) => encodingsOf({ kind: "", value: one })))
    content = content.replaceAll(value.bytes.toString("utf8"), "");
  const method = asked.method ?? (asked.form ? "POST" : "GET");
  answers.push({ what: `${method} ${pathname} ${answer.status}`, content });
}

let databaseServer: EmbeddedPostgres;
let databaseLog = "";
let stack: Stack;
let proxy: FaultProxy;
let smtp: TestSmtpServer;
let visitor: Visitor;
let keystone: KeystoneAccess & KeystoneAdmin;
let sql: postgres.Sql;
let folder: string;
const otherOutput: string[] = [];
const undo: (() => Promise<unknown>)[] = [];
const formerKey = newSecretKey();
const newestKey = newSecretKey();

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "setpass-secrets-"));
  undo.push(() => rm(folder, { recursive: true, force: true }));
  databaseServer = await startTestPostgres({
    maxConnections: 100,
    onLog: (text) => {
      databaseLog += text;
    },
    settings: {
      // The most PostgreSQL can be made to say: every statement, with its parameters.
      log_statement: "all",
      log_parameter_max_length: "-1",
      log_parameter_max_length_on_error: "-1",
      log_min_error_statement: "debug5",
      log_error_verbosity: "verbose",
      // Everything of the run stays in the WAL, pages as well as changes.
      wal_keep_size: "1GB",
      full_page_writes: "on",
    },
  });
  undo.push(() => databaseServer.stop());
  let access: KeystoneAccess | undefined = long ? inject("keystone") : undefined;
  if (!access) {
    const sandbox = await startSandboxKeystone({
      passwordRegex: testPasswordRegex,
      passwordRegexDescription: testPasswordRegexDescription,
      uniqueLastPasswordCount: 2,
      adminPassword: newPassword("administrator's password"),
    });
    undo.push(() => sandbox.stop());
    access = sandbox;
  }
  keystone = { ...access, ...keystoneAdmin(access) };
  secret("administrator's password", keystone.adminPassword);
  proxy = await startFaultProxy({ target: keystone.url });
  undo.push(() => proxy.stop());
  // Every token that Keystone gives goes through here.
  proxy.inject(
    {},
    {
      carryOut: "first",
      answer: {
        kind: "rewrite",
        rewrite(answer) {
          const token = answer.headers["x-subject-token"];
          if (token) secret("Keystone token", token);
          return answer;
        },
      },
    },
  );
  smtp = await startSmtpServer({ password: newPassword("SMTP password") });
  undo.push(() => smtp.stop());
  for (const key of [formerKey, newestKey]) {
    secret("SECRET_KEYS, as written", key);
    const hex = Buffer.from(key, "base64").toString("hex");
    secret("key", hex, { isBytes: true });
  }
  stack = await startStack({
    keystone,
    authUrl: proxy.url,
    smtp,
    postgresUrl: databaseServer.url,
    logFile: path.join(folder, "server.log"),
    env: {
      SECRET_KEYS: formerKey,
      PIN_LENGTH: String(PIN_LENGTH),
      LOG_LEVEL: "trace",
      KEYSTONE_TIMEOUT: "1",
      AUTH_CACHE_SECONDS: "1",
      PURGE_AFTER: "1",
    },
  });
  undo.push(() => stack.stop());
  secret("database password", new URL(stack.databaseUrl).password);
  visitor = createVisitor(stack.url, { onAnswer: keep });
  sql = postgres(stack.databaseUrl, { max: 2, onnotice: () => {} });
  undo.push(() => sql.end({ timeout: 5 }));
});

afterAll(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

// Acts of the run

interface Account {
  readonly userId: string;
  readonly name: string;
  readonly initial: string;
}

async function newAccount(): Promise<Account> {
  const initial = newPassword("initial password");
  const name = newName("user");
  const email = `${name}@example.org`;
  const { id } = await keystone.createUser({ name, password: initial, email });
  return { userId: id, name, initial };
}

const script = async () => secret("script's token", await keystone.token());

async function signIn(): Promise<string> {
  const { cookie, status } = await visitor.signIn({
    userName: keystone.adminUserName,
    password: keystone.adminPassword,
  });
  if (!cookie) throw new Error(`signing in answered ${status}`);
  return cookie;
}

async function put(account: Account, body: Record<string, unknown>): Promise<string> {
  const answer = await visitor.put(account.userId, body, await script());
  if (answer.status !== 200) throw new Error(`PUT answered ${answer.status}`);
  return answer.text;
}

async function issue(account: Account, cookie: string, form: Record<string, string>) {
  const answer = await visitor.issue(account.userId, { mail_to: "", ...form }, { cookie });
  const linkToken = linkTokenIn(answer.text);
  if (!linkToken) throw new Error(`issuing answered ${answer.status}`);
  return linkToken;
}

async function idOfLink(account: Account): Promise<string> {
  const [row] = await sql`select id from links where user_id = ${account.userId}`;
  return row?.id as string;
}

/** Every account comes to an end of another kind. */
const ends: Record<string, { accounts: Account[]; state: string }> = {
  completed: { accounts: [], state: "completed" },
  revoked: { accounts: [], state: "revoked" },
  purged: { accounts: [], state: "pending" },
  pending: { accounts: [], state: "pending" },
};
const endsAs = (end: keyof typeof ends, account: Account) => ends[end]?.accounts.push(account);

/** One of the acts of which the run is made, by what it is about. */
const acts: Record<string, (cookie: string) => Promise<void>> = {
  async "a script issues, renews, and the user sets a password"() {
    const account = await newAccount();
    const pin = newPin();
    await put(account, { password: account.initial, pin });
    await put(account, {});
    const next = newPin();
    await put(account, { pin: next });
    const linkToken = await put(account, { password: account.initial });
    await visitor.openLink(linkToken);
    const password = newPassword("typed password");
    const { status } = await visitor.redeem(linkToken, { pin: next, password });
    expect(status).toBe(200);
    await visitor.openLink(linkToken);
    endsAs("completed", account);
  },

  async "an administrator issues with a random password, renews, mails again and revokes"(cookie) {
    const account = await newAccount();
    await visitor.ask({ path: `/admin/users?q=${account.name}`, cookie });
    await visitor.ask({ path: `/admin/users/${account.userId}`, cookie });
    const mail_to = `${account.name}@example.org`;
    await issue(account, cookie, { pin: newPin(), password: "random", mail_to });
    await issue(account, cookie, { pin: "", password: "keep", mail_to });
    const initial_password = newPassword("initial password");
    await keystone.updateUser(account.userId, { password: initial_password });
    await issue(account, cookie, { pin: newPin(), password: "typed", initial_password });
    const page = `/admin/links/${await idOfLink(account)}`;
    await visitor.ask({ path: page, cookie });
    await visitor.ask({ path: page, form: { intent: "resend", mail_to }, cookie });
    await smtp.waitForMessage((mail) => mail.to.includes(mail_to));
    await visitor.ask({ path: page, form: { intent: "revoke" }, cookie });
    await visitor.ask({ path: page, cookie });
    endsAs("revoked", account);
  },

  async "a user types wrong PINs, and passwords that are refused"() {
    const account = await newAccount();
    const pin = newPin();
    const linkToken = await put(account, { password: account.initial, pin });
    const type = async (typed: { pin?: string; password?: string; confirmation?: string }) => {
      const password = typed.password ?? newPassword("typed password");
      const answer = await visitor.redeem(linkToken, { pin, password, ...typed });
      return answer.status;
    };
    expect(await type({ pin: newPin() })).toBe(403);
    expect(await type({ pin: newPin() })).toBe(403);
    expect(await type({ pin: secret("malformed PIN", `${newPin()}0`) })).toBe(403);
    expect(await type({ pin: secret("malformed PIN", `x${newPin()}`) })).toBe(403);
    expect(await type({ confirmation: newPassword("confirmation") })).toBe(400);
    // Refused here, by the rules and for its length, and by Keystone.
    const letters = randomBytes(12).toString("hex").replace(/\d/g, "x");
    expect(await type({ password: secret("refused password", letters) })).toBe(400);
    const tooLong = secret("refused password", randomBytes(60).toString("base64"));
    expect(await type({ password: tooLong })).toBe(400);
    const withControl = `${newPassword("refused password")}\u0007`;
    expect(await type({ password: withControl })).toBe(400);
    expect(await type({ password: account.initial })).toBe(400);
    expect(await type({ pin: newPin() })).toBe(403);
    expect(await type({})).toBe(403); // locked
    endsAs("pending", account);
  },

  async "answers of Keystone are lost"(cookie) {
    const account = await newAccount();
    const pin = newPin();
    const linkToken = await put(account, { password: account.initial, pin });
    for (const fault of ["reset-after", "html-after", "truncated-json", "502-before"] as const) {
      const requestId = newRequestId();
      const rules = [
        proxy.inject({ requestId }, faults["500-after"]),
        proxy.inject({ method: "POST", path: /password$/, requestId }, faults[fault]),
      ];
      const password = newPassword("typed password");
      const { status } = await visitor.redeem(linkToken, { pin, password }, { requestId });
      for (const rule of rules) rule.remove();
      expect(status).toBe(503);
    }
    const password = newPassword("typed password");
    expect((await visitor.redeem(linkToken, { pin, password })).status).toBe(200);
    endsAs("completed", account);

    for (const fault of ["reset-after", "html-after", "oversized", "reset-before"] as const) {
      const requestId = newRequestId();
      const rule = proxy.inject({ requestId }, faults[fault]);
      await visitor.put(account.userId, { password, pin }, await script(), { requestId });
      await visitor.issue(
        account.userId,
        { pin, password: "random", mail_to: "" },
        { requestId, cookie },
      );
      const { userName, password: typed } = {
        userName: keystone.adminUserName,
        password: keystone.adminPassword,
      };
      await visitor.signIn({ userName, password: typed }, { requestId });
      rule.remove();
    }
  },

  async "a random password whose answer is lost, and the link there was"(cookie) {
    const account = await newAccount();
    const pin = newPin();
    const linkToken = await put(account, { password: account.initial, pin });
    const requestId = newRequestId();
    const rule = proxy.inject({ method: "PATCH", requestId }, faults["reset-after"]);
    const form = { pin: newPin(), password: "random", mail_to: "" };
    const { status } = await visitor.issue(account.userId, form, { requestId, cookie });
    rule.remove();
    expect(status).toBe(503);
    const password = newPassword("typed password");
    expect((await visitor.redeem(linkToken, { pin, password })).status).toBe(200);
    endsAs("completed", account);
  },

  async "users ask for a reset, and administrators answer or close"(cookie) {
    const account = await newAccount();
    const email = `${account.name}@example.org`;
    const form = (more: Record<string, string>) => ({
      name: account.name,
      email,
      confirm_email: email,
      pin: newPin(),
      ...more,
    });
    expect((await visitor.ask({ path: "/reset", form: form({}) })).status).toBe(200);
    const wrong = form({ confirm_email: "another@example.org" });
    expect((await visitor.ask({ path: "/reset", form: wrong })).status).toBe(400);
    const [row] = await sql`select id from reset_requests where email = ${email}`;
    const confirmed = async () => {
      const token = secret("confirm token", await mailedConfirmToken(smtp, email));
      const path = `/reset/confirm?token=${token}`;
      expect((await visitor.ask({ path })).status).toBe(200);
      const code = { path: "/reset/confirm", form: { token, code: "none" } };
      expect((await visitor.ask(code)).status).toBe(404);
      const confirming = { path: "/reset/confirm", form: { token } };
      expect((await visitor.ask(confirming)).status).toBe(200);
      smtp.clear();
    };
    await confirmed();
    await visitor.ask({ path: "/admin/requests", cookie });
    const path = `/admin/users/${account.userId}?request=${row?.id}`;
    const answer = await visitor.ask({
      path,
      form: { pin_from: "request", pin: "", password: "random", mail_to: email },
      cookie,
    });
    expect(linkTokenIn(answer.text)).toBeDefined();
    endsAs("purged", account);

    expect((await visitor.ask({ path: "/reset", form: form({}) })).status).toBe(200);
    await confirmed();
    const [next] = await sql`
      select id from reset_requests where email = ${email} and state = 'open'`;
    await visitor.ask({ path: `/admin/requests/review?act=answer&id=${next?.id}`, cookie });
    await visitor.ask({ path: "/admin/requests", form: { id: next?.id as string }, cookie });
  },

  async "people sign in, rightly and wrongly, and sign out"() {
    const cookie = await signIn();
    await visitor.ask({ path: "/admin", cookie });
    await visitor.signIn({
      userName: keystone.adminUserName,
      password: newPassword("wrong password"),
    });
    await visitor.signIn({ userName: newName("nobody"), password: newPassword("wrong password") });
    // People type passwords into the name field.
    const slip = newPassword("password in the name field");
    await visitor.signIn({ userName: slip, password: newPassword("wrong password") });
    await visitor.ask({
      path: "/admin/sign-in",
      form: {
        user_name: keystone.adminUserName,
        domain: "Default",
        password: newPassword("wrong password"),
        passcode: secret("passcode", String(randomInt(1e11, 1e12))),
      },
    });
    await visitor.ask({ path: "/admin/sign-out", form: {}, cookie });
    await visitor.ask({ path: "/admin", cookie });
    const stolen = secret("session cookie", Buffer.from(newName("forged")).toString("base64"));
    await visitor.ask({ path: "/admin", cookie: `setpass=${stolen}` });
  },

  async "scripts send what is malformed"() {
    const account = await newAccount();
    const token = await script();
    const raw = (body: unknown, auth: string) => visitor.put(account.userId, body, auth);
    const garbage = secret("garbage token", randomBytes(30).toString("base64url"));
    await raw({ password: account.initial, pin: newPin() }, garbage);
    await raw({ password: account.initial, pin: Number(newPin()) }, token);
    await raw({ password: [newPassword("initial password")], pin: newPin() }, token);
    await raw({ password: newPassword("initial password"), pin: newPin().slice(1) }, token);
    await raw(`{"password": "${newPassword("initial password")}`, token);
    await raw({ pin: newPin() }, token);
    const headers = { "x-auth-token": token };
    const password = newPassword("initial password");
    const long = JSON.stringify({ password, filler: "x".repeat(70_000) });
    await visitor.ask({ method: "PUT", path: `/token/${account.userId}`, json: long, headers });
    await visitor.ask({ method: "POST", path: `/token/${account.userId}`, json: { password } });
    // A link that was pasted in the wrong place.
    const linkToken = await put(account, { password: account.initial, pin: newPin() });
    for (const path of [
      `/token/${linkToken}`,
      `/${linkToken}`,
      `/reset?token=${linkToken}`,
      `/admin?token=${linkToken}`,
      `/?token=${linkToken}x`,
      `/%E0%A4%A?token=${linkToken}`,
    ])
      await visitor.ask({ path });
    await visitor.ask({ path: `/?token=${linkToken}`, json: { pin: newPin(), password } });
    endsAs("purged", account);
  },

  async "the database fails in the middle of it"(cookie) {
    const account = await newAccount();
    const pin = newPin();
    const linkToken = await put(account, { password: account.initial, pin });
    await sql.unsafe(`
      create or replace function stumble() returns trigger language plpgsql as $$
      begin raise exception 'stumbled over %', new; end $$;
      create trigger stumble before insert on audit_events for each row
        when (new.user_id = '${account.userId}') execute function stumble()`);
    const password = newPassword("typed password");
    const typed = [
      await visitor.redeem(linkToken, { pin: newPin(), password }),
      await visitor.put(account.userId, { password: account.initial, pin }, await script()),
      await visitor.issue(
        account.userId,
        { pin: newPin(), password: "random", mail_to: "" },
        { cookie },
      ),
    ];
    await sql`drop trigger stumble on audit_events`;
    expect(typed.map(({ status }) => status)).toEqual([500, 500, 500]);
    // And a row that the table itself refuses, which PostgreSQL then quotes.
    await sql`alter table links add constraint stumble check (attempts < 1) not valid`;
    const refused = await visitor.redeem(linkToken, { pin: newPin(), password });
    await sql`alter table links drop constraint stumble`;
    expect(refused.status).toBe(500);
    endsAs("pending", account);
  },

  async "the mail server refuses, and says why"(cookie) {
    const account = await newAccount();
    const mail_to = `${account.name}@example.org`;
    smtp.behave({ rejectRecipient: { code: 451, text: "4.7.1 Greylisted, come again" } });
    await issue(account, cookie, { pin: newPin(), password: "random", mail_to });
    await expect
      .poll(() => stack.server.logs().includes('"mail.retry"'), { timeout: 10_000 })
      .toBe(true);
    smtp.behave({});
    endsAs("purged", account);
  },
};

async function mixedRun(): Promise<number> {
  const cookie = await signIn();
  let done = 0;
  for (const [what, act] of Object.entries(acts)) {
    try {
      await act(cookie);
    } catch (error) {
      throw new Error(`In "${what}": ${error instanceof Error ? error.message : error}`);
    }
    done += 1;
  }
  answers.push({
    what: stack.server.metricsUrl,
    content: await (await fetch(stack.server.metricsUrl)).text(),
  });
  await visitor.ask({ path: "/admin/sign-out", form: {}, cookie });
  return done;
}

/** `npm run rotate-keys`, as an operator runs it. @returns its exit code and everything it printed */
async function rotateKeys(more: Record<string, string>): Promise<{ code: number; words: string }> {
  const env = { PATH: process.env.PATH, ...stack.env, ...more } as unknown as NodeJS.ProcessEnv;
  const command = [path.join(root, "build/process/rotate-keys.js")];
  return promisify(execFile)(process.execPath, command, { env }).then(
    ({ stdout, stderr }) => ({ code: 0, words: stdout + stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({
      code: error.code,
      words: error.stdout + error.stderr,
    }),
  );
}

// Where they are looked for

interface Place {
  readonly where: string;
  read(): Promise<string | Buffer>;
}

/** Every file of PostgreSQL: tables, indexes, WAL. The password file is the tests' own. */
async function filesOfDatabase(): Promise<Place[]> {
  const { dataDir } = databaseServer;
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name !== "setpass-superuser-password")
    .map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      const isWal = file.includes(`${path.sep}pg_wal${path.sep}`);
      return { where: isWal ? "the WAL folder" : "the data folder", read: () => readFile(file) };
    });
}

async function places(): Promise<Place[]> {
  await sql`checkpoint`;
  return [
    { where: "the dump", read: () => dumpDatabase(stack.databaseUrl) },
    ...(await filesOfDatabase()),
    { where: "the server's log", read: () => readFile(stack.logFile) },
    { where: "PostgreSQL's log", read: async () => databaseLog },
    { where: "what commands print", read: async () => otherOutput.join("\n") },
    ...answers.map(({ what, content }) => ({
      where: what.includes("/metrics") ? "the metrics" : `an answer to ${what}`,
      read: async () => content,
    })),
  ];
}

async function findAll(wanted: Iterable<ScannedSecret>) {
  const scan = scanFor(wanted);
  const found = new Map<string, Finding>();
  const bytes = new Map<string, number>();
  for (const { where, read } of await places()) {
    const content = await read();
    const place = where.startsWith("an answer") ? "the answers" : where;
    bytes.set(place, (bytes.get(place) ?? 0) + content.length);
    for (const finding of scan.find(where, content)) found.set(JSON.stringify(finding), finding);
  }
  return { found: [...found.values()], bytes, needles: scan.needles };
}

describe("secrets", () => {
  it("are used, in a long mixed run with keys rotated in the middle of it", async () => {
    let done = await mixedRun();
    // Both keys from now on, the newest first; the commands seal anew while everything goes on.
    await stack.server.restart({ SECRET_KEYS: `${newestKey},${formerKey}` });
    const keys = { SECRET_KEYS: `${newestKey},${formerKey}` };
    for (let round = 1; round < ROUNDS; round++) {
      const [acted, printed] = await Promise.all([mixedRun(), rotateKeys(keys)]);
      done += acted;
      otherOutput.push(printed.words);
    }
    const last = await rotateKeys(keys);
    otherOutput.push(last.words);
    expect(last).toMatchObject({ code: 0, words: expect.stringMatching(/Done: \d+ sealed again/) });

    // Nothing needs the former key any more. The first round of erasing does away with what is over.
    const due = ends.purged?.accounts.map(({ userId }) => userId) ?? [];
    await sql`
      update links set expires_at = now() - interval '1 minute' where user_id in ${sql(due)}`;
    await stack.server.restart({ SECRET_KEYS: newestKey });
    await expect
      .poll(async () => {
        const rows = await sql`
          select 1 from audit_events where action = 'link.secrets-purged' and user_id in ${sql(due)}`;
        return rows.length;
      })
      .toBe(due.length);
    done += await mixedRun();

    // What `ps` shows to everybody on the machine.
    otherOutput.push(await readFile(`/proc/${stack.server.pid}/cmdline`, "utf8").catch(() => ""));
    for (const call of proxy.calls) {
      const sent = call.headers["x-auth-token"];
      if (typeof sent === "string") secret("Keystone token", sent);
      for (const [, field = "", value = ""] of call.body.matchAll(
        /"((?:original_)?password)":("(?:[^"\\]|\\.)*")/g,
      ))
        secret(`${field} sent to Keystone`, JSON.parse(value) as string, { guessable: true });
    }
    const kinds = new Map<string, number>();
    for (const { kind } of secrets.values()) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    for (const kind of ["PIN", "link token", "session id", "Keystone token", "typed password"])
      expect(kinds.get(kind), kind).toBeGreaterThan(5);
    expect(kinds.get("password sent to Keystone")).toBeGreaterThan(0);
    process.stdout.write(
      `\nsecrets at rest: ${done} acts, ${answers.length} answers, ${secrets.size} secrets (${[...kinds].map(([kind, count]) => `${count} ${kind}`).join(", ")})\n`,
    );
  }, 900_000);

  it("are erased when a link is completed, revoked or past its expiry, and kept only as long", async () => {
    const columns = [
      ...["token_hash", "pin_mac", "sealed_pin_key", "sealed_password", "sealed_attempts"],
      ...["claim_id", "claimed_until", "attempted_at"],
    ];
    let tried = 0;
    for (const [end, { accounts, state }] of Object.entries(ends)) {
      expect(accounts.length, end).toBeGreaterThan(0);
      // The last round's were not purged yet.
      const over = end === "purged" ? accounts.slice(0, -3) : accounts;
      for (const { userId } of over) {
        const [row] = await sql`select * from links where user_id = ${userId}`;
        expect(row?.state, end).toBe(state);
        const kept = columns.filter((column) => row?.[column] !== null);
        if (end === "pending") expect(kept).toContain("sealed_password");
        else expect(kept, end).toEqual([]);
        tried += 1;
      }
    }
    const [mails] = await sql`
      select count(*)::int as all, count(sealed_props)::int as kept from mails
      where state <> 'queued'`;
    expect(mails?.all).toBeGreaterThan(0);
    expect(mails?.kept).toBe(0);
    const [requests] = await sql`
      select count(*)::int as all, count(sealed_pin)::int as kept from reset_requests
      where state = 'closed'`;
    expect(requests?.all).toBeGreaterThan(0);
    expect(requests?.kept).toBe(0);
    process.stdout.write(`secrets erased: ${tried} links tried, ${tried} held\n`);
  });

  it("are nowhere: not in the database, its WAL and files, a log, the metrics, or an answer", async () => {
    const { found, bytes, needles } = await findAll(secrets.values());
    const kilobytes = [...bytes].map(([where, count]) => `${where} ${Math.round(count / 1024)}`);
    process.stdout.write(
      `secrets looked for: ${secrets.size} in ${needles} spellings, in KiB: ${kilobytes.join(", ")}; ${found.length} found\n`,
    );
    expect(found).toEqual([]);
    for (const where of ["the WAL folder", "the data folder", "PostgreSQL's log"])
      expect(bytes.get(where), where).toBeGreaterThan(1024 * 1024);
    for (const where of ["the dump", "the server's log", "the metrics", "the answers"])
      expect(bytes.get(where), where).toBeGreaterThan(5_000);
    // And one of each kind in two encodings around one another.
    const oneOfEach = [...new Map([...secrets.values()].map((one) => [one.kind, one])).values()];
    const twice = findSecrets(
      [
        { name: "the dump", content: await dumpDatabase(stack.databaseUrl) },
        { name: "the server's log", content: await readFile(stack.logFile) },
      ],
      oneOfEach.filter(({ isBytes }) => !isBytes),
    );
    expect(twice).toEqual([]);
  }, 120_000);

  it("would be found, had one of them been left there in any of these spellings", async () => {
    // Not one of the run's: had the scan found those, the test above had failed.
    const planted: ScannedSecret[] = [
      { kind: "planted PIN", value: `8${randomInt(1e10, 1e11)}`, guessable: true },
      {
        kind: "planted password",
        value: `pl&nt<e>d "it's" 100%+\\é ${newName("x")}`,
        guessable: true,
      },
      { kind: "planted token", value: randomBytes(90).toString("base64url") },
      { kind: "planted key", value: randomBytes(32).toString("hex"), isBytes: true },
    ];
    const all = planted.flatMap((one) =>
      encodingsOf(one).map((spelling) => ({ one, ...spelling })),
    );
    await sql`create table planted (id int, bytes bytea, words text)`;
    for (const [id, { bytes }] of all.entries()) {
      const isText = Buffer.from(bytes.toString("utf8")).equals(bytes) && !bytes.includes(0);
      // More than once: in the WAL, a page's header may come in the middle of one.
      for (let copy = 0; copy < 4; copy++)
        await sql`insert into planted values (${id}, ${bytes}, ${isText ? bytes.toString("utf8") : null})`;
      await appendFile(stack.logFile, Buffer.concat([bytes, Buffer.from("\n")]));
      answers.push({ what: "GET /planted 200", content: bytes.toString("utf8") });
    }
    const { found } = await findAll(planted);
    await sql`drop table planted`;
    const isFound = (kind: string, encoding: string, where: string) =>
      found.some(
        (one) => one.kind === kind && one.encoding === encoding && one.where.startsWith(where),
      );
    // Where two spellings are the same bytes, the scan names the first.
    const distinct = new Map(all.toReversed().map((each) => [each.bytes.toString("latin1"), each]));
    const missed: string[] = [];
    let tried = 0;
    for (const { one, encoding, bytes } of distinct.values()) {
      const isText = Buffer.from(bytes.toString("utf8")).equals(bytes);
      const everywhere = ["the WAL folder", "the data folder", "the server's log"];
      for (const where of isText ? [...everywhere, "an answer"] : everywhere) {
        tried += 1;
        if (!isFound(one.kind, encoding, where)) missed.push(`${one.kind}, ${encoding}, ${where}`);
      }
      // Bytes are written in hex there.
      for (const where of ["the dump", "PostgreSQL's log"]) {
        tried += 1;
        const hex = found.some((each) => each.kind === one.kind && each.where.startsWith(where));
        if (!hex) missed.push(`${one.kind}, ${encoding}, ${where}`);
      }
    }
    process.stdout.write(`planted: ${tried} tried, ${tried - missed.length} found\n`);
    expect(missed).toEqual([]);
  }, 120_000);

  it("are not told by a server that does not start, nor by the commands", async () => {
    const wrong = secret("wrong key", newSecretKey());
    const short = secret("short key", randomBytes(31).toString("base64"));
    const attempts: [string, Record<string, string>, RegExp][] = [
      [
        "a wrong key",
        { SECRET_KEYS: wrong },
        /holds secrets, and SECRET_KEYS has the key of none: they are sealed with [0-9a-f]{16}/,
      ],
      ["no key", { SECRET_KEYS: "" }, /SECRET_KEYS is required/],
      ["half a key", { SECRET_KEYS: short }, /SECRET_KEYS needs base64 of exactly 32 bytes/],
      ["the same key twice", { SECRET_KEYS: `${newestKey},${newestKey}` }, /the same key twice/],
      ["an address that is none", { SMTP_URL: smtp.url.replace("smtp://", "snmp://") }, /SMTP_URL/],
      [
        "a database that is away",
        { DATABASE_URL: stack.databaseUrl.replace(/:\d+\//, ":1/") },
        /./,
      ],
      ["a database that is not there", { DATABASE_URL: `${stack.databaseUrl}x` }, /database/],
    ];
    const scan = scanFor(secrets.values());
    let held = 0;
    await inLanes(attempts, 3, async ([what, env, sentence]) => {
      // A database that is away is waited for at the start; the command says so at once.
      const words = what.endsWith("is away")
        ? (await rotateKeys(env)).words
        : await startServerProcess({ env: { ...stack.env, ...env } }).then(
            () => `started with ${what}`,
            (error: Error) => error.message,
          );
      expect(words, what).toMatch(sentence);
      expect(words, what).not.toMatch(/\n\s+at /);
      expect(scan.find(what, words)).toEqual([]);
      held += 1;
    });
    process.stdout.write(`refused starts: ${attempts.length} tried, ${held} held\n`);
  });
});
