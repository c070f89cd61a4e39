import { Link, useSubmit } from "@remix-run/react";
import { useWords } from "../components/render-context";
import { When } from "../components/when";
import type { LinkCount, LinkSummary, PagePlace } from "../links/list-links.server";
import { Empty, GridTable, PageHeading, SearchForm, Tabs } from "./console-page";
import { type LinkListView, linkListHref, SORTS, STATUSES, withStatus } from "./link-list-view";
import { MailState } from "./mail-state";
import { PlacePager } from "./pager";
import { useRevalidateWhile } from "./revalidate-while";
import { StatusBadge, UserBadge } from "./status-badge";
import { linkTo } from "./text-elements";

/** @param props.hidden how many links of another status the search would find */
export function LinkList(props: {
  view: LinkListView;
  links: readonly LinkSummary[];
  count: LinkCount;
  previous?: PagePlace;
  next?: PagePlace;
  hidden: LinkCount | null;
}) {
  const words = useWords();
  const { view, links, count, previous, next, hidden } = props;
  const hrefOfPlace = (place?: PagePlace) => place && linkListHref({ ...view, place });
  const mailUnderWay = links.some(({ mail }) => mail?.state === "queued");
  useRevalidateWhile(mailUnderWay);
  return (
    <>
      <PageHeading
        action={
          <Link className="button button-primary" to="/admin/users">
            {words("console.title.issue")}
          </Link>
        }
      >
        {words("console.title.links")}
      </PageHeading>
      <div className="mt-6 flex flex-wrap items-center justify-between gap-3">
        <Tabs
          label={words("console.column.status")}
          tabs={STATUSES}
          nameOf={(status) => words(`console.status.${status}`)}
          current={view.status}
          hrefOf={(status) => linkListHref(withStatus(view, status))}
        />
        <Filter view={view} />
      </div>
      <div className="card mt-4 overflow-hidden">
        {links.length > 0 ? (
          <LinkTable links={links} />
        ) : view.search !== "" || hidden?.number ? (
          <NothingFound view={view} hidden={hidden} />
        ) : (
          <Empty heading={words("console.links.noneYet")}>
            {words.rich("console.links.noneYetAdvice", { users: linkTo("/admin/users") })}
          </Empty>
        )}
      </div>
      <PlacePager count={count} previous={hrefOfPlace(previous)} next={hrefOfPlace(next)} />
      {mailUnderWay ? (
        <noscript>
          <p className="mt-2 text-sm">
            {words.rich("console.links.sending", {
              reload: (text) => (
                <a className="link" href={linkListHref(view)}>
                  {text}
                </a>
              ),
            })}
          </p>
        </noscript>
      ) : null}
    </>
  );
}

/** @param props.hidden how many links of another status the search would find */
function NothingFound({ view, hidden }: { view: LinkListView; hidden: LinkCount | null }) {
  const words = useWords();
  const { status, search } = view;
  const heading =
    search === ""
      ? words("console.links.none", { status })
      : words("console.links.noMatch", { status, search });
  const everyStatus = withStatus(view, "all");
  const all = linkTo(linkListHref(everyStatus));
  if (!hidden?.number)
    return (
      <Empty heading={heading}>
        {linkTo(linkListHref({ ...everyStatus, search: "" }))(words("console.links.showAll"))}
      </Empty>
    );
  const count = hidden.number;
  return (
    <Empty heading={heading}>
      {hidden.exact
        ? words.rich("console.links.hidden", { count, all })
        : words.rich("console.links.hiddenMany", { count, all })}
    </Empty>
  );
}

function Filter({ view }: { view: LinkListView }) {
  const words = useWords();
  const submit = useSubmit();
  return (
    <SearchForm
      key={linkListHref(view)}
      action="/admin"
      className="flex w-full flex-wrap gap-2 sm:flex-nowrap lg:w-auto"
      inputClassName="lg:w-60"
      label={words("console.links.searchLabel")}
      hint={words("console.links.searchHint")}
      search={view.search}
      kept={{ status: view.status === "all" ? undefined : view.status }}
    >
      <select
        className="input !w-auto grow sm:grow-0"
        name="sort"
        aria-label={words("console.links.order")}
        defaultValue={view.sort}
        onChange={(event) => submit(event.currentTarget.form)}
      >
        {SORTS.map((sort) => (
          <option key={sort} value={sort}>
            {words(`console.links.sort.${sort}`)}
          </option>
        ))}
      </select>
    </SearchForm>
  );
}

function LinkTable({ links }: { links: readonly LinkSummary[] }) {
  return (
    <GridTable columns={["user", "status", "email", "issued", "expires"]}>
      {links.map((link) => (
        <LinkRow key={link.id} link={link} />
      ))}
    </GridTable>
  );
}

function LinkRow({ link }: { link: LinkSummary }) {
  const words = useWords();
  const { issuedByName: name } = link;
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
      <td data-label={words("console.column.status")}>
        <span>
          <StatusBadge status={link.status} />
          {link.problem ? (
            <span className="mt-1 block text-sm font-medium text-bad">
              {words("console.links.needsAttention")}
            </span>
          ) : null}
          {link.status === "revoked" && link.unsettled ? (
            <span className="mt-1 block text-sm text-muted">
              {words("console.links.outcomeUnknown")}
            </span>
          ) : null}
        </span>
      </td>
      <td data-label={words("console.column.email")} className="max-w-72">
        <MailState mail={link.mail} />
      </td>
      <td data-label={words("console.column.issued")}>
        <span>
          <When at={link.issuedAt} />
          <span className="block text-sm text-muted">
            {[
              name && words("console.shared.by", { name }),
              link.issuedVia === "api" && words("console.shared.api"),
            ]
              .filter(Boolean)
              .join(" · ")}
          </span>
        </span>
      </td>
      <td data-label={words("console.column.expires")}>
        {link.status === "pending" || link.status === "expired" ? (
          <When at={link.expiresAt} />
        ) : (
          <span className="text-muted">–</span>
        )}
      </td>
    </tr>
  );
}
