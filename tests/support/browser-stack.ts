/**
 * The browser tests' stack lives in Playwright's main process, the tests in others. This is how they
 * reach it: a file with its addresses, and a page of its mails.
 */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import type { Secret } from "./find-secrets";
import { type KeystoneAccess, type KeystoneAdmin, keystoneAdmin } from "./keystone-admin";
import { listen } from "./listen";
import type { Stack } from "./stack";

/** A mail as the tests see it. */
export interface BrowserMail {
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

interface Addresses {
  url: string;
  metricsUrl: string;
  keystone: KeystoneAccess;
  mailsUrl: string;
  databaseUrl: string;
  logFile: string;
  secretsFile: string;
}

export interface BrowserStack extends Addresses {
  readonly admin: KeystoneAdmin;
  /** The newest mail to an address with these words, once there is one. */
  waitForMail(to: string, subject?: RegExp, words?: string): Promise<BrowserMail>;
  /** Whatever may be found nowhere afterwards: PINs, passwords, link tokens, Keystone tokens. */
  noteSecret(kind: string, value: string): Promise<void>;
  secrets(): Promise<Secret[]>;
  logs(): Promise<string>;
}

const variable = "SETPASS_BROWSER_STACK";
const mailTimeoutMs = 20_000;

/** In Playwright's main process: tells the tests where the stack is. */
export async function shareStack(stack: Stack, folder: string): Promise<{ stop(): void }> {
  const mails = createServer((_request, response) => {
    const all = stack.smtp.messages.map(({ to, subject, text, html }) => ({
      to,
      subject,
      text,
      html,
    }));
    response.setHeader("Content-Type", "application/json").end(JSON.stringify(all));
  });
  const mailsPort = await listen(mails);
  const { url, adminUserName, adminPassword, adminProjectName, adminProjectDomainId } =
    stack.keystone;
  const addresses: Addresses = {
    url: stack.url,
    metricsUrl: stack.server.metricsUrl,
    keystone: { url, adminUserName, adminPassword, adminProjectName, adminProjectDomainId },
    mailsUrl: `http://127.0.0.1:${mailsPort}/`,
    databaseUrl: stack.databaseUrl,
    logFile: stack.logFile,
    secretsFile: path.join(folder, "secrets.jsonl"),
  };
  const file = path.join(folder, "stack.json");
  await writeFile(file, JSON.stringify(addresses), { mode: 0o600 });
  process.env[variable] = file;
  return {
    stop() {
      mails.closeAllConnections();
      mails.close();
    },
  };
}

/** In a test. */
export async function openBrowserStack(): Promise<BrowserStack> {
  const file = process.env[variable];
  if (file === undefined) throw new Error("There is no stack: run the tests with Playwright");
  const addresses = JSON.parse(await readFile(file, "utf8")) as Addresses;
  return {
    ...addresses,
    admin: keystoneAdmin(addresses.keystone),
    async waitForMail(to, subject = /./, words = "") {
      const giveUpAt = Date.now() + mailTimeoutMs;
      for (;;) {
        const answer = await fetch(addresses.mailsUrl);
        const mails = (await answer.json()) as BrowserMail[];
        const found = mails.findLast(
          (mail) => mail.to.includes(to) && subject.test(mail.subject) && mail.text.includes(words),
        );
        if (found) return found;
        if (Date.now() > giveUpAt) throw new Error(`No mail to ${to} with ${subject}`);
        await sleep(100);
      }
    },
    async noteSecret(kind, value) {
      await appendFile(addresses.secretsFile, `${JSON.stringify({ kind, value })}\n`);
    },
    async secrets() {
      const lines = (await readFile(addresses.secretsFile, "utf8")).trim().split("\n");
      return lines.map((line) => JSON.parse(line) as Secret);
    },
    logs: () => readFile(addresses.logFile, "utf8"),
  };
}
