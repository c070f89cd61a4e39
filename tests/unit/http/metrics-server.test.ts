import { expect, it } from "vitest";
import { startMetricsServer } from "../../../app/http/metrics-server.server";
import { createLog } from "../../../app/telemetry/log.server";
import type { Metrics } from "../../../app/telemetry/metrics.server";

it("lets nobody hold a connection of the metrics' listener with a request that never ends", async () => {
  const log = createLog({ level: "debug" }, { write: () => true });
  const metrics = {} as Metrics;
  const { server } = await startMetricsServer({ metrics, log }, { host: "127.0.0.1", port: 0 });
  expect([server.headersTimeout, server.requestTimeout]).toEqual([10_000, 30_000]);
  await new Promise((closed) => server.close(closed));
});
