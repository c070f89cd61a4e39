import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import {
  type SandboxKeystone,
  startSandboxKeystone,
} from "../../../demo/keystone/sandbox-keystone";
import { startTestApp, type TestApp } from "../../support/app";
import { readBuild } from "../../support/built-routes";
import { type FaultProxy, faults, refusal, startFaultProxy } from "../../support/fault-proxy";
import { createVisitor, linkTokenIn, type Visitor } from "../../support/visitor";

/** What the console makes of opening an account; the act itself is tested over a real Keystone. */
const PUBLIC_URL = "https://setpass.example.org";
const PATH = "/admin/users/new";
const unique = (what: string) => `${what}-${randomBytes(5).toString("hex")}`;

let sandbox: SandboxKeystone;
let proxy: FaultProxy;
let app: TestApp;
let visitor: Visitor;
let cookie: string;

beforeAll(async () => {
  sandbox = await startSandboxKeystone({
    domains: [
      { id: "ldap", name: "Directory", readOnly: true },
      { id: "off", name: "Switched off", enabled: false },
    ],
    users: [
      {
        name: "reader",
        password: "Reader-1-password",
        roles: [{ role: "reader", projectName: "admin" }],
      },
    ],
  });
  proxy = await startFaultProxy({ target: sandbox.url });
  app = await startTestApp({
    keystoneUrl: proxy.url,
    build: await readBuild(),
    env: { PUBLIC_URL, ADMIN_ROLES: "*", KEYSTONE_TIMEOUT: "2" },
  });
  visitor = createVisitor(app.url, { publicUrl: PUBLIC_URL });
  cookie = await cookieOf(sandbox.adminUserName, sandbox.adminPassword);
});
afterAll(async () => {
  await app?.stop();
  await proxy?.stop();
  await sandbox?.stop();
});
afterEach(() => proxy.heal());

async function cookieOf(userName: string, password: string): Promise<string> {
  const signedIn = await visitor.signIn({ userName, password });
  if (signedIn.cookie === undefined) throw new Error(`signing in answered ${signedIn.status}`);
  return signedIn.cookie;
}

function newForm(more: Record<string, string> = {}) {
  const name = unique("new");
  return {
    ...{ user_name: name, email: `${name}@example.org`, mail: "yes", domain: "default" },
    ...{ project_from: "new", project_name: unique("project"), pin: "4711" },
    role: sandbox.cloud.roleId("member"),
    ...more,
  };
}
const send = (form: Record<string, string>, by = cookie) =>
  visitor.ask({ path: PATH, form, cookie: by });

const userNamed = (name: string, domainId = "default") => sandbox.cloud.userNamed(name, domainId);
const errorAt = (text: string, field: string) =>
  new RegExp(`id="${field}-error"[^>]*>([^<]*)`).exec(text)?.[1];

