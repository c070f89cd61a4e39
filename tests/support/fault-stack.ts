/**
 * The real server with a proxy before everything it talks to: PostgreSQL, Keystone and the mail server
 * can each be stopped, cut off or watched at any moment, and the server killed there.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { getFreePort } from "../../demo/free-port";
import { type SandboxKeystone, startSandboxKeystone } from "../../demo/keystone/sandbox-keystone";
import { createTestDatabase, type TestDatabase } from "./database";
import { type FaultProxy, startFaultProxy } from "./fault-proxy";
import { type KeystoneAccess, type KeystoneAdmin, keystoneAdmin } from "./keystone-admin";
import { type People, peopleAt } from "./people";
import { type PostgresProxy, startPostgresProxy } from "./postgres-proxy";
import { type ServerProcess, startServerProcess } from "./server-process";
import { startSmtpServer, type TestSmtpServer } from "./smtp";
import { type SmtpProxy, startSmtpProxy } from "./smtp-proxy";
import { serverEnvironment } from "./stack";

export interface FaultStack {
  readonly server: ServerProcess;
  readonly people: People;
  /** Where the server's database really is, past the proxy. */
  readonly database: Pick<TestDatabase, "url" | "sql">;
  readonly postgres: PostgresProxy;
  readonly keystone: FaultProxy;
  readonly keystoneAdmin: KeystoneAccess & KeystoneAdmin;
  readonly smtp: SmtpProxy;
  readonly mailbox: TestSmtpServer;
  /** What the server was started with. */
  readonly env: Readonly<Record<string, string>>;
  /** The administrator's, scoped to the admin project. */
  readonly authToken: string;
  /** A new user with a password of Keystone's making and an address of their own. */
  newUser(): Promise<FaultUser>;
  /** Whether Keystone takes it. Asked past the proxy. */
  isPassword(userId: string, password: string): Promise<boolean>;
  stop(): Promise<void>;
}

export interface FaultUser {
  readonly id: string;
  readonly email: string;
  readonly initialPassword: string;
}

/**
 * @param options.keystone one that runs already; a sandbox of its own when left out
 * @param options.database a migrated one that runs elsewhere; one on the run's PostgreSQL when left out
 */
export async function startFaultStack(
  options: {
    keystone?: KeystoneAccess;
    database?: Pick<TestDatabase, "url" | "sql">;
    env?: Record<string, string>;
  } = {},
): Promise<FaultStack> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  const started = <Part>(part: Part, end: (part: Part) => Promise<unknown>): Part => {
    undo.push(() => end(part));
    return part;
  };
  try {
    const database =
      options.database ?? started(await createTestDatabase(), (made) => made.close());
    const postgres = started(await startPostgresProxy({ target: database.url }), (proxy) =>
      proxy.stop(),
    );
    const access: KeystoneAccess =
      options.keystone ??
      started<SandboxKeystone>(await startSandboxKeystone(), (sandbox) => sandbox.stop());
    const keystone = started(await startFaultProxy({ target: access.url }), (proxy) =>
      proxy.stop(),
    );
    const mailbox = started(await startSmtpServer({ starttls: false }), (server) => server.stop());
    const smtp = started(await startSmtpProxy({ target: mailbox.url }), (proxy) => proxy.stop());
    const port = await getFreePort();
    const env = {
      ...serverEnvironment({
        publicUrl: `http://127.0.0.1:${port}`,
        databaseUrl: postgres.through(database.url),
        keystone: { ...access, url: keystone.url },
        smtpUrl: smtp.through(mailbox.url),
      }),
      ...options.env,
    };
    const server = started(await startServerProcess({ env, port, fixedPort: true }), (process_) =>
      process_.stop(),
    );
    const admin = keystoneAdmin(access);
    const authToken = await admin.token();
    let users = 0;
    return {
      server,
      people: peopleAt({ url: server.url }),
      database,
      postgres,
      keystone,
      keystoneAdmin: { ...access, ...admin },
      smtp,
      mailbox,
      env,
      authToken,
      async newUser() {
        users += 1;
        const name = `user-${port}-${users}`;
        const initialPassword = `Initial-${port}-${users}`;
        const email = `${name}@example.org`;
        const { id } = await admin.createUser({ name, password: initialPassword, email });
        return { id, email, initialPassword };
      },
      async isPassword(userId, password) {
        const identity = { methods: ["password"], password: { user: { id: userId, password } } };
        const response = await fetch(`${access.url}/v3/auth/tokens`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ auth: { identity } }),
        });
        await response.arrayBuffer();
        if (response.status !== 201 && response.status !== 401)
          throw new Error(`Keystone answered ${response.status}`);
        return response.status === 201;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits for something that comes by itself, looking again and again. @throws Error where it does not */
export async function eventually<Found>(
  what: string,
  look: () => Promise<Found | undefined | null | false> | Found | undefined | null | false,
  timeoutMs = 15_000,
): Promise<Found> {
  const giveUpAt = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (Date.now() > giveUpAt) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(20);
  }
}
