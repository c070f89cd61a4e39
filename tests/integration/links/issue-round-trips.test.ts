import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type IssueRequest, issueLink } from "../../../app/links/issue-link.server";
import { viewLink } from "../../../app/links/view-link.server";
import { newAdmin, startTestServices, type TestServices } from "../../support/services";

/** Scripts issue links by the hundred: each costs as many statements as it must, and no more. */
let here: TestServices;
/** Another process on the same database, with the same keys. */
let elsewhere: TestServices;

beforeAll(async () => {
  const shared = {
    keystoneUrl: "http://127.0.0.1:9",
    env: { SECRET_KEYS: randomBytes(32).toString("base64") },
  };
  here = await startTestServices(shared);
  elsewhere = await startTestServices({ ...shared, database: here.database });
});
afterAll(async () => {
  await elsewhere?.stop();
  await here?.stop();
});

const newUserId = () => `user-${randomBytes(6).toString("hex")}`;
const both = { pin: "0123", initialPassword: "Initial-1" };

/** @returns how many statements it took, a transaction counting as more than any; and the link */
async function issue(started: TestServices, userId: string, parts: Partial<IssueRequest>) {
  let statements = 0;
  const { services } = started;
  const db = new Proxy(services.db, {
    get(target, name: keyof typeof services.db) {
      if (name === "execute") statements += 1;
      if (name === "transaction") statements += 100;
      const value = target[name];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const request = { userId, via: "api" as const, ...parts };
  const result = await issueLink({ ...services, db }, request, newAdmin());
  return { statements, result };
}

const actions = async (userId: string) => {
  const rows = await here.database.sql`
    select action from audit_events where user_id = ${userId} order by id`;
  return rows.map(({ action }) => action);
};

async function expectToOpen({ result }: Awaited<ReturnType<typeof issue>>): Promise<void> {
  if (!result.ok) throw new Error(result.reason);
  expect(await viewLink(here.services, result.link.token)).toMatchObject({
    userId: result.link.userId,
  });
}

describe("a link is issued in one statement", () => {
  it("for a user who had none, and for one whose link is done", async () => {
    const userId = newUserId();
    const first = await issue(here, userId, both);
    expect(first.statements).toBe(1);
    await expectToOpen(first);
    await here.database.sql`
      update links set state = 'revoked', revoked_at = now(), token_hash = null, sealed_pin_key = null,
        pin_mac = null, sealed_password = null where user_id = ${userId}`;
    const again = await issue(elsewhere, userId, both);
    expect(again.statements).toBe(1);
    await expectToOpen(again);
  });

  it("with both, either or neither where this process issued the one before", async () => {
    const userId = newUserId();
    await issue(here, userId, both);
    const parts = [both, {}, { pin: "0123" }, { initialPassword: "Initial-2" }, {}, both];
    for (const given of parts) {
      const again = await issue(here, userId, given);
      expect([given, again.statements]).toEqual([given, 1]);
      await expectToOpen(again);
    }
    expect(await actions(userId)).toEqual([
      ...["link.issued", "link.issued", "link.renewed", "link.renewed"],
      ...["link.renewed", "link.password-replaced", "link.renewed"],
      ...["link.issued", "link.password-replaced"],
    ]);
  });
});

describe("a link that another process wrote meanwhile", () => {
  it.each([
    ["both", both],
    ["neither", {}],
    ["a PIN", { pin: both.pin }],
    ["a password", { initialPassword: both.initialPassword }],
  ])("takes one statement more, and what is the same shows as the same: %s", async (_, parts) => {
    const userId = newUserId();
    await issue(here, userId, both);
    await issue(elsewhere, userId, both);
    const again = await issue(here, userId, parts);
    expect(again.statements).toBe(2);
    await expectToOpen(again);
    for (const action of await actions(userId)) expect(action).toMatch(/^link\.(issued|renewed)$/);
  });

  it("loses no guess of a PIN that stays", async () => {
    const userId = newUserId();
    await issue(here, userId, both);
    await issue(elsewhere, userId, both);
    await here.database.sql`update links set pin_guesses = 7 where user_id = ${userId}`;
    await issue(here, userId, both);
    const [row] = await here.database.sql`select pin_guesses from links where user_id = ${userId}`;
    expect(row?.pin_guesses).toBe(7);
  });

  it("is never written from what is remembered where its secrets were sealed anew", async () => {
    const userId = newUserId();
    await issue(here, userId, both);
    const { sealedPassword } = here.services.keptSecrets.get(userId) ?? {};
    here.services.keptSecrets.set(userId, {
      tokenHash: randomBytes(32),
      sealedPinKey: here.services.keptSecrets.get(userId)?.sealedPinKey ?? null,
      sealedPassword: sealedPassword ?? null,
    });
    const again = await issue(here, userId, {});
    await expectToOpen(again);
    expect(await actions(userId)).toEqual(["link.issued", "link.renewed"]);
  });
});
