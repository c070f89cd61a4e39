import { Form } from "@remix-run/react";
import type { ReactNode } from "react";
import { ErrorSummary } from "../components/error-summary";
import { Field } from "../components/field";
import { SubmitButton } from "../components/submit-button";
import { type IssueChoices, type IssueErrors, type IssueOffer, wrongPin } from "./issue-choices";

/** The form that issues a link, or renews the one there is. */
export function IssueForm(props: {
  offer: IssueOffer;
  choices: IssueChoices;
  errors: IssueErrors | undefined;
  message: string | undefined;
  /** The address Keystone has for the user. */
  knownEmail: string | null;
  renewing: boolean;
  /** A random password is what helps here. */
  adviseRandom: boolean;
}) {
  const { offer, choices, errors = {}, message, knownEmail, renewing, adviseRandom } = props;
  return (
    <Form method="post" className="card space-y-7 p-5 sm:p-7">
      <ErrorSummary
        errors={props.errors}
        message={message}
        heading={message ? "No link was issued" : undefined}
      />

      <PinFields offer={offer} choices={choices} error={errors.pin} />

      <fieldset className="choices" aria-describedby="password-hint">
        <legend className="font-semibold">Initial password</legend>
        <p id="password-hint" className="mt-0.5 text-sm text-muted">
          The one the account has until the user opens the link. It is kept sealed, for the link
          alone.
        </p>
        <div className="mt-2 space-y-2">
          {offer.keepPassword ? (
            <Choice name="password" value="keep" chosen={choices.password}>
              Keep the one of the current link
            </Choice>
          ) : null}
          <Choice
            name="password"
            value="random"
            chosen={choices.password}
            hint="The account's present password stops working at once, and so do its tokens and sessions. Nobody ever sees the new one."
          >
            Let setpass set a random one{adviseRandom ? " (recommended)" : ""}
          </Choice>
          <Choice name="password" value="typed" chosen={choices.password}>
            I type the one the account was created with
          </Choice>
        </div>
        <div className="if-typed mt-3 ml-7">
          <Field
            name="initial_password"
            label="Password of the account"
            error={errors.initial_password}
            type="password"
            autoComplete="off"
            spellCheck={false}
          />
        </div>
      </fieldset>

      <Field
        name="mail_to"
        label="Mail the link to"
        hint={
          knownEmail
            ? "Keystone's address for this user. Leave it empty to hand the link over yourself."
            : "Keystone has no address for this user. Leave it empty to hand the link over yourself."
        }
        error={errors.mail_to}
        defaultValue={choices.mailTo}
        type="email"
        autoComplete="off"
        maxLength={254}
      />

      <SubmitButton pending={renewing ? "Renewing…" : "Issuing…"}>
        {renewing ? "Renew link" : "Issue link"}
      </SubmitButton>
    </Form>
  );
}

function PinFields(props: { offer: IssueOffer; choices: IssueChoices; error: string | undefined }) {
  const { offer, choices, error } = props;
  const input = (hint: string) => (
    <Field
      name="pin"
      label="PIN"
      hint={hint}
      error={error}
      type="text"
      inputMode="numeric"
      autoComplete="off"
      // Nothing is cut: a PIN that is too long is a slip, and its first digits are another PIN.
      pattern={`\\s*[0-9]{${offer.pinLength}}\\s*`}
      title={wrongPin(offer.pinLength)}
      required={!offer.keepPin && !offer.requestPin}
      className="!w-40 font-mono text-xl tracking-[0.35em]"
    />
  );
  if (!offer.requestPin)
    return input(
      offer.keepPin
        ? `Leave it empty to keep the PIN of the current link, or type a new one of ${offer.pinLength} digits.`
        : `The ${offer.pinLength} digits the user gave at registration. They will be asked for it.`,
    );
  const chosen = choices.pin === "keep" ? "typed" : choices.pin;
  return (
    <fieldset className="choices">
      <legend className="font-semibold">PIN</legend>
      <div className="mt-2 space-y-2">
        <Choice
          name="pin_from"
          value="request"
          chosen={chosen}
          hint="You do not see it, and need not."
        >
          Use the PIN given with the request
        </Choice>
        <Choice name="pin_from" value="typed" chosen={chosen}>
          I type one
        </Choice>
      </div>
      <div className="if-typed mt-3 ml-7">
        {input(
          offer.keepPin
            ? "Leave it empty to keep the PIN of the current link."
            : `The ${offer.pinLength} digits the user gave.`,
        )}
      </div>
    </fieldset>
  );
}

function Choice(props: {
  name: string;
  value: string;
  chosen: string;
  hint?: string;
  children: ReactNode;
}) {
  const { name, value, chosen, hint, children } = props;
  return (
    <label className="flex gap-2.5">
      <input
        type="radio"
        name={name}
        value={value}
        defaultChecked={chosen === value}
        className="mt-1 size-4.5 shrink-0 accent-button"
      />
      <span>
        {children}
        {hint ? <span className="block text-sm text-muted">{hint}</span> : null}
      </span>
    </label>
  );
}
