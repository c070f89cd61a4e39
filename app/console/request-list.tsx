import { Form, Link, useNavigation } from "@remix-run/react";
import { Notice } from "../components/notice";
import { When } from "../components/when";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { Empty, PageHeading } from "./console-page";
import { Pager } from "./pager";
import { PAGE_SIZE, type RequestListView, requestListHref, STATES } from "./request-list-view";
import { CLOSING_TAKES_ADMIN } from "./request-words";
import { Tabs } from "./tabs";

/** The form of what is selected. It cannot enclose the table, whose rows have forms of their own. */
const SELECTION = "selection";

/** What became of the request that was to be closed. */
export interface ClosingAnswer {
  closed: boolean;
  forbidden: boolean;
}

export function RequestList(props: {
  view: RequestListView;
  requests: readonly ResetRequestSummary[];
  total: number;
  answer: ClosingAnswer | undefined;
}) {
  const { view, requests, total, answer } = props;
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
          hrefOf={(key) => requestListHref({ state: key, search, page: 1, allSelected: false })}
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
          <RequestTable key={requestListHref(view)} requests={requests} view={view} />
        ) : (
          <NoRequests view={view} />
        )}
      </div>
      <Pager
        page={view.page}
        pageSize={PAGE_SIZE}
        total={total}
        hrefOf={(page) => requestListHref({ ...view, page, allSelected: false })}
      />
    </>
  );
}

function NoRequests({ view }: { view: RequestListView }) {
  const { state, search } = view;
  if (search !== "")
    return (
      <Empty heading={`No ${state} request has “${search}” as its code, or in its name or address`}>
        <Link className="link" to={requestListHref({ ...view, search: "", page: 1 })}>
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

function Search({ view }: { view: RequestListView }) {
  return (
    <Form
      key={requestListHref(view)}
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
function Selection({ view }: { view: RequestListView }) {
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
        to={requestListHref({ ...view, allSelected: !view.allSelected })}
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

function RequestTable(props: { requests: readonly ResetRequestSummary[]; view: RequestListView }) {
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
