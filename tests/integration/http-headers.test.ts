import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type SandboxKeystone, startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { type BuiltRoute, readBuiltRoutes } from "../support/built-routes";
import { type FaultProxy, faults, startFaultProxy } from "../support/fault-proxy";
import type { RawAnswer, RawRequest } from "../support/raw-http";
import { cookieOf, resetFields, retryAfterOf, type Site, startSite } from "../support/raw-site";

const HTTPS_URL = "https://setpass.example.org";
const FORM: [string, string] = ["Content-Type", "application/x-www-form-urlencoded"];
const DAY_SECONDS = 86_400;

let routes: BuiltRoute[];
/** What the sandbox Keystone was asked: `DELETE /v3/auth/tokens 204`. */
const keystoneCalls: string[] = [];
const sites: { overHttp: Site; overHttps: Site } = {} as never;

let keystone: SandboxKeystone;
let proxy: FaultProxy;

beforeAll(async () => {
  routes = await readBuiltRoutes();
  keystone = await startSandboxKeystone({ log: (line) => keystoneCalls.push(line) });
  proxy = await startFaultProxy({ target: keystone.url });
  // Else a script's token would be remembered where Keystone is to be asked.
  const shared = { keystone, authUrl: proxy.url, env: { AUTH_CACHE_SECONDS: "0" } };
  [sites.overHttp, sites.overHttps] = await Promise.all([
    startSite(shared),
    startSite({ ...shared, publicUrl: HTTPS_URL }),
  ]);
});

afterAll(async () => {
  await sites.overHttp?.stop();
  await sites.overHttps?.stop();
  await proxy?.stop();
  await keystone?.stop();
});

const originOf = (site: Site): [string, string] => ["Origin", site.stack.url];

/** A fresh session. @returns what its requests carry */
async function signIn(site: Site): Promise<{ cookie: string; headers: [string, string][] }> {
  const answer = await site.signInAsAdmin({ headers: [originOf(site)] });
  expect(answer.status).toBe(302);
  const cookie = cookieOf(answer);
  return { cookie, headers: [["Cookie", cookie], originOf(site)] };
}

/** Where the sign-in page is sent to, with a reason or without. */
const toSignIn = /^\/admin\/sign-in(\?|$)/;
const isEnded = ({ status, headers }: RawAnswer) =>
  status === 302 && toSignIn.test(headers.location?.[0] ?? "");

