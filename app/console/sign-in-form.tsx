import { Form } from "@remix-run/react";
import { ErrorSummary } from "../components/error-summary";
import { Field } from "../components/field";
import { Notice } from "../components/notice";
import { FormSplit, Intro, PublicPage } from "../components/public-page";
import { useBrand } from "../components/render-context";
import { SubmitButton } from "../components/submit-button";
import type { SignInAnswer } from "./sign-in-words";

export function SignInForm(props: {
  /** A path of ours, where one goes on to. */
  next: string;
  notice: string | null;
  answer: SignInAnswer | undefined;
}) {
  const { next, notice, answer } = props;
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