describe("the page of a new account", () => {
  it("opens with what is usual: the member's role, a day, the link mailed", async () => {
    const { text } = await visitor.ask({ path: PATH, cookie });
    const member = sandbox.cloud.roleId("member");
    expect(text).toContain(`<option value="${member}" selected`);
    expect(text).toContain('<option value="86400" selected');
    expect(text).toMatch(/<input type="checkbox"[^>]*name="mail"[^>]*checked/);
  });

  it("makes up a PIN where none was typed, and tells it this once", async () => {
    const form = newForm({ pin: "" });
    const answer = await send(form);
    expect(answer.status).toBe(200);
    const pin = /data-pin[^>]*>\s*(\d{4})\s*</.exec(answer.text)?.[1] ?? "none";
    const linkToken = linkTokenIn(answer.text) ?? "";
    const password = "Chosen-1-password";
    expect((await visitor.redeem(linkToken, { pin, password })).status).toBe(200);
    expect(app.logText()).not.toContain(linkToken);
  });

  it("does not show a PIN that was typed, neither with the link nor with an error", async () => {
    for (const form of [newForm({ pin: "8264" }), newForm({ pin: "8264", email: "" })])
      expect((await send(form)).text).not.toContain("8264");
  });

  it("makes an account without a project, an address or a mail", async () => {
    const { mail: _, ...form } = newForm({ project_from: "none", project_name: "", email: "" });
    const answer = await send(form);
    expect(answer.status).toBe(200);
    expect(linkTokenIn(answer.text)).toBeDefined();
    expect(userNamed(form.user_name)?.email).toBeUndefined();
  });

  it.each([
    ["user_name", { user_name: " " }],
    ["email", { email: "" }],
    ["email", { email: "nora@" }],
    ["project_name", { project_name: "" }],
    ["role", { role: "another" }],
    ["domain", { domain: "another" }],
    ["pin", { pin: "123" }],
    ["pin", { pin: "12345" }],
    ["pin", { pin: "12a4" }],
  ])("says at the field %s what is wrong with %j, and makes nothing", async (field, change) => {
    const form = newForm(change);
    const users = sandbox.cloud.users.size;
    const projects = sandbox.cloud.projects.size;
    const answer = await send(form);
    expect(answer.status).toBe(400);
    expect(errorAt(answer.text, field)).toBeTruthy();
    expect(answer.text).toContain(form.project_name);
    expect([sandbox.cloud.users.size, sandbox.cloud.projects.size]).toEqual([users, projects]);
  });

  it.each([
    ["user_name", () => newForm({ user_name: sandbox.adminUserName }), "There is a user"],
    ["domain", () => newForm({ domain: "ldap" }), "directory"],
    ["domain", () => newForm({ domain: "off" }), "disabled"],
    ["project_name", () => newForm({ project_name: "admin" }), "already"],
    ["project_name", () => newForm({ project_from: "existing" }), "There is no project"],
  ] as const)(
    "says what Keystone has, at %s, before anything is made",
    async (field, make, words) => {
      const form = make();
      const users = sandbox.cloud.users.size;
      const projects = sandbox.cloud.projects.size;
      const answer = await send(form);
      expect(answer.status).toBe(409);
      expect(errorAt(answer.text, field)).toContain(words);
      expect([sandbox.cloud.users.size, sandbox.cloud.projects.size]).toEqual([users, projects]);
    },
  );

  it("says what there is where a step fails, and the same form finishes it", async () => {
    const form = newForm();
    const rule = proxy.inject({ method: "PUT" }, faults["503-before"]);
    const failed = await send(form);
    rule.remove();
    expect(failed.status).toBe(503);
    expect(failed.text).toContain("What there is by now");
    expect(failed.text).toContain(`The project ${form.project_name} was created.`);
    expect(failed.text).toContain(`The account ${form.user_name} is in Keystone, without a link.`);
    const made = userNamed(form.user_name)?.id;
    // The project is a new one no longer, and is no other's either.
    const done = await send(form);
    expect(done.status, done.text).toBe(200);
    expect(userNamed(form.user_name)?.id).toBe(made);
    const [links] = await app.database.sql`
      select count(*)::int as n from links where user_id = ${made ?? ""}`;
    expect(links?.n).toBe(1);
    const again = await send(form);
    expect(again.status).toBe(409);
    expect(errorAt(again.text, "user_name")).toContain("has been given a link");
  });

  it("leads to the user whose name it is, where that came out at the last moment", async () => {
    const form = newForm();
    const free = { kind: "reply", status: 200, body: '{"users": []}' } as const;
    const headers = { "content-type": "application/json" };
    const { id } = sandbox.cloud.addUser({ name: form.user_name });
    proxy.inject(
      { method: "GET", path: "/v3/users" },
      { carryOut: "never", answer: { ...free, headers } },
      { times: 1 },
    );
    const answer = await send(form);
    expect(answer.status).toBe(409);
    expect(errorAt(answer.text, "user_name")).toContain("There is a user");
    expect(answer.text).toContain(`href="/admin/users/${id}"`);
    expect(answer.text).toContain(`The project ${form.project_name} was created.`);
  });

  it("makes no account without its role where Keystone does not say which there are", async () => {
    const form = newForm();
    proxy.inject({ method: "GET", path: "/v3/roles" }, faults["503-before"]);
    const answer = await send(form);
    expect(answer.status).toBe(503);
    expect(userNamed(form.user_name)).toBeUndefined();
  });

  it("ends the session with its token, wherever that is found out", async () => {
    const another = await cookieOf(sandbox.adminUserName, sandbox.adminPassword);
    const form = newForm();
    proxy.inject({ method: "PUT" }, refusal(401, "The request requires authentication."));
    const answer = await send(form, another);
    expect([answer.status, answer.headers.get("location")]).toEqual([
      302,
      expect.stringContaining("/admin/sign-in"),
    ]);
  });

  it("makes nothing for who has another role than admin", async () => {
    const reader = await cookieOf("reader", "Reader-1-password");
    for (const form of [newForm(), newForm({ project_from: "none", role: "" })]) {
      const answer = await send(form, reader);
      expect(answer.status).toBe(403);
      expect(answer.text).toContain("Ask for the admin role.");
      expect(userNamed(form.user_name)).toBeUndefined();
      expect(sandbox.cloud.projectNamed(form.project_name, "default")).toBeUndefined();
    }
  });
});

describe("what the form asks as it is filled in", () => {
  const check = async (asked: Record<string, string>, by = cookie) => {
    const answer = await visitor.ask({
      path: `${PATH}/check?${new URLSearchParams(asked)}`,
      cookie: by,
    });
    return { status: answer.status, said: answer.status === 200 && JSON.parse(answer.text) };
  };

  it("is answered by what Keystone has, and with what was asked", async () => {
    const asked = { user_name: sandbox.adminUserName, domain: "default", project_name: "admin" };
    expect(await check(asked)).toEqual({
      status: 200,
      said: { asked, user: "taken", domain: "good", project: "there" },
    });
    const free = { user_name: unique("free"), domain: "ldap", project_name: unique("none") };
    expect((await check(free)).said).toMatchObject({
      user: "free",
      domain: "read-only",
      project: "none",
    });
    expect((await check({})).said).toMatchObject({ user: "unknown", project: "unknown" });
  });

  it("tells a begun account from one that was handed over", async () => {
    const form = newForm();
    const { user_name, domain } = form;
    const rule = proxy.inject({ method: "PUT" }, faults["503-before"]);
    await send(form);
    rule.remove();
    expect((await check({ user_name, domain })).said).toMatchObject({ user: "begun" });
    await send(form);
    expect((await check({ user_name, domain })).said).toMatchObject({ user: "handed-over" });
  });

  it("tells nothing to who may not list users, nor to whom is not signed in", async () => {
    const reader = await cookieOf("reader", "Reader-1-password");
    const asked = { user_name: sandbox.adminUserName, domain: "default", project_name: "admin" };
    expect((await check(asked, reader)).said).toMatchObject({
      user: "unknown",
      domain: "unknown",
      project: "unknown",
    });
    expect((await check(asked, "")).status).toBe(302);
  });

  it("says nothing while Keystone does not answer", async () => {
    proxy.inject({ method: "GET", path: "/v3/users" }, faults["503-before"]);
    const asked = { user_name: unique("x"), domain: "default", project_name: "" };
    expect(await check(asked)).toMatchObject({ status: 200, said: { user: "unknown" } });
  });
});
