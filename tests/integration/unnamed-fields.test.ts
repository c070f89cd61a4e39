import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signInToKeystone } from "../support/keystone-sign-in";
import { mailedConfirmToken } from "../support/mailed-confirm-token";
import type { RawAnswer } from "../support/raw-http";
import { cookieOf, resetFields, type Site, setsCookie, startSite } from "../support/raw-site";

/**
 * What a body holds beside the fields that are asked for, and what becomes of a field that is there
 * twice. Every value that is not asked for has this in it, and may be nowhere afterwards.
 */
const PLANTED = "planted-4071";
const INITIAL = "Initial-1";

let site: Site;
let cookie: string;

beforeAll(async () => {
  site = await startSite({ env: { MAX_ATTEMPTS: "5" } });
  cookie = cookieOf(await site.signInAsAdmin());
});

afterAll(() => site?.stop());

/** Names of columns, of arguments within, and of what every object has. */
const harmful: Record<string, string> = {
  ...{ state: `completed ${PLANTED}`, status: PLANTED, id: randomUUID(), claim_id: randomUUID() },
  ...{ attempts: "-100", pin_guesses: "-100", max_attempts: "100", maxAttempts: "100" },
  ...{ expires_at: "2999-01-01T00:00:00Z", expiresAt: "2999-01-01T00:00:00Z", lifetime: "9999999" },
  ...{ issued_by_id: PLANTED, issuedById: PLANTED, issued_by_name: PLANTED, issued_via: "console" },
  ...{ actor_id: PLANTED, actor_name: PLANTED, admin: PLANTED, via: "console", problem: PLANTED },
  ...{ user_name: PLANTED, userName: PLANTED, domain: PLANTED, enabled: "true" },
  ...{ client_address: PLANTED, requestId: PLANTED, request_id: PLANTED, url: PLANTED },
  ...{
    original_password: PLANTED,
    sealed_password: PLANTED,
    pin_mac: PLANTED,
    token_hash: PLANTED,
  },
  ...{ closed_by_id: PLANTED, closed_by_name: PLANTED, closed_at: PLANTED, created_at: PLANTED },
  ...{ constructor: PLANTED, prototype: PLANTED, "__proto__[via]": PLANTED, "user[id]": PLANTED },
  ...{ _method: "DELETE", is_admin: "true", roles: "admin", project: "admin" },
};

/** A form's body, its fields in this order, each as often as it is there. */
const formOf = (...fields: (readonly [name: string, value: string])[]) =>
  new URLSearchParams(fields.map((field) => [...field])).toString();

const post = (target: string, body: string, headers: [string, string][] = []) =>
  site.send({
    method: "POST",
    target,
    headers: [["Content-Type", "application/x-www-form-urlencoded"], ...headers],
    body,
  });

const asAdmin = (): [string, string][] => [
  ["Cookie", cookie],
  ["Origin", site.stack.url],
];

async function putText(userId: string, body: string): Promise<RawAnswer> {
  const token: [string, string] = ["X-Auth-Token", await site.stack.keystone.token()];
  return site.send({ method: "PUT", target: `/token/${userId}`, headers: [token], body });
}

/** Of a link, what no caller may choose. */
async function linkOf(userId: string) {
  const [row] = await site.sql`
    select state, attempts, pin_guesses, mail_to, issued_by_id, issued_by_name, issued_via, problem,
      extract(epoch from expires_at - issued_at)::int as seconds,
      (select count(*)::int from mails where link_id = links.id and template = 'link') as mails
    from links where user_id = ${userId}`;
  return row;
}

async function newUser(): Promise<string> {
  const name = `user-${randomUUID()}`;
  return (await site.stack.keystone.createUser({ name, password: INITIAL })).id;
}

async function worksAtKeystone(id: string, password: string): Promise<boolean> {
  const { status } = await signInToKeystone(site.stack.keystone.url, { id, password });
  return status === 201;
}

