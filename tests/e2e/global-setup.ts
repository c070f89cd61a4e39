import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { shareStack } from "../support/browser-stack";
import { startStack } from "../support/stack";
import { sharedTestServers } from "../support/test-servers";

/** Starts the whole stack once for all browser tests. @returns what ends it */
export default async function globalSetup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(path.join(tmpdir(), "setpass-browser-"));
  const shared = sharedTestServers();
  const stack = await startStack({
    ...(shared && { postgresUrl: shared.postgresUrl, keystone: shared.keystone }),
    logFile: path.join(folder, "server.log"),
    env: { LOG_LEVEL: "debug", LANGUAGES: "en,de,en-XA,ar-XB" },
  });
  const page = await shareStack(stack, folder);
  const known = {
    "administrator's password": stack.keystone.adminPassword,
    "key of SECRET_KEYS": stack.env.SECRET_KEYS ?? "",
    "database password": new URL(stack.databaseUrl).password,
    "SMTP password": decodeURIComponent(new URL(stack.smtp.url).password),
  };
  const lines = Object.entries(known).map(([kind, value]) => JSON.stringify({ kind, value }));
  await appendFile(path.join(folder, "secrets.jsonl"), `${lines.join("\n")}\n`);
  return async () => {
    page.stop();
    await stack.stop();
    await rm(folder, { recursive: true, force: true });
  };
}
