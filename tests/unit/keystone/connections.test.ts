import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import type { KeystoneRequest } from "../../../app/keystone/request.server";
import { createKeystoneSession, type KeystoneSession } from "../../../app/keystone/session.server";
import { httpAnswer, type RawServer, startRawServer } from "../../support/raw-server";
import { makeSelfSignedCertificate } from "../../support/self-signed-certificate";

const toStop: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of toStop.splice(0)) await stop();
});

const answer = (socket: Socket) =>
  void socket.write(httpAnswer(200, "{}", { Connection: "keep-alive" }));

/** A session with a Keystone that does this with the nth request, counted from one, on any connection. */
async function sessionWith(
  onRequest: (socket: Socket, number: number) => void,
): Promise<{ session: KeystoneSession; server: RawServer }> {
  let number = 0;
  const server = await startRawServer((socket) => onRequest(socket, ++number));
  const session = createKeystoneSession({
    authUrl: `http://127.0.0.1:${server.port}`,
    timeoutSeconds: 5,
  });
  toStop.push(() => session.close().then(() => server.stop()));
  return { server, session };
}

const read: KeystoneRequest = { method: "GET", path: "/users/u1" };
const changes: KeystoneRequest[] = [
  { method: "POST", path: "/users/u1/password", json: { user: {} } },
  { method: "PATCH", path: "/users/u1", json: { user: {} } },
  { method: "DELETE", path: "/auth/tokens" },
];

describe("a connection to Keystone", () => {
  it("serves many calls that only read, one after the other", async () => {
    const { session, server } = await sessionWith(answer);
    for (let call = 0; call < 5; call++) await session.request(read);
    expect([server.requests.length, server.connections()]).toEqual([5, 1]);
  });

  it("serves one call alone that could change something, and never one that read before", async () => {
    const { session, server } = await sessionWith(answer);
    await session.request(read);
    for (const change of changes) await session.request(change);
    await session.request(read);
    expect(server.connections()).toBe(1 + changes.length);
    const told = server.requests.map((text) => /^connection: *(\S+)/im.exec(text)?.[1]);
    expect(told).toEqual(["keep-alive", "close", "close", "close", "keep-alive"]);
  });

  it("is not kept where the answer was not read to its end", async () => {
    const { session, server } = await sessionWith((socket, number) =>
      number === 1
        ? socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"a"')
        : answer(socket),
    );
    await expect(session.request(read)).rejects.toMatchObject({ kind: "interrupted" });
    expect(server.requests).toHaveLength(1);
    await session.request(read);
    expect(server.connections()).toBe(2);
  });

  it("is not kept where Keystone ends it with its answer", async () => {
    const { session, server } = await sessionWith((socket, number) =>
      number === 1 ? socket.end(httpAnswer(200, "{}")) : socket.destroy(),
    );
    await session.request(read);
    // On a new one, to break is no sign of age.
    await expect(session.request(read)).rejects.toMatchObject({ mayHaveHappened: true });
    expect([server.requests.length, server.connections()]).toEqual([2, 2]);
  });

  it("is closed with the session", async () => {
    const { session, server } = await sessionWith(answer);
    await Promise.all([1, 2, 3, 4, 5, 6].map(() => session.request(read)));
    await expect.poll(() => server.open()).toBeLessThanOrEqual(4);
    await session.close();
    await expect.poll(() => server.open()).toBe(0);
  });
});

/** What a call meets on a connection that was kept: the worst that it could be closed at. */
const endings: [string, (socket: Socket) => void][] = [
  ["is closed as it comes", (socket) => void socket.end()],
  ["is reset as it comes", (socket) => void socket.resetAndDestroy()],
  ["ends in the middle of a head", (socket) => void socket.end("HTTP/1.1 200 O")],
];

describe.each(endings)("a connection that was kept, and %s", (_, end) => {
  it("is a new one for a call that only reads", async () => {
    const { session, server } = await sessionWith((socket, number) =>
      number === 2 ? end(socket) : answer(socket),
    );
    await session.request(read);
    expect(await session.request(read)).toMatchObject({ status: 200, json: {} });
    expect([server.requests.length, server.connections()]).toEqual([3, 2]);
  });

  it("is tried again once, and no more", async () => {
    const { session, server } = await sessionWith((socket, number) =>
      number === 1 ? answer(socket) : end(socket),
    );
    await session.request(read);
    await expect(session.request(read)).rejects.toMatchObject({ mayHaveHappened: true });
    expect(server.requests).toHaveLength(3);
  });

  it.each(changes)(
    "never meets a call that could change something: $method is sent once",
    async (change) => {
      const { session, server } = await sessionWith((socket, number) =>
        number === 1 ? answer(socket) : end(socket),
      );
      await session.request(read);
      await expect(session.request(change)).rejects.toMatchObject({ mayHaveHappened: true });
      expect(server.requests.filter((text) => text.startsWith(change.method))).toHaveLength(1);
    },
  );
});

it("a kept connection without an answer is not waited for twice", async () => {
  const server = await startRawServer(
    (socket, text) => void (text.includes("u1") && answer(socket)),
  );
  const session = createKeystoneSession({
    authUrl: `http://127.0.0.1:${server.port}`,
    timeoutSeconds: 0.5,
  });
  toStop.push(() => session.close().then(() => server.stop()));
  await session.request(read);
  const silent = session.request({ ...read, path: "/users/u2" });
  await expect(silent).rejects.toMatchObject({ kind: "timeout" });
  expect(server.requests).toHaveLength(2);
});

it("over https, connections of their own resume the session's TLS session", async () => {
  const { key, certificate } = makeSelfSignedCertificate({ names: ["localhost", "127.0.0.1"] });
  const resumed: boolean[] = [];
  const server = await startRawServer(
    (socket) => {
      resumed.push((socket as TLSSocket).isSessionReused());
      answer(socket);
    },
    { tls: { key, cert: certificate } },
  );
  const session = createKeystoneSession({
    authUrl: `https://localhost:${server.port}`,
    caCertificate: certificate,
    timeoutSeconds: 5,
  });
  toStop.push(() => session.close().then(() => server.stop()));
  for (const change of changes) await session.request(change);
  expect(resumed).toEqual([false, true, true]);
});