describe.each(["overHttp", "overHttps"] as const)("the headers of answers %s", (which) => {
  const isHttps = which === "overHttps";

  /** One of each kind there is: what is asked, and the status that makes it this kind. */
  async function everyKind(site: Site): Promise<[kind: string, status: number, RawAnswer][]> {
    const { headers } = await signIn(site);
    const link = await site.issue();
    const unused = await site.issue();
    const [row] = await site.sql<[{ id: string }]>`
      select id from links where user_id = ${unused.userId}`;
    const assets = readdirSync(path.resolve(import.meta.dirname, "../../build/client/assets"));
    const asset = (end: string) => `/assets/${assets.find((name) => name.endsWith(end))}`;
    const limited = { from: "127.0.5.1" };
    await site.sql`
      insert into rate_limits (key, points, expire)
      values (${site.limitKey("address", limited.from)}, 1000000, now() + interval '1 minute')`;
    const own = { headers: [originOf(site)] };
    const big = { method: "POST", target: "/reset", headers: [FORM], body: "x".repeat(70_000) };
    const json: [string, string] = ["Accept", "application/json"];

    const kinds: [kind: string, status: number, Promise<RawAnswer>][] = [
      ["the form of a link", 200, site.get(`/?token=${link.token}`)],
      ["no link", 404, site.get("/")],
      ["an unknown link", 404, site.get(`/?token=${randomUUID()}`)],
      ["the reset form", 200, site.get("/reset")],
      ["the sign-in form", 200, site.get("/admin/sign-in")],
      ["no such page", 404, site.get("/nowhere")],
      ["no such asset", 404, site.get("/assets/nothing.js")],
      ["a redirect to sign in", 302, site.get("/admin/links/x")],
      ["HEAD", 200, site.send({ method: "HEAD", target: "/reset" })],
      ["the links", 200, site.get("/admin", { headers })],
      ["the users", 200, site.get("/admin/users", { headers })],
      ["a user", 200, site.get(`/admin/users/${unused.userId}`, { headers })],
      ["a link", 200, site.get(`/admin/links/${row.id}`, { headers })],
      ["the requests", 200, site.get("/admin/requests", { headers })],
      ["no such link in the console", 404, site.get(`/admin/links/${randomUUID()}`, { headers })],
      ["a page's data", 200, site.get("/admin.data", { headers })],
      ["a redirect as data", 202, site.get("/admin.data")],
      ["the routes' manifest", 204, site.get("/__manifest?p=/admin&version=old")],
      ["a form lacking a field", 400, site.redeem(link.token, "", "x", own)],
      ["a wrong PIN", 403, site.redeem(link.token, "0000", "Own-password-1", own)],
      ["a refused sign-in", 403, site.signIn("nobody", "wrong", own)],
      ["a form from elsewhere", 403, site.post("/reset", {}, { headers: [["Origin", "null"]] })],
      ["a request for a link", 200, site.post("/reset", resetFields(`${which}@example.org`), own)],
      ["not a form", 415, site.send({ ...big, headers: [["Content-Type", "text/plain"]] })],
      ["a form too large", 413, site.send(big)],
      ["too many", 429, site.post("/reset", {}, limited)],
      ["another method", 405, site.send({ method: "DELETE", target: "/reset" })],
      ["a malformed address", 400, site.get("/%zz")],
      ["PUT", 200, site.put(unused.userId, {})],
      ["PUT, as JSON", 200, site.put(unused.userId, {}, { headers: [json] })],
      ["PUT without a token", 401, site.send({ method: "PUT", target: "/token/x", body: "{}" })],
      ["PUT of nonsense", 400, site.put(unused.userId, [])],
      ["PUT too large", 413, site.put(unused.userId, "x".repeat(70_000))],
      ["GET in the place of PUT", 405, site.get(`/token/${unused.userId}`)],
      ["alive", 200, site.get("/healthz")],
      ["ready", 200, site.get("/readyz")],
      ["metrics, which are elsewhere", 404, site.get("/metrics")],
      ["a path not in its form", 404, site.get("/admin/")],
      ["a script", 200, site.get(asset(".js"))],
      ["a stylesheet", 200, site.get(asset(".css"))],
      ["a part of an asset", 206, site.get(asset(".css"), { headers: [["Range", "bytes=0-9"]] })],
    ];
    const answers: [string, number, RawAnswer][] = [];
    for (const [kind, status, answer] of kinds) answers.push([kind, status, await answer]);
    const set = await site.redeem(link.token, link.pin, "Own-password-1", own);
    answers.push(["the password set", 200, set]);

    await site.sql`alter table reset_requests rename to lost`;
    const failed = await site.post("/reset", resetFields("x@example.org"), own);
    await site.sql`alter table lost rename to reset_requests`;
    answers.push(["an error of ours", 500, failed]);

    proxy.inject({}, faults["503-before"]);
    answers.push(["PUT without Keystone", 503, await site.put(unused.userId, {})]);
    answers.push(["a sign-in without Keystone", 503, await site.signInAsAdmin(own)]);
    proxy.heal();
    return answers;
  }

  it("protect whoever gets them, whatever they are, and let no page run what is not ours", async () => {
    const site = sites[which];
    const answers = await everyKind(site);
    expect(answers.map(([kind, , { status }]) => `${status} ${kind}`)).toEqual(
      answers.map(([kind, status]) => `${status} ${kind}`),
    );
    const nonces = new Set<string>();
    for (const [kind, , answer] of answers) {
      expect.soft(problemsOf(answer, { isHttps, nonces }), kind).toEqual([]);
      expect.soft(inlineCodeIn(answer), kind).toEqual([]);
      const isAsset = answer.headers["cache-control"]?.[0] !== "no-store";
      const mayBeKept = ["a script", "a stylesheet", "a part of an asset"].includes(kind);
      expect.soft(isAsset, `${kind} may be kept by caches`).toBe(mayBeKept);
      if (answer.status === 503 || answer.status === 429)
        expect.soft(retryAfterOf(answer), kind).toBeGreaterThan(0);
    }
    // Each answer has a nonce of its own.
    expect(nonces.size).toBe(answers.length);
  });
});

