import type { LRUCache } from "lru-cache";
import type { AnonymousEvents } from "../../db/anonymous-events.store";
import type { Database } from "../../db/client";
import type { KeptSecrets } from "../../db/issue-link.store";
import type { Config } from "../config/config.server";
import type { SharedKeystone } from "../keystone/shared-session.server";
import type { Log } from "../telemetry/log.server";
import type { Vault } from "../vault/vault.server";
import type { PolicyCheck } from "./redeem/check-policy.server";

/** What the use cases of links work with; `services.server.ts` wires it. */
export interface LinkContext {
  readonly config: Pick<Config, "links" | "publicUrl" | "keystone" | "mail">;
  readonly db: Database;
  readonly anonymousEvents: AnonymousEvents;
  readonly vault: Vault;
  readonly keystone: SharedKeystone;
  readonly policyCheck: PolicyCheck;
  readonly log: Log;
  /** What this process wrote last of users' rows: as the database has it, sealed, and by user id. */
  readonly keptSecrets: LRUCache<string, KeptSecrets>;
  /** Tells the mail worker that the outbox has something new, once the transaction is committed. */
  readonly outbox: { wake(): void };
}
