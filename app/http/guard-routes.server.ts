import type { ServerBuild } from "@remix-run/node";
import { answerInTime, UnavailableError } from "./answer-in-time.server";
import { guardConsole, type Handler, isOfConsole } from "./guard-console.server";
import { pathOf } from "./route-names.server";

/**
 * Wraps every loader and action of the build, so that none can forget it: only an administrator reaches
 * those of the console; what is not answered in time, and a database that is away, is a 503 with
 * Retry-After. Paths are matched in their own case alone.
 */
export function guardRoutes(build: ServerBuild, options: { deadlineSeconds: number }): ServerBuild {
  const guard = (id: string, given: Handler): Handler => {
    const handler = isOfConsole(pathOf(build.routes, id)) ? guardConsole(given) : given;
    return async (args) => {
      const { services, requestId } = args.context;
      const { log } = services;
      try {
        return await answerInTime(() => handler(args), { ...options, log, requestId });
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        const { headers } = error;
        throw new Response("database-away", {
          status: 503,
          statusText: "Service Unavailable",
          headers,
        });
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
