import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
  redirect,
} from "@remix-run/node";
import { useActionData, useLoaderData } from "@remix-run/react";
import { findSession, signOut } from "../admins/session.server";
import { signIn } from "../admins/sign-in.server";
import { readLine } from "../components/form-text";
import { refusedByLimit } from "../components/limit-words";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import type { RouteHandle } from "../components/route-handle";
import { SignInForm } from "../console/sign-in-form";
import { findErrors, noticeFor, type SignInAnswer, wordsForSignIn } from "../console/sign-in-words";
import { readForm } from "../http/form.server";
import { visitorOf } from "../http/initiator.server";
import { forgiveSignIn, limitSignIn } from "../http/rate-limit.server";
import { safePath } from "../http/safe-redirect";
import { readSessionId, sessionCookieHeader } from "../http/session-cookie.server";
import { wordsIn } from "../messages/catalogs.server";

export const handle: RouteHandle = { hydrate: true };
export const headers = pageHeaders;

export const meta: MetaFunction = ({ matches }) => pageTitle("Sign in", matches);

const HOME = "/admin";

export async function loader({ request, context }: LoaderFunctionArgs) {
  const { searchParams } = new URL(request.url);
  const next = safePath(searchParams.get("next"), HOME);
  const sessionId = await readSessionId(request, context);
  if (sessionId && (await findSession(context.services, sessionId))) throw redirect(next);
  return { next, notice: noticeFor(searchParams.get("reason")) };
}

export async function action(args: ActionFunctionArgs) {
  const { request, context } = args;
  const { services } = context;
  const form = await readForm(args);
  const typed = { userName: readLine(form, "user_name"), domainName: readLine(form, "domain") };
  const password = form.get("password") ?? "";
  const passcode = (form.get("passcode") ?? "").replace(/\s/g, "");
  // Once asked for, the field stays: whoever mistypes the password next still needs it.
  const answer = { typed, askPasscode: passcode !== "" || form.get("passcode_asked") !== null };
  const errors = findErrors({ ...typed, password });
  if (errors) return data<SignInAnswer>({ ...answer, errors }, { status: 400 });

  const heldBack = await refusedByLimit(limitSignIn(args, typed));
  if (heldBack) {
    const { retryAfterSeconds: seconds, init } = heldBack;
    const message = wordsIn(context.language)("shared.tooManyAttempts", { seconds });
    return data<SignInAnswer>({ ...answer, message }, init);
  }
  const origin = visitorOf(context);
  const result = await signIn(services, { ...typed, password, passcode }, origin);
  if (!result.ok) {
    const { status, retryAfterSeconds, ...words } = wordsForSignIn(result, answer);
    const headers: HeadersInit = retryAfterSeconds
      ? { "Retry-After": String(retryAfterSeconds) }
      : {};
    return data<SignInAnswer>({ ...answer, ...words }, { status, headers });
  }
  await forgiveSignIn(args, typed);
  const former = await readSessionId(request, context);
  if (former) await signOut(services, former, origin);
  return redirect(safePath(form.get("next"), HOME), {
    headers: {
      "Set-Cookie": await sessionCookieHeader(context, result.sessionId, result.expiresAt),
    },
  });
}

export default function SignIn() {
  const answer = useActionData<typeof action>();
  return <SignInForm {...useLoaderData<typeof loader>()} answer={answer} />;
}
