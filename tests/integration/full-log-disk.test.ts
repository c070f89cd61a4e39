import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { expect, it } from "vitest";
import { createTestDatabase } from "../support/database";
import { getFreePort } from "../support/free-port";
import { completeEnvironment } from "../support/services";

it("a server whose log has no room left goes on, and ends when it is told to", async () => {
  const database = await createTestDatabase();
  const port = await getFreePort();
  const env = await completeEnvironment({
    databaseUrl: database.url,
    keystoneUrl: "http://127.0.0.1:9",
    env: { PORT: String(port), METRICS_LISTEN: "", DRAIN_DELAY: "0" },
  });
  // Whatever is written to it, Linux says ENOSPC.
  const full = openSync("/dev/full", "w");
  const server = spawn(
    process.execPath,
    [path.resolve(import.meta.dirname, "../../build/process/server.js")],
    { env: { PATH: process.env.PATH, ...env }, stdio: ["ignore", full, "pipe"] },
  );
  closeSync(full);
  let words = "";
  server.stderr?.setEncoding("utf8").on("data", (text: string) => {
    words += text;
  });
  try {
    const asked = async () =>
      fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(2000) }).then(
        ({ status }) => status,
        () => words,
      );
    await expect.poll(asked).toBe(200);
    // Each of these is a line.
    for (let turn = 0; turn < 20; turn++)
      await fetch(`http://127.0.0.1:${port}/token/u${turn}`, { method: "PUT" });
    expect(await asked()).toBe(200);
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    expect(words).toBe("");
  } finally {
    server.kill("SIGKILL");
    await database.close();
  }
});
