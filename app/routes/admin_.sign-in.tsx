import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
  redirect,
} from "@remix-run/node";
import { Form, useActionData, useLoaderData } from "@remix-run/react";
import { findSession, signOut } from "../admins/session.server";
import { type SignInResult, signIn } from "../admins/sign-in.server";
import { ErrorSummary, type FieldErrors } from "../components/error-summary";
import { Field } from "../components/field";
import { readLine } from "../components/form-text";
import { refusedByLimit } from "../components/limit-words";
import { Notice } from "../components/notice";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import { FormSplit, Intro, PublicPage } from "../components/public-page";
import { useBrand } from "../components/render-context";
import type { RouteHandle } from "../components/route-handle";
import { SubmitButton } from "../components/submit-button";
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

/** Why one is here, by the `reason` of the address. */
const NOTICES = {
  ended: "Your session has ended. Sign in again to go on.",
  "signed-out": "You are signed out.",
};
const REASONS = Object.keys(NOTICES) as (keyof typeof NOTICES)[];

export async function loader({ request, context }: LoaderFunctionArgs) {
  const { searchParams } = new URL(request.url);
  const next = safePath(searchParams.get("next"), HOME);
  const sessionId = await readSessionId(request, context);
  if (sessionId && (await findSession(context.services, sessionId))) throw redirect(next);
  const reason = REASONS.find((one) => one === searchParams.get("reason"));
  return { next, notice: reason ? NOTICES[reason] : null };
}

interface Answer {
  typed: { userName: string; domainName: string };
  errors?: FieldErrors<"user_name" | "password" | "domain" | "passcode">;
  message?: string;
  askPasscode: boolean;
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
  if (errors) return data<Answer>({ ...answer, errors }, { status: 400 });

  const heldBack = await refusedByLimit(limitSignIn(args, typed));
  if (heldBack)
    return data<Answer>(
      {
        ...answer,
        message: wordsIn(args.context.language)("shared.tooManyAttempts", {
          seconds: heldBack.retryAfterSeconds,
        }),
      },
      heldBack.init,
    );
  const origin = visitorOf(context);
  const result = await signIn(services, { ...typed, password, passcode }, origin);
  if (!result.ok) {
    const { status, retryAfterSeconds, ...words } = wordsFor(result, answer);
    const headers: HeadersInit = retryAfterSeconds
      ? { "Retry-After": String(retryAfterSeconds) }
      : {};
    return data<Answer>({ ...answer, ...words }, { status, headers });
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

function findErrors(typed: { userName: string; domainName: string; password: string }) {
  const errors: NonNullable<Answer["errors"]> = {};
  if (typed.userName === "") errors.user_name = "Type your user name.";
  if (typed.password === "") errors.password = "Type your password.";
  if (typed.domainName === "") errors.domain = "Type your domain. If you know of none: Default.";
  return Object.keys(errors).length > 0 ? errors : undefined;
}

const WRONG =
  "Check user name, password and domain. If they are right, your account lacks a role in the admin project.";
/** Keystone says no to all of them at once, and not which one was wrong. */
const WRONG_WITH_PASSCODE =
  "Check user name, password, domain and one-time code. A code works for 30 seconds, and only if your phone's clock is right: wait for the next one. If all are right, your account lacks a role in the admin project.";

function wordsFor(
  result: Exclude<SignInResult, { ok: true }>,
  { askPasscode }: Pick<Answer, "askPasscode">,
): Partial<Answer> & { status: number; retryAfterSeconds?: number } {
  switch (result.reason) {
    case "refused":
      return { status: 403, message: askPasscode ? WRONG_WITH_PASSCODE : WRONG };
    case "passcode-needed":
      return {
        status: 403,
        askPasscode: true,
        errors: {
          passcode: "This account asks for a one-time code as well: type it, with your password.",
        },
      };
    case "keystone-unavailable":
      return {
        status: 503,
        retryAfterSeconds: result.retryAfterSeconds,
        message: `Keystone does not answer, so nobody can sign in right now. Try again in ${result.retryAfterSeconds} seconds.`,
      };
  }
}

export default function SignIn() {
  const { next, notice } = useLoaderData<typeof loader>();
  const answer = useActionData<typeof action>();
  const { appName } = useBrand();
  const { errors = {}, typed, message } = answer ?? {};
  return (
    <PublicPage>
      <FormSplit
        intro={
          <>
            <Intro heading="Sign in">
              The console of {appName} is for administrators of the cloud. Use your OpenStack
              account.
            </Intro>
            {notice && !answer ? (
              <div className="mt-6 max-w-md">
                <Notice tone="info">{notice}</Notice>
              </div>
            ) : null}
          </>
        }
      >
        <Form method="post" action="/admin/sign-in" className="card space-y-5 p-5 sm:p-7">
          <input type="hidden" name="next" value={next} />
          <ErrorSummary errors={answer?.errors} message={message} heading="You are not signed in" />
          <Field
            name="user_name"
            label="User name"
            error={errors.user_name}
            defaultValue={typed?.userName}
            type="text"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={255}
            required
          />
          <Field
            name="password"
            label="Password"
            error={errors.password}
            type="password"
            autoComplete="current-password"
            required
          />
          <Field
            name="domain"
            label="Domain"
            error={errors.domain}
            defaultValue={typed?.domainName ?? "Default"}
            type="text"
            autoComplete="organization"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={255}
            required
          />
          {answer?.askPasscode ? <input type="hidden" name="passcode_asked" value="1" /> : null}
          <details key={String(answer?.askPasscode)} open={answer?.askPasscode}>
            <summary className="link w-fit">My account uses a one-time code</summary>
            <div className="mt-3">
              <Field
                name="passcode"
                label="One-time code"
                hint="From your authenticator app."
                error={errors.passcode}
                type="text"
                inputMode="numeric"
                autoComplete="one-time-code"
                maxLength={12}
                className="!w-40 font-mono"
              />
            </div>
          </details>
          <SubmitButton pending="Signing in…" className="w-full">
            Sign in
          </SubmitButton>
        </Form>
      </FormSplit>
    </PublicPage>
  );
}
