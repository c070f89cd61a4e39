import { randomBytes, randomUUID } from "node:crypto";
import { inject } from "vitest";
import type {
  Admin,
  Initiator,
  PermittedInitiator,
  Visitor,
} from "../../app/audit/initiator.server";
import { type Config, loadConfig } from "../../app/config/config.server";
import { type Services, startServices } from "../../app/services.server";
import { createLog } from "../../app/telemetry/log.server";
import type { ClaimedMail } from "../../db/mails.store";
import { mails } from "../../db/schema";
import { openMail } from "../../emails/outbox";
import { createTestDatabase, type TestDatabase } from "./database";
import { getFreePort } from "./free-port";

/** The real services of one process, over real parts, with the log kept in memory. */
export interface TestServices {
  readonly services: Services;
  readonly config: Config;
  readonly database: TestDatabase;
  /** Every line logged so far, as JSON lines. */
  logText(): string;
  /** The lines of one event, parsed. */
  logged(event: string): Record<string, unknown>[];
  /** The outbox, oldest first, with what is still sealed opened. */
  mails(): Promise<OutboxMail[]>;
  stop(): Promise<void>;
}

export interface OutboxMail {
  readonly linkId: string | null;
  readonly template: string;
  readonly recipient: string;
  readonly state: string;
  /** Undefined where none was chosen, and once it is erased. */
  readonly language: string | null | undefined;
  /** Undefined once it is erased. */
  readonly props: Record<string, unknown> | undefined;
}

/**
 * Everything the configuration asks for. Mail goes to a port where nobody listens, so that it stays
 * in the outbox, unless SMTP_URL is given.
 */
export async function completeEnvironment(given: {
  databaseUrl: string;
  keystoneUrl: string;
  env?: Record<string, string>;
}): Promise<NodeJS.ProcessEnv> {
  return {
    NODE_ENV: "test",
    HOST: "127.0.0.1",
    PORT: "0",
    PUBLIC_URL: "https://setpass.example.org",
    DATABASE_URL: given.databaseUrl,
    OS_AUTH_URL: given.keystoneUrl,
    SECRET_KEYS: randomBytes(32).toString("base64"),
    SMTP_URL: `smtp://127.0.0.1:${await getFreePort()}`,
    MAIL_FROM: "Example Cloud <cloud@example.org>",
    HELPDESK_EMAIL: "helpdesk@example.org",
    LOG_LEVEL: "debug",
    ...given.env,
  };
}

/**
 * @param options.keystoneUrl the run's real Keystone when left out
 * @param options.env replaces or adds to what `completeEnvironment` has
 * @param options.database one that others use too; when left out one is made, and dropped by `stop`
 */
export async function startTestServices(
  options: { keystoneUrl?: string; env?: Record<string, string>; database?: TestDatabase } = {},
): Promise<TestServices> {
  const keystoneUrl = options.keystoneUrl ?? inject("keystone")?.url;
  if (keystoneUrl === undefined) throw new Error("no Keystone is running here: pass keystoneUrl");
  const database = options.database ?? (await createTestDatabase());
  const { env } = options;
  const result = loadConfig(
    await completeEnvironment({ databaseUrl: database.url, keystoneUrl, env }),
  );
  if (!result.ok) throw new Error(result.problems.join("\n"));
  let text = "";
  const log = createLog(
    { level: "debug" },
    {
      write: (line) => {
        text += line;
      },
    },
  );
  const services = startServices(result.config, log);
  return {
    services,
    config: result.config,
    database,
    logText: () => text,
    logged: (event) =>
      text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => line.event === event),
    async mails() {
      const rows = await database.db.select().from(mails).orderBy(mails.createdAt);
      return rows.map((row) => {
        const opened = row.sealedProps
          ? openMail(services.vault, { ...row, attempt: row.attempts } as ClaimedMail)
          : undefined;
        return {
          linkId: row.linkId,
          template: row.template,
          recipient: row.recipient,
          state: row.state,
          language: opened?.language,
          props: opened && { ...opened.props },
        };
      });
    },
    async stop() {
      await services.stop();
      if (!options.database) await database.close();
    },
  };
}

/** An administrator for use cases that only write down who acted. */
export const testAdmin: Admin & { readonly holdsAdminRole: boolean } = {
  kind: "admin",
  userId: "administrator",
  userName: "admin",
  userEmail: "admin@example.org",
  holdsAdminRole: true,
};

/** A visitor unlike any other, to find what it led to. */
export function newOrigin(clientAddress = "192.0.2.7"): Visitor {
  return { actor: { kind: "user" }, clientAddress, requestId: `req-${randomUUID()}` };
}

/** An administrator who may change every user, with a request unlike any other. */
export const newAdmin = <Who extends Admin = typeof testAdmin>(
  { clientAddress, requestId }: Pick<Visitor, "clientAddress" | "requestId"> = newOrigin(),
  actor: Who = testAdmin as unknown as Who,
): PermittedInitiator & Initiator<Who> =>
  ({ actor, clientAddress, requestId, permits: "any-user" }) as PermittedInitiator & Initiator<Who>;
