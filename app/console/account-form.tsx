import { Form, Link } from "@remix-run/react";
import { useRef } from "react";
import { ErrorSummary } from "../components/error-summary";
import { Field } from "../components/field";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import { SubmitButton } from "../components/submit-button";
import type { Words } from "../messages/words";
import type { AccountAnswer, NotOpenedAnswer, OpenedAnswer } from "./account-answer";
import { type AccountNotes, FieldNote, useAccountNotes } from "./account-checks";
import {
  type AccountChoices,
  type AccountErrors,
  type AccountOffer,
  LONGEST_PROJECT_NAME,
  PROJECT_CHOICES,
} from "./account-choices";
import { PageHeading } from "./console-page";
import { FreshLink } from "./fresh-link";
import { Choice, LanguageField } from "./issue-form";
import { linkTo } from "./text-elements";

export interface AccountPage {
  offer: AccountOffer;
  usual: AccountChoices;
  /** Why Keystone told nothing of what there is to choose, in words. */
  trouble: string | null;
}

/** A new account: the form, or the link that hands it over. */
export function AccountView({ page, answer }: { page: AccountPage; answer?: AccountAnswer }) {
  const words = useWords();
  const { trouble } = page;
  return (
    <div className="max-w-2xl">
      <PageHeading
        above={linkTo("/admin/users")(words("console.title.users"))}
        below={answer?.ok ? undefined : words("console.newAccount.intro")}
      >
        {answer?.ok ? answer.userName : words("console.title.newAccount")}
      </PageHeading>
      <div className="mt-6 space-y-6">
        {answer?.ok ? (
          <OpenedAccount {...answer} />
        ) : (
          <>
            {trouble ? (
              <Notice tone="bad" heading={words("console.newAccount.trouble")}>
                {trouble} {linkTo(".")(words("console.shared.tryAgain"))}
              </Notice>
            ) : null}
            <AccountForm page={page} answer={answer} />
          </>
        )}
      </div>
    </div>
  );
}

function AccountForm({ page, answer }: { page: AccountPage; answer: NotOpenedAnswer | undefined }) {
  const words = useWords();
  const { offer } = page;
  const { errors = {}, choices } = answer ?? { choices: page.usual };
  const form = useRef<HTMLFormElement>(null);
  const notes = useAccountNotes(form);
  return (
    <Form method="post" ref={form} className="card space-y-7 p-5 sm:p-7">
      <ErrorSummary
        errors={answer?.errors}
        message={answer?.message}
        heading={answer?.message ? words("console.newAccount.notFinished") : undefined}
      />
      {answer ? <WhatIsThere {...answer} /> : null}
      <div>
        <Field
          name="user_name"
          label={words("console.newAccount.userName")}
          error={errors.user_name}
          defaultValue={choices.userName}
          type="text"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={255}
          required
        />
        <FieldNote note={notes.user_name} error={errors.user_name} />
      </div>
      <div>
        <Field
          name="email"
          label={words("console.newAccount.email")}
          hint={words("console.newAccount.emailHint")}
          error={errors.email}
          defaultValue={choices.email}
          type="email"
          autoComplete="off"
          maxLength={254}
        />
        <FieldNote note={notes.email} error={errors.email} />
        <label className="mt-2 flex gap-2.5">
          <input
            type="checkbox"
            name="mail"
            value="yes"
            defaultChecked={choices.mail}
            className="mt-1 size-4.5 shrink-0 accent-button"
          />
          <span>{words("console.newAccount.mail")}</span>
        </label>
      </div>
      <Field
        name="full_name"
        label={words("console.newAccount.fullName")}
        error={errors.full_name}
        defaultValue={choices.fullName}
        type="text"
        autoComplete="off"
        maxLength={255}
      />
      {offer.domains.length > 1 ? (
        <div>
          <Select
            name="domain"
            label={words("console.column.domain")}
            error={errors.domain}
            chosen={choices.domainId}
            options={offer.domains.map(({ id, name }) => [id, name])}
          />
          <FieldNote note={notes.domain} error={errors.domain} />
        </div>
      ) : (
        <input type="hidden" name="domain" value={offer.domains[0]?.id} />
      )}
      <ProjectFields offer={offer} choices={choices} errors={errors} notes={notes} />
      <Field
        name="pin"
        label={words("console.issue.pin")}
        hint={words("console.newAccount.pinHint", { digits: offer.pinLength })}
        error={errors.pin}
        type="text"
        inputMode="numeric"
        autoComplete="off"
        // Nothing is cut: a PIN that is too long is a slip, and its first digits are another PIN.
        pattern={`\\s*[0-9]{${offer.pinLength}}\\s*`}
        title={words("console.issue.pinFormat", { digits: offer.pinLength })}
        className="!w-40 font-mono text-xl tracking-[0.35em]"
      />
      {offer.languages.length > 1 ? <LanguageField offer={offer} choices={choices} /> : null}
      <Select
        name="lifetime"
        label={words("console.newAccount.lifetime")}
        chosen={String(choices.lifetimeSeconds)}
        options={offer.lifetimes.map((seconds) => [String(seconds), inWords(words, seconds)])}
      />
      <SubmitButton pending={words("console.newAccount.pending")}>
        {words("console.newAccount.submit")}
      </SubmitButton>
    </Form>
  );
}

