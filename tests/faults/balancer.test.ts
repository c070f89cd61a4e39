import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import postgres from "postgres";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import type { SandboxKeystoneOptions } from "../../demo/keystone/sandbox-keystone";
import { describeWhere } from "../support/describe-where";
import { getFreePort } from "../support/free-port";
import { hasProxies, type RunningProxy, startHaproxy } from "../support/proxies";
import { type Stack, startStack, waitUntilReady } from "../support/stack";

/**
 * Three replicas behind haproxy, with the lines of docs/operating.md and `/readyz` as its check: forty
 * people redeem their links while replicas are restarted, killed, or wait for a slow Keystone.
 */
const PEOPLE = 40;
const PIN = "4071";

interface Answer {
  /** 0: none came. */
  readonly status: number;
  readonly text: string;
}

interface Person {
  readonly userId: string;
  readonly token: string;
  readonly password: string;
  /** Every answer that was no page of ours, or none at all. */
  readonly troubles: string[];
  finished: boolean;
}

describeWhere({ has: hasProxies(), what: "haproxy" }, "behind haproxy", () => {
  const keystone: SandboxKeystoneOptions = { delayMs: 200 };
  let stack: Stack;
  let haproxy: RunningProxy;
  let sql: postgres.Sql;
  let authToken: string;

  beforeAll(async () => {
    const port = await getFreePort();
    stack = await startStack({
      keystone: "sandbox",
      sandboxKeystone: keystone,
      postgresUrl: inject("postgresUrl"),
      serverProcesses: 3,
      publicUrl: `https://127.0.0.1:${port}`,
      env: { TRUST_PROXY: "1", DRAIN_DELAY: "3" },
    });
    for (const { url } of stack.servers) await waitUntilReady(url);
    haproxy = await startHaproxy(
      port,
      stack.servers.map((server) => server.port),
    );
    sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
    authToken = await stack.keystone.token();
  });

  afterAll(async () => {
    await haproxy?.stop();
    await sql?.end({ timeout: 5 });
    await stack?.stop();
  });

  const newAgent = () => new Agent({ keepAlive: true, rejectUnauthorized: false });

  /** Through haproxy, on the connection that a browser would keep. */
  function ask(
    agent: Agent,
    method: string,
    target: string,
    given: RequestOptions & { body?: string } = {},
  ) {
    return new Promise<Answer>((resolve) => {
      const { body = "", headers } = given;
      const outgoing = httpsRequest(
        new URL(target, haproxy.url),
        { agent, method, headers: { ...headers, "content-length": Buffer.byteLength(body) } },
        (incoming) => {
          let text = "";
          incoming.setEncoding("utf8").on("data", (chunk: string) => {
            text += chunk;
          });
          incoming.once("close", () =>
            resolve({ status: incoming.complete ? (incoming.statusCode ?? 0) : 0, text }),
          );
        },
      );
      outgoing.once("error", (error) => resolve({ status: 0, text: error.message }));
      outgoing.end(body);
    });
  }

  async function newPeople(name: string): Promise<Person[]> {
    const agent = newAgent();
    const people = await Promise.all(
      Array.from({ length: PEOPLE }, async (_, index): Promise<Person> => {
        const initial = `Initial-${index}`;
        const user = await stack.keystone.createUser({
          name: `${name}-${index}`,
          password: initial,
        });
        const answer = await ask(agent, "PUT", `/token/${user.id}`, {
          headers: { "x-auth-token": authToken },
          body: JSON.stringify({ pin: PIN, password: initial }),
        });
        expect(answer.status).toBe(200);
        const password = `Own-password-${index}`;
        return { userId: user.id, token: answer.text, password, troubles: [], finished: false };
      }),
    );
    agent.destroy();
    return people;
  }

  /** Opens the link, types, sends; and where something goes wrong, comes back to the link, as people do. */
  async function redeem(person: Person, giveUpAt: number): Promise<void> {
    const agent = newAgent();
    while (!person.finished && Date.now() < giveUpAt) {
      const page = await ask(agent, "GET", `/?token=${person.token}`);
      // Used: by ourselves, where the answer that said so was lost.
      if (page.status === 404 && person.troubles.length > 0) person.finished = true;
      else if (page.status === 200) {
        const { token, password } = person;
        const fields = { token, pin: PIN, password, confirm_password: password };
        const answer = await ask(agent, "POST", "/", {
          headers: {
            "content-type": "application/x-www-form-urlencoded",
            origin: stack.url,
          },
          body: new URLSearchParams(fields).toString(),
        });
        person.finished = answer.status === 200;
        if (!person.finished)
          person.troubles.push(`POST ${answer.status} ${answer.text.slice(0, 80)}`);
      } else person.troubles.push(`GET ${page.status} ${page.text.slice(0, 80)}`);
      if (!person.finished) await sleep(300);
    }
    agent.destroy();
  }

  /** Whatever they saw: it is their own password that opens the account now. */
  async function expectAllIn(people: readonly Person[]): Promise<void> {
    expect(people.filter(({ finished }) => !finished).map(({ troubles }) => troubles)).toEqual([]);
    for (const { userId, password } of people) {
      const identity = { methods: ["password"], password: { user: { id: userId, password } } };
      const response = await fetch(`${stack.keystone.url}/v3/auth/tokens`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ auth: { identity } }),
      });
      expect(response.status).toBe(201);
    }
    const log = await haproxy.accessLog();
    for (const { token } of people) expect(log).not.toContain(token);
  }

  it("all three are restarted in turn, and nobody notices", async () => {
    const people = await newPeople("rolling");
    let rolling = true;
    const seen: Record<number, number> = {};
    const onlookers = Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        const agent = newAgent();
        while (rolling) {
          const target = index % 2 ? "/reset" : "/admin/sign-in";
          const { status } = await ask(agent, "GET", target);
          seen[status] = (seen[status] ?? 0) + 1;
          await sleep(20);
        }
        agent.destroy();
      }),
    );
    const codes: (number | null)[] = [];
    const restarting = (async () => {
      for (const server of stack.servers) {
        codes.push(await server.stop());
        await server.start();
        await waitUntilReady(server.url);
        await sleep(1_500); // haproxy looks once a second
      }
      rolling = false;
    })();
    // One after the other, until the last restart is over.
    const giveUpAt = Date.now() + 60_000;
    const redeeming = people.map(async (person, index) => {
      await sleep(index * 400);
      await redeem(person, giveUpAt);
    });
    await Promise.all([restarting, onlookers, ...redeeming]);
    expect(codes).toEqual([0, 0, 0]);
    expect(people.flatMap(({ troubles }) => troubles)).toEqual([]);
    expect(Object.keys(seen)).toEqual(["200"]);
    await expectAllIn(people);
    process.stdout.write(
      `rolling restart: ${PEOPLE} of ${PEOPLE} people, ${seen[200]} other pages, no error\n`,
    );
  });

  it("one is killed, and everybody gets in by trying again", async () => {
    const people = await newPeople("killed");
    const killed = stack.servers[1];
    const giveUpAt = Date.now() + 40_000;
    const redeeming = people.map((person, index) =>
      sleep(index * 50).then(() => redeem(person, giveUpAt)),
    );
    await sleep(900);
    await killed?.kill();
    // A claim that was left behind lapses in a minute: time goes by.
    await sleep(500);
    await sql`update links set claimed_until = clock_timestamp() where claimed_until is not null`;
    await Promise.all(redeeming);
    await expectAllIn(people);
    const troubled = people.filter(({ troubles }) => troubles.length > 0).length;
    process.stdout.write(
      `a replica killed: ${PEOPLE} of ${PEOPLE} people, ${troubled} tried again\n`,
    );
    await killed?.start();
  });

  it("Keystone takes three to four seconds, and no replica is taken out", async () => {
    const people = await newPeople("slow");
    for (const { url } of stack.servers) await waitUntilReady(url);
    keystone.delayMs = 3_500;
    try {
      // So that the checks have met it before anybody comes.
      await sleep(4_500);
      const before = (await haproxy.accessLog()).length;
      await Promise.all(people.map((person) => redeem(person, Date.now() + 30_000)));
      expect(people.flatMap(({ troubles }) => troubles)).toEqual([]);
      expect((await haproxy.accessLog()).slice(before)).not.toMatch(/DOWN/);
    } finally {
      keystone.delayMs = 0;
    }
    await expectAllIn(people);
    process.stdout.write(`a slow Keystone: ${PEOPLE} of ${PEOPLE} people\n`);
  });
});
