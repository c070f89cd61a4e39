import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { closeRequest } from "../../../app/reset-requests/handle-requests.server";
import { tellHelpdesk } from "../../../app/reset-requests/tell-helpdesk.server";
import { createTestDatabase, type TestDatabase } from "../../support/database";
import { askForLink, confirm } from "../../support/reset-requests";
import { newAdmin, startTestServices, type TestServices } from "../../support/services";

const keystoneUrl = "http://127.0.0.1:9";

let database: TestDatabase;
let one: TestServices;
let other: TestServices;
beforeAll(async () => {
  database = await createTestDatabase();
  const env = {
    SECRET_KEYS: randomBytes(32).toString("base64"),
    RESET_LIMIT_PER_HOUR: "1000",
  };
  one = await startTestServices({ keystoneUrl, database, env });
  other = await startTestServices({ keystoneUrl, database, env });
});
afterAll(async () => {
  await one?.stop();
  await other?.stop();
  await database?.close();
});
beforeEach(async () => {
  await database.sql`delete from reset_requests`;
  await database.sql`delete from mails`;
});

const ask = (from = "192.0.2.7") =>
  askForLink(one, { email: `${randomBytes(6).toString("hex")}@example.org`, from });

interface Digest {
  count: number;
  requests: { code?: string }[];
}
const digests = async (): Promise<Digest[]> =>
  (await one.mails())
    .filter(({ template }) => template === "reset-digest")
    .map(({ props }) => props as unknown as Digest);

/** Time goes by. */
const minutesLater = (minutes: number) => database.sql`
  update reset_requests set helpdesk_told_at = helpdesk_told_at - make_interval(mins => ${minutes})`;

describe("the helpdesk", () => {
  it("hears nothing of what nobody confirmed", async () => {
    await ask();
    await tellHelpdesk(one.services);
    expect(await digests()).toEqual([]);
  });

  it("hears of the first at once, and of those after it together, ten minutes later", async () => {
    const first = await ask();
    await confirm(one.services, first.token);
    expect(await digests()).toMatchObject([{ count: 1, requests: [{ code: first.code }] }]);

    const more = [await ask(), await ask(), await ask()];
    for (const { token } of more) await confirm(other.services, token);
    await minutesLater(9);
    await tellHelpdesk(one.services);
    expect(await digests()).toHaveLength(1);

    await minutesLater(2);
    await tellHelpdesk(other.services);
    const all = await digests();
    expect(all).toHaveLength(2);
    expect(all[1]).toMatchObject({ count: 3, requests: more.map(({ code }) => ({ code })) });
    await minutesLater(11);
    await tellHelpdesk(one.services);
    expect(await digests()).toHaveLength(2);
  });

  it("hears of each once, from whichever of several replicas, however many confirm at once", async () => {
    const asked = [];
    for (let number = 0; number < 30; number++) asked.push(await ask());
    await Promise.all(
      asked.map(({ token }, index) =>
        confirm(index % 2 === 0 ? one.services : other.services, token),
      ),
    );
    for (let round = 0; round < 3; round++) {
      await minutesLater(11);
      await Promise.all([one, other, one, other].map(({ services }) => tellHelpdesk(services)));
    }
    const all = await digests();
    expect(all.length).toBeLessThanOrEqual(2);
    expect(all.reduce((sum, { count }) => sum + count, 0)).toBe(30);
    // A mail stays readable: what is beyond twenty is counted, not listed.
    for (const { requests } of all) expect(requests.length).toBeLessThanOrEqual(20);
  });

  it("hears later of what a crash kept it from hearing", async () => {
    const asked = await ask();
    await database.sql`
      create function refuse_mail() returns trigger language plpgsql as $$
      begin raise exception 'no room'; end $$`;
    await database.sql`
      create trigger refuse_mail before insert on mails for each row
      when (new.template = 'reset-digest') execute function refuse_mail()`;
    try {
      // Confirming is done all the same.
      expect(await confirm(one.services, asked.token)).toMatchObject({
        ok: true,
        confirmedNow: true,
      });
      expect(await digests()).toEqual([]);
    } finally {
      await database.sql`drop function refuse_mail cascade`;
    }
    await tellHelpdesk(other.services);
    expect(await digests()).toMatchObject([{ count: 1, requests: [{ code: asked.code }] }]);
  });

  it("does not hear of what was closed before it was told", async () => {
    const first = await ask();
    await confirm(one.services, first.token);
    const second = await ask();
    await confirm(one.services, second.token);
    await closeRequest(one.services, { id: second.id }, newAdmin());
    await minutesLater(11);
    await tellHelpdesk(one.services);
    expect(await digests()).toHaveLength(1);
  });

  it("is mailed at once where there is something to tell, and not woken up for nothing", async () => {
    let woken = 0;
    const wake = () => {
      woken += 1;
    };
    const outbox = { ...one.services.outbox, wake };
    const services = { ...one.services, outbox };
    expect(await tellHelpdesk(services)).toBe(0);
    expect(woken).toBe(0);
    await database.sql`
      insert into reset_requests (state, name, email) values ('open', 'x', 'x@example.org')`;
    expect(await tellHelpdesk(services)).toBe(1);
    expect(woken).toBe(1);
    // Of one from before they were confirmed, nobody knows a code.
    const [digest] = await digests();
    expect(digest).toMatchObject({ count: 1, requests: [{ name: "x", email: "x@example.org" }] });
    expect(digest?.requests[0]?.code).toBeUndefined();
  });

  it("is told nothing where there is none, and nothing is lost until there is one", async () => {
    const asked = await ask();
    const { services } = one;
    const mail = { ...services.config.mail, helpdesk: undefined };
    const without = { ...services, config: { ...services.config, mail } };
    await confirm(without, asked.token);
    expect(await tellHelpdesk(without)).toBe(0);
    expect(await digests()).toEqual([]);
    expect(await tellHelpdesk(services)).toBe(1);
  });
});
