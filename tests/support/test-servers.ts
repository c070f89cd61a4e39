import process from "node:process";
import type { KeystoneAccess } from "./keystone-admin";
import { startTestPostgres } from "./postgres";
import { canRunRealKeystone, startRealKeystone } from "./real-keystone";

/** Where the run's real Keystone is; `keystoneAdmin(…)` prepares users in it. */
export interface ProvidedKeystone extends KeystoneAccess {
  /** For `startRealKeystone({ besides: folder })`: the same users under other settings. */
  folder: string;
}

/** What the tests of one run share. */
export interface TestServers {
  /** Superuser URL; make a database of your own in it. */
  readonly postgresUrl: string;
  /** Undefined where none can be had (off Debian, or its packages are not installed). */
  readonly keystone: ProvidedKeystone | undefined;
}

/** Holds `TestServers` as JSON where somebody runs vitest several times over the same servers. */
export const SHARED_SERVERS = "SETPASS_TEST_SERVERS";

/** Starts one PostgreSQL and one real Keystone. Both end with this process at the latest. */
export async function startTestServers(): Promise<TestServers & { stop(): Promise<void> }> {
  const postgres = await startTestPostgres({ maxConnections: 600 });
  const postgresUrl = postgres.url;
  if (!canRunRealKeystone())
    return { postgresUrl, keystone: undefined, stop: () => postgres.stop() };
  try {
    const keystone = await startRealKeystone({
      postgresUrl,
      // The cheapest bcrypt: the tests change hundreds of passwords. The benchmark leaves it alone.
      passwordHashRounds: 4,
      // Several suites ask it at once.
      processes: 3,
    });
    const { url, adminUserName, adminPassword, adminProjectName, adminProjectDomainId } = keystone;
    return {
      postgresUrl,
      keystone: {
        url,
        adminUserName,
        adminPassword,
        adminProjectName,
        adminProjectDomainId,
        folder: keystone.folder,
      },
      async stop() {
        await keystone.stop();
        await postgres.stop();
      },
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

/** Those that somebody has started for several runs; undefined where each run has its own. */
export function sharedTestServers(): TestServers | undefined {
  const given = process.env[SHARED_SERVERS];
  return given === undefined ? undefined : JSON.parse(given);
}
