/**
 * Starts, once for a whole run of the integration tests, one PostgreSQL and one real Keystone, and
 * tells the tests where they are: `inject("postgresUrl")`, `inject("keystone")`.
 */
import process from "node:process";
import type {} from "vitest"; // names the module that is added to below
import type { TestProject } from "vitest/node";
import { canRunRealKeystone } from "./real-keystone";
import { type ProvidedKeystone, sharedTestServers, startTestServers } from "./test-servers";

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
  const shared = sharedTestServers();
  const started = shared ? undefined : await startTestServers();
  const servers = shared ?? started;
  if (servers === undefined) throw new Error("no servers to test against");
  project.provide("postgresUrl", servers.postgresUrl);
  project.provide("keystone", servers.keystone);
  if (servers.keystone === undefined) {
    process.stdout.write(
      "\nNo Keystone is installed: the tests against a real one are LEFT OUT.\n",
    );
  }
  return async () => started?.stop();
}

function isCi(): boolean {
  return process.env.CI === "true" || process.env.CI === "1";
}
