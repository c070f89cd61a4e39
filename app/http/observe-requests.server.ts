import { randomBytes, randomUUID } from "node:crypto";
import type { RequestHandler } from "express";
import type { Services } from "../services.server";
import { clientAddressOf } from "./client-address.server";

const REQUEST_ID = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * A request's pattern, from a fixed list. Logs and metrics get this and never the address itself: that
 * can hold a link token, and anybody could fill a metric with names of their own.
 */
export function routeOf(path: string): string {
  if (path === "/" || path === "/_root.data") return "/";
  if (path.startsWith("/token/")) return "/token/:userId";
  if (path.startsWith("/assets/")) return "/assets/*";
  const admin = /^\/admin(\/(?:sign-in|sign-out|users|links|requests))?(?:[/.]|$)/.exec(path);
  if (admin) return `/admin${admin[1] ?? ""}`;
  const plain = /^\/(reset|reset\/confirm|healthz|readyz|metrics)$/.exec(path);
  return plain ? `/${plain[1]}` : "other";
}

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
    // Once the connection is gone, its address is as well.
    const clientAddress = clientAddressOf(request);
    response.locals.clientAddress = clientAddress;
    const startedAt = process.hrtime.bigint();
    const route = routeOf(request.path);
    response.once("close", () => {
      const durationSeconds = Number(process.hrtime.bigint() - startedAt) / 1e9;
      // 499, as nginx has it: the client went away before the answer was whole.
      const status = response.writableFinished ? response.statusCode : 499;
      const { method } = request;
      metrics.observeRequest({ route, method, status, durationSeconds });
      const quiet = route === "/assets/*" || route === "/healthz" || route === "/metrics";
      log[quiet ? "debug" : "info"]("request.answered", {
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
