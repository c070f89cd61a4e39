import { ErrorSummary } from "../components/error-summary";
import { Field } from "../components/field";
import { Notice } from "../components/notice";
import { FormSplit, Intro } from "../components/public-page";
import { useBrand, useWords } from "../components/render-context";
import { AccountTag } from "./account-tag";
import type { PasswordRule } from "./password-words";
import { PinField } from "./pin-field";
import type { PortalPage } from "./portal-page";
import type { WaysOn } from "./refusal-words";

const FORM_ID = "set-password";
const NEW_PASSWORD = {
  type: "password",
  autoComplete: "new-password",
  autoCapitalize: "none",
  autoCorrect: "off",
  spellCheck: false,
  required: true,
} as const;

/** The one form a new user meets: PIN, password, password again. */
export function LinkForm({ page }: { page: Extract<PortalPage, { view: "form" }> }) {
  const words = useWords();
  const { appName } = useBrand();
  const { link, errors = {}, notice } = page;
  const { pinLength, policy } = link;
  const userName = link.userName ?? link.userId;
  return (
    <FormSplit
      intro={
        <>
          <Intro heading={words("portal.form.heading")}>
            {words("portal.form.intro", { appName })}
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
        data-words={JSON.stringify(page.scriptWords)}
        data-user-name={userName}
        data-app-name={appName}
      >
        <input type="hidden" name="token" value={page.token} />
        <ErrorSummary
          errors={errors}
          message={notice?.message}
          heading={notice?.heading ?? words("portal.form.notSet")}
        />

        <PinField
          digits={pinLength}
          label={words("portal.form.pin")}
          hint={words("portal.form.pinHint", { digits: pinLength })}
          format={words("portal.form.pinFormat", { digits: pinLength })}
          error={errors.pin}
        />

        <div>
          <Field
            name="password"
            label={words("portal.form.password")}
            error={errors.password}
            hint={<Rules rules={page.rules} />}
            {...NEW_PASSWORD}
            beside={
              <button
                type="button"
                hidden
                data-show-password
                aria-label={words("portal.form.showPasswords")}
                className="button button-quiet min-w-20 shrink-0"
              >
                {words("portal.form.show")}
              </button>
            }
          />
          <StrengthHint />
        </div>

        <div>
          <Field
            name="confirm_password"
            label={words("portal.form.confirm")}
            error={errors.confirm_password}
            {...NEW_PASSWORD}
          />
          <Rules rules={[{ name: "match", text: words("portal.form.match") }]} />
        </div>

        <button
          type="submit"
          className="button button-primary w-full text-lg"
          data-submit={words("portal.form.submitting")}
        >
          {words("portal.form.submit")}
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
          {text} <span className="sr-only" data-rule-state />
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
  const words = useWords();
  return (
    <div data-strength className="mt-3">
      <div className="meter noscript:hidden" data-score="0" aria-hidden="true">
        <span />
        <span />
        <span />
        <span />
      </div>
      <p className="mt-1 min-h-10 text-sm text-muted" role="status" data-strength-words>
        {words("portal.form.strengthAdvice")}
      </p>
    </div>
  );
}

/** The end of the way: it is done, and this is where to go. */
export function PasswordSet(props: { userName: string | null; domainName: string | null }) {
  const words = useWords();
  const { appName, dashboardUrl } = useBrand();
  return (
    <section className="max-w-xl">
      <Intro heading={words("portal.set.heading")}>{words("portal.set.intro", { appName })}</Intro>
      <h2 className="mt-8 font-semibold">{words("portal.set.signInWith")}</h2>
      <div className="mt-2">
        {props.userName ? (
          <AccountTag userName={props.userName} domainName={props.domainName} />
        ) : (
          <p>{words("portal.set.userAndPassword")}</p>
        )}
      </div>
      {dashboardUrl ? (
        <div className="mt-8">
          <SignIn dashboardUrl={dashboardUrl} />
        </div>
      ) : (
        <p className="mt-8">{words("portal.set.signInNow", { appName })}</p>
      )}
    </section>
  );
}

/** The cloud's own page, and its address for those who want to see it first. */
function SignIn({ dashboardUrl }: { dashboardUrl: string }) {
  const words = useWords();
  const { appName } = useBrand();
  return (
    <p>
      <a className="button button-primary text-lg" href={dashboardUrl}>
        {words("portal.signIn", { appName })}
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
          <RequestLink tone="primary" />
        </p>
      ) : null}
    </section>
  );
}

export function RequestLink({ tone }: { tone: "primary" | "quiet" }) {
  const words = useWords();
  return (
    <a className={`button button-${tone}`} href="/reset">
      {words("portal.requestLink")}
    </a>
  );
}

/** Whoever has set a password is sent to sign in; only the others need a new link. */
function DoneOrNot() {
  const words = useWords();
  const { appName, dashboardUrl } = useBrand();
  return (
    <>
      <h2 className="mt-8 text-xl font-semibold">{words("portal.end.alreadySet")}</h2>
      <p className="mt-2">{words("portal.end.done", { appName })}</p>
      {dashboardUrl ? (
        <div className="mt-4">
          <SignIn dashboardUrl={dashboardUrl} />
        </div>
      ) : null}
      <h2 className="mt-10 text-xl font-semibold">{words("portal.end.notYet")}</h2>
      <p className="mt-2">{words("portal.end.newest")}</p>
      <p className="mt-4">
        <RequestLink tone="quiet" />
      </p>
    </>
  );
}

/** Nobody meant to come here: the way back to the link is what they need. */
export function NoLink() {
  const words = useWords();
  const { appName } = useBrand();
  return (
    <section className="max-w-xl">
      <Intro heading={words("portal.none.heading")}>
        {words("portal.none.intro", { appName })}
      </Intro>
      <div className="mt-8">
        <Notice tone="info" heading={words("portal.none.reloaded")}>
          {words("portal.none.reloadedAdvice")}
        </Notice>
      </div>
      <p className="mt-8">
        {words.rich("portal.none.noEmail", {
          reset: (text) => (
            <a className="link" href="/reset">
              {text}
            </a>
          ),
        })}
      </p>
    </section>
  );
}
