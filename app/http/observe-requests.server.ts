import { randomBytes, randomUUID } from "node:crypto";
import type { RequestHandler } from "express";
import type { Services } from "../services.server";
import { routeLabelOf } from "./canonical-path.server";
import { clientAddressOf } from "./client-address.server";

const REQUEST_ID = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Gives each request its id, its nonce and its client's address, logs it once answered, and counts it. */
export function observeRequests({
  log,
  metrics,
}: Pick<Services, "log" | "metrics">): RequestHandler {
  return (request, response, next) => {
    const given = request.get("X-Openstack-Request-Id");
    const requestId = given && REQUEST_ID.test(given) ? given : `req-${randomUUID()}`;
    response.locals.requestId = requestId;
    response.locals.nonce = randomBytes(16).toString("base64");
    response.setHeader("X-Openstack-Request-Id", requestId);
    // A closed connection no longer has its address.
    const clientAddress = clientAddressOf(request);
    response.locals.clientAddress = clientAddress;
    const startedAt = process.hrtime.bigint();
    const route = routeLabelOf(response);
    response.once("close", () => {
      const durationSeconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
      // 499, as nginx has it: the client went away before the answer was whole.
      const status = response.writableFinished ? response.statusCode : 499;
      const { method } = request;
      metrics.observeRequest({ route, method, status, durationSeconds });
      const isQuiet = status < 400 && (route === "/assets/*" || route === "/healthz");
      log[isQuiet ? "debug" : "info"]("request.answered", {
        requestId,
        method,
        path: route,
        status,
        durationMs: Math.round(durationSeconds * 1000),
        clientAddress,
      });
    });
    next();
  };
}
