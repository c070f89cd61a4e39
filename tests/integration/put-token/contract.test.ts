import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import type { LinkToken } from "../../../app/links/link-token.server";
import { viewLink } from "../../../app/links/view-link.server";
import { startTestApp, type TestApp } from "../../support/app";
import { describeWhere } from "../../support/describe-where";
import {
  type FaultName,
  type FaultProxy,
  faults,
  startFaultProxy,
} from "../../support/fault-proxy";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";

const keystone = inject("keystone");
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const PASSWORD = "Initial-1-password";

describeWhere(
  { has: keystone !== undefined, what: "a real Keystone" },
  "PUT /token/:userId",
  () => {
    let app: TestApp;
    let proxy: FaultProxy;
    let adminToken: string;
    const admin = keystoneAdmin(keystone as KeystoneAccess);

    beforeAll(async () => {
      proxy = await startFaultProxy({ target: (keystone as KeystoneAccess).url });
      app = await startTestApp({ keystoneUrl: proxy.url, env: { KEYSTONE_TIMEOUT: "3" } });
      adminToken = await admin.token();
    });
    afterAll(async () => {
      await app?.stop();
      await proxy?.stop();
    });
    afterEach(() => proxy.heal());

    const newUserId = () => randomBytes(16).toString("hex");

    function put(
      userId: string,
      options: {
        body?: unknown;
        raw?: BodyInit;
        token?: string | null;
        method?: string;
        headers?: Record<string, string>;
      } = {},
    ): Promise<Response> {
      const token = options.token === undefined ? adminToken : options.token;
      const body =
        options.raw ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
      return fetch(`${app.url}/token/${userId}`, {
        method: options.method ?? "PUT",
        headers: { ...(token !== null && { "X-Auth-Token": token }), ...options.headers },
        ...(body !== undefined && { body, duplex: "half" }),
      });
    }

    /** What fetch would put right before sending. */
    async function sendRaw(
      target: string,
      body: string,
      headers: Record<string, string> = {},
    ): Promise<{ head: string; body: string }> {
      const lines = Object.entries({
        Host: "x",
        "X-Auth-Token": adminToken,
        "Content-Length": String(Buffer.byteLength(body)),
        Connection: "close",
        ...headers,
      }).map(([name, value]) => `${name}: ${value}`);
      const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
      let answer = "";
      socket.on("data", (data) => {
        answer += data;
      });
      socket.on("error", () => {});
      socket.write([`PUT ${target} HTTP/1.1`, ...lines, "", body].join("\r\n"));
      await once(socket, "close");
      const end = answer.indexOf("\r\n\r\n");
      return { head: answer.slice(0, end), body: answer.slice(end + 4) };
    }

    const linksOf = (userId: string) =>
      app.database.sql`select * from links where user_id = ${userId}`;
    const tokenOf = async (response: Response) => {
      const text = await response.text();
      expect([response.status, text]).toEqual([200, expect.stringMatching(UUID)]);
      return text as LinkToken;
    };

    /** Keystone's shape, and what keystoneauth shows to its user. */
    async function expectError(response: Response, status: number, words: RegExp): Promise<void> {
      expect(response.status).toBe(status);
      expect(response.headers.get("Content-Type")).toMatch(/^application\/json/);
      const { error } = (await response.json()) as { error: Record<string, unknown> };
      expect(error).toEqual({
        code: status,
        title: expect.any(String),
        message: expect.stringMatching(words),
      });
    }

    describe("issues a link", () => {
      it("and answers with the bare token as plain text", async () => {
        const response = await put(newUserId(), { body: { password: PASSWORD, pin: "1234" } });
        expect(response.headers.get("Content-Type")).toMatch(/^text\/plain/);
        expect(response.headers.get("Cache-Control")).toBe("no-store");
        await tokenOf(response);
      });

      it.each<[string, { body?: unknown; raw?: string }]>([
        ["both", { body: { password: "Another-1-password", pin: "4321" } }],
        ["a PIN", { body: { pin: "4321" } }],
        ["a password", { body: { password: "Another-1-password" } }],
        ["an empty object", { body: {} }],
        ["no body", {}],
        ["an empty body", { raw: "" }],
        ["nothing but space", { raw: " \r\n" }],
        ["fields it does not know", { body: { comment: "x", __proto__: null, constructor: 1 } }],
      ])("and later another, with %s; the old token is good for nothing", async (_, later) => {
        const userId = newUserId();
        const first = await tokenOf(
          await put(userId, { body: { password: PASSWORD, pin: "1234" } }),
        );
        expect(await viewLink(app.services, first)).toMatchObject({ userId });

        const second = await tokenOf(await put(userId, later));
        expect(second).not.toBe(first);
        expect(await viewLink(app.services, first)).toBeUndefined();
        expect(await viewLink(app.services, second)).toMatchObject({ userId });
        expect(await linksOf(userId)).toHaveLength(1);
      });

      it("and answers with JSON where that is asked for", async () => {
        const userId = newUserId();
        const response = await put(userId, {
          body: { password: PASSWORD, pin: "1234" },
          headers: { Accept: "application/json" },
        });
        const answer = (await response.json()) as Record<string, string>;
        expect(Object.keys(answer).sort()).toEqual(["expires_at", "token", "url", "user_id"]);
        expect(answer.token).toMatch(UUID);
        expect(answer.url).toBe(`https://setpass.example.org/?token=${answer.token}`);
        expect(answer.user_id).toBe(userId);
        const inADay = Date.now() + app.config.links.lifetimeSeconds * 1000;
        expect(Math.abs(new Date(answer.expires_at ?? "").getTime() - inADay)).toBeLessThan(5000);
      });

      it("by JSON under any content type, as curl sends it without being told", async () => {
        const json = JSON.stringify({ password: PASSWORD, pin: "1234" });
        for (const type of ["application/x-www-form-urlencoded", "text/plain", "application/json"])
          await tokenOf(await put(newUserId(), { raw: json, headers: { "Content-Type": type } }));
      });

      it("with any password the cloud may have set, and PINs that begin with a zero", async () => {
        for (const password of [
          " ",
          "ключ 🔐",
          "x".repeat(4096),
          'quote"back\\slash',
          "tab\tend\n",
        ])
          await tokenOf(await put(newUserId(), { body: { password, pin: "0000" } }));
      });

      it("once at a time: of sixteen calls at once the last token is the one that opens", async () => {
        const userId = newUserId();
        const body = { password: PASSWORD, pin: "1234" };
        const responses = await Promise.all(
          Array.from({ length: 16 }, () => put(userId, { body })),
        );
        const tokens = await Promise.all(responses.map(tokenOf));
        expect(new Set(tokens).size).toBe(16);
        const views = await Promise.all(tokens.map((token) => viewLink(app.services, token)));
        expect(views.filter(Boolean)).toHaveLength(1);
        expect(await linksOf(userId)).toHaveLength(1);
      });

      it("and keeps nothing of its secrets that can be read in the database", async () => {
        const userId = newUserId();
        const password = `Plain-1-${randomUUID()}`;
        const token = await tokenOf(await put(userId, { body: { password, pin: "8642" } }));
        const [row] = await linksOf(userId);
        const stored = JSON.stringify(row, (_, value) =>
          value?.type === "Buffer" ? Buffer.from(value.data).toString("latin1") : value,
        );
        for (const secret of [password, token]) expect(stored).not.toContain(secret);
        expect(app.logText()).not.toContain(password);
        expect(app.logText()).not.toContain(token);
        expect(app.logText()).not.toContain(adminToken);
      });
    });

    describe("refuses with 400", () => {
      it("a first call that lacks the PIN, the password, or both, and says which", async () => {
        const userId = newUserId();
        await expectError(await put(userId), 400, /pin and password/);
        await expectError(await put(userId, { body: {} }), 400, /pin and password/);
        await expectError(await put(userId, { body: { pin: "1234" } }), 400, /send password/);
        await expectError(await put(userId, { body: { password: PASSWORD } }), 400, /send pin/);
        expect(await linksOf(userId)).toHaveLength(0);
      });

      it.each([
        ["three digits", "123"],
        ["five digits", "12345"],
        ["nothing", ""],
        ["a number", 1234],
        ["a digit of another script", "123٤"],
        ["a letter", "12a4"],
        ["a line end", "1234\n"],
        ["a space", " 123"],
        ["null", null],
        ["a list", ["1234"]],
        ["an object", { pin: "1234" }],
        ["true", true],
      ])("a PIN that is %s", async (_, pin) => {
        const userId = newUserId();
        await expectError(await put(userId, { body: { password: PASSWORD, pin } }), 400, /pin/i);
        expect(await linksOf(userId)).toHaveLength(0);
      });

      it.each([
        ["a number", 12345678],
        ["null", null],
        ["a list", [PASSWORD]],
        ["an object", {}],
        ["empty", ""],
        ["over any length", "x".repeat(4097)],
        ["one with a NUL", "Initial-1\u0000password"],
        ["one with half a character", "Initial-1\ud83dpassword"],
      ])("a password that is %s", async (_, password) => {
        const userId = newUserId();
        await expectError(await put(userId, { body: { password, pin: "1234" } }), 400, /password/);
        expect(await linksOf(userId)).toHaveLength(0);
      });

      it.each([
        ["broken JSON", '{"password": "x"'],
        ["JSON and then some", '{"password":"Initial-1","pin":"1234"} x'],
        ["JavaScript", "{password: 'Initial-1', pin: '1234'}"],
        ["a form", "password=Initial-1&pin=1234"],
        ["null", "null"],
        ["a list", "[]"],
        ["a text", '"1234"'],
        ["a number", "1234"],
        ["true", "true"],
        ["a million brackets", "[".repeat(60_000)],
        ["bytes that are no text", new Uint8Array([0x7b, 0xff, 0xfe, 0x7d])],
        ["a text in UTF-16", Buffer.from('{"pin":"1234"}', "utf16le")],
      ])("a body that is %s", async (_, raw) => {
        const userId = newUserId();
        await expectError(await put(userId, { raw }), 400, /body|JSON/);
        expect(await linksOf(userId)).toHaveLength(0);
      });

      it("a user id that Keystone has no room for", async () => {
        const body = { password: PASSWORD, pin: "1234" };
        for (const userId of ["x".repeat(65), "a%20b", "a%2Fb", "a%00b", "%E2%80%AE", "%0d%0a"])
          await expectError(await put(userId, { body }), 400, /user id|address/);
        await tokenOf(await put("x".repeat(64), { body }));
        await tokenOf(await put("f".repeat(64), { body }));
      });

      it("without a word of what was sent", async () => {
        for (const raw of [`{"password": "hunter2-${"x".repeat(9)}`, '{"pin": "hunter2-"}']) {
          const text = await (await put(newUserId(), { raw })).text();
          expect(text).not.toContain("hunter2");
        }
        expect(app.logText()).not.toContain("hunter2");
      });
    });

    it.each([
      ...["/token/%", "/token/%zz", "/token/%E0%A4%A", "/token/%ff", "/token/..%2f..%2fetc"],
      ...["/token/", "/token", "/token/a/b", "//token/a", "*"],
      ...["http://evil.example/token/", "http://evil.example/%", "http://evil.example"],
    ])("answers a path that is none with a 4xx of its own: %s", async (target) => {
      const { head, body } = await sendRaw(
        target,
        JSON.stringify({ password: PASSWORD, pin: "1234" }),
      );
      expect(head).toMatch(/^HTTP\/1\.1 4\d\d /);
      expect(body).not.toMatch(/\bat .*\.(ts|js):\d+/);
    });

    it("takes what Remix would read as a wish for data for what it is: a user id", async () => {
      const userId = `${newUserId()}.data`;
      await tokenOf(await put(userId, { body: { password: PASSWORD, pin: "1234" } }));
      expect(await linksOf(userId)).toHaveLength(1);
    });

    it("takes a whole address in the request line, as a proxy may send it", async () => {
      const userId = newUserId();
      const { head } = await sendRaw(
        `http://evil.example/token/${userId}`,
        JSON.stringify({ password: PASSWORD, pin: "1234" }),
      );
      expect(head).toMatch(/^HTTP\/1\.1 200 /);
      expect(await linksOf(userId)).toHaveLength(1);
    });

    describe("refuses with 401", () => {
      const challenge = () => `Keystone uri="${proxy.url}/v3"`;

      it("a call without a token, and does not ask Keystone", async () => {
        // Users of earlier calls may still be looked up: only questions about tokens count.
        const asked = () => proxy.count({ path: "/v3/auth/tokens" });
        const before = asked();
        for (const token of [null, ""]) {
          const response = await put(newUserId(), {
            token,
            body: { password: PASSWORD, pin: "1" },
          });
          expect(response.headers.get("WWW-Authenticate")).toBe(challenge());
          await expectError(response, 401, /X-Auth-Token/);
        }
        expect(asked()).toBe(before);
      });

      it("a token that Keystone does not know, whatever else the call holds", async () => {
        for (const token of ["garbage", "gAAAAABgarbage", "x".repeat(4000), "a b", "é", "null"]) {
          const response = await put(newUserId(), { token, raw: "broken" });
          expect(response.headers.get("WWW-Authenticate")).toBe(challenge());
          await expectError(response, 401, /does not know this token/);
        }
      });

      it("a header that is too long for any token, without asking Keystone", async () => {
        const before = proxy.count({ path: "/v3/auth/tokens" });
        await expectError(
          await put(newUserId(), { token: "x".repeat(5000) }),
          401,
          /does not know/,
        );
        expect(proxy.count({ path: "/v3/auth/tokens" })).toBe(before);
      });
    });

    it("refuses with 409 whatever comes while the link is being redeemed, and says when to come back", async () => {
      const userId = newUserId();
      const both = { password: PASSWORD, pin: "1234" };
      await tokenOf(await put(userId, { body: both }));
      const { sql } = app.database;
      await sql`
        update links set claim_id = gen_random_uuid(), claimed_until = now() + interval '1 minute'
        where user_id = ${userId}`;
      const before = await linksOf(userId);
      for (const body of [{}, { pin: "4321" }, { password: "Another-1" }, both]) {
        const answer = await put(userId, { body });
        expect(answer.headers.get("Retry-After")).toBe("5");
        await expectError(answer, 409, /redemption .* under way.*Nothing was changed/);
      }
      expect(await linksOf(userId)).toEqual(before);
      await sql`update links set claimed_until = now() where user_id = ${userId}`;
      await tokenOf(await put(userId, { body: {} }));
    });

    it("refuses with 409 a PIN that was guessed wrong too often, kept or sent again; not a new one", async () => {
      const userId = newUserId();
      const both = { password: PASSWORD, pin: "1234" };
      await tokenOf(await put(userId, { body: both }));
      await app.database.sql`update links set pin_guesses = 10 where user_id = ${userId}`;
      const [before] = await linksOf(userId);
      for (const body of [{}, { pin: "1234" }, { password: "Another-1" }, both])
        await expectError(await put(userId, { body }), 409, /guessed wrong too often/);
      expect(await linksOf(userId)).toEqual([before]);
      await tokenOf(await put(userId, { body: { pin: "4321" } }));
    });

    describe("refuses with 413", () => {
      it("a body over 64 KiB that says so, and takes one of 64 KiB", async () => {
        const userId = newUserId();
        const json = JSON.stringify({ password: PASSWORD, pin: "1234" });
        await tokenOf(await put(userId, { raw: json.padEnd(65_536) }));
        await expectError(await put(userId, { raw: json.padEnd(65_537) }), 413, /64 KiB/);
      });

      it("a chunked one, counted as it comes", async () => {
        const userId = newUserId();
        let sent = 0;
        const raw = new ReadableStream({
          pull(controller) {
            controller.enqueue(new Uint8Array(4096).fill(0x20));
            sent += 4096;
            if (sent > 100_000) controller.close();
          },
        });
        await expectError(await put(userId, { raw }), 413, /64 KiB/);
        expect(await linksOf(userId)).toHaveLength(0);
      });

      it("one that never ends, and the caller gets to read it", async () => {
        for (let round = 0; round < 10; round++) {
          const outgoing = httpRequest(`${app.url}/token/${newUserId()}`, {
            method: "PUT",
            headers: { "X-Auth-Token": adminToken, "Transfer-Encoding": "chunked" },
          });
          let writing = true;
          const pour = () => {
            while (writing && outgoing.write(" ".repeat(16_384)));
          };
          outgoing.on("drain", pour);
          // The server ends the connection: that is its right, once it has answered.
          outgoing.on("error", () => {});
          pour();
          const [response] = (await once(outgoing, "response", {
            signal: AbortSignal.timeout(5000),
          })) as [IncomingMessage];
          writing = false;
          expect(response.statusCode).toBe(413);
          outgoing.destroy();
        }
      });

      it("one from a client that reads no answer before it has sent everything", async () => {
        for (const token of [adminToken, null]) {
          const outgoing = httpRequest(`${app.url}/token/${newUserId()}`, {
            method: "PUT",
            headers: { "Content-Length": 30_000_000, ...(token && { "X-Auth-Token": token }) },
          });
          const signal = AbortSignal.timeout(5000);
          const answered = once(outgoing, "response", { signal }) as Promise<[IncomingMessage]>;
          const sent = once(outgoing, "finish", { signal });
          outgoing.end(Buffer.alloc(30_000_000, 0x20));
          await sent;
          const [response] = await answered;
          expect(response.statusCode).toBe(token ? 413 : 401);
          response.resume();
        }
      });

      it("one whose Content-Length lies: it is never more than was announced", async () => {
        const userId = newUserId();
        const body = JSON.stringify({ password: PASSWORD, pin: "1234" });
        const { head } = await sendRaw(`/token/${userId}`, body, { "Content-Length": "10" });
        expect(head).toMatch(/^HTTP\/1\.1 400 /);
        expect(await linksOf(userId)).toHaveLength(0);
      });
    });

    describe("refuses with 405", () => {
      it.each(["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])(
        "%s, with Allow",
        async (method) => {
          const userId = newUserId();
          const body = { password: PASSWORD, pin: "1234" };
          const bare = method === "GET" || method === "HEAD";
          const response = await put(userId, bare ? { method } : { method, body });
          expect(response.headers.get("Allow")).toBe("PUT");
          if (method === "HEAD") expect(response.status).toBe(405);
          else await expectError(response, 405, /PUT/);
          expect(await linksOf(userId)).toHaveLength(0);
        },
      );

      it("TRACE, which fetch does not send", async () => {
        const outgoing = httpRequest(`${app.url}/token/${newUserId()}`, { method: "TRACE" });
        outgoing.end();
        const [response] = (await once(outgoing, "response")) as [IncomingMessage];
        expect(response.statusCode).toBe(405);
        expect(response.headers.allow).toBe("PUT");
        response.resume();
      });

      it("what only claims to be PUT", async () => {
        const response = await put(newUserId(), {
          method: "POST",
          body: { password: PASSWORD, pin: "1234" },
          headers: { "X-HTTP-Method-Override": "PUT", "X-HTTP-Method": "PUT" },
        });
        await expectError(response, 405, /PUT/);
      });
    });

    describe("answers 503 with Retry-After and stores nothing", () => {
      /** Never remembered: each is a token of its own. */
      const expectUnavailable = async () => {
        const userId = newUserId();
        const token = await admin.token();
        const startedAt = Date.now();
        const response = await put(userId, { token, body: { password: PASSWORD, pin: "1234" } });
        expect(Date.now() - startedAt).toBeLessThan(7000);
        expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(0);
        await expectError(response, 503, /Nothing was stored/);
        expect(await linksOf(userId)).toHaveLength(0);
        return { userId, token, response };
      };

      it.each<FaultName>([
        ...(["reset-before", "reset-after", "close-before", "hang-before", "hang-after"] as const),
        ...(["500-before", "502-after", "503-before", "504-after", "html-after", "429"] as const),
        ...(["redirect", "truncated-json", "no-subject-token", "oversized", "drip"] as const),
        ...(["cut", "endless", "not-http"] as const),
      ])("while Keystone fails like this: %s; afterwards the same call works", async (name) => {
        proxy.inject({ path: "/v3/auth/tokens" }, faults[name]);
        const { userId, token } = await expectUnavailable();
        proxy.heal();
        await tokenOf(await put(userId, { token, body: { password: PASSWORD, pin: "1234" } }));
      });

      it("while Keystone refuses connections; afterwards the same call works", async () => {
        await proxy.goAway();
        const userId = newUserId();
        const token = await admin.token();
        const body = { password: PASSWORD, pin: "1234" };
        const response = await put(userId, { token, body });
        await proxy.comeBack();
        expect(Number(response.headers.get("Retry-After"))).toBeGreaterThan(0);
        await expectError(response, 503, /Nothing was stored/);
        expect(await linksOf(userId)).toHaveLength(0);
        await tokenOf(await put(userId, { token, body }));
      });

      it("and passes on how long Keystone asks to wait", async () => {
        proxy.inject({ path: "/v3/auth/tokens" }, faults["503-before"]);
        const { response } = await expectUnavailable();
        expect(response.headers.get("Retry-After")).toBe("7");
      });
    });

    it("is not bothered by a connection that Keystone has closed behind our back", async () => {
      proxy.inject({}, faults["stale-keep-alive"]);
      for (let round = 0; round < 3; round++) {
        const token = await admin.token();
        await tokenOf(await put(newUserId(), { token, body: { password: PASSWORD, pin: "1234" } }));
      }
    });

    describe("behind its answer", () => {
      const settled = async (userId: string) => {
        for (let tries = 0; tries < 100; tries++) {
          const [row] = await linksOf(userId);
          if (row?.user_checked_at) return row;
          await sleep(50);
        }
        throw new Error("the user was not looked up");
      };

      it("learns who the user is, for the portal and the mail", async () => {
        const name = `put-${newUserId()}`;
        const user = await admin.createUser({ name, email: `${name}@example.org` });
        await tokenOf(await put(user.id, { body: { password: PASSWORD, pin: "1234" } }));
        expect(await settled(user.id)).toMatchObject({
          user_found: true,
          user_name: name,
          user_domain_name: "Default",
          mail_to: `${name}@example.org`,
          policy_regex: expect.stringContaining(".{8,}"),
          policy_description: expect.stringContaining("at least 8 characters"),
        });
      });

      it("learns that Keystone knows no such user, which the console shows", async () => {
        const userId = newUserId();
        await tokenOf(await put(userId, { body: { password: PASSWORD, pin: "1234" } }));
        expect(await settled(userId)).toMatchObject({ user_found: false, user_name: null });
      });

      it("does not wait for Keystone, and does not mind where it fails there", async () => {
        await tokenOf(await put(newUserId(), { body: { password: PASSWORD, pin: "1234" } }));
        proxy.inject({ path: /^\/v3\/users\// }, faults["hang-before"]);
        const user = await admin.createUser({ name: `put-${newUserId()}` });
        const startedAt = Date.now();
        await tokenOf(await put(user.id, { body: { password: PASSWORD, pin: "1234" } }));
        expect(Date.now() - startedAt).toBeLessThan(2500);
        const failures = () =>
          app.logged("user.look-up-failed").filter((line) => line.userId === user.id);
        // One at a time: the look-up before it may hang as well.
        for (let tries = 0; tries < 300 && failures().length === 0; tries++) await sleep(50);
        expect(failures()).toHaveLength(1);
        expect(app.logText()).not.toContain(adminToken);
      });
    });

    it("tells Keystone and its caller the request's id, and takes the caller's own", async () => {
      const given = `req-${randomUUID()}`;
      const token = await admin.token();
      const body = { password: PASSWORD, pin: "1234" };
      const headers = { "X-Openstack-Request-Id": given };
      const response = await put(newUserId(), { token, body, headers });
      expect(response.headers.get("X-Openstack-Request-Id")).toBe(given);
      const asked = proxy.calls.find((call) => call.headers["x-openstack-request-id"] === given);
      expect(asked?.path).toBe("/v3/auth/tokens");
    });

    it.each([
      ["words", "req-1 level=error"],
      ["in upper case", `req-${randomUUID().toUpperCase()}`],
      ["a UUID alone", randomUUID()],
      ["one with more behind it", `req-${randomUUID()}x`],
      ["two in one", `req-${randomUUID()}, req-${randomUUID()}`],
      ["one in braces", `req-{${randomUUID()}}`],
      ["one without hyphens", `req-${randomUUID().replaceAll("-", "")}`],
      ["of another prefix", `REQ-${randomUUID()}`],
      ["markup", "req-<script>"],
      ["long", `req-${"a".repeat(4000)}`],
      ["bytes", "req-\u00e9"],
    ])("makes an id of its own where the caller's is none: %s", async (_, given) => {
      const userId = newUserId();
      // A new token: Keystone is asked, under the request's id.
      const token = await admin.token();
      const calls = proxy.calls.length;
      const headers = { "X-Openstack-Request-Id": given };
      const response = await put(userId, {
        ...{ token, headers, body: { password: PASSWORD, pin: "1234" } },
      });
      const own = response.headers.get("X-Openstack-Request-Id");
      expect(own).toMatch(
        /^req-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      );
      expect(given).not.toContain(own);
      expect(
        proxy.calls.slice(calls).map((call) => call.headers["x-openstack-request-id"]),
      ).toContain(own);
      const events = await app.database.sql`
        select request_id from audit_events where user_id = ${userId}`;
      expect(events.map((event) => event.request_id)).toEqual([own]);
      await expect.poll(() => app.logged("request.answered").at(-1)?.requestId).toBe(own);
      expect(app.logText()).not.toContain(given);
      expect(JSON.stringify(proxy.calls.slice(calls))).not.toContain(given);
    });

    it("makes an id of its own where the caller sends two", async () => {
      const [one, two] = [`req-${randomUUID()}`, `req-${randomUUID()}`];
      const lines = ["PUT /token/x HTTP/1.1", "Host: x", "Connection: close"];
      lines.push(`X-Openstack-Request-Id: ${one}`, `X-Openstack-Request-Id: ${two}`, "", "");
      const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
      let answer = "";
      socket.on("data", (data) => {
        answer += data;
      });
      socket.write(lines.join("\r\n"));
      await once(socket, "close");
      expect(answer).toMatch(/^x-openstack-request-id: req-[0-9a-f-]{36}\r$/im);
      expect(`${answer}${app.logText()}`).not.toMatch(new RegExp(`${one}|${two}`));
    });

    it("answers a failure that nobody foresaw in Keystone's shape, by the request's number", async () => {
      const body = { password: PASSWORD, pin: "1234" };
      await app.database.sql`alter table links rename to lost`;
      const response = await put(newUserId(), { body }).finally(
        () => app.database.sql`alter table lost rename to links`,
      );
      const requestId = response.headers.get("X-Openstack-Request-Id") ?? "";
      expect(requestId).not.toBe("");
      const text = await response.clone().text();
      await expectError(response, 500, new RegExp(requestId));
      expect(text).not.toMatch(/links|relation|\bat .*\.(ts|js)/);
      const failures = app.logged("request.failed").filter((line) => line.requestId === requestId);
      expect(failures).toMatchObject([{ level: "error", error: { name: expect.any(String) } }]);
      await tokenOf(await put(newUserId(), { body }));
    });
  },
);
