/**
 * Starts, once for a whole run of the integration tests, one PostgreSQL and one real Keystone, and
 * tells the tests where they are: `inject("postgresUrl")`, `inject("keystone")`.
 */
import process from "node:process";
import type {} from "vitest"; // names the module that is added to below
import type { TestProject } from "vitest/node";
import type { KeystoneAccess } from "./keystone-admin";
import { startTestPostgres } from "./postgres";
import { canRunRealKeystone, startRealKeystone } from "./real-keystone";

/** Where the run's real Keystone is; `keystoneAdmin(…)` prepares users in it. */
export interface ProvidedKeystone extends KeystoneAccess {
  /** For `startRealKeystone({ besides: folder })`: the same users under other settings. */
  folder: string;
}

declare module "vitest" {
  export interface ProvidedContext {
    /** Superuser URL; make a database of your own in it. */
    postgresUrl: string;
    /** Undefined where none can be had (off Debian, or its packages are not installed). */
    keystone: ProvidedKeystone | undefined;
  }
}

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!canRunRealKeystone() && isCi()) {
    throw new Error("CI must run the tests against a real Keystone, and none is installed");
  }
  const postgres = await startTestPostgres({ maxConnections: 300 });
  project.provide("postgresUrl", postgres.url);
  if (!canRunRealKeystone()) {
    process.stdout.write(
      "\nNo Keystone is installed: the tests against a real one are LEFT OUT.\n",
    );
    project.provide("keystone", undefined);
    return () => postgres.stop();
  }
  try {
    const keystone = await startRealKeystone({
      postgresUrl: postgres.url,
      // The cheapest bcrypt: the tests change hundreds of passwords. The benchmark leaves it alone.
      passwordHashRounds: 4,
    });
    const { url, adminUserName, adminPassword, adminProjectName, adminProjectDomainId } = keystone;
    project.provide("keystone", {
      url,
      adminUserName,
      adminPassword,
      adminProjectName,
      adminProjectDomainId,
      folder: keystone.folder,
    });
    return async () => {
      await keystone.stop();
      await postgres.stop();
    };
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

function isCi(): boolean {
  return process.env.CI === "true" || process.env.CI === "1";
}
