import { isRouteErrorResponse } from "@remix-run/react";
import type { ReactNode } from "react";
import type { Words } from "../messages/words";
import { PublicPage } from "./public-page";
import { useRequestId, useWords } from "./render-context";

const STATUSES = [400, 403, 404, 405, 413, 415, 500, 503] as const;

type Status = (typeof STATUSES)[number];

/** Which page could not be shown, where trying again is another matter there. */
export type FailedPage = "portal";

/** The portal's token has left the address bar: neither a reload nor going back leads to the form again. */
const PORTAL_STATUSES = [400, 403, 500, 503] as const;

/** What a handler threw as an answer's body, where the status does not say enough. */
export const ERROR_CODES = {
  "database-away": "error.code.databaseAway",
  "not-utf8": "error.code.notUtf8",
  "cut-short": "error.code.cutShort",
  "no-such-link": "error.code.noSuchLink",
  "keystone-unavailable": "console.keystone.unavailable",
  "keystone-forbidden": "console.keystone.forbidden",
  "closing-takes-admin": "console.requests.closingTakesAdmin",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/**
 * @param failed the page, where it has advice of its own
 * @returns the words for anything a route threw; never its stack, nor a message not written for people
 */
export function wordsForError(
  words: Words,
  error: unknown,
  failed?: FailedPage,
): { status: number; heading: string; advice: ReactNode } {
  const status = isRouteErrorResponse(error) ? error.status : 500;
  const known = STATUSES.find((one) => one === status) ?? 500;
  const ofPortal = failed && PORTAL_STATUSES.find((one) => one === known);
  const told = isRouteErrorResponse(error) && (status < 500 || status === 503);
  const code = told ? ERROR_CODES[error.data as ErrorCode] : undefined;
  const advice = ofPortal
    ? words(`error.portal.${ofPortal}`)
    : code
      ? words(code)
      : adviceFor(words, known);
  return { status, heading: words(`error.heading.${known}`), advice };
}

function adviceFor(words: Words, status: Status): ReactNode {
  const link = (href: string) => (text: ReactNode) => (
    <a className="link" href={href}>
      {text}
    </a>
  );
  if (status === 404) return words.rich("error.advice.404", { reset: link("/reset") });
  if (status === 405) return words.rich("error.advice.405", { home: link("/") });
  return words(`error.advice.${status}`);
}

/** The page for whatever went wrong outside the console. */
export function ErrorPage(props: { error: unknown; failed?: FailedPage }) {
  return (
    <PublicPage>
      <ErrorWordsSection {...props} />
    </PublicPage>
  );
}

/** Heading, advice and reference, for a page's main part. */
export function ErrorWordsSection(props: { error: unknown; failed?: FailedPage }) {
  const requestId = useRequestId();
  const words = useWords();
  const { status, heading, advice } = wordsForError(words, props.error, props.failed);
  return (
    <section className="max-w-xl">
      <p className="font-mono text-sm text-muted">{status}</p>
      <h1 className="mt-1 text-3xl font-semibold sm:text-4xl">{heading}</h1>
      <p className="mt-4 text-lg">{advice}</p>
      {requestId && status >= 500 ? (
        <p className="mt-8 text-sm text-muted">
          {words("error.reference")}
          <code className="mt-0.5 block font-mono wrap-anywhere">{requestId}</code>
        </p>
      ) : null}
    </section>
  );
}