function ProjectFields(props: {
  offer: AccountOffer;
  choices: AccountChoices;
  errors: AccountErrors;
  notes: AccountNotes;
}) {
  const words = useWords();
  const { offer, choices, errors, notes } = props;
  return (
    <fieldset className="choices">
      <legend className="font-semibold">{words("console.newAccount.project")}</legend>
      <div className="mt-2 space-y-2">
        {PROJECT_CHOICES.map((choice) => (
          <Choice key={choice} name="project_from" value={choice} chosen={choices.projectFrom}>
            {words(`console.newAccount.projectFrom.${choice}`)}
          </Choice>
        ))}
      </div>
      <div className="unless-none mt-4 ms-7 space-y-5">
        <div>
          <Field
            name="project_name"
            label={words("console.newAccount.projectName")}
            hint={words("console.newAccount.projectNameHint")}
            error={errors.project_name}
            defaultValue={choices.projectName}
            type="text"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={LONGEST_PROJECT_NAME}
          />
          <FieldNote note={notes.project_name} error={errors.project_name} />
        </div>
        {offer.roles.length > 0 ? (
          <Select
            name="role"
            label={words("console.newAccount.role")}
            error={errors.role}
            chosen={choices.roleId}
            options={offer.roles.map(({ id, name }) => [id, name])}
          />
        ) : null}
      </div>
    </fieldset>
  );
}

function Select(props: {
  name: string;
  label: string;
  error?: string;
  chosen: string;
  options: readonly (readonly [value: string, text: string])[];
}) {
  const { name, label, error, chosen, options } = props;
  return (
    <div>
      <label htmlFor={name} className="font-semibold">
        {label}
      </label>
      <select
        id={name}
        name={name}
        defaultValue={chosen}
        aria-invalid={error ? true : undefined}
        aria-describedby={error ? `${name}-error` : undefined}
        className="input mt-1.5"
      >
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
      {error ? (
        <p id={`${name}-error`} className="mt-1.5 text-sm font-medium text-bad">
          {error}
        </p>
      ) : null}
    </div>
  );
}

const HOUR_SECONDS = 3600;

/** Days where they are whole ones, else hours or minutes. */
function inWords(words: Words, seconds: number): string {
  const hours = seconds / HOUR_SECONDS;
  if (hours % 24 === 0) return words("console.newAccount.days", { count: hours / 24 });
  if (hours >= 1) return words("console.newAccount.hours", { count: Math.round(hours) });
  return words("console.newAccount.minutes", { count: Math.max(1, Math.round(seconds / 60)) });
}

function WhatIsThere({ made, existingUserId }: NotOpenedAnswer) {
  const words = useWords();
  return (
    <>
      {made.length > 0 ? (
        <Notice tone="wait" heading={words("console.newAccount.made.heading")}>
          {made.join(" ")}
        </Notice>
      ) : null}
      {existingUserId !== null ? (
        <p>
          {linkTo(`/admin/users/${encodeURIComponent(existingUserId)}`)(
            words("console.newAccount.existing"),
          )}
        </p>
      ) : null}
    </>
  );
}

function OpenedAccount({ url, expiresAt, mailTo, linkId, madeUpPin }: OpenedAnswer) {
  const words = useWords();
  return (
    <>
      <FreshLink url={url} expiresAt={expiresAt} mailTo={mailTo} mail={null} />
      {madeUpPin === null ? null : (
        <Notice tone="wait" heading={words("console.newAccount.pinMade")}>
          <p className="my-1 font-mono text-2xl tracking-[0.35em]" data-pin>
            {madeUpPin}
          </p>
          <p>{words("console.newAccount.pinMadeAdvice")}</p>
        </Notice>
      )}
      <p className="flex flex-wrap gap-3">
        <Link className="button button-quiet" to={`/admin/links/${linkId}`}>
          {words("console.issue.details")}
        </Link>
        <Link className="button button-quiet" to="/admin/users/new">
          {words("console.newAccount.another")}
        </Link>
      </p>
    </>
  );
}
