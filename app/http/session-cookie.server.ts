import { createCookie } from "@remix-run/node";
import type { SessionId } from "../admins/sign-in.server";
import type { AppLoadContext } from "./load-context.server";

/**
 * `__Host-` makes browsers refuse the cookie from anywhere but this very host, and over http. Remix adds
 * `Path=/` and `SameSite=Lax` to every cookie.
 */
function sessionCookie(context: AppLoadContext) {
  const secure = context.services.config.publicUrl.protocol === "https:";
  return createCookie(secure ? "__Host-setpass" : "setpass", {
    httpOnly: true,
    secure,
  });
}

/** @returns a `Set-Cookie` value; the cookie ends with the session */
export function sessionCookieHeader(
  context: AppLoadContext,
  sessionId: SessionId,
  expiresAt: Date,
): Promise<string> {
  return sessionCookie(context).serialize(sessionId, { expires: expiresAt });
}

export function clearedSessionCookieHeader(context: AppLoadContext): Promise<string> {
  return sessionCookie(context).serialize("", { maxAge: 0, expires: new Date(0) });
}

/** @returns the session id the browser sent, unchecked */
export async function readSessionId(
  request: Request,
  context: AppLoadContext,
): Promise<string | undefined> {
  const value: unknown = await sessionCookie(context).parse(request.headers.get("Cookie"));
  return typeof value === "string" && value !== "" ? value : undefined;
}
