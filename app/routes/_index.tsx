import type {
  ActionFunctionArgs,
  AppLoadContext,
  LoaderFunctionArgs,
  MetaFunction,
} from "@remix-run/node";
import { data } from "@remix-run/node";
import { useLoaderData, useRouteError } from "@remix-run/react";
import { ErrorPage, wordsForError } from "../components/error-page";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { PublicPage } from "../components/public-page";
import { pageHeaders } from "../components/route-exports";
import { readForm } from "../http/form.server";
import { visitorOf } from "../http/initiator.server";
import { countWrongLink } from "../http/rate-limit.server";
import { type LinkToken, parseLinkToken } from "../links/link-token.server";
import { redeemLink } from "../links/redeem/redeem-link.server";
import { type LinkView, viewLink } from "../links/view-link.server";
import { wordsIn } from "../messages/catalogs.server";
import { languageOrDefault } from "../messages/languages";
import type { Words } from "../messages/words";
import { LinkEnd, LinkForm, NoLink, PasswordSet } from "../portal/link-form";
import { describeRules, scriptWords } from "../portal/password-words";
import type { PortalErrors, PortalPage } from "../portal/portal-page";
import {
  deadLink,
  STATUS_OF_REFUSAL,
  supersededLink,
  wordsForRefusal,
} from "../portal/refusal-words";

export const headers = pageHeaders;

type Answer = { page: PortalPage | { view: "none" }; status: number; retryAfterSeconds?: number };

/**
 * After an action Remix runs the loader with a GET request that knows nothing of the form. What the
 * action answered is what the page shows, so it is kept for the loader, as long as the request lives.
 */
const answered = new WeakMap<AppLoadContext, Answer>();

/** Changes nothing: mail scanners open links. */
export async function loader({ request, context }: LoaderFunctionArgs) {
  const answer = answered.get(context) ?? (await show(request, context));
  const { language, assets } = context;
  return data({ page: answer.page, language, script: assets.portalScript }, initOf(answer));
}

async function show(request: Request, context: AppLoadContext): Promise<Answer> {
  const given = new URL(request.url).searchParams.get("token");
  if (!given) return { page: { view: "none" }, status: 404 };
  const token = parseLinkToken(given);
  const link = token && (await viewLink(context.services, token));
  const words = speakAsLink(context, link);
  if (!link) return { page: { view: "end", ...deadLink(words) }, status: 404 };
  return { page: formPage(words, token, link), status: 200 };
}

/**
 * Goes on in the link's language where neither the reader nor their browser asks for one that there is. What
 * is around the page reads it when the loaders are done.
 */
function speakAsLink(context: AppLoadContext, link: LinkView | undefined): Words {
  if (link && !context.askedLanguage)
    context.language = languageOrDefault(context.services.config, link.language);
  return wordsIn(context.language);
}

const formPage = (words: Words, token: LinkToken, link: LinkView) =>
  ({
    view: "form",
    token,
    link,
    rules: describeRules(words, link.policy),
    scriptWords: scriptWords(words, link.policy),
  }) as const;

export async function action(args: ActionFunctionArgs) {
  const answer = await redeem(args);
  answered.set(args.context, answer);
  return data(null, initOf(answer));
}

/** There is no such link: counted, and beyond the limit no longer told. */
async function noSuchLink(args: ActionFunctionArgs): Promise<Answer> {
  const words = wordsIn(args.context.language);
  const counted = await countWrongLink(args);
  return counted.ok
    ? { page: { view: "end", ...deadLink(words) }, status: 404 }
    : tooMany(words, counted);
}

const tooMany = (words: Words, { retryAfterSeconds }: { retryAfterSeconds: number }): Answer => {
  const page = {
    view: "end",
    form: false,
    heading: words("portal.refusal.tooMany.heading"),
    message: words("portal.refusal.tooMany.message", { seconds: retryAfterSeconds }),
    waysOn: "none",
  } as const;
  return { page, status: 429, retryAfterSeconds };
};

const initOf = ({ status, retryAfterSeconds }: Answer): ResponseInit => ({
  status,
  headers: retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) },
});

