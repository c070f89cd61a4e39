import { ErrorSummary } from "../components/error-summary";
import { Field } from "../components/field";
import { Notice } from "../components/notice";
import { FormSplit, Intro } from "../components/public-page";
import { useBrand } from "../components/render-context";
import { AccountTag } from "./account-tag";
import type { PasswordRule } from "./password-words";
import type { PortalPage } from "./portal-page";
import type { WaysOn } from "./refusal-words";

const FORM_ID = "set-password";

/** The one form a new user meets: PIN, password, password again. */
export function LinkForm({ page }: { page: Extract<PortalPage, { view: "form" }> }) {
  const { appName } = useBrand();
  const { link, errors = {}, notice } = page;
  const { pinLength, policy } = link;
  const userName = link.userName ?? link.userId;
  return (
    <FormSplit
      intro={
        <>
          <Intro heading="Choose your password">
            Your account at {appName} is ready. Prove that it is yours with your PIN, then give it a
            password that only you know.
          </Intro>
          <div className="mt-6 max-w-md">
            <AccountTag userName={userName} domainName={link.domainName} form={FORM_ID} />
          </div>
        </>
      }
    >
      <form
        id={FORM_ID}
        method="post"
        action="/"
        className="card space-y-6 p-5 sm:p-7"
        data-portal
        data-policy-regex={policy.regex ?? undefined}
        data-policy-description={policy.description ?? undefined}
        data-user-name={userName}
        data-app-name={appName}
      >
        <input type="hidden" name="token" value={page.token} />
        <ErrorSummary
          errors={errors}
          message={notice?.message}
          heading={notice?.heading ?? "Your password is not set yet"}
        />

        <Field
          name="pin"
          label="PIN"
          hint={`The ${pinLength} digits you gave when you registered.`}
          error={errors.pin}
          type="text"
          inputMode="numeric"
          autoComplete="off"
          pattern={`[0-9]{${pinLength}}`}
          title={`The PIN has exactly ${pinLength} digits.`}
          required
          className="!w-40 font-mono text-xl tracking-[0.35em]"
        />

        <div>
          <Field
            name="password"
            label="New password"
            error={errors.password}
            hint={<Rules rules={page.rules} />}
            type="password"
            autoComplete="new-password"
            autoCapitalize="none"
            autoCorrect="off"
            spellCheck={false}
            required
            beside={
              <button
                type="button"
                hidden
                data-show-password
                aria-label="Show the passwords"
                className="button button-quiet min-w-20 shrink-0"
              >
                Show
              </button>
            }
          />
          <StrengthHint />
        </div>

        <div>
          <Field
            name="confirm_password"
            label="New password again"
            error={errors.confirm_password}
            type="password"
            autoComplete="new-password"
            autoCapitalize="none"
            autoCorrect="off"
            spellCheck={false}
            required
          />
          <Rules rules={[{ name: "match", text: "The same password, typed twice." }]} />
        </div>

        <button
          type="submit"
          className="button button-primary w-full text-lg"
          data-submit="Setting your password…"
        >
          Set password
        </button>
      </form>
    </FormSplit>
  );
}

/** The script ticks them off while typing; without it they are a plain list. */
function Rules({ rules }: { rules: readonly PasswordRule[] }) {
  return (
    <span className="mt-1.5 block space-y-1 text-sm text-muted">
      {rules.map(({ name, text }) => (
        <span key={name} className="rule block" data-rule={name}>
          {text}
          <span className="sr-only" data-rule-state />
        </span>
      ))}
    </span>
  );
}

/**
 * The script puts its verdict in the advice's place. Two lines, which is what the longest takes on a
 * phone: nothing below moves when it comes.
 */
function StrengthHint() {
  return (
    <div data-strength className="mt-3">
      <div className="meter noscript:hidden" data-score="0" aria-hidden="true">
        <span />
        <span />
        <span />
        <span />
      </div>
      <p className="mt-1 min-h-10 text-sm text-muted" role="status" data-strength-words>
        Several words are hard to guess and easy to remember.
      </p>
    </div>
  );
}

/** The end of the way: it is done, and this is where to go. */
export function PasswordSet(props: { userName: string | null; domainName: string | null }) {
  const { appName, dashboardUrl } = useBrand();
  return (
    <section className="max-w-xl">
      <Intro heading="Password set">
        Your account at {appName} is yours now. The link has done its work and no longer works.
      </Intro>
      <h2 className="mt-8 font-semibold">Sign in with</h2>
      <div className="mt-2">
        {props.userName ? (
          <AccountTag userName={props.userName} domainName={props.domainName} />
        ) : (
          <p>your user name and the password you have just chosen.</p>
        )}
      </div>
      {dashboardUrl ? (
        <div className="mt-8">
          <SignIn dashboardUrl={dashboardUrl} />
        </div>
      ) : (
        <p className="mt-8">
          You can sign in to {appName} right away, with the password you have just chosen.
        </p>
      )}
    </section>
  );
}

/** The cloud's own page, and its address for those who want to see it first. */
function SignIn({ dashboardUrl }: { dashboardUrl: string }) {
  const { appName } = useBrand();
  return (
    <p>
      <a className="button button-primary text-lg" href={dashboardUrl}>
        Sign in to {appName}
      </a>
      <span className="mt-3 block text-sm wrap-anywhere text-muted">{dashboardUrl}</span>
    </p>
  );
}

/** A link that leads no further, and the ways on from here. */
export function LinkEnd(props: { heading: string; message: string; waysOn: WaysOn }) {
  return (
    <section className="max-w-xl">
      <Intro heading={props.heading}>{props.message}</Intro>
      {props.waysOn === "sign-in-or-new-link" ? <DoneOrNot /> : null}
      {props.waysOn === "new-link" ? (
        <p className="mt-8">
          <a className="button button-primary" href="/reset">
            Ask for a new link
          </a>
        </p>
      ) : null}
    </section>
  );
}

/** Whoever has set a password is sent to sign in; only the others need a new link. */
function DoneOrNot() {
  const { appName, dashboardUrl } = useBrand();
  return (
    <>
      <h2 className="mt-8 text-xl font-semibold">You have set your password already?</h2>
      <p className="mt-2">
        Then you are done: sign in to {appName} with your user name and that password.
      </p>
      {dashboardUrl ? (
        <div className="mt-4">
          <SignIn dashboardUrl={dashboardUrl} />
        </div>
      ) : null}
      <h2 className="mt-10 text-xl font-semibold">Not yet?</h2>
      <p className="mt-2">
        If you have several mails from us, open the link in the newest. If that one does not work
        either, ask for a new link.
      </p>
      <p className="mt-4">
        <a className="button button-quiet" href="/reset">
          Ask for a new link
        </a>
      </p>
    </>
  );
}

/** Nobody meant to come here: the way back to the link is what they need. */
export function NoLink() {
  const { appName } = useBrand();
  return (
    <section className="max-w-xl">
      <Intro heading="Open the link in your mail">
        This is where new users of {appName} choose their password. The page opens from the link you
        were sent, and only from there.
      </Intro>
      <div className="mt-8">
        <Notice tone="info" heading="You were just on that page?">
          Reloading it leads here, because the link is kept out of the address bar. Open it in your
          mail once more: it works until you have set your password.
        </Notice>
      </div>
      <p className="mt-8">
        No mail, or its link does not work?{" "}
        <a className="link" href="/reset">
          Ask for a new link
        </a>
        .
      </p>
    </section>
  );
}