/** @returns what is wrong with the headers of an answer, of whatever kind */
function problemsOf(
  { headers, body }: RawAnswer,
  { isHttps, nonces }: { isHttps: boolean; nonces: Set<string> },
): string[] {
  const expected: Record<string, RegExp | undefined> = {
    "content-security-policy": /^default-src 'none';/,
    "strict-transport-security": isHttps ? /^max-age=31536000$/ : undefined,
    "referrer-policy": /^strict-origin$/,
    "cross-origin-opener-policy": /^same-origin$/,
    "cross-origin-resource-policy": /^same-origin$/,
    "permissions-policy": /camera=\(\).*geolocation=\(\).*microphone=\(\)/,
    "x-content-type-options": /^nosniff$/,
    "x-frame-options": /^DENY$/,
    "x-openstack-request-id": /^req-[0-9a-f-]{36}$/,
    "x-robots-tag": /^noindex, nofollow$/,
    "x-powered-by": undefined,
    server: undefined,
    "access-control-allow-origin": undefined,
  };
  const problems = Object.entries(expected).flatMap(([name, pattern]) => {
    const values = headers[name] ?? [];
    const right = pattern ? values.length === 1 && pattern.test(values[0] ?? "") : !values.length;
    return right ? [] : [`${name}: ${values.join(" | ")}`];
  });
  // Text without a charset is a guess of whoever reads it; JSON is UTF-8 by its own standard.
  const types = headers["content-type"] ?? [];
  const [kind = "", ...parameters] = (types[0] ?? "").toLowerCase().split(/\s*;\s*/);
  const isNamed =
    kind === "application/json" ||
    (/^text\/[\w-]+$|^application\/javascript$/.test(kind) && parameters.includes("charset=utf-8"));
  if ((types.length > 0 || body !== "") && (types.length !== 1 || !isNamed))
    problems.push(`content-type: ${types.join(" | ")}`);
  const policy = Object.fromEntries(
    (headers["content-security-policy"]?.[0] ?? "").split(";").map((directive) => {
      const [name = "", ...sources] = directive.trim().split(/\s+/);
      return [name, sources.join(" ")];
    }),
  );
  const nonce = /^'self' 'nonce-([\w+/]{22}==)'$/.exec(policy["script-src"] ?? "")?.[1];
  if (nonce) nonces.add(nonce);
  else problems.push(`script-src ${policy["script-src"]}`);
  for (const [directive, sources] of Object.entries({
    "style-src": "'self'",
    "worker-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "connect-src": "'self'",
  }))
    if (policy[directive] !== sources) problems.push(`${directive} ${policy[directive]}`);
  const text = JSON.stringify(policy);
  if (/unsafe|\*|https?:/.test(text)) problems.push(`the policy allows too much: ${text}`);
  return problems;
}

/** @returns what in a page a browser would run or fetch without our files or its nonce */
function inlineCodeIn({ headers, body }: RawAnswer): string[] {
  if (!headers["content-type"]?.[0]?.startsWith("text/html")) return [];
  const nonce = /'nonce-([^']+)'/.exec(headers["content-security-policy"]?.[0] ?? "")?.[1] ?? "";
  const found: string[] = [];
  // The text of scripts is no markup.
  const markup = body.replace(/(<script\b[^>]*>)[\s\S]*?<\/script>/g, "$1</script>");
  for (const [tag] of markup.matchAll(/<script\b[^>]*>/g)) {
    const own = /\ssrc="\/[^/"][^"]*"/.test(tag) || /\ssrc="\/assets/.test(tag);
    if (!own && !tag.includes(` nonce="${nonce}"`)) found.push(tag);
  }
  for (const [bad] of markup.matchAll(
    /<style\b|\sstyle="|\son\w+="|javascript:|<base\b|<iframe\b/g,
  ))
    found.push(bad);
  for (const [whole, address = ""] of markup.matchAll(/\s(?:src|href|action)="([^"]*)"/g)) {
    const elsewhere = /^(https?:)?\/\//.test(address);
    // Where the user goes next is the operator's to say.
    if (elsewhere && !address.startsWith("https://dashboard.example.org")) found.push(whole);
  }
  return found;
}

