import { isRouteErrorResponse } from "@remix-run/react";
import type { ReactNode } from "react";
import { PublicPage } from "./public-page";
import { useRequestId } from "./render-context";

/** What an error answer says: what happened, then what to do. */
interface ErrorWords {
  heading: string;
  advice: ReactNode;
}

const home = (
  <a className="link" href="/">
    Start page
  </a>
);

const WORDS: Record<number, ErrorWords> = {
  400: {
    heading: "That could not be understood",
    advice: "Something in the address or the form is broken. Go back and try again.",
  },
  403: {
    heading: "This is not allowed",
    advice: "Open the page again from its own address, then send the form once more.",
  },
  404: {
    heading: "There is no such page",
    advice: (
      <>
        Check the address. If you came to set a password, open the link in your mail again, or{" "}
        <a className="link" href="/reset">
          ask for a new one
        </a>
        .
      </>
    ),
  },
  405: {
    heading: "This page cannot do that",
    advice: <>It takes no requests of this kind. {home}</>,
  },
  413: {
    heading: "That was too large",
    advice: "The form holds more than 64 KiB. Go back and send less.",
  },
  415: {
    heading: "That was not a form",
    advice: "Send it as application/x-www-form-urlencoded.",
  },
  429: {
    heading: "Too many tries",
    advice: "Wait a minute, then try again. Nothing was changed.",
  },
  503: {
    heading: "Not available right now",
    advice: "Something this service needs does not answer. Wait a moment, then try again.",
  },
};

const UNEXPECTED: ErrorWords = {
  heading: "Something went wrong here",
  advice:
    "It is not your fault, and nothing you typed was kept. Try again; if it stays like this, tell your administrator, with the reference below.",
};

/** Which page could not be shown, where trying again is another matter there. */
export type FailedPage = "portal";

/** The token has left the address: neither a reload nor going back leads to the form again. */
const PORTAL_ADVICE: Record<number, ReactNode> = {
  400: "Something in the address or the form is broken. Open the link in your mail again.",
  403: "The form did not come from its own page, so nothing was changed. Open the link in your mail again.",
  500: "It is not your fault, and nothing you typed was kept. Open the link in your mail again; if it stays like this, tell your administrator, with the reference below.",
  503: "Something this service needs does not answer. Wait a moment, then open the link in your mail again; doing the same twice does no harm.",
};

/** Answers thrown on purpose carry a sentence of ours; Remix's own begin with the error's name. */
function ownWords(data: unknown): string | undefined {
  return typeof data === "string" && data !== "" && data.length < 300 && !/^\w*Error\b/.test(data)
    ? data
    : undefined;
}

/**
 * @param failed the page, where it has advice of its own
 * @returns the words for anything a route threw; never its stack, nor a message not written for people
 */
export function wordsForError(
  error: unknown,
  failed?: FailedPage,
): { status: number; words: ErrorWords } {
  const status = isRouteErrorResponse(error) ? error.status : 500;
  const words = WORDS[status] ?? UNEXPECTED;
  const thrown =
    isRouteErrorResponse(error) && (status < 500 || status === 503)
      ? ownWords(error.data)
      : undefined;
  const advice = (failed === "portal" ? PORTAL_ADVICE[status] : undefined) ?? thrown;
  return { status, words: advice ? { ...words, advice } : words };
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
  const { status, words } = wordsForError(props.error, props.failed);
  return (
    <section className="max-w-xl">
      <p className="font-mono text-sm text-muted">{status}</p>
      <h1 className="mt-1 text-3xl font-semibold sm:text-4xl">{words.heading}</h1>
      <p className="mt-4 text-lg">{words.advice}</p>
      {requestId && status >= 500 ? (
        <p className="mt-8 text-sm text-muted">
          Reference for your administrator:
          <code className="mt-0.5 block font-mono wrap-anywhere">{requestId}</code>
        </p>
      ) : null}
    </section>
  );
}
