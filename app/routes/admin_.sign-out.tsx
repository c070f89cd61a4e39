import { type ActionFunctionArgs, redirect } from "@remix-run/node";
import { signOut } from "../admins/session.server";
import { visitorOf } from "../http/initiator.server";
import { clearedSessionCookieHeader, readSessionId } from "../http/session-cookie.server";

/** Signing out takes a form: an address that signs out could be planted anywhere. */
export function loader() {
  return redirect("/admin");
}

export async function action({ request, context }: ActionFunctionArgs) {
  const sessionId = await readSessionId(request, context);
  if (sessionId) await signOut(context.services, sessionId, visitorOf(context));
  return redirect("/admin/sign-in?reason=signed-out", {
    headers: { "Set-Cookie": await clearedSessionCookieHeader(context) },
  });
}