describe("the cookie of a session", () => {
  it("is for this host alone, over https alone, and for no script", async () => {
    const answer = await sites.overHttps.signInAsAdmin({ headers: [originOf(sites.overHttps)] });
    const [cookie = "", ...more] = answer.headers["set-cookie"] ?? [];
    expect(more).toEqual([]);
    const [pair, ...attributes] = cookie.split("; ");
    expect(pair).toMatch(/^__Host-setpass=\S{40,}$/);
    const expires = attributes.find((one) => one.startsWith("Expires="));
    expect(attributes.filter((one) => one !== expires).sort()).toEqual(
      ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"].sort(),
    );
    expect(Date.parse(expires?.slice(8) ?? "")).toBeGreaterThan(Date.now());
  });

  it("does without https where PUBLIC_URL does, and with nothing else", async () => {
    const answer = await sites.overHttp.signInAsAdmin();
    const cookie = answer.headers["set-cookie"]?.[0] ?? "";
    expect(cookie).toMatch(/^setpass=\S{40,}; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Lax$/);
  });

  it.each(["overHttp", "overHttps"] as const)("is removed as it was set, %s", async (which) => {
    const site = sites[which];
    const { headers } = await signIn(site);
    const answer = await site.post("/admin/sign-out", {}, { headers });
    const secure = which === "overHttps" ? "; Secure" : "";
    const name = which === "overHttps" ? "__Host-setpass" : "setpass";
    expect(answer.headers["set-cookie"]).toEqual([
      `${name}=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly${secure}; SameSite=Lax`,
    ]);
  });
});

describe("a request that changes something", () => {
  /** These take no cookie: what one sends with it changes nothing. */
  const withoutSession: Record<string, { method: string; status: number }> = {
    "routes/token.$userId": { method: "PUT", status: 401 },
    "routes/$": { method: "POST", status: 404 },
  };
  const strangers = (site: Site): (string | undefined)[] => [
    undefined,
    "null",
    "https://evil.example",
    "http://setpass.example.org",
    "https://setpass.example.org:8443",
    "https://setpass.example.org.evil.example",
    "https://evil.example/setpass.example.org",
    `${site.stack.url}.`,
    `${site.stack.url}/`,
    `${site.stack.url}, ${site.stack.url}`,
    "garbage",
  ];

  it("needs our own Origin wherever there is a session, on every action of the build", async () => {
    const site = sites.overHttps;
    const { headers, cookie } = await signIn(site);
    const link = await site.issue();
    const [row] = await site.sql<[{ id: string }]>`
      select id from links where user_id = ${link.userId}`;
    const actions = routes.filter((route) => route.hasAction);
    expect(actions.length).toBeGreaterThan(7);
    const addressOf = (route: BuiltRoute) =>
      route.path.replace(":userId", link.userId).replace(":id", row.id).replace("*", "nowhere");
    const fields = {
      token: link.token,
      pin: link.pin,
      password: "Own-password-1",
      intent: "revoke",
    };
    const all = { ...fields, confirm_password: fields.password, ...resetFields("a@example.org") };
    const before = await site.stack.dump();
    const linesBefore = crossOriginLines(site).length;
    let tried = 0;
    let refused = 0;
    for (const route of actions) {
      const exception = withoutSession[route.id];
      for (const origin of strangers(site)) {
        const given: [string, string][] = [["Cookie", cookie], FORM];
        if (origin !== undefined) given.push(["Origin", origin]);
        given.push(["X-Forwarded-Host", "evil.example"], ["X-Forwarded-Proto", "https"]);
        const targets = [addressOf(route), dataAddressOf(addressOf(route))];
        for (const target of exception ? targets.slice(0, 1) : targets) {
          const request: RawRequest = {
            method: exception?.method ?? "POST",
            target,
            headers: given,
            body: new URLSearchParams(all).toString(),
          };
          const { status } = await site.send(request);
          expect([route.id, target, origin, status]).toEqual([
            route.id,
            target,
            origin,
            exception?.status ?? 403,
          ]);
          tried += 1;
          if (status === 403) refused += 1;
        }
      }
    }
    expect(withoutLimits(await site.stack.dump())).toBe(withoutLimits(before));
    // Each of them is in the log, by where it came from and under its id, and with nothing it sent.
    await expect.poll(() => crossOriginLines(site).length).toBe(linesBefore + refused);
    for (const line of crossOriginLines(site))
      expect(line).toEqual({
        ...{ level: "warn", time: expect.any(String), event: "request.cross-origin" },
        ...{ requestId: expect.stringMatching(/^req-/), clientAddress: "127.0.0.1" },
      });
    // With our own, each of them goes on: it is the Origin that was refused, and not the form.
    for (const route of actions.filter(({ id }) => !withoutSession[id])) {
      const answer = await site.post(addressOf(route), {}, { headers });
      expect([route.id, answer.status === 403]).toEqual([route.id, false]);
    }
    expect(tried).toBeGreaterThan(100);
  });

  it("is never a GET or a HEAD, whatever it asks for", async () => {
    const site = sites.overHttps;
    const { headers } = await signIn(site);
    const link = await site.issue();
    const [row] = await site.sql<[{ id: string }]>`
      select id from links where user_id = ${link.userId}`;
    const query = new URLSearchParams({
      ...{ token: link.token, pin: link.pin, password: "x", confirm_password: "x" },
      ...{ intent: "revoke", mail_to: "x@example.org", index: "", _method: "POST" },
    });
    const before = await site.stack.dump();
    for (const route of routes) {
      const address = route.path
        .replace(":userId", link.userId)
        .replace(":id", row.id)
        .replace("*", "nowhere");
      for (const method of ["GET", "HEAD"])
        for (const target of [address, dataAddressOf(address).replace("?index", "")])
          await site.send({ method, target: `${target}?${query}`, headers });
    }
    expect(await site.stack.dump()).toBe(before);
  });
});

