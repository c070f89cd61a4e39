/**
 * The demo: an embedded PostgreSQL, a sandbox Keystone, a mailbox with a web page, and the real server
 * as a process of its own, configured as in earnest. Started by run.mjs.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { administrator, demoCloud, demoUsers } from "./demo-data";
import { type ExampleCall, summary } from "./demo-summary";
import { startEmbeddedPostgres } from "./embedded-postgres";
import { endWithParent } from "./end-with-parent";
import { getFreePort } from "./free-port";
import { type SandboxKeystone, startSandboxKeystone } from "./keystone/sandbox-keystone";
import { startMailbox } from "./mailbox/mailbox";

const root = path.resolve(import.meta.dirname, "..");
const program = path.join(root, "build/process/server.js");
const readyTimeoutMs = 60_000;
const drainTimeoutMs = 20_000;

const say = (text: string) => void process.stdout.write(`${text}\n`);

/** Thrown where the demo is stopped before everything has started. */
class Stopped extends Error {}

/** What has been started, to be ended in reverse. */
const undo: (() => Promise<unknown> | unknown)[] = [];
let stopping = false;
let hurry: () => void = () => {};

const stopRequested = new Promise<void>((resolve) => {
  const stop = () => {
    if (stopping) hurry();
    stopping = true;
    resolve();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  // run.mjs is gone, however it went.
  process.on("disconnect", stop);
  // Nobody reads what is printed any more; there is still something to tidy up.
  process.stdout.on("error", stop);
  process.stderr.on("error", stop);
});

process.exitCode = await main();
// Nothing of ours is left, so nothing has to be waited for; the channel to run.mjs would.
process.exit();

async function main(): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), "setpass-demo-"));
  // What ends at this moment may still write there.
  undo.push(() =>
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }),
  );
  let code = 0;
  try {
    const server = await startEverything(folder);
    const endedBy = await Promise.race([stopRequested, endOf(server)]);
    if (endedBy !== undefined) throw new Error(`the server ended by itself.\n${lastWords(folder)}`);
  } catch (error) {
    if (!(error instanceof Stopped)) {
      process.stderr.write(`The demo cannot go on: ${messageOf(error)}\n`);
      code = 1;
    }
  }
  stopping = true;
  if (code === 0) say("Stopping.");
  for (const step of undo.reverse()) {
    try {
      await step();
    } catch (error) {
      process.stderr.write(`${messageOf(error)}\n`);
      code = 1;
    }
  }
  return code;
}

async function startEverything(folder: string): Promise<ChildProcess> {
  const ports = await choosePorts();
  say("Starting PostgreSQL, a sandbox Keystone, a mailbox and the server …");
  const postgres = await startEmbeddedPostgres({ port: ports.postgres });
  undo.push(() => postgres.stop());
  continueUnlessStopped();
  const databaseUrl = await postgres.createDatabase("setpass");

  const keystone = await startSandboxKeystone({ ...demoCloud, port: ports.keystone });
  undo.push(() => keystone.stop());
  const mailbox = await startMailbox({ smtpPort: ports.smtp, webPort: ports.mailbox });
  undo.push(() => mailbox.stop());
  continueUnlessStopped();

  const publicUrl = `http://localhost:${ports.server}`;
  const logFile = path.join(folder, "server.log");
  const server = startServer(folder, {
    NODE_ENV: "production",
    PATH: process.env.PATH ?? "",
    HOST: "127.0.0.1",
    METRICS_LISTEN: "none",
    PORT: String(ports.server),
    PUBLIC_URL: publicUrl,
    DATABASE_URL: databaseUrl,
    MIGRATE_ON_START: "1",
    OS_AUTH_URL: `${keystone.url}/v3`,
    SECRET_KEYS: randomBytes(32).toString("base64"),
    SMTP_URL: mailbox.smtpUrl,
    MAIL_FROM: "Example Cloud <cloud@example.org>",
    MAIL_REPLY_TO: "helpdesk@example.org",
    HELPDESK_EMAIL: "helpdesk@example.org",
    APP_NAME: "Example Cloud",
    DASHBOARD_URL: "https://dashboard.example.org",
    SUPPORT_CONTACT: "helpdesk@example.org",
  });
  await ready(server, folder, `http://127.0.0.1:${ports.server}/readyz`);

  say(
    summary(
      { publicUrl, mailboxUrl: mailbox.webUrl, keystoneUrl: keystone.url, logFile },
      await exampleCall(keystone),
      { colours: process.stdout.isTTY === true && !process.env.NO_COLOR },
    ),
  );
  return server;
}