async function expectNothingPlanted(...answers: RawAnswer[]): Promise<void> {
  expect(await site.stack.dump()).not.toContain(PLANTED);
  expect(site.stack.server.logs()).not.toContain(PLANTED);
  for (const { body } of answers) expect(body).not.toContain(PLANTED);
}

describe("PUT takes its two fields and nothing else", () => {
  it("whatever else the object holds, and whatever hangs on it by __proto__", async () => {
    const [plain, stuffed, afterwards, other] = await Promise.all(
      Array.from({ length: 4 }, newUser),
    );
    const chosen = randomUUID();
    const within = {
      ...harmful,
      ...{ user_id: other, userId: other, token: chosen, state: "completed", attempts: -100 },
      ...{ mailTo: `${PLANTED}@example.org`, mail_to: `${PLANTED}@example.org` },
      ...{ initialPassword: PLANTED, initialPasswordIsSet: true, user: { id: other } },
    };
    const inherited = JSON.stringify({ ...within, pin: "1111", password: PLANTED });
    const fields = JSON.stringify({ pin: "4071", password: INITIAL, ...within }).slice(1, -1);
    const byPrototype = `"constructor":{"prototype":${inherited}}`;

    expect((await putText(plain ?? "", `{"pin":"4071","password":"${INITIAL}"}`)).status).toBe(200);
    const expected = await linkOf(plain ?? "");
    expect(expected).toMatchObject({ state: "pending", attempts: 0, issued_via: "api", mails: 0 });
    const answer = await putText(
      stuffed ?? "",
      `{${fields},"__proto__":${inherited},${byPrototype}}`,
    );
    expect(answer.status).toBe(200);
    expect(answer.body).not.toBe(chosen);
    expect((await site.get(`/?token=${chosen}`)).status).toBe(404);
    expect(await linkOf(stuffed ?? "")).toEqual(expected);
    expect(await linkOf(other ?? "")).toBeUndefined();
    // Nothing of it stays in the process for the next.
    expect((await putText(afterwards ?? "", `{"__proto__":${inherited}}`)).status).toBe(400);
    await site.put(afterwards ?? "", { pin: "4071", password: INITIAL });
    expect(await linkOf(afterwards ?? "")).toEqual(expected);
    await expectNothingPlanted(answer);
    expect((await site.redeem(answer.body, "1111", "Own-password-1")).status).toBe(403);
    expect((await site.redeem(answer.body, "4071", "Own-password-1")).status).toBe(200);
    expect(await worksAtKeystone(stuffed ?? "", "Own-password-1")).toBe(true);
  });

  it("and of a field that is there twice the last, as JSON has it in JavaScript", async () => {
    const userId = await newUser();
    const body = `{"pin":"1111","password":"${PLANTED}","pin":"4071","password":"${INITIAL}"}`;
    const { status, body: token } = await putText(userId, body);
    expect(status).toBe(200);
    expect((await site.redeem(token, "1111", "Own-password-1")).status).toBe(403);
    expect((await site.redeem(token, "4071", "Own-password-1")).status).toBe(200);
    // The last is the one that is checked, too.
    expect((await putText(userId, '{"pin":"4071","pin":"x"}')).status).toBe(400);
    expect((await putText(userId, '{"pin":"4071","pin":1111}')).status).toBe(400);
  });
});

