import type { AppLoadContext } from "./load-context.server";
import { readSessionId } from "./session-cookie.server";

/**
 * Refuses a state-changing request that another site made a browser send. Remix's own check trusts
 * X-Forwarded-Host, skips resource routes and answers 500, so this one compares with PUBLIC_URL and runs
 * for every form. A client that sends no Origin is no browser; it is let in only without a session.
 *
 * @throws {Response} 403
 */
export async function requireSameOrigin(request: Request, context: AppLoadContext): Promise<void> {
  const { origin } = context;
  const expected = context.services.config.publicUrl.origin;
  if (origin === expected) return;
  if (origin === null && (await readSessionId(request, context)) === undefined) return;
  context.services.log.warn("request.cross-origin", {
    requestId: context.requestId,
    clientAddress: context.clientAddress,
  });
  throw new Response(null, { status: 403, statusText: "Forbidden" });
}
