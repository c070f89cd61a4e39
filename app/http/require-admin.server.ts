import { type ActionFunctionArgs, type LoaderFunctionArgs, redirect } from "@remix-run/node";
import { type AdminSession, findSession, keepAdminRole, signOut } from "../admins/session.server";
import { originOf } from "./origin.server";
import { requireSameOrigin } from "./same-origin.server";
import { clearedSessionCookieHeader, readSessionId } from "./session-cookie.server";

/**
 * The guard of every loader and action below /admin: loaders run in parallel, so a guard in a layout
 * route protects nothing but itself. A session ends with its Keystone token, so Keystone is asked where
 * its last answer is too old; where it gives none, the session goes on.
 *
 * @throws {Response} a redirect to the sign-in page, or 403 for a form from another site
 */
export async function requireAdmin(
  args: LoaderFunctionArgs | ActionFunctionArgs,
): Promise<AdminSession> {
  const { request, context } = args;
  const changes = request.method !== "GET" && request.method !== "HEAD";
  if (changes) await requireSameOrigin(request, context);
  const sessionId = await readSessionId(request, context);
  const session = sessionId && (await findSession(context.services, sessionId));
  if (!sessionId || !session)
    throw await redirectToSignIn(args, { reason: sessionId ? "ended" : undefined });
  const { services, requestId } = context;
  const state = await services.sessionCheck.check(session, { requestId });
  if (state.is === "ended") throw await endSession(args);
  return state.is === "good" ? keepAdminRole(services, sessionId, session, state) : session;
}

/**
 * Ends the session of a request: its Keystone token is no longer good.
 *
 * @returns a redirect to the sign-in page
 */
export async function endSession(args: LoaderFunctionArgs | ActionFunctionArgs): Promise<Response> {
  const { request, context } = args;
  const sessionId = await readSessionId(request, context);
  if (sessionId)
    await signOut(context.services, sessionId, originOf(context), { outcome: "token-ended" });
  return redirectToSignIn(args, { reason: "ended" });
}

/** @returns a redirect that comes back to the page after signing in */
async function redirectToSignIn(
  { request, context }: LoaderFunctionArgs | ActionFunctionArgs,
  { reason }: { reason?: "ended" },
): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const target = new URLSearchParams();
  // Single fetch asks for /admin/links.data; people want the page.
  const page = pathname.replace(/\/_root\.data$/, "/").replace(/\.data$/, "");
  if (request.method === "GET" && page !== "/admin") {
    const query = new URLSearchParams(search);
    query.delete("_routes");
    target.set("next", query.size > 0 ? `${page}?${query}` : page);
  }
  if (reason) target.set("reason", reason);
  const headers = { "Set-Cookie": await clearedSessionCookieHeader(context) };
  return redirect(target.size > 0 ? `/admin/sign-in?${target}` : "/admin/sign-in", { headers });
}
