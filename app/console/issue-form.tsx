import { Form } from "@remix-run/react";
import type { ReactNode } from "react";
import { ErrorSummary } from "../components/error-summary";
import { Field } from "../components/field";
import { useWords } from "../components/render-context";
import { SubmitButton } from "../components/submit-button";
import { NAME_OF_LANGUAGE } from "../messages/languages";
import type { IssueChoices, IssueErrors, IssueOffer } from "./issue-choices";

export function IssueForm(props: {
  offer: IssueOffer;
  choices: IssueChoices;
  errors: IssueErrors | undefined;
  message: string | undefined;
  knownEmail: string | null;
  act: "renew" | "new";
  /** A random password is what helps here. */
  adviseRandom: boolean;
}) {
  const words = useWords();
  const { offer, choices, errors = {}, message, knownEmail, act, adviseRandom } = props;
  return (
    <Form method="post" className="card space-y-7 p-5 sm:p-7">
      <ErrorSummary
        errors={props.errors}
        message={message}
        heading={message ? words("console.issue.notIssued") : undefined}
      />

      <PinFields offer={offer} choices={choices} error={errors.pin} />

      <fieldset className="choices" aria-describedby="password-hint">
        <legend className="font-semibold">{words("console.issue.initialPassword")}</legend>
        <p id="password-hint" className="mt-0.5 text-sm text-muted">
          {offer.passwordReplaced ? `${words("console.issue.scrambled")} ` : null}
          {words("console.issue.initialPasswordHint")}
        </p>
        <div className="mt-2 space-y-2">
          {offer.keepPassword ? (
            <Choice name="password" value="keep" chosen={choices.password}>
              {words("console.issue.keepPassword")}
            </Choice>
          ) : null}
          <Choice
            name="password"
            value="random"
            chosen={choices.password}
            hint={words("console.issue.randomHint")}
          >
            {words("console.issue.random", { advised: adviseRandom ? "yes" : "no" })}
          </Choice>
          <Choice name="password" value="typed" chosen={choices.password}>
            {words("console.issue.typed")}
          </Choice>
        </div>
        <div className="if-typed mt-3 ms-7">
          <Field
            name="initial_password"
            label={words("console.issue.typedLabel")}
            error={errors.initial_password}
            type="password"
            autoComplete="off"
            spellCheck={false}
          />
        </div>
      </fieldset>

      <Field
        name="mail_to"
        label={words("console.issue.mailTo")}
        hint={words("console.issue.mailToHint", { known: knownEmail ? "yes" : "no" })}
        error={errors.mail_to}
        defaultValue={choices.mailTo}
        type="email"
        autoComplete="off"
        maxLength={254}
      />

      {offer.languages.length > 1 ? <LanguageField offer={offer} choices={choices} /> : null}

      <SubmitButton pending={words(`console.issue.${act}.pending`)}>
        {words(`console.issue.${act}.submit`)}
      </SubmitButton>
    </Form>
  );
}

export function LanguageField(props: {
  offer: Pick<IssueOffer, "languages">;
  choices: Pick<IssueChoices, "language">;
}) {
  const { offer, choices } = props;
  const words = useWords();
  return (
    <div>
      <label htmlFor="language" className="font-semibold">
        {words("console.issue.language")}
      </label>
      <p id="language-hint" className="mt-0.5 text-sm text-muted">
        {words("console.issue.languageHint")}
      </p>
      <select
        id="language"
        name="language"
        defaultValue={choices.language}
        aria-describedby="language-hint"
        className="input mt-1.5"
      >
        {offer.languages.map((language) => (
          <option key={language} value={language} lang={language}>
            {NAME_OF_LANGUAGE[language]}
          </option>
        ))}
      </select>
    </div>
  );
}

function PinFields(props: { offer: IssueOffer; choices: IssueChoices; error: string | undefined }) {
  const words = useWords();
  const { offer, choices, error } = props;
  const digits = { digits: offer.pinLength };
  const input = (
    <Field
      name="pin"
      label={words("console.issue.pin")}
      hint={words(offer.keepPin ? "console.issue.pinKeepHint" : "console.issue.pinHint", digits)}
      error={error}
      type="text"
      inputMode="numeric"
      autoComplete="off"
      // Nothing is cut: a PIN that is too long is a slip, and its first digits are another PIN.
      pattern={`\\s*[0-9]{${offer.pinLength}}\\s*`}
      title={words("console.issue.pinFormat", digits)}
      required={!offer.keepPin && !offer.requestPin}
      className="!w-40 font-mono text-xl tracking-[0.35em]"
    />
  );
  if (!offer.requestPin) return input;
  const chosen = choices.pin === "keep" ? "typed" : choices.pin;
  return (
    <fieldset className="choices">
      <legend className="font-semibold">{words("console.issue.pin")}</legend>
      <div className="mt-2 space-y-2">
        <Choice
          name="pin_from"
          value="request"
          chosen={chosen}
          hint={words("console.issue.requestPinHint")}
        >
          {words("console.issue.requestPin")}
        </Choice>
        <Choice name="pin_from" value="typed" chosen={chosen}>
          {words("console.issue.otherPin")}
        </Choice>
      </div>
      <div className="if-typed mt-3 ms-7">{input}</div>
    </fieldset>
  );
}

export function Choice(props: {
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
