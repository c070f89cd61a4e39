import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { RawRequest } from "../support/raw-http";
import { type Site, startSite } from "../support/raw-site";
import { tallyUploads, uploadOn } from "../support/upload";

/** Who sends more than is read must still get the answer that says so, and not a reset in its place. */

const MEGABYTE = 1_000_000;
const FORM: [string, string] = ["Content-Type", "application/x-www-form-urlencoded"];

let site: Site;
let authToken: string;

beforeAll(async () => {
  site = await startSite();
  authToken = await site.stack.keystone.token();
});

afterAll(() => site?.stop());

const upload = (head: RawRequest, bytes: number) =>
  uploadOn(connect({ port: site.stack.server.port, host: "127.0.0.1" }), head, bytes);

describe.each(["close", "keep-alive"])("with Connection: %s", (connection) => {
  const headers: [string, string][] = [["Connection", connection]];
  const put = () => ({
    ...{ method: "PUT", target: "/token/jane" },
    headers: [...headers, ["X-Auth-Token", authToken] as [string, string]],
  });
  const stranger = () => ({ method: "PUT", target: "/token/jane", headers });
  const form = () => ({ method: "POST", target: "/reset", headers: [...headers, FORM] });

  it.each([
    [60, 3, "413", "a script", put],
    [20, 10, "413", "a script", put],
    [60, 3, "401", "a script without a token", stranger],
    [20, 10, "401", "a script without a token", stranger],
    [20, 10, "413", "a form", form],
  ])("%i uploads of %i MB all get their %s: %s", async (count, megabytes, status, _, head) => {
    const uploads = Array.from({ length: count }, () => upload(head(), megabytes * MEGABYTE));
    expect(tallyUploads(await Promise.all(uploads))).toEqual({ [status]: count });
  });
});

it("a client that keeps sending is hung up on within seconds", async () => {
  const startedAt = performance.now();
  const ended = new Promise<void>((resolve) => {
    const socket = connect({ port: site.stack.server.port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.once("close", () => resolve());
    socket.resume();
    socket.write(
      "PUT /token/jane HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    const sending = setInterval(() => socket.write("1\r\na\r\n"), 100);
    socket.once("close", () => clearInterval(sending));
  });
  await ended;
  expect(performance.now() - startedAt).toBeLessThan(12_000);
});
