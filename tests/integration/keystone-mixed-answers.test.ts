import { afterEach, expect, it } from "vitest";
import { createKeystoneSession, type KeystoneSession } from "../../app/keystone/session.server";
import { getUser } from "../../app/keystone/users.server";
import { type RawServer, startRawServer } from "../support/raw-server";

/** What somebody before Keystone, or words in an address, could do to a connection that is kept. */
let server: RawServer;
let session: KeystoneSession;

afterEach(async () => {
  await session?.close();
  await server?.stop();
});

const userAnswer = (id: string) => {
  const body = JSON.stringify({ user: { id, name: id, domain_id: "default" } });
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};
const asked = (request: string) => /^GET \/v3\/users\/(\S+)/.exec(request)?.[1] ?? "?";
const start = async (onRequest: Parameters<typeof startRawServer>[0]) => {
  server = await startRawServer(onRequest);
  session = createKeystoneSession({
    authUrl: `http://127.0.0.1:${server.port}`,
    timeoutSeconds: 5,
  });
};
const read = (userId: string, token = "t") => getUser(session, { token, userId });

it.each(["in one piece", "a moment later"])(
  "takes no second answer for the next call's: %s",
  async (how) => {
    await start((socket, request) => {
      const [own, other] = [userAnswer(asked(request)), userAnswer("attacker")];
      if (how === "in one piece") socket.write(own + other);
      else {
        socket.write(own);
        setTimeout(() => socket.writable && socket.write(other), 20);
      }
    });
    for (let number = 0; number < 6; number++) {
      expect((await read(`u${number}`))?.id).toBe(`u${number}`);
      if (how !== "in one piece") await new Promise((done) => setTimeout(done, 60));
    }
  },
);

it("gives each of many at once its own answer and sends each token with its own call", async () => {
  await start((socket, request) => {
    const id = asked(request);
    expect(request).toContain(`x-auth-token: token-of-${id}\r\n`);
    setTimeout(() => socket.write(userAnswer(id)), Math.random() * 20);
  });
  for (let round = 0; round < 5; round++) {
    const ids = Array.from({ length: 12 }, (_, number) => `r${round}n${number}`);
    const answers = await Promise.all(ids.map((id) => read(id, `token-of-${id}`)));
    expect(answers.map((user) => user?.id)).toEqual(ids);
  }
});

it.each([
  "a\r\nX-Auth-Token: other",
  "a HTTP/1.1\r\nHost: evil\r\n\r\nGET /v3/users/b",
  "../auth/tokens",
  "a/../../b",
  "a?domain_id=b",
  "a#b",
  "%2e%2e",
  "a\u010d\u010ab",
  "a;b",
])("one id is one segment of one request: %j", async (id) => {
  await start((socket) => socket.write(userAnswer("x")));
  await read("first");
  await read(id).catch(() => undefined);
  await read("last");
  expect(server.requests.length).toBeLessThanOrEqual(3);
  for (const request of server.requests) {
    const [line = ""] = request.split("\r\n", 1);
    expect(line).toMatch(/^GET \/v3\/users\/[^/?# ]+ HTTP\/1\.1$/);
    expect(request.match(/^x-auth-token:/gim)).toHaveLength(1);
    expect(request.match(/^host:/gim)).toHaveLength(1);
    expect(line).not.toMatch(/\/\.\.?[/ ]/);
  }
});

it.each(["a\r\nb: c", "a b", "a\u010ab", "ä", ""])(
  "sends no token that is none: %j",
  async (token) => {
    await start((socket) => socket.write(userAnswer("x")));
    await read("first");
    const before = server.requests.length;
    await read("u", token).catch(() => undefined);
    for (const request of server.requests.slice(before)) expect(request).not.toMatch(/^b:/im);
  },
);
