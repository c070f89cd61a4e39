import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Agent, request } from "undici";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../demo/embedded-postgres";
import { getFreePort } from "../demo/free-port";
import { type RealKeystone, startRealKeystone } from "../tests/support/real-keystone";
import { startArguments } from "../tests/support/start-arguments";

export const LANES = 16;
export const PIN = "4711";
export const INITIAL = "Initial-password-1";

export interface Figure {
  readonly what: string;
  readonly figure: string;
  readonly aim: string;
  readonly held: boolean;
}

interface Found {
  readonly what: string;
  readonly value: number;
  readonly digits: number;
  readonly unit?: string;
}

const rowOf = ({ what, value, digits, unit = "" }: Found, aim: number, held: boolean): Figure => ({
  what,
  figure: `${value.toFixed(digits)} ${unit}`.trim(),
  aim: `${aim} ${unit}`.trim(),
  held,
});

/** @returns the row of what should be no more than `aim`, in the same unit */
export const atMost = (aim: number, found: Found) => rowOf(found, aim, found.value <= aim);
export const atLeast = (aim: number, found: Found) => rowOf(found, aim, found.value >= aim);

/** Measures something, says what it found on the way, and gives its rows of the table. */
export type Part = (stage: Stage) => Promise<Figure[]>;

export interface Setpass {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** What all parts share: Debian's Keystone with its default bcrypt cost, and PostgreSQL with fsync. */
export interface Stage {
  readonly postgres: EmbeddedPostgres;
  readonly keystone: RealKeystone;
  /** An administrator's. */
  readonly keystoneToken: string;
  /** The built server as a process of its own, started as `npm start` does. */
  startSetpass(
    databaseUrl: string,
    options?: { env?: Record<string, string>; node?: string },
  ): Promise<Setpass>;
  say(line?: string): void;
  /** @returns the answer's text. @throws Error where the status is another */
  call(url: string, options: Call): Promise<string>;
  /** `PUT /token/:userId`. @returns the link's token */
  put(base: string, userId: string, body: unknown): Promise<string>;
}

export interface Call {
  readonly method: "GET" | "PUT" | "POST";
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly expect: number;
}

export const json = { "Content-Type": "application/json" };

/** @returns the stage, and what takes it down, with every server started on it */
export async function startStage(): Promise<Stage & { stop(): Promise<void> }> {
  const postgres = await startEmbeddedPostgres({ fsync: true });
  const keystone = await startRealKeystone({ postgresUrl: postgres.url });
  const agent = new Agent({ connections: LANES });
  const children = new Set<ChildProcess>();
  const keystoneToken = await keystone.token();

  const call: Stage["call"] = async (url, { expect, ...options }) => {
    const answer = await request(url, { ...options, dispatcher: agent });
    const text = await answer.body.text();
    if (answer.statusCode !== expect)
      throw new Error(`${options.method} ${new URL(url).pathname}: ${answer.statusCode}`);
    return text;
  };

  return {
    postgres,
    keystone,
    keystoneToken,
    call,
    say: (line = "") => process.stdout.write(`${line}\n`),
    put: (base, userId, body) =>
      call(`${base}/token/${userId}`, {
        method: "PUT",
        headers: { ...json, "X-Auth-Token": keystoneToken },
        body: JSON.stringify(body),
        expect: 200,
      }),
    async startSetpass(databaseUrl, { env, node = process.execPath } = {}) {
      const url = `http://127.0.0.1:${await getFreePort()}`;
      const child = spawn(node, [...startArguments(), "build/process/server.js"], {
        env: {
          PATH: process.env.PATH,
          NODE_ENV: "production",
          HOST: "127.0.0.1",
          METRICS_LISTEN: "none",
          PORT: new URL(url).port,
          PUBLIC_URL: url,
          DATABASE_URL: databaseUrl,
          OS_AUTH_URL: keystone.url,
          SECRET_KEYS: randomBytes(32).toString("base64"),
          SMTP_URL: `smtp://127.0.0.1:${await getFreePort()}`,
          MAIL_FROM: "cloud@example.org",
          MIGRATE_ON_START: "1",
          RATE_LIMIT_PER_MINUTE: "1000000",
          ...env,
        },
        stdio: ["ignore", "ignore", "inherit"],
      });
      children.add(child);
      await isReady(url);
      const stop = async () => {
        children.delete(child);
        if (child.exitCode !== null) return;
        const ended = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        await ended;
      };
      return { url, pid: child.pid as number, stop };
    },
    async stop() {
      for (const child of children) child.kill("SIGTERM");
      await agent.close();
      await keystone.stop();
      await postgres.stop();
    },
  };
}

async function isReady(url: string): Promise<void> {
  for (let tries = 0; tries < 150; tries++) {
    const ready = await request(`${url}/readyz`)
      .then(async (answer) => {
        await answer.body.dump();
        return answer.statusCode === 200;
      })
      .catch(() => false);
    if (ready) return;
    await sleep(200);
  }
  throw new Error("setpass did not start");
}
