import { type LoaderFunctionArgs, type MetaFunction, redirect } from "@remix-run/node";
import { Form, Link, useLoaderData, useSubmit } from "@remix-run/react";
import { pageTitle } from "../components/page-title";
import { When } from "../components/when";
import { Empty, PageHeading } from "../console/console-page";
import { MailState } from "../console/mail-state";
import { lastPage, Pager, readPage } from "../console/pager";
import { useRevalidateWhile } from "../console/revalidate-while";
import { StatusBadge, UserBadge } from "../console/status-badge";
import { Tabs } from "../console/tabs";
import type { LinkFilter, LinkQuery } from "../links/list-links.server";
import { type LinkSummary, listLinks } from "../links/list-links.server";

const PAGE_SIZE = 25;

const STATUSES = [
  { key: "all", words: "All" },
  { key: "pending", words: "Pending" },
  { key: "expired", words: "Expired" },
  { key: "locked", words: "Locked" },
  { key: "completed", words: "Completed" },
  { key: "revoked", words: "Revoked" },
] as const satisfies readonly { key: LinkFilter; words: string }[];

const SORTS = [
  { key: "newest", words: "Newest first" },
  { key: "oldest", words: "Oldest first" },
  { key: "expiry", words: "By expiry" },
  { key: "user", words: "By user name" },
] as const satisfies readonly { key: LinkQuery["sort"]; words: string }[];

/** What the list shows: all of it is in the address. */
interface View {
  status: LinkFilter;
  sort: LinkQuery["sort"];
  search: string;
  page: number;
}

function readView(search: URLSearchParams): View {
  const status = STATUSES.find(({ key }) => key === search.get("status"))?.key ?? "all";
  const sort = SORTS.find(({ key }) => key === search.get("sort"))?.key ?? "newest";
  const words = (search.get("q") ?? "").replace(/\p{C}/gu, " ").trim().slice(0, 200);
  return { status, sort, search: words, page: readPage(search.get("page")) };
}

/** @returns the address of a view; what is as usual is left out */
function hrefOf({ status, sort, search, page }: View): string {
  const query = new URLSearchParams();
  if (status !== "all") query.set("status", status);
  if (search !== "") query.set("q", search);
  if (sort !== "newest") query.set("sort", sort);
  if (page > 1) query.set("page", String(page));
  return query.size > 0 ? `/admin?${query}` : "/admin";
}

export const meta: MetaFunction = ({ matches }) => pageTitle("Links", matches);

export async function loader(args: LoaderFunctionArgs) {
  const view = readView(new URL(args.request.url).searchParams);
  const { services } = args.context;
  const search = view.search === "" ? {} : { search: view.search };
  const { links, total } = await listLinks(services, {
    status: view.status,
    sort: view.sort,
    ...search,
    limit: PAGE_SIZE,
    offset: (view.page - 1) * PAGE_SIZE,
  });
  const last = lastPage(total, PAGE_SIZE);
  if (view.page > last) throw redirect(hrefOf({ ...view, page: last }));
  if (total > 0 || view.status === "all") return { view, links, total, hidden: 0 };
  const ofAny = await listLinks(services, {
    status: "all",
    sort: view.sort,
    ...search,
    limit: 1,
    offset: 0,
  });
  return { view, links, total, hidden: ofAny.total };
}

export default function Links() {
  const { view, links, total, hidden } = useLoaderData<typeof loader>();
  const mailUnderWay = links.some(({ mail }) => mail?.state === "queued");
  useRevalidateWhile(mailUnderWay);
  return (
    <>
      <PageHeading
        action={
          <Link className="button button-primary" to="/admin/users">
            Issue a link
          </Link>
        }
      >
        Links
      </PageHeading>
      <div className="mt-6 flex flex-col gap-3 lg:flex-row lg:items-center lg:justify-between">
        <Tabs
          label="Status"
          tabs={STATUSES}
          current={view.status}
          hrefOf={(status) => hrefOf({ ...view, status, page: 1 })}
        />
        <Filter view={view} />
      </div>
      <div className="card mt-4 overflow-hidden">
        {links.length > 0 ? (
          <LinkTable links={links} />
        ) : view.search !== "" || hidden > 0 ? (
          <NothingFound view={view} hidden={hidden} />
        ) : (
          <Empty heading="No links yet">
            Pick the user you want to hand an account to:{" "}
            <Link className="link" to="/admin/users">
              find a user
            </Link>
            .
          </Empty>
        )}
      </div>
      <Pager
        page={view.page}
        pageSize={PAGE_SIZE}
        total={total}
        hrefOf={(page) => hrefOf({ ...view, page })}
      />
      {mailUnderWay ? (
        <noscript>
          <p className="mt-2 text-sm">
            A mail is on its way.{" "}
            <a className="link" href={hrefOf(view)}>
              Reload
            </a>{" "}
            to see how it went.
          </p>
        </noscript>
      ) : null}
    </>
  );
}

