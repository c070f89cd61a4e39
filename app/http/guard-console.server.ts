import { type ActionFunctionArgs, type LoaderFunctionArgs, redirect } from "@remix-run/node";
import { type AdminSession, findSession, keepAdminRole, signOut } from "../admins/session.server";
import { visitorOf } from "./initiator.server";
import type { AppLoadContext } from "./load-context.server";
import { requireSameOrigin } from "./same-origin.server";
import { clearedSessionCookieHeader, readSessionId } from "./session-cookie.server";

export type Handler = (args: LoaderFunctionArgs & ActionFunctionArgs) => unknown;
type Args = LoaderFunctionArgs | ActionFunctionArgs;

const SIGN_IN = "admin/sign-in";

/** @param path a route's own, from the build, such as `admin/links/:id` */
export const isOfConsole = (path: string) => path.startsWith("admin") && path !== SIGN_IN;

/** Loaders of a page run at the same time, behind its action if there is one: who asks is found out once. */
const admitted = new WeakMap<AppLoadContext, Promise<AdminSession>>();

/**
 * A loader or an action that only an administrator reaches; it gets them by `adminOf`. Anybody else is
 * sent to the sign-in page, and a form from another site is refused.
 */
export function guardConsole(handler: Handler): Handler {
  return async (args) => {
    const { request, context } = args;
    const changes = request.method !== "GET" && request.method !== "HEAD";
    if (changes) await requireSameOrigin(request, context);
    const admission = admitted.get(context) ?? admit(args);
    admitted.set(context, admission);
    return handler({ ...args, context: { ...context, admin: await admission } });
  };
}

/** @throws Error in a handler that is not of the console: a mistake of ours */
export function adminOf({ admin }: AppLoadContext): AdminSession {
  if (!admin) throw new Error("Nobody is signed in here: this route is not of the console");
  return admin;
}

/**
 * A session ends with its Keystone token, so Keystone is asked where its last answer is too old; where
 * it gives none, the session goes on.
 *
 * @throws {Response} a redirect to the sign-in page
 */
async function admit(args: Args): Promise<AdminSession> {
  const { services, requestId } = args.context;
  const sessionId = await readSessionId(args.request, args.context);
  const session = sessionId && (await findSession(services, sessionId));
  if (!sessionId || !session)
    throw await redirectToSignIn(args, { reason: sessionId ? "ended" : undefined });
  const state = await services.sessionCheck.check(session, { requestId });
  if (state.is === "ended") throw await endSession(args);
  return state.is === "good"
    ? keepAdminRole(services, sessionId, session, state)
    : { ...session, unanswered: true };
}

/**
 * Ends the session of a request: its Keystone token is no longer good.
 *
 * @returns a redirect to the sign-in page
 */
export async function endSession(args: Args): Promise<Response> {
  const { request, context } = args;
  const sessionId = await readSessionId(request, context);
  if (sessionId)
    await signOut(context.services, sessionId, visitorOf(context), { outcome: "token-ended" });
  return redirectToSignIn(args, { reason: "ended" });
}

/** @returns a redirect that comes back to the page after signing in */
async function redirectToSignIn(
  { request, context }: Args,
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
  return redirect(target.size > 0 ? `/${SIGN_IN}?${target}` : `/${SIGN_IN}`, { headers });
}
