import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { Services } from "../services.server";

/**
 * `/metrics`, in Prometheus's text format, on a listener of its own: counts and times are not for
 * everybody, and a rule of the proxy's is forgotten too easily.
 *
 * @param where METRICS_LISTEN; port 0 takes a free one
 * @throws Error with Node's code (`EADDRINUSE`, `EADDRNOTAVAIL`, …) where it cannot listen
 */
export async function startMetricsServer(
  { metrics, log }: Pick<Services, "metrics" | "log">,
  where: { host: string; port: number },
): Promise<{ server: Server; port: number }> {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.enable("case sensitive routing");
  app.enable("strict routing");
  app.get("/metrics", async (_request, response, next) => {
    try {
      const text = await metrics.registry.metrics();
      response.setHeader("Cache-Control", "no-store");
      response.setHeader("X-Content-Type-Options", "nosniff");
      response.type(metrics.registry.contentType).send(text);
    } catch (error) {
      next(error);
    }
  });
  app.use((_request, response) => {
    response.status(404).type("text/plain").send("Here is /metrics and nothing else.\n");
  });
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 30_000 }, app);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(where.port, where.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  log.info("metrics.started", { host: where.host, port });
  return { server, port };
}
