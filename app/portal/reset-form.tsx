import type { ReactNode } from "react";
import { ErrorSummary, type FieldErrors } from "../components/error-summary";
import { Field, USER_NAME } from "../components/field";
import { FormSplit, Intro } from "../components/public-page";
import { useBrand, useWords } from "../components/render-context";
import { ShownAddress } from "../components/shown-address";
import type { Words } from "../messages/words";
import { PinField } from "./pin-field";
import { RequestCode, WhatHappensNext } from "./request-code";

export type ResetErrors = FieldErrors<"name" | "email" | "confirm_email" | "pin">;

/** What was typed, to be shown again; never the PIN. */
export interface TypedRequest {
  name: string;
  email: string;
  confirmEmail: string;
}

export interface RefusedRequest {
  sent: false;
  typed: TypedRequest;
  errors?: ResetErrors;
  /** Where nothing in the form was wrong. */
  message?: string;
}

/** @returns what is wrong in the form; undefined where nothing is */
export function findResetErrors(
  words: Words,
  typed: TypedRequest,
  is: { address: boolean; pin: boolean; pinLength: number },
): ResetErrors | undefined {
  const errors: ResetErrors = {};
  if (typed.name === "") errors.name = words("reset.problem.name");
  if (typed.email === "") errors.email = words("reset.problem.email");
  else if (!is.address) errors.email = words("shared.notAnEmail");
  else if (typed.confirmEmail.toLowerCase() !== typed.email.toLowerCase())
    errors.confirm_email = words("reset.problem.differ");
  if (!is.pin) errors.pin = words("reset.pinFormat", { digits: is.pinLength });
  return Object.keys(errors).length > 0 ? errors : undefined;
}

/** Who asks for a new link, where to reach them, and the PIN it shall have. */
export function ResetForm(props: { pinLength: number; answer: RefusedRequest | undefined }) {
  const words = useWords();
  const { appName } = useBrand();
  const { pinLength, answer } = props;
  const { typed, errors = {}, message } = answer ?? {};
  const address = { type: "email", autoComplete: "email", maxLength: 254, required: true } as const;
  return (
    <FormSplit
      intro={<Intro heading={words("reset.heading")}>{words("reset.intro", { appName })}</Intro>}
    >
      <form method="post" action="/reset" className="card space-y-6 p-5 sm:p-7">
        <ErrorSummary errors={errors} message={message} heading={words("reset.notSent")} />
        <Field
          name="name"
          label={words("reset.userName")}
          hint={words("reset.userNameHint")}
          error={errors.name}
          defaultValue={typed?.name}
          {...USER_NAME}
        />
        <Field
          name="email"
          label={words("reset.email")}
          error={errors.email}
          defaultValue={typed?.email}
          {...address}
        />
        <Field
          name="confirm_email"
          label={words("reset.confirmEmail")}
          error={errors.confirm_email}
          defaultValue={typed?.confirmEmail}
          {...address}
        />
        <PinField
          digits={pinLength}
          label={words("reset.pin")}
          hint={words("reset.pinHint", { digits: pinLength })}
          format={words("reset.pinFormat", { digits: pinLength })}
          error={errors.pin}
        />
        <button type="submit" className="button button-primary w-full text-lg">
          {words("reset.send")}
        </button>
      </form>
    </FormSplit>
  );
}

const strong = (text: ReactNode) => <strong className="wrap-anywhere text-ink">{text}</strong>;

/** The request is taken, and waits for its mailbox. */
export function ResetSent({ email, code }: { email: string; code: string }) {
  const words = useWords();
  return (
    <section className="max-w-xl">
      <ShownAddress path="/reset" />
      <Intro heading={words("reset.sent.heading")}>
        {words.rich("reset.sent.intro", { email, strong })}
      </Intro>
      <p className="mt-6">{words("reset.sent.code")}</p>
      <p className="mt-2">
        <RequestCode code={code} />
      </p>
      <WhatHappensNext>
        <li>{words("reset.sent.open")}</li>
      </WhatHappensNext>
      <p className="mt-8">{words.rich("reset.sent.noEmail", { strong })}</p>
    </section>
  );
}
