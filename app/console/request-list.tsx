import { Form, Link, useNavigation } from "@remix-run/react";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import { When } from "../components/when";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { userListHref } from "./addresses";
import { Empty, GridTable, PageHeading, SearchForm, Tabs } from "./console-page";
import { Pager } from "./pager";
import { PAGE_SIZE, type RequestListView, requestListHref, STATES } from "./request-list-view";
import { linkTo } from "./text-elements";

/** The form of what is selected. It cannot enclose the table, whose rows have forms of their own. */
const SELECTION = "selection";

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
  const words = useWords();
  const { view, requests, total, answer } = props;
  const { state, search } = view;
  return (
    <>
      <PageHeading below={words("console.requests.intro")}>
        {words("console.title.requests")}
      </PageHeading>
      <div className="mt-6 flex flex-wrap items-center justify-between gap-3">
        <Tabs
          label={words("console.requests.stateLabel")}
          tabs={STATES}
          nameOf={(key) => words(`console.requests.state.${key}`)}
          current={state}
          hrefOf={(key) => requestListHref({ state: key, search, page: 1, allSelected: false })}
        />
        <Search view={view} />
      </div>
      {answer ? (
        <div className="mt-4">
          <Notice tone={answer.closed ? "good" : "bad"} announce>
            {words(
              answer.closed
                ? "console.requests.closed"
                : answer.forbidden
                  ? "console.requests.closingTakesAdmin"
                  : "console.requests.closedBefore",
            )}
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
  const words = useWords();
  const { state, search } = view;
  if (search !== "") {
    const showAll = linkTo(requestListHref({ ...view, search: "", page: 1 }));
    return (
      <Empty heading={words("console.requests.noMatch", { state, search })}>
        {showAll(words("console.requests.showAll", { state }))}
      </Empty>
    );
  }
  return (
    <Empty heading={words("console.requests.none", { state })}>
      {state === "open" ? words("console.requests.noneAdvice") : null}
    </Empty>
  );
}

function Search({ view }: { view: RequestListView }) {
  const words = useWords();
  return (
    <SearchForm
      key={requestListHref(view)}
      action="/admin/requests"
      className="flex w-full gap-2 lg:w-auto"
      inputClassName="lg:w-60"
      label={words("console.requests.searchLabel")}
      hint={words("console.requests.searchHint")}
      search={view.search}
      kept={{ state: view.state === "closed" ? "closed" : undefined }}
    />
  );
}

/** What can be done with several at once; the next page says what would happen, and asks. */
function Selection({ view }: { view: RequestListView }) {
  const words = useWords();
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
        {words(view.allSelected ? "console.requests.selectNone" : "console.requests.selectAll")}
      </Link>
      <span className="flex flex-wrap gap-2">
        <button type="submit" name="act" value="answer" className="button button-quiet text-sm">
          {words("console.requests.answerSelected")}
        </button>
        <button type="submit" name="act" value="close" className="button button-quiet text-sm">
          {words("console.requests.closeSelected")}
        </button>
      </span>
    </Form>
  );
}

function RequestTable(props: { requests: readonly ResetRequestSummary[]; view: RequestListView }) {
  const words = useWords();
  const { requests, view } = props;
  const isOpen = view.state === "open";
  return (
    <GridTable columns={["name", "code", "address", "requested", isOpen ? "action" : "closed"]}>
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
          <td data-label={words("console.column.code")}>
            {request.code ? (
              <span className="font-mono whitespace-nowrap">{request.code}</span>
            ) : (
              <span className="text-muted">{words("console.none.code")}</span>
            )}
          </td>
          <td data-label={words("console.column.address")}>
            <span>
              <span className="wrap-anywhere">{request.email}</span>
              <MailboxNotes request={request} />
            </span>
          </td>
          <td data-label={words("console.column.requested")}>
            <When at={request.createdAt} />
          </td>
          {isOpen ? (
            <td data-label="">
              <RequestActions request={request} />
            </td>
          ) : (
            <td data-label={words("console.column.closed")}>
              <ClosedHow request={request} />
            </td>
          )}
        </tr>
      ))}
    </GridTable>
  );
}

/** What an administrator has to know of the mailbox before answering. */
function MailboxNotes({ request }: { request: ResetRequestSummary }) {
  const words = useWords();
  if (request.state !== "open") return null;
  const { openOfMailbox: count, mailboxAnsweredAt: answeredAt } = request;
  const note = "block text-sm text-wait";
  return (
    <>
      {request.confirmedAt ? null : (
        <span className={note}>{words("console.requests.unconfirmed")}</span>
      )}
      {count > 1 ? (
        <span className={note}>{words("console.requests.several", { count })}</span>
      ) : null}
      {answeredAt ? (
        <span className={note}>
          {words.rich("console.requests.answeredBefore", { when: () => <When at={answeredAt} /> })}
        </span>
      ) : null}
    </>
  );
}

function ClosedHow({ request }: { request: ResetRequestSummary }) {
  const words = useWords();
  const { answeredUserId, closedByName: name } = request;
  return (
    <span>
      {request.closedAt ? <When at={request.closedAt} /> : null}
      <span className="block text-sm text-muted">
        {words.rich("console.requests.closedHow", {
          how: answeredUserId ? "answered" : "dropped",
          user: linkTo(`/admin/users/${encodeURIComponent(answeredUserId ?? "")}`),
          named: name ? "yes" : "no",
          name: name ?? "",
        })}
      </span>
    </span>
  );
}

function RequestActions({ request }: { request: ResetRequestSummary }) {
  const words = useWords();
  const { formData } = useNavigation();
  const closing = formData?.get("id") === request.id;
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
      <Link
        className="button button-quiet text-sm"
        to={userListHref({ search: request.name, requestId: request.id })}
      >
        {words("console.requests.findUser")}
      </Link>
      <details className="text-sm">
        <summary className="link w-fit">{words("console.requests.close")}</summary>
        <Form method="post" className="mt-2">
          <input type="hidden" name="id" value={request.id} />
          <p className="mb-2 text-muted">{words("console.requests.closeAdvice")}</p>
          <button type="submit" className="button button-bad text-sm" disabled={closing}>
            {words(closing ? "console.requests.closing" : "console.requests.closeSubmit")}
          </button>
        </Form>
      </details>
    </div>
  );
}
