import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { startTestApp, type TestApp } from "../../support/app";
import { type ConnectionCounter, startConnectionCounter } from "../../support/connection-counter";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { describeWhere } from "../../support/describe-where";
import { type KeystoneAccess, keystoneAdmin } from "../../support/keystone-admin";
import { keystoneToken, revokeKeystoneToken } from "../../support/keystone-token";
import { ask, type RawAnswer } from "../../support/raw-http";
import type { ProvidedKeystone } from "../../support/test-servers";

const provided = inject("keystone");
const PASSWORD = "Script-1-password";
const LIMIT_PER_MINUTE = 30;
/** Of a KEYSTONE_CONCURRENCY of 8, strangers have six; and one address of theirs four. */
const CONCURRENCY = 8;
const FOR_STRANGERS = 6;
const OF_ONE_ADDRESS = 4;

describeWhere(
  { has: provided !== undefined, what: "a real Keystone" },
  "a flood of tokens that are none",
  () => {
    const keystone = provided as ProvidedKeystone;
    const admin = keystoneAdmin(keystone as KeystoneAccess);
    let counter: ConnectionCounter;
    let database: TestDatabase;
    let app: TestApp;
    /** Asks Keystone each time, so that a token is never known by the cache alone. */
    let forgetful: TestApp;

    beforeAll(async () => {
      counter = await startConnectionCounter(keystone.url);
      database = await createTestDatabase();
      const start = (env: Record<string, string> = {}) =>
        startTestApp({
          keystoneUrl: counter.url,
          database,
          env: {
            SECRET_KEYS: Buffer.alloc(32, 9).toString("base64"),
            KEYSTONE_CONCURRENCY: String(CONCURRENCY),
            RATE_LIMIT_PER_MINUTE: String(LIMIT_PER_MINUTE),
            ...env,
          },
        });
      app = await start();
      forgetful = await start({ AUTH_CACHE_SECONDS: "0" });
    });
    afterAll(async () => {
      await app?.stop();
      await forgetful?.stop();
      await database?.close();
      await counter?.stop();
    });
    afterEach(async () => {
      await database.sql`delete from rate_limits`;
    });

    const garbage = () => `gAAAAAB${randomBytes(130).toString("base64url")}`;

    function put(token: string, from: string, to = app): Promise<RawAnswer> {
      const { port } = new URL(to.url);
      return ask(
        {
          method: "PUT",
          target: `/token/${randomBytes(8).toString("hex")}`,
          headers: [["X-Auth-Token", token]],
          body: JSON.stringify({ password: "Initial-1-password", pin: "1234" }),
        },
        { port: Number(port), from, timeoutMs: 60_000 },
      );
    }

    const statusOf = async (...call: Parameters<typeof put>) => (await put(...call)).status;

    /** @param addressOf of which address the nth is */
    async function flood(count: number, addressOf: (index: number) => string) {
      const answers: RawAnswer[] = [];
      let next = 0;
      const lane = async () => {
        while (next < count) answers.push(await put(garbage(), addressOf(next++)));
      };
      // The look-up behind an earlier answer is none of this.
      await expect.poll(() => app.services.keystone.load().underWay).toBe(0);
      counter.beginAnew();
      await Promise.all(Array.from({ length: 60 }, lane));
      const tally = (status: number) => answers.filter((one) => one.status === status).length;
      return { answers, unknown: tally(401), heldBack: tally(429) };
    }

    const events = () => database.sql`
      select outcome, actor_kind, actor_id, actor_name, client_address, request_id
      from audit_events where action = 'token.refused' order by id`;

    it("from one address reaches Keystone four at a time, and after thirty refusals not at all", async () => {
      const known = await admin.token();
      expect(await statusOf(known, "127.0.5.1")).toBe(200);
      const { answers, unknown, heldBack } = await flood(300, () => "127.0.5.1");
      expect(counter.most).toBeLessThanOrEqual(OF_ONE_ADDRESS);
      // Those under way when the last of thirty was counted.
      expect(unknown).toBeGreaterThanOrEqual(LIMIT_PER_MINUTE);
      expect(unknown).toBeLessThanOrEqual(LIMIT_PER_MINUTE + OF_ONE_ADDRESS);
      expect(unknown + heldBack).toBe(300);
      expect(counter.all).toBe(unknown);
      const refusal = answers.find(({ status }) => status === 429);
      const seconds = Number(refusal?.headers["retry-after"]?.[0]);
      expect(seconds).toBeGreaterThanOrEqual(1);
      expect(seconds).toBeLessThanOrEqual(60);
      expect(JSON.parse(refusal?.body ?? "")).toEqual({
        error: { code: 429, title: expect.any(String), message: expect.stringMatching(/token/i) },
      });

      // A script behind the same address whose token is known goes on; elsewhere everybody does.
      expect(await statusOf(known, "127.0.5.1")).toBe(200);
      expect(await statusOf(await admin.token(), "127.0.5.1")).toBe(429);
      expect(await statusOf(await admin.token(), "127.0.5.2")).toBe(200);
      // For all replicas, and whatever restarts.
      expect(await statusOf(garbage(), "127.0.5.1", forgetful)).toBe(429);
    });

    it("from many addresses leaves places at Keystone for others, and everybody their turn", async () => {
      const token = await admin.token();
      const flooding = flood(120, (index) => `127.0.6.${1 + (index % 60)}`);
      expect(await statusOf(token, "127.0.6.200")).toBe(200);
      const { unknown } = await flooding;
      expect(unknown).toBe(120);
      expect(counter.most).toBeLessThanOrEqual(FOR_STRANGERS);
    });

    it("does not shut out a token that was good before, though it must be asked about again", async () => {
      const token = await admin.token();
      expect(await statusOf(token, "127.0.5.3", forgetful)).toBe(200);
      await Promise.all(
        Array.from({ length: LIMIT_PER_MINUTE }, () => put(garbage(), "127.0.5.3", forgetful)),
      );
      expect(await statusOf(garbage(), "127.0.5.3", forgetful)).toBe(429);
      expect(await statusOf(token, "127.0.5.3", forgetful)).toBe(200);
      await revokeKeystoneToken(keystone, token);
      expect(await statusOf(token, "127.0.5.3", forgetful)).toBe(401);
      // Now it is like any other.
      expect(await statusOf(token, "127.0.5.3", forgetful)).toBe(429);
    });

    it("costs who sends good tokens nothing: those are not counted", async () => {
      for (let index = 0; index < 3; index++)
        expect(await statusOf(await admin.token(), "127.0.5.4")).toBe(200);
      const [row] = await database.sql`select count(*)::int as rows from rate_limits`;
      expect(row).toEqual({ rows: 0 });
    });

    describe("is in the trail", () => {
      it("with its address, and no more than sixty times an hour", async () => {
        const before = (await events()).length;
        const answer = await put(garbage(), "127.0.5.5");
        expect((await events()).slice(before)).toEqual([
          {
            outcome: "unknown-token",
            actor_kind: "admin",
            actor_id: null,
            actor_name: null,
            client_address: "127.0.5.5",
            request_id: answer.headers["x-openstack-request-id"]?.[0],
          },
        ]);
        // Past the limit of a minute: another minute begins.
        for (let minute = 0; minute < 3; minute++) {
          await database.sql`delete from rate_limits where key like 'tokens:%'`;
          await Promise.all(
            Array.from({ length: LIMIT_PER_MINUTE }, () => put(garbage(), "127.0.5.5")),
          );
        }
        expect((await events()).slice(before)).toHaveLength(60);
        expect(app.logged("audit.left-out").at(-1)).toMatchObject({
          reason: "token.refused",
          clientAddress: "127.0.5.5",
        });
      });

      it("with its owner, where it is somebody's who is no administrator", async () => {
        const before = (await events()).length;
        const name = `nobody-${randomBytes(6).toString("hex")}`;
        const { id: userId } = await admin.createUser({ name, password: PASSWORD });
        const unscoped = await keystoneToken(keystone, { userId, password: PASSWORD });
        expect(await statusOf(unscoped, "127.0.5.6")).toBe(403);
        expect((await events()).slice(before)).toMatchObject([
          { outcome: "not-admin", actor_id: userId, actor_name: name, client_address: "127.0.5.6" },
        ]);
        // It counts like any other that was refused.
        await Promise.all(
          Array.from({ length: LIMIT_PER_MINUTE }, () => put(garbage(), "127.0.5.6")),
        );
        expect(await statusOf(unscoped, "127.0.5.6")).toBe(429);
      });

      it("with no token in it", async () => {
        const token = garbage();
        await put(token, "127.0.5.7");
        const rows = await database.sql`select * from audit_events`;
        const limits = await database.sql`select * from rate_limits`;
        expect(JSON.stringify([rows, limits])).not.toContain(token.slice(8, 40));
        expect(app.logText()).not.toContain(token.slice(8, 40));
      });
    });
  },
);
