import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
  redirect,
} from "@remix-run/node";
import { useActionData, useLoaderData } from "@remix-run/react";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { pageHeaders } from "../components/route-exports";
import { isRowId, lastPage } from "../console/addresses";
import { type ClosingAnswer, RequestList } from "../console/request-list";
import { PAGE_SIZE, readRequestListView, requestListHref } from "../console/request-list-view";
import { readForm } from "../http/form.server";
import { adminOf } from "../http/guard-console.server";
import { initiatorOf } from "../http/initiator.server";
import { closeRequest, listRequests } from "../reset-requests/handle-requests.server";

export const headers = pageHeaders;

export const meta: MetaFunction = ({ matches }) =>
  pageTitle(wordsOfPage(matches)("console.title.requests"), matches);

export async function loader({ request, context }: LoaderFunctionArgs) {
  const view = readRequestListView(new URL(request.url).searchParams);
  const { requests, total } = await listRequests(context.services, {
    state: view.state,
    search: view.search,
    limit: PAGE_SIZE,
    offset: (view.page - 1) * PAGE_SIZE,
  });
  const last = lastPage(total, PAGE_SIZE);
  if (view.page > last) throw redirect(requestListHref({ ...view, page: last }));
  return { view, requests, total };
}

export async function action(args: ActionFunctionArgs) {
  const admin = adminOf(args.context);
  const form = await readForm(args);
  const id = form.get("id") ?? "";
  const result = isRowId(id)
    ? await closeRequest(args.context.services, { id }, initiatorOf(args.context, admin))
    : undefined;
  const forbidden = result?.ok === false && result.reason === "forbidden";
  const status = result?.ok ? 200 : forbidden ? 403 : 409;
  return data<ClosingAnswer>({ closed: result?.ok === true, forbidden }, { status });
}

export default function Requests() {
  const answer = useActionData<typeof action>();
  return <RequestList {...useLoaderData<typeof loader>()} answer={answer} />;
}
