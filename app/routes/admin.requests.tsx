import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
  redirect,
} from "@remix-run/node";
import { Form, Link, useActionData, useLoaderData, useNavigation } from "@remix-run/react";
import { Empty, PageHeading } from "../components/console-page";
import { Notice } from "../components/notice";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import { lastPage, Pager, readPage } from "../components/pager";
import { isRowId } from "../components/row-id";
import { Tabs } from "../components/tabs";
import { When } from "../components/when";
import { readForm } from "../http/form.server";
import { originOf } from "../http/origin.server";
import { requireAdmin } from "../http/require-admin.server";
import {
  closeRequest,
  listRequests,
  type ResetRequestSummary,
} from "../requests/handle-requests.server";

const PAGE_SIZE = 25;

const STATES = [
  { key: "open", words: "Open" },
  { key: "closed", words: "Closed" },
] as const;

type State = (typeof STATES)[number]["key"];

export const headers = pageHeaders;

export const meta: MetaFunction = ({ matches }) => pageTitle("Requests", matches);

export async function loader(args: LoaderFunctionArgs) {
  await requireAdmin(args);
  const { searchParams } = new URL(args.request.url);
  const state: State = searchParams.get("state") === "closed" ? "closed" : "open";
  const page = readPage(searchParams.get("page"));
  const { requests, total } = await listRequests(args.context.services, {
    state,
    limit: PAGE_SIZE,
    offset: (page - 1) * PAGE_SIZE,
  });
  const last = lastPage(total, PAGE_SIZE);
  if (page > last) throw redirect(hrefOf(state, last));
  return { state, page, requests, total };
}

interface Answer {
  closed: boolean;
}

export async function action(args: ActionFunctionArgs) {
  const admin = await requireAdmin(args);
  const form = await readForm(args);
  const id = form.get("id") ?? "";
  const result = isRowId(id)
    ? await closeRequest(args.context.services, admin, { id }, originOf(args.context))
    : undefined;
  return data<Answer>({ closed: result?.ok === true }, { status: result?.ok ? 200 : 409 });
}

function hrefOf(state: State, page: number): string {
  const query = new URLSearchParams();
  if (state !== "open") query.set("state", state);
  if (page > 1) query.set("page", String(page));
  return query.size > 0 ? `/admin/requests?${query}` : "/admin/requests";
}

export default function Requests() {
  const { state, page, requests, total } = useLoaderData<typeof loader>();
  const answer = useActionData<typeof action>();
  return (
    <>
      <PageHeading below="Users who ask for a new link. Nobody has checked who they are.">
        Requests
      </PageHeading>
      <div className="mt-6">
        <Tabs label="State" tabs={STATES} current={state} hrefOf={(key) => hrefOf(key, 1)} />
      </div>
      {answer ? (
        <div className="mt-4">
          <Notice tone={answer.closed ? "good" : "bad"} announce>
            {answer.closed
              ? "The request is closed, and the PIN that came with it is erased."
              : "This request was closed before."}
          </Notice>
        </div>
      ) : null}
      <div className="card mt-4 overflow-hidden">
        {requests.length > 0 ? (
          <RequestTable requests={requests} state={state} />
        ) : (
          <Empty heading={state === "open" ? "No open requests" : "No closed requests"}>
            {state === "open" ? "Users ask for a new link at /reset." : null}
          </Empty>
        )}
      </div>
      <Pager page={page} pageSize={PAGE_SIZE} total={total} hrefOf={(to) => hrefOf(state, to)} />
    </>
  );
}

function RequestTable(props: { requests: readonly ResetRequestSummary[]; state: State }) {
  const { requests, state } = props;
  return (
    <table className="grid-table">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">E-mail given</th>
          <th scope="col">Asked</th>
          {state === "open" ? <th scope="col">What to do</th> : <th scope="col">Closed</th>}
        </tr>
      </thead>
      <tbody>
        {requests.map((request) => (
          <tr key={request.id}>
            <td data-label="">
              <span className="font-semibold wrap-anywhere">{request.name}</span>
            </td>
            <td data-label="E-mail given">
              <span className="wrap-anywhere">{request.email}</span>
            </td>
            <td data-label="Asked">
              <When at={request.createdAt} />
            </td>
            {state === "open" ? (
              <td data-label="">
                <RequestActions request={request} />
              </td>
            ) : (
              <td data-label="Closed">
                <span>
                  {request.closedAt ? <When at={request.closedAt} /> : null}
                  {request.closedByName ? (
                    <span className="block text-sm text-muted">by {request.closedByName}</span>
                  ) : null}
                </span>
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function RequestActions({ request }: { request: ResetRequestSummary }) {
  const { formData } = useNavigation();
  const closing = formData?.get("id") === request.id;
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <Link
        className="button button-quiet text-sm"
        to={`/admin/users?q=${encodeURIComponent(request.name)}&request=${request.id}`}
      >
        Find user
      </Link>
      <details className="text-sm">
        <summary className="link w-fit">Close…</summary>
        <Form method="post" className="mt-2">
          <input type="hidden" name="id" value={request.id} />
          <p className="mb-2 text-muted">Nobody is told, and the PIN given with it is erased.</p>
          <button type="submit" className="button button-bad text-sm" disabled={closing}>
            {closing ? "Closing…" : "Close without a link"}
          </button>
        </Form>
      </details>
    </div>
  );
}