describe("the form of a link takes its fields and nothing else", () => {
  const own = [
    ["password", "Own-password-1"],
    ["confirm_password", "Own-password-1"],
  ] as const;

  it("for the link's own user, with an attempt counted for a wrong PIN", async () => {
    const [link, other] = await Promise.all([site.issue(), site.issue()]);
    const extra = Object.entries({ ...harmful, user_id: other.userId, userId: other.userId });
    const target = `/?token=${link.token}`;
    const wrong = await post(target, formOf(...extra, ["pin", "0000"], ...own));
    expect(wrong.status).toBe(403);
    expect(await linkOf(link.userId)).toMatchObject({ state: "pending", attempts: 1 });
    const right = await post(target, formOf(...extra, ["pin", link.pin], ...own));
    expect(right.status).toBe(200);
    await expectNothingPlanted(wrong, right);
    expect(await worksAtKeystone(link.userId, "Own-password-1")).toBe(true);
    expect(await worksAtKeystone(other.userId, INITIAL)).toBe(true);
    expect(await linkOf(other.userId)).toMatchObject({ state: "pending", attempts: 0 });
  });

  it("and of a PIN that is there twice the first alone: the second is no second guess", async () => {
    const link = await site.issue();
    const target = `/?token=${link.token}`;
    const wrongFirst = formOf(["pin", "0000"], ["pin", link.pin], ...own);
    expect((await post(target, wrongFirst)).status).toBe(403);
    expect(await linkOf(link.userId)).toMatchObject({ state: "pending", attempts: 1 });
    // Nor is one in the address, which is for the link token alone.
    const inAddress = `${target}&pin=${link.pin}&password=x&confirm_password=x`;
    expect((await post(inAddress, formOf(["pin", "0000"], ...own))).status).toBe(403);
    expect((await post(inAddress, "")).status).toBe(400);
    expect(await linkOf(link.userId)).toMatchObject({ state: "pending", attempts: 2 });

    const twice = [
      ["password", "Second-password-2"],
      ["confirm_password", "Second-password-2"],
    ] as const;
    const rightFirst = formOf(["pin", link.pin], ["pin", "0000"], ...own, ...twice);
    expect((await post(target, rightFirst)).status).toBe(200);
    expect(await worksAtKeystone(link.userId, "Own-password-1")).toBe(true);
    expect(await worksAtKeystone(link.userId, "Second-password-2")).toBe(false);
  });

  it("and of two link tokens the form's, and of two in the same place the first", async () => {
    const [inForm, inAddress, second] = await Promise.all([
      site.issue("1111"),
      site.issue("2222"),
      site.issue("3333"),
    ]);
    const stateOf = async ({ userId }: { userId: string }) => (await linkOf(userId))?.state;
    const target = `/?token=${inAddress.token}&token=${second.token}`;
    const tokens = [
      ["token", inForm.token],
      ["token", second.token],
    ] as const;
    expect((await post(target, formOf(...tokens, ["pin", "1111"], ...own))).status).toBe(200);
    expect(await stateOf(inForm)).toBe("completed");
    expect((await post(target, formOf(["pin", "2222"], ...own))).status).toBe(200);
    expect(await stateOf(inAddress)).toBe("completed");
    expect(await linkOf(second.userId)).toMatchObject({ state: "pending", attempts: 0 });
  });
});

it("a request for a link is unconfirmed, new and nobody's, whatever its form says", async () => {
  const email = `${randomUUID()}@example.org`;
  const fields = Object.entries(resetFields(email));
  const planned = { state: "open", confirmed_at: "2020-01-01", code: "K7-QF2", confirmed: "1" };
  const extra = Object.entries({ ...harmful, ...planned });
  const again = Object.entries({ name: PLANTED, email: `${PLANTED}@example.org`, pin: "0000" });
  const answer = await post("/reset", formOf(...extra, ...fields, ...again));
  expect(answer.status).toBe(200);
  const rows = await site.sql`
    select state, name, email, confirmed_at, closed_by_id, closed_at, created_at > now() - interval '1 minute' as new
    from reset_requests where lower(email) = ${email}`;
  expect(rows).toEqual([
    {
      ...{ state: "unconfirmed", name: "Jane", email, confirmed_at: null },
      ...{ closed_by_id: null, closed_at: null, new: true },
    },
  ]);
  const [harmed] = await site.sql`select id from reset_requests where id = ${harmful.id ?? ""}`;
  expect(harmed).toBeUndefined();
  await expectNothingPlanted(answer);
});