async function redeem(args: ActionFunctionArgs): Promise<Answer> {
  const { request, context } = args;
  const { services } = context;
  const form = await readForm(args);
  const given = form.get("token") || new URL(request.url).searchParams.get("token");
  if (!given) return { page: { view: "none" }, status: 400 };
  const token = parseLinkToken(given);
  if (!token) return noSuchLink(args);
  const words = speakAsLink(
    context,
    context.askedLanguage ? undefined : await viewLink(services, token),
  );
  type Shown = Pick<Extract<PortalPage, { view: "form" }>, "errors" | "notice">;
  const again = async (shown: Shown, init: Omit<Answer, "page">): Promise<Answer | undefined> => {
    const link = await viewLink(services, token);
    return link && { page: { ...formPage(words, token, link), ...shown }, ...init };
  };
  const pin = (form.get("pin") ?? "").trim();
  const password = form.get("password") ?? "";
  const errors = findErrors(words, {
    pin,
    password,
    confirmation: form.get("confirm_password") ?? "",
  });
  if (errors) return (await again({ errors }, { status: 400 })) ?? noSuchLink(args);

  const result = await redeemLink(services, { token, pin, password }, visitorOf(context));
  services.metrics.countRedemption(result.ok ? "ok" : result.reason);
  if (result.ok)
    return {
      page: { view: "set", userName: result.userName, domainName: result.domainName },
      status: 200,
    };
  if (result.reason === "unknown-link") return noSuchLink(args);
  // Answered as what it is also beyond the limit: the link counts its own, and the right PIN must work.
  if (result.reason === "wrong-pin") await countWrongLink(args);
  const status = STATUS_OF_REFUSAL[result.reason];
  const retryAfterSeconds =
    result.reason === "keystone-unavailable" ? result.retryAfterSeconds : undefined;
  const said = wordsForRefusal(words, result);
  if (!said.form) return { page: { view: "end", ...said }, status };
  const shown =
    said.field === undefined
      ? { notice: { heading: said.heading, message: said.message } }
      : { errors: { [said.field]: said.message } };
  const page = await again(shown, { status, retryAfterSeconds });
  if (page) return page;
  // Somebody replaced the link while Keystone worked.
  return { page: { view: "end", ...supersededLink(words) }, status: STATUS_OF_REFUSAL.superseded };
}

function findErrors(
  words: Words,
  typed: { pin: string; password: string; confirmation: string },
): PortalErrors | undefined {
  const errors: PortalErrors = {};
  if (typed.pin === "") errors.pin = words("portal.problem.pinEmpty");
  if (typed.password === "") errors.password = words("portal.problem.empty");
  else if (typed.confirmation === "")
    errors.confirm_password = words("portal.problem.confirmEmpty");
  else if (typed.confirmation !== typed.password)
    errors.confirm_password = words("portal.problem.differ");
  return Object.keys(errors).length > 0 ? errors : undefined;
}

export const meta: MetaFunction<typeof loader> = ({ data, error, matches }) => {
  const words = wordsOfPage(matches, data?.language);
  return pageTitle(data ? titleOf(words, data.page) : wordsForError(words, error).heading, matches);
};

function titleOf(words: Words, page: Answer["page"]): string {
  switch (page.view) {
    case "form":
      return words(page.errors || page.notice ? "portal.form.titleAgain" : "portal.form.heading");
    case "set":
      return words("portal.set.heading");
    case "end":
      return page.heading;
    case "none":
      return words("portal.none.heading");
  }
}

export default function Portal() {
  const { page, script } = useLoaderData<typeof loader>();
  return (
    <PublicPage token={page.view === "form" ? page.token : undefined}>
      <Shown page={page} />
      {page.view === "form" ? <script type="module" src={script} /> : null}
    </PublicPage>
  );
}

/** What the page cannot answer itself: the database is away, or the form was none. */
export function ErrorBoundary() {
  return <ErrorPage error={useRouteError()} failed="portal" />;
}

function Shown({ page }: { page: Answer["page"] }) {
  switch (page.view) {
    case "form":
      return <LinkForm page={page} />;
    case "set":
      return <PasswordSet userName={page.userName} domainName={page.domainName} />;
    case "end":
      return <LinkEnd {...page} />;
    case "none":
      return <NoLink />;
  }
}
