import { type ActionFunctionArgs, type LoaderFunctionArgs, redirect } from "@remix-run/node";
import { signOut } from "../admins/session.server";
import { originOf } from "../http/origin.server";
import { requireAdmin } from "../http/require-admin.server";
import { clearedSessionCookieHeader, readSessionId } from "../http/session-cookie.server";

/** Signing out takes a form: an address that signs out could be planted anywhere. */
export async function loader(args: LoaderFunctionArgs) {
  await requireAdmin(args);
  return redirect("/admin");
}

export async function action(args: ActionFunctionArgs) {
  await requireAdmin(args);
  const { request, context } = args;
  const sessionId = await readSessionId(request, context);
  if (sessionId) await signOut(context.services, sessionId, originOf(context));
  return redirect("/admin/sign-in?reason=signed-out", {
    headers: { "Set-Cookie": await clearedSessionCookieHeader(context) },
  });
}