it("a sign-in form makes nobody an administrator", async () => {
  const name = `user-${randomUUID()}`;
  await site.stack.keystone.createUser({ name, password: INITIAL });
  const { user_name: _, domain: __, ...rest } = harmful;
  const typed = Object.entries({ user_name: name, password: INITIAL, domain: "Default" });
  const { adminUserName } = site.stack.keystone;
  for (const extra of [rest, { user_name: adminUserName }, { session: cookie, token: cookie }]) {
    const answer = await post("/admin/sign-in", formOf(...typed, ...Object.entries(extra)));
    expect([answer.status, setsCookie(answer)]).toEqual([403, false]);
  }
  await expectNothingPlanted();
});

describe("a form of the console acts on what its address names, as whoever is signed in", () => {
  it("when it issues a link", async () => {
    const [userId, other] = await Promise.all([newUser(), newUser()]);
    const fields = Object.entries({ pin: "4071", password: "typed", initial_password: INITIAL });
    const extra = Object.entries({ ...harmful, user_id: other, userId: other, via: "api" });
    const again = Object.entries({ pin: "1111", password: "random", initial_password: PLANTED });
    const body = formOf(...extra, ...fields, ...again);
    const answer = await post(`/admin/users/${userId}`, body, asAdmin());
    expect(answer.status).toBe(200);
    expect(await linkOf(other)).toBeUndefined();
    expect(await linkOf(userId)).toMatchObject({
      ...{ state: "pending", attempts: 0, issued_via: "console", mail_to: null, mails: 0 },
      ...{ issued_by_name: site.stack.keystone.adminUserName, seconds: 86_400 },
    });
    // Setpass was told the account's password: it set no other.
    expect(await worksAtKeystone(userId, INITIAL)).toBe(true);
    await expectNothingPlanted(answer);
  });

  it("when it revokes one", async () => {
    const [link, other] = await Promise.all([site.issue(), site.issue()]);
    const idOf = async (userId: string) => {
      const [row] = await site.sql<
        [{ id: string }]
      >`select id from links where user_id = ${userId}`;
      return row.id;
    };
    const otherId = await idOf(other.userId);
    const extra = Object.entries({
      ...harmful,
      id: otherId,
      linkId: otherId,
      user_id: other.userId,
    });
    const body = formOf(["intent", "revoke"], ["intent", "resend"], ...extra);
    const target = `/admin/links/${await idOf(link.userId)}?id=${otherId}&intent=resend`;
    expect((await post(target, body, asAdmin())).status).toBe(200);
    expect(await linkOf(link.userId)).toMatchObject({ state: "revoked", mails: 0 });
    expect(await linkOf(other.userId)).toMatchObject({ state: "pending" });
    await expectNothingPlanted();
  });

  it("when it closes a request, the first that it names", async () => {
    const ids: string[] = [];
    for (const email of [`${randomUUID()}@example.org`, `${randomUUID()}@example.org`]) {
      expect((await site.post("/reset", resetFields(email))).status).toBe(200);
      const token = await mailedConfirmToken(site.stack.smtp, email);
      expect((await site.post("/reset/confirm", { token })).status).toBe(200);
      const [row] = await site.sql<[{ id: string }]>`
        select id from reset_requests where email = ${email}`;
      ids.push(row.id);
    }
    const [first = "", second = ""] = ids;
    const { id: _, ...extra } = harmful;
    const body = formOf(["id", first], ["id", second], ...Object.entries(extra));
    expect((await post("/admin/requests", body, asAdmin())).status).toBe(200);
    const rows = await site.sql`
      select id, state, closed_by_name from reset_requests where id in ${site.sql(ids)}`;
    expect(rows).toHaveLength(2);
    expect(rows).toContainEqual({
      ...{ id: first, state: "closed", closed_by_name: site.stack.keystone.adminUserName },
    });
    expect(rows).toContainEqual({ id: second, state: "open", closed_by_name: null });
    await expectNothingPlanted();
  });
});
