import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import path from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { scramblePasswords } from "../../app/accounts/scramble-passwords.server";
import { loadConfig } from "../../app/config/config.server";
import type { TokenSource } from "../../app/keystone/token-source.server";
import { settleLinks } from "../../app/links/redeem/settle-links.server";
import { remindUsers } from "../../app/links/remind-users.server";
import { closeAnswered } from "../../app/reset-requests/handle-requests.server";
import { type Services, startServices } from "../../app/services.server";
import { createLog } from "../../app/telemetry/log.server";
import { AUDIT_ACTIONS } from "../../db/schema";
import { parkPasswords } from "../../db/scrambles.store";
import { getFreePort } from "../../demo/free-port";
import { type SandboxKeystone, startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { type FaultProxy, faults, startFaultProxy } from "../support/fault-proxy";
import { type KeystoneAccess, type KeystoneAdmin, keystoneAdmin } from "../support/keystone-admin";
import { keystoneToken } from "../support/keystone-token";
import { mailedConfirmToken } from "../support/mailed-confirm-token";
import { type ServerProcess, startServerProcess } from "../support/server-process";
import { newAdmin } from "../support/services";
import { startSmtpServer, type TestSmtpServer } from "../support/smtp";
import { newSecretKey, serverEnvironment, waitUntilReady } from "../support/stack";
import { type Answer, createVisitor, newRequestId, type Visitor } from "../support/visitor";
import { runRounds } from "../support/worker";

/**
 * The audit trail, with the real server under the lesser role of `npm run grants`: every act leaves
 * one row, written with the act or neither is; and nobody the server could be made to be can change one.
 */
const root = path.resolve(import.meta.dirname, "../..");
const id = randomBytes(5).toString("hex");
const names = { database: `audit_${id}`, owner: `audit_owner_${id}`, server: `audit_server_${id}` };
const passwords = {
  owner: randomBytes(12).toString("hex"),
  server: randomBytes(12).toString("hex"),
};
const PIN = "4711";
const WRONG_PIN = "1174";

const undo: (() => Promise<unknown>)[] = [];
let superuser: postgres.Sql;
let owner: postgres.Sql;
let role: postgres.Sql;
let keystone: KeystoneAccess & KeystoneAdmin;
let sandbox: SandboxKeystone;
let proxy: FaultProxy;
let server: ServerProcess;
let visitor: Visitor;
let services: Services;
let env: Record<string, string>;
let smtp: TestSmtpServer;

function urlAs(user?: "owner" | "server", database = names.database): string {
  const url = new URL(inject("postgresUrl"));
  url.pathname = `/${database}`;
  if (user) [url.username, url.password] = [names[user], passwords[user]];
  return url.href;
}

const run = (command: string[], more: Record<string, string>) => {
  const [file = "", ...words] = command;
  return promisify(execFile)(process.execPath, [path.join(root, "build/process", file), ...words], {
    env: { PATH: process.env.PATH, ...more } as unknown as NodeJS.ProcessEnv,
  });
};

beforeAll(async () => {
  const cluster = postgres(inject("postgresUrl"), { max: 1, onnotice: () => {} });
  await cluster.unsafe(`create role ${names.owner} login password '${passwords.owner}'`);
  await cluster.unsafe(`create database ${names.database} owner ${names.owner}`);
  undo.push(async () => {
    await cluster.unsafe(`drop database if exists ${names.database} with (force)`);
    await cluster.unsafe(`drop role if exists ${names.server}`);
    await cluster.unsafe(`drop role if exists ${names.owner}`);
    await cluster.end({ timeout: 5 });
  });
  await run(["migrate.js"], { DATABASE_URL: urlAs("owner") });
  superuser = postgres(urlAs(), { max: 2, onnotice: () => {} });
  await superuser.unsafe(`create role ${names.server} login password '${passwords.server}'`);
  // As the README has it, and once more, as after an upgrade.
  for (let times = 0; times < 2; times++)
    await run(["grants.js", names.server, "--apply"], { DATABASE_URL: urlAs("owner") });
  owner = postgres(urlAs("owner"), { max: 1, onnotice: () => {} });
  role = postgres(urlAs("server"), { max: 1, onnotice: () => {} });
  for (const sql of [superuser, owner, role]) undo.push(() => sql.end({ timeout: 5 }));

  sandbox = await startSandboxKeystone();
  undo.push(() => sandbox.stop());
  proxy = await startFaultProxy({ target: sandbox.url });
  undo.push(() => proxy.stop());
  keystone = { ...sandbox, ...keystoneAdmin(sandbox) };
  smtp = await startSmtpServer();
  undo.push(() => smtp.stop());
  const port = await getFreePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  env = {
    ...serverEnvironment({
      publicUrl,
      databaseUrl: urlAs("server"),
      keystone: { ...keystone, url: proxy.url },
      smtpUrl: smtp.url,
    }),
    TRUST_PROXY: "1",
    KEYSTONE_TIMEOUT: "2",
    // What is refused to it would be seen nowhere else.
    LOG_LEVEL: "debug",
  };
  server = await startServerProcess({ env, port, fixedPort: true });
  undo.push(() => server.stop());
  await waitUntilReady(server.url);
  visitor = createVisitor(server.url);
  const config = loadConfig({ ...env, NODE_ENV: "test" } as NodeJS.ProcessEnv);
  if (!config.ok) throw new Error(config.problems.join("\n"));
  services = startServices(config.config, createLog({ level: "silent" }));
  undo.push(() => services.stop());
});

afterAll(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

// Who acts, and from where

interface Scene {
  readonly requestId: string;
  /** As the proxy in front tells it. */
  readonly address: string;
  readonly how: { requestId: string; headers: Record<string, string> };
}

let scenes = 0;
function newScene(): Scene {
  scenes += 1;
  const address = `203.0.113.${scenes % 250}`;
  const requestId = newRequestId();
  return { requestId, address, how: { requestId, headers: { "x-forwarded-for": address } } };
}

interface Person {
  readonly userId: string;
  readonly name: string;
  readonly initial: string;
  linkToken: string;
  linkId: string;
}

async function newPerson(): Promise<Person> {
  const initial = `Initial-${randomBytes(6).toString("hex")}`;
  const name = `user-${randomBytes(6).toString("hex")}`;
  const { id: userId } = await keystone.createUser({ name, password: initial });
  return { userId, name, initial, linkToken: "", linkId: "" };
}

async function newPersonWithLink(): Promise<Person> {
  const person = await newPerson();
  const body = { password: person.initial, pin: PIN };
  const answer = await visitor.put(person.userId, body, await keystone.token());
  expect(answer.status).toBe(200);
  const [row] = await superuser`select id from links where user_id = ${person.userId}`;
  return { ...person, linkToken: answer.text, linkId: row?.id as string };
}

async function signIn(scene = newScene()): Promise<string> {
  const { cookie } = await visitor.signIn(
    { userName: keystone.adminUserName, password: keystone.adminPassword },
    scene.how,
  );
  return cookie ?? "";
}

const newPassword = () => `Typed-${randomBytes(6).toString("hex")}`;

/** A row as the trail has it, without its number and time. */
interface Row {
  action: string;
  actor_kind: string;
  actor_id: string | null;
  actor_name: string | null;
  user_id: string | null;
  link_id: string | null;
  outcome: string;
  client_address: string | null;
  request_id: string | null;
}

const columns =
  "action, actor_kind, actor_id, actor_name, user_id, link_id, outcome, client_address, request_id";

const rowsOf = (requestId: string) =>
  superuser<Row[]>`
    select ${superuser.unsafe(columns)} from audit_events
    where request_id = ${requestId} order by id`;

// Every act

interface Act {
  readonly name: string;
  /** @returns what is done then, and the rows it leaves (those fields that are told) */
  prepare(): Promise<{
    act(scene: Scene): Promise<Answer | undefined>;
    /** What is answered; nothing where nobody asks. */
    status?: number;
    rows: Partial<Row>[];
  }>;
  /** The user's password is set in Keystone first, which takes part in no transaction of ours. */
  readonly outside?: true;
}

let adminId = "";
const byAdmin = () => ({
  actor_kind: "admin",
  actor_id: adminId,
  actor_name: keystone.adminUserName,
});
const byUser = { actor_kind: "user", actor_id: null, actor_name: null };

const acts: readonly Act[] = [
  {
    name: "a script issues a link",
    async prepare() {
      const { userId, initial } = await newPerson();
      const token = await keystone.token();
      return {
        act: ({ how }) => visitor.put(userId, { password: initial, pin: PIN }, token, how),
        status: 200,
        rows: [{ action: "link.issued", ...byAdmin(), user_id: userId, outcome: "ok" }],
      };
    },
  },
  {
    name: "a script renews a link",
    async prepare() {
      const { userId, linkId } = await newPersonWithLink();
      const token = await keystone.token();
      return {
        act: ({ how }) => visitor.put(userId, {}, token, how),
        status: 200,
        rows: [
          {
            action: "link.renewed",
            ...byAdmin(),
            user_id: userId,
            link_id: linkId,
            outcome: "ok",
          },
        ],
      };
    },
  },
  {
    name: "a script replaces the PIN of a link",
    async prepare() {
      const { userId, linkId } = await newPersonWithLink();
      const token = await keystone.token();
      const about = { ...byAdmin(), user_id: userId, link_id: linkId, outcome: "ok" };
      return {
        act: ({ how }) => visitor.put(userId, { pin: "8520" }, token, how),
        status: 200,
        rows: [
          { action: "link.renewed", ...about },
          { action: "link.pin-replaced", ...about },
        ],
      };
    },
  },
  {
    name: "an administrator issues a link that is mailed",
    async prepare() {
      const { userId, initial } = await newPerson();
      const cookie = await signIn();
      const form = {
        pin: PIN,
        password: "typed",
        initial_password: initial,
        mail_to: `${userId}@example.org`,
      };
      return {
        act: ({ how }) => visitor.issue(userId, form, { ...how, cookie }),
        status: 200,
        rows: [{ action: "link.issued", ...byAdmin(), user_id: userId, outcome: "ok" }],
      };
    },
  },
  {
    name: "an administrator sets a random password",
    async prepare() {
      const { userId } = await newPersonWithLink();
      const cookie = await signIn();
      const form = { pin: PIN, password: "random", mail_to: "" };
      return {
        act: ({ how }) => visitor.issue(userId, form, { ...how, cookie }),
        status: 200,
        rows: [
          {
            action: "user.initial-password-set",
            ...byAdmin(),
            user_id: userId,
            outcome: "ok",
          },
          { action: "link.issued", ...byAdmin(), user_id: userId, outcome: "ok" },
          { action: "link.password-replaced", ...byAdmin(), user_id: userId, outcome: "ok" },
        ],
      };
    },
  },
  {
    name: "an administrator opens an account",
    async prepare() {
      const cookie = await signIn();
      const form = {
        user_name: `new-${randomBytes(6).toString("hex")}`,
        domain: "default",
        project_from: "new",
        project_name: `project-${randomBytes(6).toString("hex")}`,
        role: sandbox.cloud.roleId("member"),
        pin: PIN,
      };
      return {
        act: ({ how }) => visitor.ask({ path: "/admin/users/new", form, cookie, ...how }),
        status: 200,
        rows: [
          { action: "project.created", ...byAdmin(), user_id: null, outcome: "ok" },
          { action: "user.created", ...byAdmin(), outcome: "ok" },
          { action: "role.assigned", ...byAdmin(), outcome: "ok" },
          { action: "link.issued", ...byAdmin(), outcome: "ok" },
        ],
      };
    },
  },
  {
    name: "a random password whose answer is lost",
    async prepare() {
      const { userId } = await newPersonWithLink();
      const cookie = await signIn();
      const form = { pin: PIN, password: "random", mail_to: "" };
      return {
        async act({ how, requestId }) {
          const rule = proxy.inject({ method: "PATCH", requestId }, faults["reset-after"]);
          const answer = await visitor.issue(userId, form, { ...how, cookie });
          rule.remove();
          return answer;
        },
        status: 503,
        rows: [
          {
            action: "user.initial-password-set",
            ...byAdmin(),
            user_id: userId,
            outcome: "unknown",
          },
        ],
      };
    },
  },
  {
    name: "an administrator enables an account",
    async prepare() {
      const { userId } = await newPersonWithLink();
      await keystone.updateUser(userId, { enabled: false });
      const cookie = await signIn();
      return {
        act: ({ how }) => visitor.issue(userId, { intent: "enable" }, { ...how, cookie }),
        status: 200,
        rows: [{ action: "user.enabled", ...byAdmin(), user_id: userId, outcome: "ok" }],
      };
    },
  },
  {
    name: "enabling an account whose answer is lost",
    async prepare() {
      const { userId } = await newPersonWithLink();
      const cookie = await signIn();
      return {
        async act({ how, requestId }) {
          const rule = proxy.inject({ method: "PATCH", requestId }, faults["reset-after"]);
          const answer = await visitor.issue(userId, { intent: "enable" }, { ...how, cookie });
          rule.remove();
          return answer;
        },
        status: 503,
        rows: [{ action: "user.enabled", ...byAdmin(), user_id: userId, outcome: "unknown" }],
      };
    },
  },
  {
    name: "an administrator mails a link again",
    async prepare() {
      const { userId, linkId } = await newPersonWithLink();
      const cookie = await signIn();
      const form = { intent: "resend", mail_to: `${userId}@example.org` };
      return {
        act: ({ how }) => visitor.ask({ path: `/admin/links/${linkId}`, form, ...how, cookie }),
        status: 200,
        rows: [
          { action: "link.resent", ...byAdmin(), user_id: userId, link_id: linkId, outcome: "ok" },
          {
            action: "link.recipient-changed",
            ...byAdmin(),
            user_id: userId,
            link_id: linkId,
            outcome: "ok",
          },
        ],
      };
    },
  },
  {
    name: "an administrator revokes a link",
    async prepare() {
      const { userId, linkId } = await newPersonWithLink();
      const cookie = await signIn();
      const form = { intent: "revoke" };
      return {
        act: ({ how }) => visitor.ask({ path: `/admin/links/${linkId}`, form, ...how, cookie }),
        status: 200,
        rows: [
          { action: "link.revoked", ...byAdmin(), user_id: userId, link_id: linkId, outcome: "ok" },
        ],
      };
    },
  },
  redeeming("a user types a wrong PIN", { pin: WRONG_PIN, status: 403 }, (about) => [
    { action: "link.pin-refused", ...about, outcome: "wrong-pin" },
  ]),
  redeeming(
    "a user comes with an expired link",
    {
      status: 403,
      before: ({ userId }) => superuser`
        update links set expires_at = now() - interval '1 second' where user_id = ${userId}`,
    },
    (about) => [{ action: "link.redeem-refused", ...about, outcome: "expired" }],
  ),
  redeeming(
    "a user whose initial password is stale",
    {
      status: 409,
      before: ({ userId }) => keystone.updateUser(userId, { password: newPassword() }),
    },
    (about) => [{ action: "link.redeem-refused", ...about, outcome: "initial-password-stale" }],
  ),
  redeeming("a user while Keystone is away", { status: 503, fault: "502-before" }, (about) => [
    { action: "link.redeem-refused", ...about, outcome: "keystone-unavailable" },
  ]),
  {
    ...redeeming("a user sets a password", { status: 200 }, (about) => [
      { action: "link.redeemed", ...about, outcome: "ok" },
    ]),
    outside: true,
  },
  {
    name: "an administrator signs in",
    async prepare() {
      const { adminUserName: userName, adminPassword: password } = keystone;
      return {
        act: ({ how }) => visitor.signIn({ userName, password }, how),
        status: 302,
        rows: [{ action: "admin.signed-in", ...byAdmin(), user_id: null, outcome: "ok" }],
      };
    },
  },
  {
    name: "somebody signs in wrongly",
    async prepare() {
      const userName = newPassword();
      return {
        act: ({ how }) => visitor.signIn({ userName, password: newPassword() }, how),
        status: 403,
        // Without the name: people type passwords there.
        rows: [
          {
            action: "admin.sign-in-refused",
            actor_kind: "admin",
            actor_id: null,
            actor_name: expect.stringMatching(/^unknown account #[0-9a-f]{6}$/),
            user_id: null,
            outcome: "refused",
          },
        ],
      };
    },
  },
  {
    name: "somebody signs in wrongly as an administrator",
    async prepare() {
      await signIn();
      const { adminUserName: userName } = keystone;
      return {
        act: ({ how }) => visitor.signIn({ userName, password: newPassword() }, how),
        status: 403,
        // Whose account it is, and not who acted.
        rows: [
          {
            action: "admin.sign-in-refused",
            actor_kind: "admin",
            actor_id: null,
            actor_name: userName,
            user_id: adminId,
            outcome: "refused",
          },
        ],
      };
    },
  },
  {
    name: "a script comes with a token that is none",
    async prepare() {
      const { userId } = await newPerson();
      const token = `gAAAAAB${randomBytes(60).toString("base64url")}`;
      return {
        act: ({ how }) => visitor.put(userId, {}, token, how),
        status: 401,
        rows: [
          {
            action: "token.refused",
            actor_kind: "admin",
            actor_id: null,
            actor_name: null,
            user_id: null,
            outcome: "unknown-token",
          },
        ],
      };
    },
  },
  {
    name: "a script comes with the token of somebody who is no administrator",
    async prepare() {
      const { userId, name, initial } = await newPerson();
      const token = await keystoneToken(keystone, { userId, password: initial });
      return {
        act: ({ how }) => visitor.put(userId, {}, token, how),
        status: 403,
        rows: [
          {
            action: "token.refused",
            actor_kind: "admin",
            actor_id: userId,
            actor_name: name,
            user_id: null,
            outcome: "not-admin",
          },
        ],
      };
    },
  },
  {
    name: "an administrator signs out",
    async prepare() {
      const cookie = await signIn();
      return {
        act: ({ how }) => visitor.ask({ path: "/admin/sign-out", form: {}, ...how, cookie }),
        status: 302,
        rows: [{ action: "admin.signed-out", ...byAdmin(), user_id: null, outcome: "ok" }],
      };
    },
  },
  {
    name: "Keystone ends an administrator's token",
    async prepare() {
      const account = { name: `admin-${newPassword()}`, password: newPassword() };
      const { id: userId } = await keystone.createUser(account);
      const projectId = await keystone.projectId(keystone.adminProjectName);
      await keystone.assignRole({ userId, role: "admin", projectId });
      const credentials = { userName: account.name, password: account.password };
      const { cookie } = await visitor.signIn(credentials, newScene().how);
      await keystone.updateUser(userId, { enabled: false });
      return {
        act: ({ how }) => visitor.ask({ path: "/admin/users", ...how, cookie }),
        status: 302,
        rows: [
          {
            action: "admin.signed-out",
            ...byAdmin(),
            actor_id: userId,
            actor_name: account.name,
            outcome: "token-ended",
          },
        ],
      };
    },
  },
  {
    name: "a user asks for a new link",
    async prepare() {
      const form = requestForm();
      return {
        act: ({ how }) => visitor.ask({ path: "/reset", form, ...how }),
        status: 200,
        rows: [{ action: "reset.requested", ...byUser, user_id: null, outcome: "ok" }],
      };
    },
  },
  {
    name: "its mailbox confirms it",
    async prepare() {
      const { token } = await askForLink();
      return {
        act: ({ how }) => visitor.ask({ path: "/reset/confirm", form: { token }, ...how }),
        status: 200,
        rows: [{ action: "reset.confirmed", ...byUser, user_id: null, outcome: "ok" }],
      };
    },
  },
  {
    name: "an administrator answers a request",
    async prepare() {
      const { id } = await askAndConfirm();
      const { userId, linkId } = await newPersonWithLink();
      const admin = {
        kind: "admin",
        userId: adminId,
        userName: keystone.adminUserName,
      } as const;
      return {
        // The link is another act, which comes before it in the same request.
        async act({ address: clientAddress, requestId }) {
          const given = { id, userId, linkId };
          const initiator = newAdmin({ clientAddress, requestId }, admin);
          await services.db.transaction((tx) => closeAnswered(tx, given, initiator));
          return undefined;
        },
        rows: [
          {
            action: "reset.answered",
            ...byAdmin(),
            user_id: userId,
            link_id: linkId,
            outcome: "ok",
          },
        ],
      };
    },
  },
  {
    name: "an administrator closes a request",
    async prepare() {
      const close = await askAndConfirm();
      const cookie = await signIn();
      return {
        act: ({ how }) => visitor.ask({ path: "/admin/requests", form: close, ...how, cookie }),
        status: 200,
        rows: [{ action: "reset.closed", ...byAdmin(), user_id: null, outcome: "ok" }],
      };
    },
  },
  {
    name: "the user of a link that is about to expire is reminded",
    async prepare() {
      const { userId, linkId } = await newPersonWithLink();
      await superuser`
        update links set mail_to = ${`${userId}@example.org`}, issued_at = now() - interval '23 hours',
          expires_at = now() + interval '1 hour' where user_id = ${userId}`;
      await superuser`
        insert into mails (link_id, template, recipient, state, created_at)
        values (${linkId}, 'link', ${`${userId}@example.org`}, 'sent', now() - interval '22 hours')`;
      return {
        async act() {
          await remindUsers(services);
          return undefined;
        },
        rows: [
          {
            action: "link.reminded",
            actor_kind: "system",
            actor_id: null,
            actor_name: null,
            user_id: userId,
            link_id: linkId,
            outcome: "ok",
            client_address: null,
            request_id: null,
          },
        ],
      };
    },
  },
  {
    name: "an expired link's secrets are purged",
    async prepare() {
      const { userId, linkId } = await newPersonWithLink();
      // The look-up behind the answer holds the row for a moment, and what is held is left for another round.
      await expect
        .poll(async () => {
          const [row] = await superuser`select user_checked_at from links where id = ${linkId}`;
          return row?.user_checked_at;
        })
        .toBeTruthy();
      await superuser`
        update links set expires_at = now() - interval '2 days' where user_id = ${userId}`;
      return {
        async act() {
          await runRounds(services);
          return undefined;
        },
        rows: [
          {
            action: "link.secrets-purged",
            actor_kind: "system",
            actor_id: null,
            actor_name: null,
            user_id: userId,
            link_id: linkId,
            outcome: "ok",
            client_address: null,
            request_id: null,
          },
        ],
      };
    },
  },
  {
    name: "the initial password of an expired link is scrambled",
    async prepare() {
      // Those of the acts before.
      await superuser`update links set sealed_parked = null`;
      while ((await parkPasswords(services.db, { is: "expired", limit: 100 })) > 0);
      await superuser`update links set sealed_parked = null`;
      const { userId, linkId } = await newPersonWithLink();
      await superuser`
        update links set expires_at = now() - interval '1 second' where user_id = ${userId}`;
      while ((await parkPasswords(services.db, { is: "expired", limit: 100 })) > 0);
      return {
        async act() {
          await scramblePasswords({ ...services, serviceToken: itsOwnToken });
          return undefined;
        },
        rows: [
          {
            action: "user.initial-password-scrambled",
            actor_kind: "system",
            actor_id: null,
            actor_name: null,
            user_id: userId,
            link_id: linkId,
            outcome: "ok",
            client_address: null,
          },
        ],
      };
    },
  },
];

/** Never asked for here: what the user may do is done as the user. */
const itsOwnToken = {} as TokenSource;

/** Somebody asks for a link. @returns the request's id, and the token its mailbox got */
async function askForLink(): Promise<{ id: string; token: string }> {
  const form = requestForm();
  await visitor.ask({ path: "/reset", form, ...newScene().how });
  const [row] = await superuser`select id from reset_requests where email = ${form.email}`;
  return { id: row?.id as string, token: await mailedConfirmToken(smtp, form.email) };
}

async function askAndConfirm(): Promise<{ id: string }> {
  const { id, token } = await askForLink();
  await visitor.ask({ path: "/reset/confirm", form: { token }, ...newScene().how });
  return { id };
}

function requestForm() {
  const email = `${randomBytes(6).toString("hex")}@example.org`;
  return { name: "Jane", email, confirm_email: email, pin: PIN };
}

function redeeming(
  name: string,
  given: {
    status: number;
    pin?: string;
    before?: (person: Person) => PromiseLike<unknown>;
    fault?: keyof typeof faults;
  },
  rows: (about: Partial<Row>) => Partial<Row>[],
): Act {
  return {
    name,
    async prepare() {
      const person = await newPersonWithLink();
      await given.before?.(person);
      const { userId, linkId, linkToken } = person;
      return {
        async act({ how, requestId }) {
          const rule = given.fault && proxy.inject({ requestId }, faults[given.fault]);
          const typed = { pin: given.pin ?? PIN, password: newPassword() };
          const answer = await visitor.redeem(linkToken, typed, how);
          rule?.remove();
          return answer;
        },
        status: given.status,
        rows: rows({ ...byUser, user_id: userId, link_id: linkId }),
      };
    },
  };
}

/** Everything that an act may leave behind, but its audit row, and counters and their like. */
async function snapshot(): Promise<string> {
  const [row] = await superuser`
    select
      (select jsonb_agg(l order by id) from (
        select to_jsonb(links) - array['user_checked_at', 'user_found', 'user_name',
          'user_domain_id', 'user_domain_name', 'policy_regex', 'policy_description', 'claim_id',
          'claimed_until', 'attempted_at', 'sealed_attempts', 'settle_asked_at', 'scramble_asked_at'] as l, id
        from links) all_links) as links,
      (select jsonb_agg(jsonb_build_array(id, template, recipient) order by id) from mails
        where template <> 'reset-digest') as mails,
      (select jsonb_agg(encode(id_hash, 'hex') order by id_hash) from admin_sessions) as sessions,
      (select jsonb_agg(r order by id) from (
        select to_jsonb(reset_requests) - 'helpdesk_told_at' as r, id
        from reset_requests) all_requests) as requests`;
  return JSON.stringify(row);
}

describe("the audit trail", () => {
  beforeAll(async () => {
    const [admin] = sandbox.cloud.users.values();
    adminId = admin?.id ?? "";
  });

  it.each(acts.map((act) => [act.name, act] as const))(
    "has who, what, which user, from where and how it ended: %s",
    async (_name, { prepare }) => {
      const { act, status, rows } = await prepare();
      const scene = newScene();
      const [last] = await superuser`select coalesce(max(id), 0)::int as id from audit_events`;
      const answer = await act(scene);
      expect(answer?.status).toBe(status);
      const isSystem = rows.some((row) => row.actor_kind === "system");
      const told = isSystem
        ? await superuser<Row[]>`
            select ${superuser.unsafe(columns)} from audit_events where id > ${last?.id}`
        : await rowsOf(scene.requestId);
      const from = { client_address: scene.address, request_id: scene.requestId };
      expect(told.map((row) => ({ ...row }))).toEqual(
        rows.map((row) => expect.objectContaining(isSystem ? row : { ...from, ...row })),
      );
    },
  );

  it("has every action there is, and each came to pass above", async () => {
    const rows = await superuser`select distinct action from audit_events order by 1`;
    expect(rows.map(({ action }) => action)).toEqual([...AUDIT_ACTIONS].sort());
    process.stdout.write(
      `\naudit trail: ${acts.length} acts tried, ${acts.length} held; ${rows.length} of ${AUDIT_ACTIONS.length} actions\n`,
    );
  });

  it("is written with the act, or neither is", async () => {
    let held = 0;
    for (const { name, prepare, outside } of acts) {
      const { act, rows } = await prepare();
      // The act's own row; what comes before it in the same request is another act.
      const action = rows.at(-1)?.action as string;
      await superuser.unsafe(`
        create function refuse_row() returns trigger language plpgsql as $$
        begin raise exception 'no room for this row'; end $$;
        create trigger refuse_row before insert on audit_events for each row
          when (new.action = '${action}') execute function refuse_row()`);
      const before = await snapshot();
      const scene = newScene();
      try {
        const answer = await act(scene).catch((error: Error) => error);
        if (answer instanceof Error) expect(answer.message, name).toMatch(/./);
        else expect(answer?.status, name).toBe(500);
        if (!(answer instanceof Error)) expect(answer?.text, name).not.toContain("no room");
        expect(await snapshot(), name).toBe(before);
        expect(
          (await rowsOf(scene.requestId)).filter((row) => row.action === action),
          name,
        ).toEqual([]);
        held += 1;
      } finally {
        await superuser`drop function refuse_row cascade`;
      }
      if (outside) {
        // The password is in force, and its row comes as soon as rows can be written.
        const userId = rows[0]?.user_id as string;
        await superuser`
          update links set claimed_until = now() - interval '1 second',
            attempted_at = now() - interval '200 seconds' where user_id = ${userId}`;
        await settleLinks(services);
        const told = await superuser`
          select outcome from audit_events where user_id = ${userId} and action = 'link.redeemed'`;
        expect(told.map((row) => row.outcome)).toEqual(["ok"]);
      }
    }
    process.stdout.write(`acts whose row is refused: ${acts.length} tried, ${held} held\n`);
  });

  /** The change that an act is, as a trigger names it. The others write a row and nothing else of ours. */
  const changes: Record<string, string> = {
    "link.issued": "insert or update on links",
    "link.renewed": "update on links",
    "link.resent": "update of token_hash on links",
    "link.reminded": "update of token_hash on links",
    "link.revoked": "update of state on links",
    "link.redeemed": "update of state on links",
    "link.pin-refused": "update of attempts on links",
    "link.secrets-purged": "update on links",
    "user.initial-password-scrambled": "update of sealed_parked on links",
    "admin.signed-in": "insert on admin_sessions",
    "admin.signed-out": "delete on admin_sessions",
    "reset.requested": "insert or update on reset_requests",
    "reset.confirmed": "update on reset_requests",
    "reset.answered": "update on reset_requests",
    "reset.closed": "update on reset_requests",
  };

  it("is not written where the act is undone, as late as at its COMMIT", async () => {
    let tried = 0;
    for (const { name, prepare } of acts) {
      const { act, rows } = await prepare();
      const action = rows.at(-1)?.action as string;
      const change = changes[action];
      if (change === undefined) continue;
      tried += 1;
      await superuser.unsafe(`
        create function refuse_commit() returns trigger language plpgsql as $$
        begin raise exception 'no room for this act'; end $$;
        create constraint trigger refuse_commit after ${change}
          deferrable initially deferred for each row execute function refuse_commit()`);
      const before = await snapshot();
      const [last] = await superuser`select coalesce(max(id), 0)::int as id from audit_events`;
      try {
        const answer = await act(newScene()).catch((error: Error) => error);
        if (!(answer instanceof Error)) expect(answer?.status, name).toBe(500);
        expect(await snapshot(), name).toBe(before);
        const told = await superuser`
          select action from audit_events where id > ${last?.id} and action = ${action}`;
        expect(told, name).toEqual([]);
      } finally {
        await superuser`drop function refuse_commit cascade`;
      }
    }
    expect(tried).toBeGreaterThanOrEqual(Object.keys(changes).length);
    process.stdout.write(`acts undone at their COMMIT: ${tried} tried, ${tried} held\n`);
  });
});

describe("the role of the server", () => {
  it("has all the rights the server needs: nothing was refused to it", async () => {
    // Also what is done only now and then: settling, purging, deleting, rotating keys, metrics.
    await runRounds(services);
    const keys = { SECRET_KEYS: `${newSecretKey()},${env.SECRET_KEYS}` };
    const { stdout } = await run(["rotate-keys.js"], { ...env, ...keys });
    expect(stdout).toMatch(/Done: \d+ sealed again/);
    await server.restart(keys);
    expect((await visitor.ask({ path: "/readyz" })).status).toBe(200);
    expect(await (await fetch(server.metricsUrl)).text()).toMatch(/setpass_mails\{state="sent"\}/);
    const person = await newPersonWithLink();
    const password = newPassword();
    const typed = { pin: PIN, password };
    expect((await visitor.redeem(person.linkToken, typed, newScene().how)).status).toBe(200);
    await expect
      .poll(() => server.events().filter(({ event }) => event === "mail.sent").length)
      .toBeGreaterThan(0);
    expect(server.logs()).not.toMatch(/permission denied|must be owner/);
    const failures = server
      .events()
      .filter(({ level, error }) => level === "error" && !/no room/.test(JSON.stringify(error)));
    expect(failures).toEqual([]);
  });

  const forbidden = [
    "update audit_events set outcome = 'ok'",
    "update audit_events set outcome = 'ok' where false",
    "delete from audit_events",
    "truncate audit_events",
    "merge into audit_events e using (select 1::bigint as id) s on e.id = s.id when matched then delete",
    `insert into audit_events (action, actor_kind, outcome) values ('x', 'user', 'ok')
       on conflict (id) do update set outcome = 'ok'`,
    `insert into audit_events (id, action, actor_kind, outcome) overriding system value
       values (-1, 'x', 'user', 'ok')`,
    `insert into audit_events (at, action, actor_kind, outcome)
       values ('2020-01-01', 'x', 'user', 'ok')`,
    "select setval(pg_get_serial_sequence('audit_events', 'id'), 1)",
    "alter table audit_events disable trigger audit_events_append_only",
    "alter table audit_events disable trigger all",
    "drop trigger audit_events_append_only on audit_events",
    "set session_replication_role = replica",
    `create or replace function refuse_audit_change() returns trigger language plpgsql as $$
       begin return null; end $$`,
    "drop function refuse_audit_change() cascade",
    "alter table audit_events alter column outcome drop not null",
    "alter table audit_events rename to old_events",
    "alter table audit_events owner to current_user",
    "drop table audit_events",
    "create trigger mine before insert on audit_events for each row execute function refuse_audit_change()",
    "create rule mine as on insert to audit_events do instead nothing",
    "lock table audit_events in access exclusive mode",
    "create table public.mine (id int)",
    `set role ${names.owner}`,
    `grant ${names.owner} to ${names.server}`,
    `alter role ${names.server} superuser`,
    `alter role ${names.owner} password 'mine'`,
    `grant update, delete on audit_events to ${names.server}`,
    "grant all on audit_events to public",
    "delete from links",
    "truncate links cascade",
    "delete from drizzle.__drizzle_migrations",
    "copy audit_events from program 'true'",
  ];

  it("cannot change the trail, nor take away what keeps it, nor give itself the right to", async () => {
    const trail = () => superuser`select * from audit_events order by id`;
    const before = await trail();
    const allowed: string[] = [];
    for (const statement of forbidden) {
      const error = await role
        .begin((tx) => tx.unsafe(statement))
        .then(
          () => undefined,
          (refusal: { code?: string }) => refusal,
        );
      // GRANT of a right one has not is a warning, and grants nothing.
      if (error === undefined && !statement.startsWith("grant")) allowed.push(statement);
      else if (error !== undefined && error.code !== "42501")
        allowed.push(`${statement}: refused with ${error.code}, for another reason`);
    }
    expect(allowed).toEqual([]);
    for (const privilege of ["UPDATE", "DELETE", "TRUNCATE", "TRIGGER", "REFERENCES"]) {
      const [row] = await superuser`
        select has_table_privilege(${names.server}, 'audit_events', ${privilege}) as has`;
      expect(row?.has, privilege).toBe(false);
    }
    expect(await trail()).toEqual(before);
    process.stdout.write(
      `what the server's role may not: ${forbidden.length} tried, ${forbidden.length - allowed.length} held\n`,
    );
  });

  it("is stopped by the trigger as well, were the rights given to it by mistake", async () => {
    const mistaken = `grant all on audit_events to ${names.server}, ${names.owner}`;
    const before = await superuser`select count(*)::int as count from audit_events`;
    await superuser.unsafe(mistaken);
    const statements = forbidden.slice(0, 5);
    try {
      for (const sql of [role, owner])
        for (const statement of statements)
          await expect(sql.unsafe(statement), statement).rejects.toMatchObject({
            code: "42501",
            message: expect.stringContaining("append-only"),
          });
    } finally {
      await superuser.unsafe(
        `revoke update, delete, truncate on audit_events from ${names.server}, ${names.owner}`,
      );
    }
    expect(await superuser`select count(*)::int as count from audit_events`).toEqual(before);
    process.stdout.write(
      `stopped by the trigger: ${2 * statements.length} tried, ${2 * statements.length} held\n`,
    );
  });
});
