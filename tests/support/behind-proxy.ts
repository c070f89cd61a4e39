import { afterAll, afterEach, beforeAll } from "vitest";
import { type FaultProxy, startFaultProxy } from "./fault-proxy";
import { type LinkStage, linkStage } from "./issued-links";
import { type KeystoneAccess, keystoneAdmin } from "./keystone-admin";
import { startTestServices, type TestServices } from "./services";

/**
 * What most tests of links begin with: services over a Keystone, with a proxy in between that fails when told,
 * and is well again after each test.
 *
 * @param take gets them before the first test
 */
export function startBehindProxy(
  given: { keystone: KeystoneAccess; env?: Record<string, string> },
  take: (parts: { proxy: FaultProxy; started: TestServices; stage: LinkStage }) => unknown,
): void {
  let proxy: FaultProxy | undefined;
  let started: TestServices | undefined;
  beforeAll(async () => {
    proxy = await startFaultProxy({ target: given.keystone.url });
    started = await startTestServices({ keystoneUrl: proxy.url, env: given.env });
    await take({ proxy, started, stage: linkStage(started, keystoneAdmin(given.keystone)) });
  });
  afterAll(async () => {
    await started?.stop();
    await proxy?.stop();
  });
  afterEach(() => proxy?.heal());
}