/** @param props.hidden how many links of another status the search would find */
function NothingFound({ view, hidden }: { view: View; hidden: number }) {
  const status = STATUSES.find(({ key }) => key === view.status)?.words.toLowerCase();
  const which = view.status === "all" ? "link" : `${status} link`;
  return (
    <Empty
      heading={
        view.search === ""
          ? `There is no ${which}`
          : `No ${which} has “${view.search}” in its user name, user id or address`
      }
    >
      {hidden > 0 ? (
        <>
          {hidden === 1 ? "One of another status is" : `${hidden} of another status are`} not shown:{" "}
          <Link className="link" to={hrefOf({ ...view, status: "all", page: 1 })}>
            show every status
          </Link>
        </>
      ) : (
        <Link className="link" to={hrefOf({ ...view, status: "all", search: "", page: 1 })}>
          Show all links
        </Link>
      )}
    </Empty>
  );
}

function Filter({ view }: { view: View }) {
  const submit = useSubmit();
  return (
    <Form
      key={hrefOf(view)}
      method="get"
      action="/admin"
      role="search"
      className="flex flex-wrap gap-2 sm:flex-nowrap"
    >
      {view.status === "all" ? null : <input type="hidden" name="status" value={view.status} />}
      <input
        className="input lg:w-60"
        type="search"
        name="q"
        aria-label="Search links by user name, user id or address"
        placeholder="User or address"
        defaultValue={view.search}
        maxLength={200}
      />
      <select
        className="input !w-auto grow sm:grow-0"
        name="sort"
        aria-label="Order"
        defaultValue={view.sort}
        onChange={(event) => submit(event.currentTarget.form)}
      >
        {SORTS.map(({ key, words }) => (
          <option key={key} value={key}>
            {words}
          </option>
        ))}
      </select>
      <button type="submit" className="button button-quiet">
        Search
      </button>
    </Form>
  );
}

function LinkTable({ links }: { links: readonly LinkSummary[] }) {
  return (
    <table className="grid-table">
      <thead>
        <tr>
          <th scope="col">User</th>
          <th scope="col">Status</th>
          <th scope="col">Mail</th>
          <th scope="col">Issued</th>
          <th scope="col">Expires</th>
        </tr>
      </thead>
      <tbody>
        {links.map((link) => (
          <LinkRow key={link.id} link={link} />
        ))}
      </tbody>
    </table>
  );
}

function LinkRow({ link }: { link: LinkSummary }) {
  return (
    <tr>
      <td data-label="">
        <Link className="row-link wrap-anywhere" to={`/admin/links/${link.id}`}>
          {link.userName ?? link.userId}
        </Link>
        <span className="block text-sm text-muted">
          {link.userDomainName}
          {link.userName === null ? null : (
            <span className="block truncate font-mono text-xs">{link.userId}</span>
          )}
        </span>
        {link.userFound === false ? (
          <span className="mt-1 block">
            <UserBadge state="unknown" />
          </span>
        ) : null}
      </td>
      <td data-label="Status">
        <span>
          <StatusBadge status={link.status} />
          {link.problem ? (
            <span className="mt-1 block text-sm font-medium text-bad">Needs you</span>
          ) : null}
          {link.status === "revoked" && link.unsettled ? (
            <span className="mt-1 block text-sm text-muted">Outcome not known yet</span>
          ) : null}
        </span>
      </td>
      <td data-label="Mail" className="max-w-72">
        <MailState mail={link.mail} />
      </td>
      <td data-label="Issued">
        <span>
          <When at={link.issuedAt} />
          <span className="block text-sm text-muted">
            {link.issuedByName ? `by ${link.issuedByName}` : null}
            {link.issuedVia === "api" ? " · API" : null}
          </span>
        </span>
      </td>
      <td data-label="Expires">
        {link.status === "pending" || link.status === "expired" ? (
          <When at={link.expiresAt} />
        ) : (
          <span className="text-muted">–</span>
        )}
      </td>
    </tr>
  );
}
