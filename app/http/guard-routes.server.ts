import type { ServerBuild } from "@remix-run/node";
import { isDatabaseOutage } from "../../db/outage";
import { describeError } from "../telemetry/log.server";
import { guardConsole, type Handler, isOfConsole } from "./guard-console.server";
import { keystoneError, wordsOfFailure } from "./respond.server";

const RETRY_AFTER_SECONDS = 5;
/** Where a COMMIT got no answer nobody knows whether it was carried out: promise nothing. */
const WORDS =
  "The database does not answer just now. Try again in a moment; doing the same twice does no harm.";

/**
 * Wraps every loader and action of the build, so that none can forget it: only an administrator reaches
 * those of the console; a database that is down, restarting or overloaded is a 503 with Retry-After, not
 * an error of ours; and no request waits longer than `deadlineSeconds`, whatever it waits for. An API's
 * failure that nobody foresaw is a 500 in its own shape. Paths are matched in their own case alone.
 *
 * @param options.apiRoutes ids of the routes whose errors are Keystone-shaped JSON
 */
export function guardRoutes(
  build: ServerBuild,
  options: { deadlineSeconds: number; apiRoutes: readonly string[] },
): ServerBuild {
  const guard = (id: string, given: Handler): Handler => {
    const handler = isOfConsole(pathOf(build.routes, id)) ? guardConsole(given) : given;
    return async (args) => {
      try {
        return await withinDeadline(handler, args, options.deadlineSeconds);
      } catch (error) {
        const { services, requestId } = args.context;
        const isApi = options.apiRoutes.includes(id);
        if (!isDatabaseOutage(error) && !(error instanceof DeadlineError)) {
          // Of a page, Remix makes its error page, and logs it; of these it would make plain text.
          if (!isApi || error instanceof Response) throw error;
          services.log.error("request.failed", { requestId, error: describeError(error) });
          return keystoneError(500, wordsOfFailure(requestId));
        }
        services.log.error("request.failed", {
          reason: error instanceof DeadlineError ? "deadline" : "database",
          requestId,
          error: describeError(error),
        });
        const headers = { "Retry-After": String(RETRY_AFTER_SECONDS) };
        if (isApi) return keystoneError(503, WORDS, headers);
        throw new Response(WORDS, { status: 503, statusText: "Service Unavailable", headers });
      }
    };
  };

  const routes = Object.fromEntries(
    Object.entries(build.routes).flatMap(([id, route]) => {
      if (!route) return [];
      const { loader, action } = route.module;
      const module = {
        ...route.module,
        ...(loader && { loader: guard(id, loader as Handler) }),
        ...(action && { action: guard(id, action as Handler) }),
      };
      return [[id, { ...route, caseSensitive: true, module }]];
    }),
  );
  return { ...build, routes } as ServerBuild;
}

/** @returns a route's whole path: `admin/links/:id` */
function pathOf(routes: ServerBuild["routes"], id: string): string {
  const route = routes[id];
  const above = route?.parentId === undefined ? "" : pathOf(routes, route.parentId);
  return [above, route?.path].filter(Boolean).join("/");
}

/** @returns a build with these routes alone, and the root they hang from */
export function onlyRoutes(build: ServerBuild, ids: readonly string[]): ServerBuild {
  const kept = Object.entries(build.routes).filter(([id]) => id === "root" || ids.includes(id));
  return { ...build, routes: Object.fromEntries(kept) };
}

class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

async function withinDeadline(
  handler: Handler,
  args: Parameters<Handler>[0],
  seconds: number,
): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DeadlineError(`no answer within ${seconds} s`)),
      seconds * 1000,
    );
  });
  try {
    return await Promise.race([handler(args), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
