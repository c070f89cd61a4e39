import type {
  ActionFunctionArgs,
  AppLoadContext,
  LoaderFunctionArgs,
  MetaFunction,
} from "@remix-run/node";
import { data } from "@remix-run/node";
import { useLoaderData } from "@remix-run/react";
import { ErrorSummary } from "../components/error-summary";
import { Fact, Facts } from "../components/facts";
import { Field } from "../components/field";
import { readLine } from "../components/form-text";
import { refusedByLimit } from "../components/limit-words";
import { Notice } from "../components/notice";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import { FormSplit, Intro, PublicPage, SupportContact } from "../components/public-page";
import { useBrand } from "../components/render-context";
import { AfterConfirming, RequestCode } from "../components/request-code";
import { ShownAddress } from "../components/shown-address";
import { ExactTime } from "../components/when";
import { readForm } from "../http/form.server";
import { visitorOf } from "../http/initiator.server";
import { countWrongLink } from "../http/rate-limit.server";
import {
  type ConfirmView,
  confirmRequest,
  viewConfirmation,
} from "../reset-requests/confirm-request.server";
import { type ConfirmToken, parseConfirmToken } from "../reset-requests/confirm-token.server";

export const headers = pageHeaders;

type Page =
  | { view: "ask"; token: string; request: ConfirmView; typedCode?: string; codeError?: string }
  | { view: "confirmed"; request: ConfirmView; confirmedNow: boolean }
  | { view: "end"; heading: string; message: string }
  | { view: "none" };

interface Answer {
  page: Page;
  status: number;
  retryAfter?: string;
}

/** What the action answered, for the loader that Remix runs after it: as in the portal. */
const answered = new WeakMap<AppLoadContext, Answer>();

const initOf = ({ status, retryAfter }: Answer): ResponseInit => ({
  status,
  headers: retryAfter === undefined ? {} : { "Retry-After": retryAfter },
});

const ENDED: Answer = {
  status: 404,
  page: {
    view: "end",
    heading: "This link has ended",
    message:
      "Its request was answered or closed, or was not confirmed in time. If you still need a link to set a password, ask again.",
  },
};

const EXPIRED: Answer = {
  status: 410,
  page: {
    view: "end",
    heading: "This request has ended",
    message:
      "It was not confirmed within a day, so nobody will see it. If you still need a link to set a password, ask again.",
  },
};

/** Changes nothing: mail scanners open links. */
export async function loader({ request, context }: LoaderFunctionArgs) {
  const answer = answered.get(context) ?? (await show(request, context));
  return data({ page: answer.page }, initOf(answer));
}

async function show(request: Request, context: AppLoadContext): Promise<Answer> {
  const given = new URL(request.url).searchParams.get("token");
  if (!given) return { page: { view: "none" }, status: 404 };
  const token = parseConfirmToken(given);
  return token ? ask(context, token) : ENDED;
}

async function ask(context: AppLoadContext, token: ConfirmToken): Promise<Answer> {
  const found = await viewConfirmation(context.services, token);
  if (!found.ok) return found.reason === "expired" ? EXPIRED : ENDED;
  return { page: { view: "ask", token, request: found.request }, status: 200 };
}

/** What is wrong is counted, as in the portal; whoever has a live link is not. */
async function deadLink(args: ActionFunctionArgs): Promise<Answer> {
  const limited = await refusedByLimit(countWrongLink(args));
  if (!limited) return ENDED;
  const seconds = limited.init.headers["Retry-After"];
  const page = {
    view: "end",
    heading: "Too many tries",
    message: `Too many links from your network did not work. Wait ${seconds} seconds, then open the link in your mail again.`,
  } as const;
  return { page, status: limited.init.status, retryAfter: seconds };
}

export async function action(args: ActionFunctionArgs) {
  const answer = await confirm(args);
  answered.set(args.context, answer);
  return data(null, initOf(answer));
}

async function confirm(args: ActionFunctionArgs): Promise<Answer> {
  const { context } = args;
  const form = await readForm(args);
  const given = form.get("token");
  if (!given) return { page: { view: "none" }, status: 400 };
  const token = parseConfirmToken(given);
  if (!token) return deadLink(args);
  const code = readLine(form, "code", 40);
  const result = await confirmRequest(context.services, { token, code }, visitorOf(context));
  if (result.ok) {
    const { request, confirmedNow } = result;
    return { page: { view: "confirmed", request, confirmedNow }, status: 200 };
  }
  switch (result.reason) {
    case "expired":
      return EXPIRED;
    case "unknown-token":
      return deadLink(args);
    case "unknown-code": {
      const again = await ask(context, token);
      if (again.page.view !== "ask") return again;
      const codeError =
        "No request with this code waits for your address. Look at the page you sent it from, or ask again.";
      return { page: { ...again.page, typedCode: code, codeError }, status: 404 };
    }
  }
}

export const meta: MetaFunction<typeof loader> = ({ data, matches }) =>
  pageTitle(data ? titleOf(data.page) : "Confirm your request", matches);

function titleOf(page: Page): string {
  switch (page.view) {
    case "ask":
      return page.codeError ? "Not confirmed yet: confirm your request" : "Confirm your request";
    case "confirmed":
      return "Request confirmed";
    case "end":
      return page.heading;
    case "none":
      return "Open the link in your email";
  }
}

