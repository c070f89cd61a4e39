import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { findSession } from "../../app/admins/session.server";
import { issueLink } from "../../app/links/issue-link.server";
import { listLinks } from "../../app/links/list-links.server";
import { settleLinks } from "../../app/links/redeem/settle-links.server";
import { sealUnsettled } from "../../app/links/sealed-fields.server";
import { hashToken } from "../../app/vault/vault.server";
import { createTestDatabase, type TestDatabase } from "../support/database";
import { eventually } from "../support/fault-stack";
import { startServerProcess } from "../support/server-process";
import {
  completeEnvironment,
  newAdmin,
  startTestServices,
  type TestServices,
} from "../support/services";
import { startSmtpServer, type TestSmtpServer } from "../support/smtp";
import { runRounds } from "../support/worker";

/** A seal like any other, under a key that nobody has. */
const ofNobodysKey = () => Buffer.concat([Buffer.from([1]), randomBytes(60)]);
const nobody = "http://127.0.0.1:9";
const secretKey = randomBytes(32).toString("base64");

async function startServer(database: TestDatabase) {
  const env = { SECRET_KEYS: secretKey };
  return startServerProcess({
    env: (await completeEnvironment({
      databaseUrl: database.url,
      keystoneUrl: nobody,
      env,
    })) as Record<string, string>,
  });
}

const issue = (test: TestServices, userId: string, mailTo?: string) =>
  issueLink(
    test.services,
    { userId, pin: "0123", initialPassword: "Initial-1", via: "api", ...(mailTo && { mailTo }) },
    newAdmin(),
  );

describe("a row that nobody can read does not keep a server from starting", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.close());

  it("where it is the only one: its key is named, and where it is", async () => {
    const strange = ofNobodysKey();
    await database.sql`insert into links (user_id, pin_mac, sealed_password, expires_at, issued_by_id, issued_via)
      values ('strange', ${randomBytes(32)}, ${strange}, now() + interval '1 day', 'a', 'api')`;
    const server = await startServer(database);
    await server.stop();
    const events = server.events().filter(({ event }) => event.startsWith("vault."));
    expect(events).toMatchObject([
      {
        event: "vault.keys-missing",
        level: "error",
        count: 1,
        problems: [
          `SECRET_KEYS lacks ${strange.subarray(1, 9).toString("hex")} (1 values)`,
          "links.sealed_password of strange",
        ],
      },
    ]);
  });

  it("nor one that is no seal at all, should the database's checks be gone", async () => {
    for (const column of ["sealed_password", "sealed_attempts"])
      await database.sql.unsafe(`alter table links drop constraint links_${column}_is_sealed`);
    await database.sql`update links set sealed_attempts = '', sealed_password = '\\x0102' where user_id = 'strange'`;
    const server = await startServer(database);
    await server.stop();
    const events = server.events().filter(({ event }) => event.startsWith("vault."));
    expect(events).toMatchObject([
      {
        event: "vault.values-unreadable",
        level: "error",
        count: 2,
        problems: ["links.sealed_password of strange", "links.sealed_attempts of strange"],
      },
    ]);
  });
});

describe("nor does it keep the others from being dealt with", () => {
  const keystone = inject("keystone");
  let smtp: TestSmtpServer;
  let test: TestServices;

  beforeAll(async () => {
    smtp = await startSmtpServer({ starttls: false });
    test = await startTestServices({
      keystoneUrl: keystone?.url ?? nobody,
      env: { SMTP_URL: smtp.url, SECRET_KEYS: secretKey },
    });
  });
  afterAll(async () => {
    await test.stop();
    await smtp.stop();
  });

  it("mails behind it go out", async () => {
    const { sql } = test.database;
    const [strange] = await sql`
      insert into mails (template, recipient, sealed_props, next_attempt_at)
      values ('link', 'strange@example.org', ${ofNobodysKey()}, now() - interval '1 hour') returning id`;
    await issue(test, "mailed", "good@example.org");
    await smtp.waitForMessage(({ to }) => to.includes("good@example.org"));
    await eventually("the other is given up, in words", async () => {
      const [row] = await sql`select state, last_error from mails where id = ${strange?.id}`;
      return row?.state === "failed" && row.last_error === "unreadable";
    });
  });

  it("links behind it are settled, listed and purged", async () => {
    const { services, database } = test;
    const { sql } = database;
    await issue(test, "strange");
    await issue(test, "good");
    await issue(test, "old");
    await sql`update links set sealed_attempts = ${ofNobodysKey()},
      attempted_at = now() - interval '2 hours' where user_id in ('strange', 'good')`;
    // This one can be opened, and Keystone knows no such user: it is not the current password.
    const attempts = sealUnsettled(services.vault, "good", [{ by: "user", password: "Typed-1" }]);
    await sql`update links set sealed_attempts = ${attempts}, attempted_at = now() - interval '1 hour'
      where user_id = 'good'`;
    await sql`update links set sealed_password = ${ofNobodysKey()}, expires_at = now() - interval '9 days'
      where user_id = 'old'`;
    await settleLinks(services);
    const [good] = await sql`select settle_asked_at, claim_id from links where user_id = 'good'`;
    if (keystone) expect(good?.settle_asked_at).toBeInstanceOf(Date);
    const failed = test.logged("link.settle-failed");
    expect(failed.length).toBeGreaterThan(0);
    await runRounds(services);
    const [old] = await sql`select sealed_password from links where user_id = 'old'`;
    expect(old?.sealed_password).toBeNull();
    const query = { status: "all", sort: "newest", limit: 50 } as const;
    const { links } = await listLinks(services, query);
    expect(links.map(({ userId }) => userId)).toEqual(
      expect.arrayContaining(["strange", "good", "old"]),
    );
  });

  it("an administrator whose session is such a row signs in again", async () => {
    const sessionId = randomUUID();
    await test.database.sql`
      insert into admin_sessions (id_hash, user_id, user_name, user_domain_name, sealed_token, expires_at)
      values (${hashToken(sessionId)}, 'admin-1', 'a', 'a', ${ofNobodysKey()}, now() + interval '1 hour')`;
    expect(await findSession(test.services, sessionId)).toBeUndefined();
    expect(test.logged("admin.session-unreadable")).toMatchObject([
      { level: "error", actorId: "admin-1" },
    ]);
  });
});
