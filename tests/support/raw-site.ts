/**
 * The real server over a sandbox Keystone, asked by hand: for tests that send what no browser sends, from
 * addresses of their own, and look into the database afterwards.
 */
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { expect, inject } from "vitest";
import { createVault } from "../../app/vault/vault.server";
import { ask, type RawAnswer, type RawRequest } from "./raw-http";
import { type Stack, type StackOptions, startStack } from "./stack";

const FORM: [string, string] = ["Content-Type", "application/x-www-form-urlencoded"];

/** Somebody at an address of 127.0.0.0/8, or at whichever the system picks. */
export interface Sender {
  from?: string;
  headers?: [string, string][];
}

/** A stack with what these tests ask of it. */
export class Site {
  readonly sql: postgres.Sql;
  #adminToken: Promise<string> | undefined;

  constructor(readonly stack: Stack) {
    this.sql = postgres(stack.databaseUrl, { max: 2, onnotice: () => {} });
  }

  send(request: RawRequest, { from, headers = [] }: Sender = {}): Promise<RawAnswer> {
    const { port } = this.stack.server;
    const all = [...(request.headers ?? []), ...headers];
    return ask({ ...request, headers: all }, { port, from, timeoutMs: 30_000 });
  }

  get = (target: string, sender?: Sender) => this.send({ target }, sender);

  post(target: string, fields: Record<string, string>, sender?: Sender): Promise<RawAnswer> {
    const body = new URLSearchParams(fields).toString();
    return this.send({ method: "POST", target, headers: [FORM], body }, sender);
  }

  signIn(userName: string, password: string, sender?: Sender, domain = "Default") {
    const fields = { user_name: userName, password, domain };
    return this.post("/admin/sign-in", fields, sender);
  }

  signInAsAdmin(sender?: Sender): Promise<RawAnswer> {
    const { adminUserName, adminPassword } = this.stack.keystone;
    return this.signIn(adminUserName, adminPassword, sender);
  }

  /** @param json what PUT gets; the answer is asked for as JSON where `sender` says so */
  async put(userId: string, json: unknown, { from, headers = [] }: Sender = {}) {
    this.#adminToken ??= this.stack.keystone.token();
    const token: [string, string] = ["X-Auth-Token", await this.#adminToken];
    const body = JSON.stringify(json);
    const target = `/token/${userId}`;
    return this.send({ method: "PUT", target, body, headers: [token] }, { from, headers });
  }

  /** A user of Keystone's with a link. */
  async issue(pin = "4071"): Promise<{ userId: string; name: string; token: string; pin: string }> {
    const name = `user-${randomUUID()}`;
    const { id } = await this.stack.keystone.createUser({ name, password: "Initial-1" });
    const answer = await this.put(id, { pin, password: "Initial-1" });
    expect(answer.status).toBe(200);
    return { userId: id, name, token: answer.body, pin };
  }

  redeem(token: string, pin: string, password: string, sender?: Sender): Promise<RawAnswer> {
    return this.post(`/?token=${token}`, { pin, password, confirm_password: password }, sender);
  }

  /** Every table's rows, counted. */
  async countRows(): Promise<Record<string, number>> {
    const tables = await this.sql<{ name: string }[]>`
      select tablename as name from pg_tables where schemaname = 'public' order by 1`;
    const counts: Record<string, number> = {};
    for (const { name } of tables) {
      const [row] = await this.sql<[{ rows: number }]>`
        select count(*)::int as rows from ${this.sql(name)}`;
      counts[name] = row.rows;
    }
    return counts;
  }

  /** Time goes by for the limits. */
  async endWindows(): Promise<void> {
    await this.sql`update rate_limits set expire = now() - interval '1 second'`;
  }

  /** @returns the key of a counter, as the table has it: keyed, so that nobody can try what it is of */
  limitKey(limit: string, counted: string): string {
    const keys = (this.stack.env.SECRET_KEYS ?? "").split(",");
    const vault = createVault(keys.map((key) => Buffer.from(key, "base64")));
    return `${limit}:${vault.fingerprint("limit", counted)}`;
  }

  async stop(): Promise<void> {
    await this.sql.end({ timeout: 5 });
    await this.stack.stop();
  }
}

/** @param options beside the sandbox Keystone and the run's PostgreSQL */
export async function startSite(options: StackOptions = {}): Promise<Site> {
  const postgresUrl = inject("postgresUrl");
  return new Site(await startStack({ keystone: "sandbox", postgresUrl, ...options }));
}

export const setsCookie = ({ headers }: RawAnswer) => headers["set-cookie"] !== undefined;

/** `name=value`, as the next request sends it. */
export const cookieOf = ({ headers }: RawAnswer) => headers["set-cookie"]?.[0]?.split(";")[0] ?? "";

/** In seconds; NaN where there is none. */
export const retryAfterOf = ({ headers }: RawAnswer) => Number(headers["retry-after"]?.[0]);

/** A request for a new link, all of it in order. */
export const resetFields = (email: string) => ({
  name: "Jane",
  email,
  confirm_email: email,
  pin: "4071",
});
