import { Form } from "@remix-run/react";
import { ErrorSummary } from "../components/error-summary";
import { Field, USER_NAME } from "../components/field";
import { Notice } from "../components/notice";
import { FormSplit, Intro, PublicPage } from "../components/public-page";
import { useBrand, useWords } from "../components/render-context";
import { SubmitButton } from "../components/submit-button";
import type { SignInAnswer, SignInNotice } from "./sign-in-words";

export function SignInForm(props: {
  /** A path of ours, where one goes on to. */
  next: string;
  notice: SignInNotice | null;
  answer: SignInAnswer | undefined;
}) {
  const words = useWords();
  const { next, notice, answer } = props;
  const { appName } = useBrand();
  const { errors = {}, typed, message } = answer ?? {};
  return (
    <PublicPage>
      <FormSplit
        intro={
          <>
            <Intro heading={words("console.title.signIn")}>
              {words("console.signIn.intro", { appName })}
            </Intro>
            {notice && !answer ? (
              <div className="mt-6 max-w-md">
                <Notice tone="info">{words(`console.signIn.${notice}`)}</Notice>
              </div>
            ) : null}
          </>
        }
      >
        <Form method="post" action="/admin/sign-in" className="card space-y-5 p-5 sm:p-7">
          <input type="hidden" name="next" value={next} />
          <ErrorSummary
            errors={answer?.errors}
            message={message}
            heading={words("console.signIn.notSignedIn")}
          />
          <Field
            name="user_name"
            label={words("console.signIn.userName")}
            error={errors.user_name}
            defaultValue={typed?.userName}
            {...USER_NAME}
          />
          <Field
            name="password"
            label={words("console.signIn.password")}
            error={errors.password}
            type="password"
            autoComplete="current-password"
            required
          />
          <Field
            name="domain"
            label={words("console.signIn.domain")}
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
            <summary className="link w-fit">{words("console.signIn.usesCode")}</summary>
            <div className="mt-3">
              <Field
                name="passcode"
                label={words("console.signIn.code")}
                hint={words("console.signIn.codeHint")}
                error={errors.passcode}
                type="text"
                inputMode="numeric"
                autoComplete="one-time-code"
                maxLength={12}
                className="!w-40 font-mono"
              />
            </div>
          </details>
          <SubmitButton pending={words("console.signIn.pending")} className="w-full">
            {words("console.signIn.submit")}
          </SubmitButton>
        </Form>
      </FormSplit>
    </PublicPage>
  );
}
