import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
  redirect,
} from "@remix-run/node";
import { Form, Link, useActionData, useLoaderData, useNavigation } from "@remix-run/react";
import { Notice } from "../components/notice";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import { When } from "../components/when";
import { Empty, PageHeading } from "../console/console-page";
import { lastPage, Pager, readPage } from "../console/pager";
import { CLOSING_TAKES_ADMIN } from "../console/request-words";
import { isRowId } from "../console/row-id";
import { Tabs } from "../console/tabs";
import { readForm } from "../http/form.server";
import { adminOf } from "../http/guard-console.server";
import { initiatorOf } from "../http/initiator.server";
import {
  closeRequest,
  listRequests,
  type ResetRequestSummary,
} from "../reset-requests/handle-requests.server";

const PAGE_SIZE = 25;
/** The form of what is selected. It cannot enclose the table, whose rows have forms of their own. */
const SELECTION = "selection";

const STATES = [
  { key: "open", words: "Open" },
  { key: "closed", words: "Closed" },
] as const;

type State = (typeof STATES)[number]["key"];

/** What the list shows: all of it is in the address. */
interface View {
  state: State;
  search: string;
  page: number;
  /** Every box is ticked as the page comes: the way to select all without a script. */
  allSelected: boolean;
}

export const headers = pageHeaders;

export const meta: MetaFunction = ({ matches }) => pageTitle("Requests", matches);

function readView(search: URLSearchParams): View {
  return {
    state: search.get("state") === "closed" ? "closed" : "open",
    search: (search.get("q") ?? "").replace(/\p{C}/gu, " ").trim().slice(0, 200),
    page: readPage(search.get("page")),
    allSelected: search.get("select") === "all",
  };
}

/** @returns the address of a view; what is as usual is left out */
function hrefOf({ state, search, page, allSelected }: View): string {
  const query = new URLSearchParams();
  if (state !== "open") query.set("state", state);
  if (search !== "") query.set("q", search);
  if (page > 1) query.set("page", String(page));
  if (allSelected) query.set("select", "all");
  return query.size > 0 ? `/admin/requests?${query}` : "/admin/requests";
}

export async function loader(args: LoaderFunctionArgs) {
  const view = readView(new URL(args.request.url).searchParams);
  const { requests, total } = await listRequests(args.context.services, {
    state: view.state,
    search: view.search,
    limit: PAGE_SIZE,
    offset: (view.page - 1) * PAGE_SIZE,
  });
  const last = lastPage(total, PAGE_SIZE);
  if (view.page > last) throw redirect(hrefOf({ ...view, page: last }));
  return { view, requests, total };
}

interface Answer {
  closed: boolean;
  forbidden: boolean;
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
  return data<Answer>({ closed: result?.ok === true, forbidden }, { status });
}

export default function Requests() {
  const { view, requests, total } = useLoaderData<typeof loader>();
  const answer = useActionData<typeof action>();
  const { state, search } = view;
  return (
    <>
      <PageHeading below="Users who ask for a new link, and have confirmed it from the mailbox they gave. Whether the account is theirs, nobody has checked.">
        Requests
      </PageHeading>
      <div className="mt-6 flex flex-col gap-3 lg:flex-row lg:items-center lg:justify-between">
        <Tabs
          label="State"
          tabs={STATES}
          current={state}
          hrefOf={(key) => hrefOf({ state: key, search, page: 1, allSelected: false })}
        />
        <Search view={view} />
      </div>
      {answer ? (
        <div className="mt-4">
          <Notice tone={answer.closed ? "good" : "bad"} announce>
            {answer.closed
              ? "The request is closed, and the PIN that came with it is erased."
              : answer.forbidden
                ? CLOSING_TAKES_ADMIN
                : "This request was closed before."}
          </Notice>
        </div>
      ) : null}
      {state === "open" && requests.length > 0 ? <Selection view={view} /> : null}
      <div className="card mt-4 overflow-hidden">
        {requests.length > 0 ? (
          <RequestTable key={hrefOf(view)} requests={requests} view={view} />
        ) : (
          <NoRequests view={view} />
        )}
      </div>
      <Pager
        page={view.page}
        pageSize={PAGE_SIZE}
        total={total}
        hrefOf={(page) => hrefOf({ ...view, page, allSelected: false })}
      />
    </>
  );
}

