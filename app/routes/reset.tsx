import type { ActionFunctionArgs, LoaderFunctionArgs, MetaFunction } from "@remix-run/node";
import { data } from "@remix-run/node";
import { useActionData, useLoaderData } from "@remix-run/react";
import { ErrorSummary, type FieldErrors } from "../components/error-summary";
import { Field } from "../components/field";
import { looksLikeEmail, NOT_AN_EMAIL, readLine } from "../components/form-text";
import { refusedByLimit } from "../components/limit-words";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import { FormSplit, Intro, PublicPage } from "../components/public-page";
import { useBrand } from "../components/render-context";
import { AfterConfirming, RequestCode } from "../components/request-code";
import { ShownAddress } from "../components/shown-address";
import { readForm } from "../http/form.server";
import { visitorOf } from "../http/initiator.server";
import { limitByAddress } from "../http/rate-limit.server";
import { isPin } from "../links/pin.server";
import { canonicalAddress } from "../links/same-mailbox";
import { wordsIn } from "../messages/catalogs.server";
import { requestReset } from "../reset-requests/request-reset.server";

export const headers = pageHeaders;

export const meta: MetaFunction = ({ matches }) => pageTitle("Request a new link", matches);

export function loader({ context }: LoaderFunctionArgs) {
  return { pinLength: context.services.config.links.pinLength };
}

type Errors = FieldErrors<"name" | "email" | "confirm_email" | "pin">;

/** What was typed, to be shown again; never the PIN. */
interface Typed {
  name: string;
  email: string;
  confirmEmail: string;
}

type Answer =
  | { sent: true; email: string; code: string }
  | { sent: false; typed: Typed; errors?: Errors; message?: string };

/**
 * The answer is the same for every address: it tells neither whether there is such an account, nor
 * whether its mailbox has had its mails for this hour.
 */
export async function action(args: ActionFunctionArgs) {
  // The form first: what another site makes a browser send is refused, and does not count.
  const form = await readForm(args);
  const limited = await refusedByLimit(limitByAddress(args));
  const { services } = args.context;
  const typed: Typed = {
    name: readLine(form, "name"),
    email: readLine(form, "email"),
    confirmEmail: readLine(form, "confirm_email"),
  };
  if (limited)
    return data<Answer>(
      {
        sent: false,
        typed,
        message: wordsIn(args.context.language)("shared.tooManyAttempts", {
          seconds: limited.retryAfterSeconds,
        }),
      },
      limited.init,
    );
  const pin = (form.get("pin") ?? "").trim();
  const errors = findErrors(typed, pin, services.config.links.pinLength);
  if (errors) return data<Answer>({ sent: false, typed, errors }, { status: 400 });

  const { name, email } = typed;
  const result = await requestReset(services, { name, email, pin }, visitorOf(args.context));
  if (!result.ok) {
    const minutes = Math.ceil(result.retryAfterSeconds / 60);
    const message = `There were many requests from your network. Try again in ${minutes === 1 ? "a minute" : `${minutes} minutes`}, or ask your administrator directly.`;
    const headers = { "Retry-After": String(result.retryAfterSeconds) };
    return data<Answer>({ sent: false, typed, message }, { status: 429, headers });
  }
  return data<Answer>({ sent: true, email, code: result.code }, { status: 200 });
}

function findErrors(typed: Typed, pin: string, pinLength: number): Errors | undefined {
  const errors: Errors = {};
  if (typed.name === "") errors.name = "Type your user name, or your own name.";
  if (typed.email === "") errors.email = "Type your e-mail address.";
  else if (!looksLikeEmail(typed.email) || !canonicalAddress(typed.email))
    errors.email = NOT_AN_EMAIL;
  else if (typed.confirmEmail.toLowerCase() !== typed.email.toLowerCase())
    errors.confirm_email = "The two addresses are not the same. Type the same one twice.";
  if (!isPin(pin, pinLength)) errors.pin = `Type a PIN of exactly ${pinLength} digits.`;
  return Object.keys(errors).length > 0 ? errors : undefined;
}

export default function Reset() {
  const { pinLength } = useLoaderData<typeof loader>();
  const answer = useActionData<typeof action>();
  return (
    <PublicPage>
      {answer?.sent ? (
        <Sent email={answer.email} code={answer.code} />
      ) : (
        <ResetForm pinLength={pinLength} answer={answer} />
      )}
    </PublicPage>
  );
}

function Sent({ email, code }: { email: string; code: string }) {
  return (
    <section className="max-w-xl">
      <ShownAddress path="/reset" />
      <Intro heading="Now confirm it by mail">
        Your request counts once you confirm it. We mail the way to do so to{" "}
        <strong className="wrap-anywhere text-ink">{email}</strong>.
      </Intro>
      <p className="mt-6">This is the code of your request. Write it down:</p>
      <p className="mt-2">
        <RequestCode code={code} />
      </p>
      <h2 className="mt-8 font-semibold">What happens next</h2>
      <ol className="mt-2 list-decimal space-y-2 pl-5 marker:font-semibold marker:text-muted">
        <li>
          Open the mail within a day, see that it shows the same code, and confirm your request on
          the page it leads to.
        </li>
        <AfterConfirming />
      </ol>
      <p className="mt-8">
        <strong>No mail?</strong> Look in your spam folder. Only a few of these mails go to one
        address in an hour: if you have an earlier one, open its page and type this code there.
      </p>
    </section>
  );
}

function ResetForm(props: {
  pinLength: number;
  answer: Extract<Answer, { sent: false }> | undefined;
}) {
  const { appName } = useBrand();
  const { pinLength, answer } = props;
  const { typed, errors = {}, message } = answer ?? {};
  return (
    <FormSplit
      intro={
        <Intro heading="Request a new link">
          Your link has expired, or you have lost your password at {appName}? Say who you are; an
          administrator sends you a new link.
        </Intro>
      }
    >
      <form method="post" action="/reset" className="card space-y-6 p-5 sm:p-7">
        <ErrorSummary errors={errors} message={message} heading="Your request is not sent yet" />
        <Field
          name="name"
          label="User name"
          hint="The one you sign in with. If you do not know it, your own name."
          error={errors.name}
          defaultValue={typed?.name}
          type="text"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={255}
          required
        />
        <Field
          name="email"
          label="E-mail"
          error={errors.email}
          defaultValue={typed?.email}
          type="email"
          autoComplete="email"
          maxLength={254}
          required
        />
        <Field
          name="confirm_email"
          label="E-mail again"
          error={errors.confirm_email}
          defaultValue={typed?.confirmEmail}
          type="email"
          autoComplete="email"
          maxLength={254}
          required
        />
        <Field
          name="pin"
          label="PIN"
          hint={`${pinLength} digits of your choice. You will need them to use the new link.`}
          error={errors.pin}
          type="text"
          inputMode="numeric"
          autoComplete="off"
          pattern={`[0-9]{${pinLength}}`}
          title={`Type a PIN of exactly ${pinLength} digits.`}
          required
          className="!w-40 font-mono text-xl tracking-[0.35em]"
        />
        <button type="submit" className="button button-primary w-full text-lg">
          Send request
        </button>
      </form>
    </FormSplit>
  );
}
