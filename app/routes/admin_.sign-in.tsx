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
import { pageTitle, wordsOfPage } from "../components/page-title";
import { pageHeaders, type RouteHandle } from "../components/route-exports";
import { SignInForm } from "../console/sign-in-form";
import {
  readNotice,
  readSignIn,
  type SignInAnswer,
  wordsForSignIn,
} from "../console/sign-in-words";
import { readForm } from "../http/form.server";
import { visitorOf } from "../http/initiator.server";
import { forgiveSignIn, limitSignIn } from "../http/rate-limit.server";
import { safePath } from "../http/safe-redirect";
import { readSessionId, sessionCookieHeader } from "../http/session-cookie.server";
import { wordsIn } from "../messages/catalogs.server";

export const handle: RouteHandle = { hydrate: true };
export const headers = pageHeaders;

export const meta: MetaFunction = ({ matches }) =>
  pageTitle(wordsOfPage(matches)("console.title.signIn"), matches);

const HOME = "/admin";

export async function loader({ request, context }: LoaderFunctionArgs) {
  const { searchParams } = new URL(request.url);
  const next = safePath(searchParams.get("next"), HOME);
  const sessionId = await readSessionId(request, context);
  if (sessionId && (await findSession(context.services, sessionId))) throw redirect(next);
  return { next, notice: readNotice(searchParams.get("reason")) };
}

export async function action(args: ActionFunctionArgs) {
  const { request, context } = args;
  const { services } = context;
  const form = await readForm(args);
  const words = wordsIn(context.language);
  const { typed, secrets, askPasscode, errors } = readSignIn(words, form);
  const answer = { typed, askPasscode };
  if (errors) return data<SignInAnswer>({ ...answer, errors }, { status: 400 });

  const counted = await limitSignIn(args, typed);
  if (!counted.ok) {
    const seconds = counted.retryAfterSeconds;
    const message = words("shared.tooManyAttempts", { seconds });
    const init = { status: 429, headers: { "Retry-After": String(seconds) } };
    return data<SignInAnswer>({ ...answer, message }, init);
  }
  const origin = visitorOf(context);
  const result = await signIn(services, { ...typed, ...secrets }, origin);
  if (!result.ok) {
    const { init, ...said } = wordsForSignIn(words, result, answer);
    return data<SignInAnswer>({ ...answer, ...said }, init);
  }
  await forgiveSignIn(args, typed);
  const former = await readSessionId(request, context);
  if (former) await signOut(services, former, origin);
  const { sessionId, expiresAt } = result;
  const headers = { "Set-Cookie": await sessionCookieHeader(context, sessionId, expiresAt) };
  return redirect(safePath(form.get("next"), HOME), { headers });
}

export default function SignIn() {
  const answer = useActionData<typeof action>();
  return <SignInForm {...useLoaderData<typeof loader>()} answer={answer} />;
}
