import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createVault } from "../../app/vault/vault.server";
import { migrateDatabase } from "../../db/migrate";
import { readSealedValues, SEALED_COLUMNS } from "../../db/sealed-values.store";
import { createTestDatabase, type TestDatabase } from "../support/database";
import { describeWhere } from "../support/describe-where";
import { eventually, type FaultStack, startFaultStack } from "../support/fault-stack";
import { canRunPgBouncer, type PgBouncer, startPgBouncer } from "../support/pgbouncer";

/**
 * PgBouncer in transaction mode gives every statement, and every transaction, whichever session of
 * PostgreSQL is free: nothing that setpass left in one is there the next time. Debian 12 has 1.18, which
 * knows nothing of prepared statements either.
 */
const LANES = 16;
const settings = {
  "with its own defaults": {},
  "that ignores the limits setpass asks for": {
    ignore_startup_parameters:
      "statement_timeout,lock_timeout,idle_in_transaction_session_timeout,extra_float_digits",
  },
};

for (const [name, given] of Object.entries(settings))
  describeWhere({ has: canRunPgBouncer(), what: "PgBouncer" }, `through PgBouncer ${name}`, () => {
    let database: TestDatabase;
    let pgbouncer: PgBouncer;
    let stack: FaultStack;

    beforeAll(async () => {
      database = await createTestDatabase();
      // Fewer sessions than connections, so that they have to be shared.
      pgbouncer = await startPgBouncer({
        database: database.url,
        settings: { default_pool_size: "4", ...given },
      });
      const url = pgbouncer.through(database.url);
      await migrateDatabase({ url, folder: "db/migrations" });
      stack = await startFaultStack({
        database: { url, sql: database.sql },
        env: { AUTH_CACHE_SECONDS: "0" },
      });
    });
    afterAll(async () => {
      await stack?.stop();
      await pgbouncer?.stop();
      await database?.close();
    });

    it("scripts, users, administrators and mails under load: all succeed, and every byte is right", async () => {
      const { people, keystoneAdmin, authToken, mailbox } = stack;
      const { adminUserName: userName, adminPassword: password } = keystoneAdmin;
      const users = await Promise.all(Array.from({ length: 2 * LANES }, () => stack.newUser()));
      const queue = [...users.entries()];
      const cookie = await people.signIn({ userName, password });
      const handOver = async () => {
        for (let next = queue.shift(); next; next = queue.shift()) {
          const [number, user] = next;
          const body = { pin: "0123", password: user.initialPassword };
          const put = await people.putLink(authToken, user.id, body);
          expect(put.status, put.text.slice(0, 300)).toBe(200);
          // The same again, which keeps PIN and password.
          const again = await people.putLink(authToken, user.id, {});
          expect(again.status, again.text.slice(0, 300)).toBe(200);
          const [row] = await database.sql`select id from links where user_id = ${user.id}`;
          const resend = { intent: "resend", mail_to: user.email };
          const sent = await people.sendForm(cookie, `/admin/links/${row?.id}`, resend);
          expect(sent.status, sent.text.slice(0, 300)).toBe(200);
          const mail = await mailbox.waitForMessage(({ to }) => to.includes(user.email), 20_000);
          const token = /[?&]token=([0-9a-f-]{36})/.exec(mail.text)?.[1] ?? "none";
          expect((await people.openLink(again.text)).status).toBe(404);
          expect((await people.openLink(token)).status).toBe(200);
          const wrong = await people.redeem(token, { pin: "9999", password: "Chosen-1" });
          expect(wrong.status, wrong.text.slice(0, 300)).toBe(403);
          if (number % 2 === 0) continue; // those stay, for their bytes to be looked at
          const chosen = `Chosen-${randomBytes(6).toString("hex")}`;
          const right = await people.redeem(token, { pin: "0123", password: chosen });
          expect(right.status, right.text.slice(0, 300)).toBe(200);
          expect(await stack.isPassword(user.id, chosen)).toBe(true);
        }
      };
      await Promise.all(Array.from({ length: LANES }, handOver));

      const failed = stack.server
        .events()
        .filter(({ event, status }) => event === "request.answered" && Number(status) >= 500);
      expect(failed).toEqual([]);
      const troubles = ["jobs.run-failed", "jobs.database-lost", "mail.not-handled"];
      expect(stack.server.events().filter(({ event }) => troubles.includes(event))).toEqual([]);
      await everyByteIsRight();
      const [counted] = await database.sql`
        select count(*) filter (where state = 'pending')::int as pending,
          count(*) filter (where attempts = 1)::int as guessed from links`;
      expect(counted).toEqual({ pending: LANES, guessed: LANES * 2 });
    });

    it("is drained and started again as without", async () => {
      await stack.server.restart();
      await eventually("it is ready", async () => {
        const { status } = await stack.people.request("GET", "/readyz");
        return status === 200;
      });
      await everyByteIsRight();
    });

    /** Hashes have the length of hashes, and what is sealed opens. */
    async function everyByteIsRight(): Promise<void> {
      const hashes = await database.sql`
        select octet_length(token_hash) as length from links where token_hash is not null
        union all select octet_length(pin_mac) from links where pin_mac is not null
        union all select octet_length(id_hash) from admin_sessions`;
      expect(hashes.length).toBeGreaterThan(0);
      expect(hashes.filter(({ length }) => length !== 32)).toEqual([]);
      const [key = ""] = stack.env.SECRET_KEYS?.split(",") ?? [];
      const vault = createVault([Buffer.from(key, "base64")]);
      let opened = 0;
      for (const column of SEALED_COLUMNS)
        for (const row of await readSealedValues(database.db, column, { limit: 1000 })) {
          vault.open(row.sealed, { column: column.name, row: column.rowOf(row) });
          opened += 1;
        }
      expect(opened).toBeGreaterThan(LANES);
    }
  });