export default function Confirm() {
  const { page } = useLoaderData<typeof loader>();
  return (
    <PublicPage>
      <ShownAddress path="/reset/confirm" />
      <Shown page={page} />
    </PublicPage>
  );
}

function Shown({ page }: { page: Page }) {
  switch (page.view) {
    case "ask":
      return <Ask page={page} />;
    case "confirmed":
      return <Confirmed request={page.request} confirmedNow={page.confirmedNow} />;
    case "end":
      return (
        <section className="max-w-xl">
          <Intro heading={page.heading}>{page.message}</Intro>
          <AskAgain />
        </section>
      );
    case "none":
      return (
        <section className="max-w-xl">
          <Intro heading="Open the link in your email">
            This is where a request for a new link is confirmed. The page opens from the mail you
            got after asking, and only from there.
          </Intro>
          <div className="mt-8">
            <Notice tone="info" heading="You were just on that page?">
              Reloading it leads here, because the link is kept out of the address bar. Open it in
              your mail once more.
            </Notice>
          </div>
          <AskAgain />
        </section>
      );
  }
}

function AskAgain() {
  return (
    <p className="mt-8">
      <a className="button button-quiet" href="/reset">
        Request a new link
      </a>
    </p>
  );
}

function Ask({ page }: { page: Extract<Page, { view: "ask" }> }) {
  const { appName, supportContact } = useBrand();
  const { token, request, codeError, typedCode } = page;
  const isConfirmed = request.state === "confirmed";
  return (
    <FormSplit
      intro={
        <>
          <Intro heading={isConfirmed ? "This request is confirmed" : "Confirm your request"}>
            {isConfirmed
              ? "There is nothing left to do: an administrator will see to it."
              : `A new link to choose a password at ${appName} was asked for with your address. Was it you?`}
          </Intro>
          <p className="mt-6 max-w-lg">
            <strong>Compare the code first.</strong> The page you sent the request from shows one.
            If it differs from the code here, this is somebody else's request: do not confirm it.
          </p>
          <p className="mt-4 max-w-lg">
            You did not ask for anything? Then close this page. What is not confirmed ends by
            itself, and nobody sees it.
            {supportContact ? (
              <>
                {" "}
                If such mails keep coming, tell <SupportContact contact={supportContact} />.
              </>
            ) : null}
          </p>
        </>
      }
    >
      <div className="space-y-5">
        <form method="post" action="/reset/confirm" className="card p-5 sm:p-7">
          <input type="hidden" name="token" value={token} />
          <p className="text-sm text-muted">Code of the request</p>
          <p className="mt-1">
            <RequestCode code={request.code} />
          </p>
          <div className="-mx-4 mt-4 sm:-mx-5">
            <Facts>
              <Fact name="User name given">{request.name}</Fact>
              <Fact name="Address given">{request.email}</Fact>
              <Fact name="Asked on">
                <ExactTime at={request.askedAt} />
              </Fact>
              {isConfirmed || !request.confirmBefore ? null : (
                <Fact name="Ends on">
                  <ExactTime at={request.confirmBefore} />
                </Fact>
              )}
            </Facts>
          </div>
          {isConfirmed ? null : (
            <button type="submit" className="button button-primary mt-5 w-full text-lg">
              Confirm request <span className="whitespace-nowrap">{request.code}</span>
            </button>
          )}
        </form>
        <details open={codeError !== undefined}>
          <summary className="link w-fit">My page shows another code</summary>
          <form method="post" action="/reset/confirm" className="card mt-3 space-y-5 p-5 sm:p-7">
            <input type="hidden" name="token" value={token} />
            <ErrorSummary
              errors={codeError ? { code: codeError } : undefined}
              heading="Nothing is confirmed yet"
            />
            <Field
              name="code"
              label="Code on your page"
              hint={`Of a request with the address ${request.email}. Capitals and dashes do not matter.`}
              error={codeError}
              defaultValue={typedCode}
              type="text"
              autoComplete="off"
              autoCapitalize="characters"
              spellCheck={false}
              required
              className="!w-40 font-mono text-xl tracking-[0.12em]"
            />
            <button type="submit" className="button button-quiet">
              Confirm that request
            </button>
          </form>
        </details>
      </div>
    </FormSplit>
  );
}

function Confirmed({ request, confirmedNow }: { request: ConfirmView; confirmedNow: boolean }) {
  const { appName } = useBrand();
  return (
    <section className="max-w-xl">
      <Intro heading="Request confirmed">
        {confirmedNow
          ? `The administrators of ${appName} see it from now on.`
          : `It was confirmed before. The administrators of ${appName} see it.`}
      </Intro>
      <p className="mt-6">This is its code. Keep it until you have your link:</p>
      <p className="mt-2">
        <RequestCode code={request.code} />
      </p>
      <h2 className="mt-8 font-semibold">What happens next</h2>
      <ol className="mt-2 list-decimal space-y-2 pl-5 marker:font-semibold marker:text-muted">
        <AfterConfirming />
      </ol>
    </section>
  );
}
