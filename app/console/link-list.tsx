import { Form, Link, useSubmit } from "@remix-run/react";
import { When } from "../components/when";
import type { LinkCount, LinkSummary, PagePlace } from "../links/list-links.server";
import { Empty, PageHeading } from "./console-page";
import { firstPageOf, type LinkListView, linkListHref, SORTS, STATUSES } from "./link-list-view";
import { MailState } from "./mail-state";
import { PlacePager } from "./pager";
import { useRevalidateWhile } from "./revalidate-while";
import { StatusBadge, UserBadge } from "./status-badge";
import { Tabs } from "./tabs";

/** @param props.hidden how many links of another status the search would find */
export function LinkList(props: {
  view: LinkListView;
  links: readonly LinkSummary[];
  count: LinkCount;
  previous?: PagePlace;
  next?: PagePlace;
  hidden: LinkCount | null;
}) {
  const { view, links, count, previous, next, hidden } = props;
  const hrefOfPlace = (place?: PagePlace) => place && linkListHref({ ...view, place });
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
          hrefOf={(status) => linkListHref({ ...firstPageOf(view), status })}
        />
        <Filter view={view} />
      </div>
      <div className="card mt-4 overflow-hidden">
        {links.length > 0 ? (
          <LinkTable links={links} />
        ) : view.search !== "" || hidden?.number ? (
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
      <PlacePager count={count} previous={hrefOfPlace(previous)} next={hrefOfPlace(next)} />
      {mailUnderWay ? (
        <noscript>
          <p className="mt-2 text-sm">
            A mail is on its way.{" "}
            <a className="link" href={linkListHref(view)}>
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
function NothingFound({ view, hidden }: { view: LinkListView; hidden: LinkCount | null }) {
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
      {hidden?.number ? (
        <>
          {hidden.exact ? "" : "More than "}
          {hidden.number === 1 && hidden.exact
            ? "One of another status is"
            : `${hidden.number.toLocaleString("en")} of another status are`}{" "}
          not shown:{" "}
          <Link className="link" to={linkListHref({ ...firstPageOf(view), status: "all" })}>
            show every status
          </Link>
        </>
      ) : (
        <Link
          className="link"
          to={linkListHref({ ...firstPageOf(view), status: "all", search: "" })}
        >
          Show all links
        </Link>
      )}
    </Empty>
  );
}

function Filter({ view }: { view: LinkListView }) {
  const submit = useSubmit();
  return (
    <Form
      key={linkListHref(view)}
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
