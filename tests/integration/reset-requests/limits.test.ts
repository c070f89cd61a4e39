import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { requestReset } from "../../../app/reset-requests/request-reset.server";
import { askForLink, confirm } from "../../support/reset-requests";
import { newOrigin, startTestServices, type TestServices } from "../../support/services";

const PER_HOUR = 20;

let started: TestServices;
beforeAll(async () => {
  started = await startTestServices({
    keystoneUrl: "http://127.0.0.1:9",
    env: { RESET_LIMIT_PER_HOUR: String(PER_HOUR) },
  });
});
afterAll(() => started?.stop());
beforeEach(() => started.database.sql`delete from rate_limits`);

const unique = () => randomBytes(6).toString("hex");
const sender = (number: number) => `198.51.100.${number}`;
const mailsTo = async (pattern: RegExp) =>
  (await started.mails()).filter(
    ({ template, recipient }) => template === "reset-confirm" && pattern.test(recipient),
  ).length;

describe("mails that strangers have sent to a mailbox", () => {
  it("are three an hour from one sender, however the address is spelled", async () => {
    const name = unique();
    const spellings = [
      `${name}@example.org`,
      `${name.toUpperCase()}@EXAMPLE.org`,
      `${name}+a@example.org`,
      `${name}+b+c@example.org`,
      `${name.slice(0, 3)}.${name.slice(3)}@example.org`,
      `${name}@example.org`,
      `${name}+d@example.org`,
    ];
    for (const email of spellings) await askForLink(started, { email, from: sender(1) });
    expect(await mailsTo(new RegExp(`^${name.slice(0, 3)}\\.?${name.slice(3)}[+@]`, "i"))).toBe(3);
  });

  it("are six an hour from all senders together, for one domain in either of its forms", async () => {
    const name = unique();
    for (let number = 0; number < 20; number++) {
      const email = number % 2 === 0 ? `${name}@bücher.example` : `${name}@xn--bcher-kva.example`;
      await askForLink(started, { email, from: sender(number) });
    }
    expect(await mailsTo(new RegExp(`^${name}@`))).toBe(6);
  });

  it("are three and six also for a domain in letters that mail servers take for others", async () => {
    const name = unique();
    const spellings = [
      "ex\u00adample.org",
      "\uff45xample.org",
      "example.org\u3002",
      "EXAMPLE\uff0eorg.",
    ];
    for (const domain of spellings)
      await askForLink(started, { email: `${name}@${domain}`, from: sender(1) });
    expect(await mailsTo(new RegExp(`^${name}@`))).toBe(3);
    for (let number = 2; number < 14; number++) {
      const domain = spellings[number % spellings.length];
      await askForLink(started, { email: `${name}@${domain}`, from: sender(number) });
    }
    const recipients = (await started.mails()).map(({ recipient }) => recipient);
    expect(recipients.filter((one) => one.startsWith(`${name}@`))).toEqual(
      Array.from({ length: 6 }, () => `${name}@example.org`),
    );
  });

  it("hold nothing that a stranger typed", async () => {
    const email = `${unique()}@example.org`;
    await askForLink(started, { email, name: "BUY NOW https://evil.example" });
    const [mail] = (await started.mails()).filter(({ recipient }) => recipient === email);
    expect(JSON.stringify(mail?.props)).not.toMatch(/BUY|evil/);
  });

  it("are each counted anew in the next hour", async () => {
    const email = `${unique()}@example.org`;
    for (let number = 0; number < 5; number++) await askForLink(started, { email });
    const [{ longest } = { longest: 0 }] = await started.database.sql`
      select max(extract(epoch from expire - clock_timestamp()))::int as longest from rate_limits
      where key like 'reset%'`;
    expect(longest).toBeGreaterThan(3500);
    expect(longest).toBeLessThanOrEqual(3600);
    await started.database.sql`update rate_limits set expire = now() - interval '1 second'`;
    expect((await askForLink(started, { email })).token).toBeDefined();
  });
});

describe("the owner of a mailbox that strangers have used up", () => {
  it("confirms their own request all the same, with the link of any mail they got", async () => {
    const email = `${unique()}@example.org`;
    const attacks = [];
    for (let number = 0; number < 12; number++)
      attacks.push(await askForLink(started, { email, pin: "9999", from: sender(number) }));
    const mine = await askForLink(started, { email, pin: "1111", from: "203.0.113.7" });
    expect(mine.token).toBeUndefined();
    const got = attacks.filter(({ token }) => token !== undefined);
    expect(got).toHaveLength(6);
    const outcomes = async (id: string | undefined) =>
      (
        await started.database.sql`
          select outcome from audit_events where reset_request_id = ${id ?? null}`
      ).map(({ outcome }) => outcome);
    expect(await outcomes(mine.id)).toEqual(["not-mailed"]);
    expect(await outcomes(got[0]?.id)).toEqual(["ok"]);
    expect(await confirm(started.services, got[0]?.token, mine.code)).toMatchObject({
      ok: true,
      confirmedNow: true,
      request: { code: mine.code },
    });
  });

  it("confirms their own request all the same where it was another spelling of their domain", async () => {
    const name = unique();
    const attacks = [];
    for (let number = 0; number < 8; number++)
      attacks.push(
        await askForLink(started, { email: `${name}@xn--bcher-kva.example`, from: sender(number) }),
      );
    const mine = await askForLink(started, {
      email: `${name}@b\u00fccher.example`,
      from: "203.0.113.7",
    });
    expect(mine.token).toBeUndefined();
    const got = attacks.find(({ token }) => token !== undefined);
    expect(await confirm(started.services, got?.token, mine.code)).toMatchObject({
      ok: true,
      confirmedNow: true,
    });
  });

  it("is not kept from their mail by look-alikes of their address, which go elsewhere", async () => {
    const name = unique();
    for (let number = 0; number < 12; number++) {
      const spellings = [`\uff4b${name}@example.org`, `\u212a${name}@example.org`];
      await askForLink(started, { email: spellings[number % 2] ?? "", from: sender(number) });
    }
    const mine = await askForLink(started, { email: `k${name}@example.org`, from: "203.0.113.7" });
    expect(mine.token).toBeDefined();
  });

  it("is not kept from their mail by tags that their provider does not know", async () => {
    const name = unique();
    for (let number = 0; number < 12; number++)
      await askForLink(started, { email: `${name}+${number}@example.org`, from: sender(number) });
    const mine = await askForLink(started, { email: `${name}@example.org`, from: "203.0.113.7" });
    expect(mine.token).toBeDefined();
    const tagged = await askForLink(started, {
      email: `${name}+cloud@example.org`,
      from: "203.0.113.8",
    });
    expect(tagged.token).toBeDefined();
  });
});

describe("a sender", () => {
  it("is refused after so many in an hour, an IPv6 /64 as one, and nobody else is", async () => {
    const ask = (from: string) =>
      requestReset(
        started.services,
        { name: "x", email: `${unique()}@example.org`, pin: "4071", language: "en" },
        newOrigin(from),
      );
    let taken = 0;
    for (let number = 0; number < PER_HOUR + 5; number++)
      if ((await ask(`2001:db8:0:7::${(number + 1).toString(16)}`)).ok) taken += 1;
    expect(taken).toBe(PER_HOUR);
    const refused = await ask("2001:db8:0:7:ffff::1");
    expect(refused).toEqual({
      ok: false,
      reason: "too-many",
      retryAfterSeconds: expect.any(Number),
    });
    expect((await ask("2001:db8:0:8::1")).ok).toBe(true);
  });
});