const crossOriginLines = (site: Site) =>
  site.stack.server.events().filter(({ event }) => event === "request.cross-origin");

/** Where Remix's own script sends a page's form. */
const dataAddressOf = (address: string) =>
  address === "/" ? "/_root.data?index" : `${address}.data`;

/** What is counted against an address may change; nothing else. */
const withoutLimits = (dump: string) =>
  dump.replace(/-- public\.rate_limits\n[\s\S]*?(?=\n-- |$)/, "");

describe("a session", () => {
  /** Every page of the console: a signed-out visitor is sent away from each. */
  const consolePages = () =>
    routes
      .filter((route) => /^\/admin(\/|$)/.test(route.path) && !/sign-in/.test(route.path))
      .map(({ path: address, ...route }) => ({
        ...route,
        page: address.replace(/:\w+/, randomUUID()),
      }));

  it("gets a new id at sign-in: one that was planted before never becomes valid", async () => {
    const site = sites.overHttps;
    const planted = await signIn(site);
    const name = planted.cookie.split("=")[0];
    const madeUp = Buffer.from(JSON.stringify("A".repeat(43))).toString("base64");
    for (const before of [`${name}=${encodeURIComponent(madeUp)}`, planted.cookie]) {
      const answer = await site.signInAsAdmin({ headers: [["Cookie", before], originOf(site)] });
      expect(answer.status).toBe(302);
      const after = cookieOf(answer);
      expect(after).not.toBe(before);
      const of = (cookie: string) => site.get("/admin", { headers: [["Cookie", cookie]] });
      expect((await of(after)).status).toBe(200);
      // Whoever planted it is not let in by it, also where it was a session of theirs.
      expect(isEnded(await of(before))).toBe(true);
      // Sent twice, ours and theirs, in either order: it is one of the two, never a third.
      for (const both of [`${before}; ${after}`, `${after}; ${before}`])
        expect([200, 302]).toContain((await of(both)).status);
    }
    const ids = await Promise.all(Array.from({ length: 5 }, () => signIn(site)));
    expect(new Set(ids.map(({ cookie }) => cookie)).size).toBe(5);
  });

  it("is in the database by its hash alone", async () => {
    const site = sites.overHttps;
    const { cookie } = await signIn(site);
    const value = decodeURIComponent(cookie.slice(cookie.indexOf("=") + 1));
    const id = JSON.parse(Buffer.from(value, "base64").toString("utf8")) as string;
    expect(Buffer.from(id, "base64url")).toHaveLength(32);
    const dump = await site.stack.dump();
    for (const secret of [id, value, Buffer.from(id).toString("hex"), Buffer.from(id, "base64url")])
      expect(dump).not.toContain(typeof secret === "string" ? secret : secret.toString("hex"));
  });

  it("ends on the server at sign-out, with its Keystone token: its cookie opens no page any more", async () => {
    const site = sites.overHttps;
    const { headers } = await signIn(site);
    expect((await site.get("/admin", { headers })).status).toBe(200);
    keystoneCalls.length = 0;
    expect(isEnded(await site.post("/admin/sign-out", {}, { headers }))).toBe(true);
    expect(keystoneCalls).toContain("DELETE /v3/auth/tokens 204");
    const pages = consolePages();
    expect(pages.length).toBeGreaterThan(5);
    for (const { page, hasAction } of pages) {
      expect([page, isEnded(await site.get(page, { headers }))]).toEqual([page, true]);
      const data = await site.get(`${page}.data`, { headers });
      expect([page, data.status, /sign-in/.test(data.body)]).toEqual([page, 202, true]);
      if (!hasAction) continue;
      expect([page, isEnded(await site.post(page, {}, { headers }))]).toEqual([page, true]);
    }
  });

  it("ends when nobody used it for half an hour, and is kept by use", async () => {
    const site = sites.overHttps;
    const { headers } = await signIn(site);
    const rest = (seconds: number) => site.sql`
      update admin_sessions set last_seen_at = last_seen_at - make_interval(secs => ${seconds})`;
    for (let hour = 0; hour < 3; hour++) {
      await rest(1750);
      expect((await site.get("/admin", { headers })).status).toBe(200);
    }
    await rest(1801);
    expect(isEnded(await site.get("/admin", { headers }))).toBe(true);
    expect(isEnded(await site.get("/admin", { headers }))).toBe(true);
  });

  it("ends in any case when its time is over, at the latest with its Keystone token", async () => {
    const site = sites.overHttps;
    const { headers } = await signIn(site);
    const [row] = await site.sql<[{ seconds: number }]>`
      select extract(epoch from max(expires_at) - now())::int as seconds from admin_sessions`;
    // The sandbox's tokens live for an hour, a session for eight at most.
    expect(row.seconds).toBeGreaterThan(3500);
    expect(row.seconds).toBeLessThanOrEqual(3600);
    await site.sql`update admin_sessions set expires_at = now(), last_seen_at = now()`;
    expect(isEnded(await site.get("/admin", { headers }))).toBe(true);
    const long = await startSite({
      sandboxKeystone: { tokenLifetimeSeconds: 30 * DAY_SECONDS },
      env: { ADMIN_SESSION_MAX: "7200" },
    });
    try {
      await signIn(long);
      const [session] = await long.sql<[{ seconds: number }]>`
        select extract(epoch from expires_at - now())::int as seconds from admin_sessions`;
      expect(session.seconds).toBeGreaterThan(7100);
      expect(session.seconds).toBeLessThanOrEqual(7200);
    } finally {
      await long.stop();
    }
  });

  it("ends when Keystone no longer takes its token", async () => {
    const site = sites.overHttps;
    const [asking, other] = [await signIn(site), await signIn(site)];
    const admin = keystone.cloud.userNamed(keystone.adminUserName, "default");
    // What a change of password does to all of somebody's tokens.
    keystone.cloud.updateUser(admin?.id ?? "", { password: keystone.adminPassword });
    // The users are Keystone's to tell; the links are not.
    expect(isEnded(await site.get("/admin/users", asking))).toBe(true);
    expect(isEnded(await site.get("/admin", asking))).toBe(true);
    expect(isEnded(await site.get("/admin", other))).toBe(true);
  });
});