function continueUnlessStopped(): void {
  if (stopping) throw new Stopped();
}

/** Ports that people find again: 3000 (or PORT) and those after it; free ones where they are taken. */
async function choosePorts() {
  const first = Number(process.env.PORT || 3000);
  if (!Number.isInteger(first) || first < 0 || first > 65_535)
    throw new Error("PORT must be a number from 0 to 65535");
  const choose = async (name: string, offset: number) => {
    const wanted = first + offset;
    if (first === 0 || wanted > 65_535) return getFreePort();
    if (await isFree(wanted)) return wanted;
    const port = await getFreePort();
    say(`Port ${wanted} is taken: ${name} is on ${port} instead.`);
    return port;
  };
  return {
    server: await choose("setpass", 0),
    mailbox: await choose("the mailbox", 1),
    smtp: await choose("the mail server", 2),
    keystone: await choose("Keystone", 3),
    postgres: await choose("PostgreSQL", 4),
  };
}

/** On both addresses that `localhost` can be: a browser would reach the wrong one. */
async function isFree(port: number): Promise<boolean> {
  const canListen = (host: string) =>
    new Promise<boolean>((resolve) => {
      const server = createServer();
      server.once("error", (error: NodeJS.ErrnoException) => {
        // A machine without IPv6 has no ::1 to be taken.
        resolve(error.code !== "EADDRINUSE" && error.code !== "EACCES");
      });
      server.listen(port, host, () => server.close(() => resolve(true)));
    });
  return (await canListen("127.0.0.1")) && (await canListen("::1"));
}

function startServer(folder: string, environment: Record<string, string>): ChildProcess {
  const server = spawn(process.execPath, ["--enable-source-maps", program, folder], {
    // The folder among its arguments tells whose it is, in a list of processes.
    cwd: root,
    env: environment as unknown as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe"],
    // Ctrl-C is for us, who then stop it in order.
    detached: true,
  });
  endWithParent(server, { signal: "SIGTERM", removeFolders: [folder] });
  const log = createWriteStream(path.join(folder, "server.log"));
  log.on("error", () => {});
  server.stdout.pipe(log, { end: false });
  server.stderr.pipe(log, { end: false });
  undo.push(async () => {
    hurry = () => server.kill("SIGKILL");
    const tooLong = setTimeout(hurry, drainTimeoutMs);
    const ended = endOf(server);
    server.kill("SIGTERM");
    await ended;
    clearTimeout(tooLong);
    await new Promise<void>((resolve) => log.end(resolve));
  });
  return server;
}

/** @returns its exit code, 1 where it has none */
function endOf(child: ChildProcess): Promise<number> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve(child.exitCode ?? 1);
  return new Promise((resolve) => child.once("close", (code) => resolve(code ?? 1)));
}

async function ready(server: ChildProcess, folder: string, url: string): Promise<void> {
  const giveUpAt = Date.now() + readyTimeoutMs;
  for (;;) {
    continueUnlessStopped();
    if (server.exitCode !== null) throw new Error(`the server ended.\n${lastWords(folder)}`);
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) }).catch(() => undefined);
    if (answer?.ok) return;
    if (Date.now() > giveUpAt) throw new Error(`the server is not ready.\n${lastWords(folder)}`);
    await sleep(50);
  }
}

/** A fresh token of the administrator, and a user to try it on. */
async function exampleCall(keystone: SandboxKeystone): Promise<ExampleCall> {
  const { userName, password, domainName } = administrator;
  const answer = await fetch(`${keystone.url}/v3/auth/tokens`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ["password"],
          password: { user: { name: userName, domain: { name: domainName }, password } },
        },
      },
    }),
  });
  const adminToken = answer.headers.get("X-Subject-Token");
  const user = demoUsers[0];
  const known = [...keystone.cloud.users.values()].find(({ name }) => name === user?.name);
  if (!adminToken || !user || !known) throw new Error("the sandbox Keystone is not furnished");
  return {
    userId: known.id,
    userName: user.name,
    initialPassword: user.initialPassword,
    adminToken,
  };
}

function lastWords(folder: string): string {
  try {
    const log = readFileSync(path.join(folder, "server.log"), "utf8");
    return log.trim().split("\n").slice(-10).join("\n");
  } catch {
    return "";
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
