import type { ReactNode } from "react";
import { ErrorSummary } from "../components/error-summary";
import { Fact, Facts } from "../components/facts";
import { Field } from "../components/field";
import { Notice } from "../components/notice";
import { AskSupport, FormSplit, Intro } from "../components/public-page";
import { useBrand, useWords } from "../components/render-context";
import { ExactTime } from "../components/when";
import type { Words } from "../messages/words";
import type { ConfirmView } from "../reset-requests/confirm-request.server";
import { RequestLink } from "./link-form";
import { RequestCode, WhatHappensNext } from "./request-code";

/** What the page behind a mailed confirm link shows, in one value. */
export type ConfirmPage =
  | {
      view: "ask";
      token: string;
      request: ConfirmView;
      /** A code that is none of this mailbox's requests. */
      unknownCode?: string;
    }
  | { view: "confirmed"; request: ConfirmView; confirmedNow: boolean }
  | { view: "ended" | "expired" | "none" }
  | { view: "too-many"; retryAfterSeconds: number };

export function titleOfConfirm(words: Words, page: ConfirmPage): string {
  switch (page.view) {
    case "ask":
      return words(page.unknownCode === undefined ? "confirm.heading" : "confirm.titleAgain");
    case "confirmed":
      return words("confirm.done.heading");
    case "ended":
    case "expired":
      return words(`confirm.${page.view}.heading`);
    case "too-many":
      return words("portal.refusal.tooMany.heading");
    case "none":
      return words("portal.none.heading");
  }
}

export function Confirm({ page }: { page: ConfirmPage }) {
  const words = useWords();
  const heading = titleOfConfirm(words, page);
  switch (page.view) {
    case "ask":
      return <Ask page={page} />;
    case "confirmed":
      return <Confirmed request={page.request} confirmedNow={page.confirmedNow} />;
    case "ended":
    case "expired":
      return <End heading={heading}>{words(`confirm.${page.view}.message`)}</End>;
    case "too-many":
      return (
        <End heading={heading}>
          {words("portal.refusal.tooMany.message", { seconds: page.retryAfterSeconds })}
        </End>
      );
    case "none":
      return (
        <End
          heading={heading}
          notice={
            <Notice tone="info" heading={words("portal.none.reloaded")}>
              {words("confirm.none.reloadedAdvice")}
            </Notice>
          }
        >
          {words("confirm.none.intro")}
        </End>
      );
  }
}

/** Nothing to confirm here: what to do instead. */
function End(props: { heading: string; children: ReactNode; notice?: ReactNode }) {
  return (
    <section className="max-w-xl">
      <Intro heading={props.heading}>{props.children}</Intro>
      {props.notice ? <div className="mt-8">{props.notice}</div> : null}
      <p className="mt-8">
        <RequestLink tone="quiet" />
      </p>
    </section>
  );
}

const strong = (text: ReactNode) => <strong>{text}</strong>;

function Ask({ page }: { page: Extract<ConfirmPage, { view: "ask" }> }) {
  const words = useWords();
  const { appName } = useBrand();
  const { token, request } = page;
  const isConfirmed = request.state === "confirmed";
  return (
    <FormSplit
      intro={
        <>
          {isConfirmed ? (
            <Intro heading={words("confirm.already.heading")}>
              {words("confirm.already.intro")}
            </Intro>
          ) : (
            <Intro heading={words("confirm.heading")}>{words("confirm.intro", { appName })}</Intro>
          )}
          <p className="mt-6 max-w-lg">{words.rich("confirm.compare", { strong })}</p>
          <p className="mt-4 max-w-lg">
            {words("confirm.notYou")} <AskSupport text="shared.keepComing" />
          </p>
        </>
      }
    >
      <div className="space-y-5">
        <ThisRequest token={token} request={request} />
        <AnotherCode page={page} />
      </div>
    </FormSplit>
  );
}

function ThisRequest({ token, request }: { token: string; request: ConfirmView }) {
  const words = useWords();
  const isConfirmed = request.state === "confirmed";
  return (
    <form method="post" action="/reset/confirm" className="card p-5 sm:p-7">
      <input type="hidden" name="token" value={token} />
      <p className="text-sm text-muted">{words("confirm.code")}</p>
      <p className="mt-1">
        <RequestCode code={request.code} />
      </p>
      <div className="-mx-4 mt-4 sm:-mx-5">
        <Facts>
          <Fact name={words("confirm.nameGiven")}>{request.name}</Fact>
          <Fact name={words("confirm.addressGiven")}>{request.email}</Fact>
          <Fact name={words("confirm.askedOn")}>
            <ExactTime at={request.askedAt} />
          </Fact>
          {isConfirmed || !request.confirmBefore ? null : (
            <Fact name={words("confirm.endsOn")}>
              <ExactTime at={request.confirmBefore} />
            </Fact>
          )}
        </Facts>
      </div>
      {isConfirmed ? null : (
        <button type="submit" className="button button-primary mt-5 w-full text-lg">
          <span>
            {words.rich("confirm.submit", {
              code: request.code,
              unbroken: (code) => <span className="whitespace-nowrap">{code}</span>,
            })}
          </span>
        </button>
      )}
    </form>
  );
}

/** A mailbox gets few mails in an hour: the link in any of them confirms each of its requests. */
function AnotherCode({ page }: { page: Extract<ConfirmPage, { view: "ask" }> }) {
  const words = useWords();
  const { token, request, unknownCode } = page;
  const error = unknownCode === undefined ? undefined : words("confirm.other.unknown");
  return (
    <details open={error !== undefined}>
      <summary className="link w-fit">{words("confirm.other.summary")}</summary>
      <form method="post" action="/reset/confirm" className="card mt-3 space-y-5 p-5 sm:p-7">
        <input type="hidden" name="token" value={token} />
        <ErrorSummary
          errors={error ? { code: error } : undefined}
          heading={words("confirm.other.nothing")}
        />
        <Field
          name="code"
          label={words("confirm.other.label")}
          hint={words("confirm.other.hint", { email: request.email })}
          error={error}
          defaultValue={unknownCode}
          type="text"
          autoComplete="off"
          autoCapitalize="characters"
          spellCheck={false}
          required
          className="!w-40 font-mono text-xl tracking-[0.12em]"
        />
        <button type="submit" className="button button-quiet">
          {words("confirm.other.submit")}
        </button>
      </form>
    </details>
  );
}

function Confirmed({ request, confirmedNow }: { request: ConfirmView; confirmedNow: boolean }) {
  const words = useWords();
  const { appName } = useBrand();
  return (
    <section className="max-w-xl">
      <Intro heading={words("confirm.done.heading")}>
        {words(confirmedNow ? "confirm.done.now" : "confirm.done.before", { appName })}
      </Intro>
      <p className="mt-6">{words("confirm.done.keepCode")}</p>
      <p className="mt-2">
        <RequestCode code={request.code} />
      </p>
      <WhatHappensNext />
    </section>
  );
}
