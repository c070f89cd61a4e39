import type { IncomingMessage } from "node:http";
import type { ActionFunctionArgs, AppLoadContext, ServerBuild } from "@remix-run/node";
import { type Response as Outgoing, Router } from "express";
import { answerInTime, UnavailableError } from "../http/answer-in-time.server";
import type { IncomingRequest } from "../http/read-body.server";
import { keystoneError, wordsOfFailure } from "../http/respond.server";
import { describeError } from "../telemetry/log.server";

/** Those of the build's resource routes that machines ask. */
export const MACHINE_ROUTES = ["routes/token.$userId"];

/** Answers every method: one it does not take with a 405. */
export type MachineAction = (
  args: Omit<ActionFunctionArgs, "request"> & { request: IncomingRequest },
) => Promise<Response>;

/**
 * Answers machines by the actions of the build's resource routes, without Remix's handler: that one ranks
 * all routes for every request, and makes web streams of it. What is below their first segment is theirs,
 * and every answer has Keystone's shape.
 *
 * @param options.ids the routes' own; see `MACHINE_ROUTES`
 * @param options.contextOf what an action gets besides the request that `outgoing` answers
 */
export function resourceRoutes(
  build: Pick<ServerBuild, "routes">,
  options: {
    deadlineSeconds: number;
    contextOf: (outgoing: Outgoing) => AppLoadContext;
    ids: readonly string[];
  },
): Router {
  const router = Router({ caseSensitive: true, strict: true });
  const firstSegments = new Set<string>();
  for (const id of options.ids) {
    const { path, module } = build.routes[id] ?? {};
    if (!path || !module?.action) throw new TypeError(`The build has no action ${id}`);
    const action = module.action as unknown as MachineAction;
    router.all(`/${path}`, (incoming, outgoing, next) => {
      const args = {
        request: asRequest(incoming),
        params: incoming.params,
        context: options.contextOf(outgoing),
      };
      answer(action, args, options)
        .then((response) => send(response, outgoing))
        .catch(next);
    });
    firstSegments.add(path.split("/", 1)[0] ?? "");
  }
  // Behind them all: another route may begin with the same.
  for (const segment of firstSegments)
    router.use(`/${segment}`, (_incoming, outgoing, next) => {
      send(keystoneError(404, "There is nothing at this address."), outgoing).catch(next);
    });
  return router;
}

async function answer(
  action: MachineAction,
  args: Parameters<MachineAction>[0],
  { deadlineSeconds }: { deadlineSeconds: number },
): Promise<Response> {
  const { log } = args.context.services;
  const { requestId } = args.context;
  try {
    return await answerInTime(() => action(args), { deadlineSeconds, log, requestId });
  } catch (error) {
    if (error instanceof Response) return error;
    if (error instanceof UnavailableError) return keystoneError(503, error.message, error.headers);
    log.error("request.failed", { requestId, error: describeError(error) });
    return keystoneError(500, wordsOfFailure(requestId));
  }
}

const asRequest = (incoming: IncomingMessage): IncomingRequest => ({
  method: incoming.method ?? "",
  headers: { get: (name) => incoming.headers[name.toLowerCase()]?.toString() ?? null },
  body: { [Symbol.asyncIterator]: () => incoming.iterator({ destroyOnReturn: false }) },
});

async function send(response: Response, outgoing: Outgoing): Promise<void> {
  outgoing.statusCode = response.status;
  outgoing.setHeader("Cache-Control", "no-store");
  for (const [name, value] of response.headers) outgoing.setHeader(name, value);
  outgoing.end(await response.text());
}