describe("the way on after signing in", () => {
  const elsewhere = [
    ...[
      "//evil.example",
      "///evil.example",
      "////evil.example",
      "/\\evil.example",
      "\\\\evil.example",
    ],
    ...["\\/evil.example", "/\\/evil.example", "//evil.example/admin", "https://evil.example"],
    ...["https:evil.example", "http:/evil.example", "HTTPS://EVIL.EXAMPLE", "javascript:alert(1)"],
    ...["data:text/html,x", "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil"],
    ...[
      " //evil.example",
      "/ /evil.example",
      "/.//evil.example",
      "/..//evil.example",
      "/a/..//evil",
    ],
    ...[
      "/%2f/evil.example",
      "/%2F%2Fevil.example",
      "/%5cevil.example",
      "/%09/evil.example",
      "@evil",
    ],
    ...["/%2e//evil.example", "/%2e%2e//evil.example", "/;@evil.example", "//evil%2eexample", "."],
    ...["//\u3002evil.example", "/\u2044/evil.example", "\uff0f\uff0fevil.example", "?", "#", ""],
    ...[
      "/admin\r\nX-Planted: 1",
      "/admin%0d%0aX-Planted: 1",
      "/\0/evil.example",
      "//[::1]/",
      "/@x",
    ],
    ...["//evil.example\\@setpass.example.org", `${HTTPS_URL}.evil.example`, `${HTTPS_URL}@evil`],
  ];

  /** @returns the address a browser goes to, or undefined where it stays */
  function destination({ headers }: RawAnswer): URL | undefined {
    const [location, ...more] = headers.location ?? [];
    expect(more).toEqual([]);
    expect(headers["x-planted"]).toBeUndefined();
    return location === undefined ? undefined : new URL(location, `${HTTPS_URL}/admin/sign-in`);
  }

  it("is never another site, whatever the address or the form says", async () => {
    const site = sites.overHttps;
    for (const next of elsewhere) {
      const { adminUserName, adminPassword } = site.stack.keystone;
      const fields = { user_name: adminUserName, password: adminPassword, domain: "Default", next };
      const answer = await site.post("/admin/sign-in", fields, { headers: [originOf(site)] });
      expect([next, answer.status, destination(answer)?.origin]).toEqual([next, 302, HTTPS_URL]);
      const query = new URLSearchParams({ next }).toString();
      const page = await site.get(`/admin/sign-in?${query}`);
      const hidden = /name="next" value="([^"]*)"/.exec(page.body)?.[1] ?? "none";
      expect([next, new URL(hidden, HTTPS_URL).origin]).toEqual([next, HTTPS_URL]);
    }
  });

  it("is never another site for whoever is signed in already, whatever is made up", async () => {
    const site = sites.overHttps;
    const { headers } = await signIn(site);
    const piece = fc.constantFrom(
      ...["/", "/", "\\", ".", "..", "%2f", "%5c", "%09", "\t", "\n", " ", "@", ":", "?", "#", ";"],
      ...[
        "evil.example",
        "https:",
        "http://",
        "javascript:",
        "\0",
        "\u3002",
        "\uff0f",
        "%00",
        "[::1]",
      ],
    );
    const made = fc.array(piece, { minLength: 1, maxLength: 7 }).map((parts) => parts.join(""));
    const goesHome = async (next: string, suffix = "") => {
      const query = new URLSearchParams({ next }).toString();
      return site.get(`/admin/sign-in${suffix}?${query}`, { headers });
    };
    for (const next of elsewhere)
      expect([next, destination(await goesHome(next))?.origin]).toEqual([next, HTTPS_URL]);
    await fc.assert(
      fc.asyncProperty(made, async (next) => {
        const answer = await goesHome(next);
        return answer.status === 302 && destination(answer)?.origin === HTTPS_URL;
      }),
      { numRuns: 150 },
    );
    const data = await goesHome("//evil.example", ".data");
    expect([data.status, data.body.includes("evil.example")]).toEqual([202, false]);
    expect(destination(await goesHome("/admin/users?q=a&page=2"))?.href).toBe(
      `${HTTPS_URL}/admin/users?q=a&page=2`,
    );
  });

  it("is never another site for whoever is sent to sign in, whatever the address was", async () => {
    const site = sites.overHttps;
    const targets = [
      ...[
        "/admin/links/%2f%2fevil.example",
        "/admin/users/\\evil.example",
        "/admin/..//evil.example",
      ],
      ...[
        "/admin?next=//evil.example",
        "/admin/users/x?q=//evil.example",
        "/ADMIN/users",
        "/admin/",
      ],
      ...["http://evil.example/admin/users", "//evil.example/admin", "/admin//evil.example"],
    ];
    for (const target of targets) {
      const headers: [string, string][] = [
        ["Host", "evil.example"],
        ["X-Forwarded-Host", "evil.example"],
      ];
      const answer = await site.send({ target, headers });
      const to = destination(answer);
      if (!to) {
        expect([target, [400, 404].includes(answer.status)]).toEqual([target, true]);
        continue;
      }
      expect([target, to.origin]).toEqual([target, HTTPS_URL]);
      const next = to.searchParams.get("next") ?? "/";
      expect([target, new URL(next, HTTPS_URL).origin]).toEqual([target, HTTPS_URL]);
    }
  });
});

describe("a page", () => {
  it("holds no zero bytes, wherever its letters fall", async () => {
    const site = sites.overHttp;
    const { headers } = await signIn(site);
    let shown = 0;
    for (let length = 1; length <= 33; length++) {
      const words = "gr\u00f6\u00dfer".repeat(length);
      const path = `/admin?q=${encodeURIComponent(words)}`;
      const { body } = await site.get(path, { headers });
      if (body.includes(words)) shown += 1;
      expect(body.includes("\0"), `with ${length} words`).toBe(false);
    }
    expect(shown).toBe(33);
  });
});
