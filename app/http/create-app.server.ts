import path from "node:path";
import { createRequestHandler } from "@remix-run/express";
import type { ServerBuild } from "@remix-run/node";
import compression from "compression";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { leaseSecondsFor } from "../links/redeem/lease.server";
import type { Services } from "../services.server";
import { describeError } from "../telemetry/log.server";
import { refuseOtherMethods } from "./allowed-methods.server";
import { refuseOtherPaths, takeCanonicalPath } from "./canonical-path.server";
import { guardRoutes, onlyRoutes } from "./guard-routes.server";
import { nonceOf, pageHeaders, securityHeaders } from "./headers.server";
import { healthz, readyz } from "./health.server";
import { lingeringClose } from "./lingering-close.server";
import { observeRequests } from "./observe-requests.server";
import { ownAddress } from "./own-address.server";
import { wordsOfFailure } from "./respond.server";

const API_ROUTES = ["routes/token.$userId"];
const RETRY_AFTER_SECONDS = "10";

/**
 * The HTTP side of the process: what every request passes through on its way to Remix.
 *
 * @param options.build Remix's server build
 * @param options.clientFolder Remix's client build
 * @param options.portalScript address of the portal's script
 * @param options.isDraining whether the process is about to end
 */
export function createApp(
  services: Services,
  options: {
    build: ServerBuild;
    clientFolder: string;
    portalScript: string;
    isDraining?: () => boolean;
  },
): Express {
  const { config } = services;
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("trust proxy", config.trustProxy);
  app.set("query parser", "simple");
  // The router's idea of a path is that of `takeCanonicalPath`, and no other's.
  app.enable("case sensitive routing");
  app.enable("strict routing");

  app.use(takeCanonicalPath);
  app.use(observeRequests(services));
  app.use(lingeringClose);
  app.use(securityHeaders({ https: config.publicUrl.protocol === "https:" }));
  app.use(refuseOtherPaths);
  app.use(compression({ threshold: 1024 }));
  app.use(
    "/assets",
    express.static(path.join(options.clientFolder, "assets"), {
      immutable: true,
      maxAge: "1y",
      index: false,
      redirect: false,
      fallthrough: true,
    }),
  );
  app.use(pageHeaders);
  app.use(refuseOtherMethods);
  app.get("/healthz", healthz);
  app.get("/readyz", readyz(services, { isDraining: options.isDraining ?? (() => false) }));
  app.use(express.static(options.clientFolder, { index: false, redirect: false, maxAge: "1h" }));
  app.use(ownAddress(config.publicUrl));
  app.use(retryAfter);
  const build = guardRoutes(options.build, {
    deadlineSeconds: leaseSecondsFor(config.keystone.timeoutSeconds),
    apiRoutes: API_ROUTES,
  });
  const answerWith = (served: ServerBuild) =>
    createRequestHandler({
      build: served,
      mode: "production",
      getLoadContext: (_request, response) => ({
        services,
        requestId: response.locals.requestId as string,
        clientAddress: response.locals.clientAddress as string,
        origin: response.locals.origin as string | null,
        nonce: nonceOf(response),
        assets: { portalScript: options.portalScript },
      }),
    });
  // Remix ranks all routes it has for every request, twice: of a PUT that would be a fifth of the time.
  app.put("/token/:userId", answerWith(onlyRoutes(build, API_ROUTES)));
  app.use(answerWith(build));
  app.use(lastResort(services));
  return app;
}

/** Every 503 says when to come back, whichever page it comes from. */
const retryAfter: RequestHandler = (_request, response, next) => {
  const { writeHead } = response;
  response.writeHead = ((...head: Parameters<typeof writeHead>) => {
    const status = typeof head[0] === "number" ? head[0] : response.statusCode;
    if (status === 503 && !response.hasHeader("Retry-After"))
      response.setHeader("Retry-After", RETRY_AFTER_SECONDS);
    return writeHead.apply(response, head);
  }) as typeof writeHead;
  next();
};

/** Express takes a function of four arguments for its error handler. */
function lastResort({ log }: Pick<Services, "log">): ErrorRequestHandler {
  return (error: unknown, _request, response, _next) => {
    const requestId = response.locals.requestId as string | undefined;
    // body-parser's and the router's own refusals (a malformed path) carry a 4xx status.
    const given = (error as { status?: unknown }).status;
    const status = typeof given === "number" && given >= 400 && given < 500 ? given : 500;
    if (status === 500) log.error("request.failed", { requestId, error: describeError(error) });
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const message = status === 500 ? wordsOfFailure(requestId ?? "") : "This request is malformed.";
    const title = status === 500 ? "Internal Server Error" : "Bad Request";
    response.status(status).json({ error: { code: status, title, message } });
  };
}
