import type {
  ActionFunctionArgs,
  AppLoadContext,
  LoaderFunctionArgs,
  MetaFunction,
} from "@remix-run/node";
import { data } from "@remix-run/node";
import { useLoaderData } from "@remix-run/react";
import { readLine } from "../components/form-text";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { PublicPage } from "../components/public-page";
import { pageHeaders } from "../components/route-exports";
import { ShownAddress } from "../components/shown-address";
import { readForm } from "../http/form.server";
import { visitorOf } from "../http/initiator.server";
import { countWrongLink } from "../http/rate-limit.server";
import { Confirm, type ConfirmPage, titleOfConfirm } from "../portal/confirm-page";
import { confirmRequest, viewConfirmation } from "../reset-requests/confirm-request.server";
import { type ConfirmToken, parseConfirmToken } from "../reset-requests/confirm-token.server";

export const headers = pageHeaders;

interface Answer {
  page: ConfirmPage;
  status: number;
  headers?: Record<string, string>;
}

/** What the action answered, for the loader that Remix runs after it: as in the portal. */
const answered = new WeakMap<AppLoadContext, Answer>();

const ENDED: Answer = { status: 404, page: { view: "ended" } };
const EXPIRED: Answer = { status: 410, page: { view: "expired" } };

/** Changes nothing: mail scanners open links. */
export async function loader({ request, context }: LoaderFunctionArgs) {
  const { page, ...init } = answered.get(context) ?? (await show(request, context));
  return data({ page }, init);
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
  const counted = await countWrongLink(args);
  if (counted.ok) return ENDED;
  const { retryAfterSeconds } = counted;
  const headers = { "Retry-After": String(retryAfterSeconds) };
  return { page: { view: "too-many", retryAfterSeconds }, status: 429, headers };
}

export async function action(args: ActionFunctionArgs) {
  const answer = await confirm(args);
  answered.set(args.context, answer);
  const { page: _, ...init } = answer;
  return data(null, init);
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
      return { page: { ...again.page, unknownCode: code }, status: 404 };
    }
  }
}

export const meta: MetaFunction<typeof loader> = ({ data, matches }) =>
  pageTitle(titleOfConfirm(wordsOfPage(matches), data?.page ?? { view: "none" }), matches);

export default function ConfirmRequest() {
  const { page } = useLoaderData<typeof loader>();
  return (
    <PublicPage token={page.view === "ask" ? page.token : undefined}>
      <ShownAddress path="/reset/confirm" />
      <Confirm page={page} />
    </PublicPage>
  );
}