function NoRequests({ view }: { view: View }) {
  const { state, search } = view;
  if (search !== "")
    return (
      <Empty heading={`No ${state} request has “${search}” as its code, or in its name or address`}>
        <Link className="link" to={hrefOf({ ...view, search: "", page: 1 })}>
          Show all {state} requests
        </Link>
      </Empty>
    );
  return (
    <Empty heading={state === "open" ? "No open requests" : "No closed requests"}>
      {state === "open"
        ? "Users ask for a new link at /reset. Their requests come here once they are confirmed by mail."
        : null}
    </Empty>
  );
}

function Search({ view }: { view: View }) {
  return (
    <Form
      key={hrefOf(view)}
      method="get"
      action="/admin/requests"
      role="search"
      className="flex gap-2"
    >
      {view.state === "closed" ? <input type="hidden" name="state" value="closed" /> : null}
      <input
        className="input lg:w-60"
        type="search"
        name="q"
        aria-label="Search requests by code, name or address"
        placeholder="Code, name or address"
        defaultValue={view.search}
        maxLength={200}
      />
      <button type="submit" className="button button-quiet">
        Search
      </button>
    </Form>
  );
}

/** What can be done with several at once; the next page says what would happen, and asks. */
function Selection({ view }: { view: View }) {
  return (
    <Form
      id={SELECTION}
      method="get"
      action="/admin/requests/review"
      className="mt-4 flex flex-wrap items-center gap-x-4 gap-y-2 text-sm"
    >
      <Link
        className="link"
        preventScrollReset
        to={hrefOf({ ...view, allSelected: !view.allSelected })}
      >
        {view.allSelected ? "Select none" : "Select all on this page"}
      </Link>
      <span className="flex flex-wrap gap-2">
        <button type="submit" name="act" value="answer" className="button button-quiet text-sm">
          Answer selected…
        </button>
        <button type="submit" name="act" value="close" className="button button-quiet text-sm">
          Close selected…
        </button>
      </span>
    </Form>
  );
}

function RequestTable(props: { requests: readonly ResetRequestSummary[]; view: View }) {
  const { requests, view } = props;
  const isOpen = view.state === "open";
  return (
    <table className="grid-table">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Code</th>
          <th scope="col">E-mail given</th>
          <th scope="col">Asked</th>
          <th scope="col">{isOpen ? "What to do" : "Closed"}</th>
        </tr>
      </thead>
      <tbody>
        {requests.map((request) => (
          <tr key={request.id}>
            <td data-label="">
              {isOpen ? (
                <label className="flex items-start gap-3">
                  <input
                    type="checkbox"
                    name="id"
                    value={request.id}
                    form={SELECTION}
                    defaultChecked={view.allSelected}
                    className="mt-1 size-4.5 shrink-0 accent-button"
                  />
                  <span className="font-semibold wrap-anywhere">{request.name}</span>
                </label>
              ) : (
                <span className="font-semibold wrap-anywhere">{request.name}</span>
              )}
            </td>
            <td data-label="Code">
              {request.code ? (
                <span className="font-mono whitespace-nowrap">{request.code}</span>
              ) : (
                <span className="text-muted">None</span>
              )}
            </td>
            <td data-label="E-mail given">
              <span>
                <span className="wrap-anywhere">{request.email}</span>
                <MailboxNotes request={request} />
              </span>
            </td>
            <td data-label="Asked">
              <When at={request.createdAt} />
            </td>
            {isOpen ? (
              <td data-label="">
                <RequestActions request={request} />
              </td>
            ) : (
              <td data-label="Closed">
                <ClosedHow request={request} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What an administrator has to know of the mailbox before answering. */
function MailboxNotes({ request }: { request: ResetRequestSummary }) {
  if (request.state !== "open") return null;
  const note = "block text-sm text-wait";
  return (
    <>
      {request.confirmedAt ? null : (
        <span className={note}>Not confirmed: asked before setpass confirmed requests</span>
      )}
      {request.openOfMailbox > 1 ? (
        <span className={note}>
          One of {request.openOfMailbox} open requests of this mailbox: ask the owner for the code
        </span>
      ) : null}
      {request.mailboxAnsweredAt ? (
        <span className={note}>
          Another request of this mailbox was answered <When at={request.mailboxAnsweredAt} />
        </span>
      ) : null}
    </>
  );
}

function ClosedHow({ request }: { request: ResetRequestSummary }) {
  return (
    <span>
      {request.closedAt ? <When at={request.closedAt} /> : null}
      <span className="block text-sm text-muted">
        {request.answeredUserId ? (
          <Link className="link" to={`/admin/users/${encodeURIComponent(request.answeredUserId)}`}>
            answered
          </Link>
        ) : (
          "without a link"
        )}
        {request.closedByName ? ` by ${request.closedByName}` : null}
      </span>
    </span>
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
