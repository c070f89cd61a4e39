import path from "node:path";
import { createRequestHandler } from "@remix-run/express";
import type { AppLoadContext, ServerBuild } from "@remix-run/node";
import compression from "compression";
import express, {
  type ErrorRequestHandler,
  type Express,
  type RequestHandler,
  type Response,
} from "express";
import { MACHINE_ROUTES, resourceRoutes } from "./api/resource-routes.server";
import { refuseOtherMethods } from "./http/allowed-methods.server";
import { refuseOtherPaths, routeLabelOf, takeCanonicalPath } from "./http/canonical-path.server";
import { guardRoutes } from "./http/guard-routes.server";
import { nonceOf, pageHeaders, securityHeaders } from "./http/headers.server";
import { healthz, readyz } from "./http/health.server";
import { readAskedLanguage } from "./http/language.server";
import { lingeringClose } from "./http/lingering-close.server";
import { observeRequests } from "./http/observe-requests.server";
import { ownAddress } from "./http/own-address.server";
import { errorBody, wordsOfFailure } from "./http/respond.server";
import { readRouteNames } from "./http/route-names.server";
import { leaseSecondsFor } from "./links/redeem/lease.server";
import type { Services } from "./services.server";
import { describeError } from "./telemetry/log.server";

const RETRY_AFTER_SECONDS = "10";

/** The HTTP side of the process: what every request passes through on its way to Remix. */
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
  const deadlineSeconds = leaseSecondsFor(config.keystone.timeoutSeconds);
  const contextOf = (response: Response): AppLoadContext => ({
    services,
    requestId: response.locals.requestId,
    clientAddress: response.locals.clientAddress,
    route: routeLabelOf(response),
    origin: response.locals.origin ?? null,
    nonce: nonceOf(response),
    language: config.defaultLanguage,
    askedLanguage: undefined,
    assets: { portalScript: options.portalScript },
  });
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("trust proxy", config.trustProxy);
  app.set("query parser", "simple");
  // The router's idea of a path is that of `takeCanonicalPath`, and no other's.
  app.enable("case sensitive routing");
  app.enable("strict routing");

  app.use(takeCanonicalPath(readRouteNames(options.build)));
  app.use(observeRequests(services));
  app.use(lingeringClose);
  app.use(securityHeaders({ https: config.publicUrl.protocol === "https:" }));
  app.use(refuseOtherPaths);
  app.use(resourceRoutes(options.build, { ids: MACHINE_ROUTES, deadlineSeconds, contextOf }));
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
  app.use(
    createRequestHandler({
      build: guardRoutes(options.build, { deadlineSeconds }),
      mode: "production",
      getLoadContext: async (request, response) => {
        const askedLanguage = await readAskedLanguage(request, response, config);
        const language = askedLanguage ?? config.defaultLanguage;
        return { ...contextOf(response), language, askedLanguage };
      },
    }),
  );
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
    response.status(status).json(errorBody(status, message));
  };
}
