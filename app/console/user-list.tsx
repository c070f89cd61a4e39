import { Link, useSearchParams } from "@remix-run/react";
import type { FoundUser } from "../accounts/find-users.server";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { userListHref } from "./addresses";
import { Empty, GridTable, PageHeading, SearchForm } from "./console-page";
import { StatusBadge, UserBadge } from "./status-badge";
import { address, linkTo } from "./text-elements";

export type UserListPage = {
  search: string;
  /** "" for all. */
  domainId: string;
  domains: readonly { id: string; name: string }[];
  /** Which is answered by issuing a link to the user that is picked. */
  request: ResetRequestSummary | null;
} & (
  | { users: readonly FoundUser[]; truncated: boolean }
  /** Why there are no users to be shown, in words. */
  | { trouble: string }
);

export function UserList(page: UserListPage) {
  const words = useWords();
  const { search, domainId, domains, request } = page;
  const [params] = useSearchParams();
  const domain = domains.find(({ id }) => id === domainId)?.name ?? domainId;
  return (
    <>
      <PageHeading
        below={words("console.users.intro")}
        action={
          request ? null : (
            <Link className="button button-quiet" to="/admin/users/new">
              {words("console.title.newAccount")}
            </Link>
          )
        }
      >
        {words("console.title.users")}
      </PageHeading>
      {request ? (
        <div className="mt-5">
          <Notice
            tone="info"
            heading={words("console.users.forRequest", {
              code: request.code ?? "none",
              name: request.name,
            })}
          >
            {words.rich("console.users.forRequestAdvice", {
              confirmed: request.confirmedAt ? "yes" : "no",
              email: request.email,
              address,
            })}
          </Notice>
        </div>
      ) : null}
      <SearchForm
        key={`${search} ${domainId}`}
        action="/admin/users"
        className="mt-6 flex flex-col gap-2 sm:flex-row"
        inputClassName="sm:max-w-80"
        label={words("console.users.searchLabel")}
        hint={words("console.users.searchLabel")}
        search={search}
        maxLength={255}
        kept={{ request: request?.id }}
      >
        {domains.length > 1 ? (
          <select
            className="input sm:!w-auto"
            name="domain"
            aria-label={words("console.column.domain")}
            defaultValue={domainId}
          >
            <option value="">{words("console.users.allDomains")}</option>
            {domains.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        ) : null}
      </SearchForm>
      <div className="mt-4">
        {"trouble" in page ? (
          <Notice tone="bad" heading={words("console.users.trouble")} announce>
            {page.trouble} {linkTo(`?${params}`)(words("console.shared.tryAgain"))}
          </Notice>
        ) : (
          <>
            <div className="card overflow-hidden">
              {page.users.length > 0 ? (
                <UserTable users={page.users} requestId={request?.id} />
              ) : (
                <NobodyFound search={search} domain={domain} request={request} />
              )}
            </div>
            {page.truncated ? (
              <p className="px-1 pt-4 text-sm text-muted">
                {words("console.users.more", { count: page.users.length })}
              </p>
            ) : null}
          </>
        )}
      </div>
    </>
  );
}

/** What to try next: people ask by their own name, and Keystone searches its user names alone. */
function NobodyFound(props: {
  search: string;
  /** The one that was chosen, "" for all. */
  domain: string;
  request: { id: string; name: string; email: string } | null;
}) {
  const words = useWords();
  const { search, domain, request } = props;
  const fromAddress = request ? request.email.slice(0, request.email.lastIndexOf("@")) : "";
  return (
    <Empty
      heading={
        search === "" ? words("console.users.none") : words("console.users.noMatch", { search })
      }
    >
      {domain === "" ? null : (
        <p>
          {words.rich("console.users.onlyDomain", {
            domain,
            all: linkTo(userListHref({ search, requestId: request?.id })),
          })}
        </p>
      )}
      {request ? (
        <p>
          {words("console.users.ownName", { email: request.email })}{" "}
          {fromAddress === "" || fromAddress === search
            ? null
            : linkTo(userListHref({ search: fromAddress, requestId: request.id }))(
                words("console.users.searchFor", { text: fromAddress }),
              )}
        </p>
      ) : null}
      {search === "" ? null : <p>{words("console.users.shorter")}</p>}
    </Empty>
  );
}

function UserTable(props: { users: readonly FoundUser[]; requestId: string | undefined }) {
  const words = useWords();
  const { users, requestId } = props;
  const none = (what: "address" | "link") => (
    <span className="text-muted">{words(`console.none.${what}`)}</span>
  );
  const hrefOf = (userId: string) =>
    `/admin/users/${encodeURIComponent(userId)}${requestId ? `?request=${requestId}` : ""}`;
  return (
    <GridTable columns={["user", "domain", "address", "account", "link"]}>
      {users.map((user) => (
        <tr key={user.id}>
          <td data-label="">
            <Link className="row-link wrap-anywhere" to={hrefOf(user.id)}>
              {user.name}
            </Link>
          </td>
          <td data-label={words("console.column.domain")}>
            <span className="wrap-anywhere">{user.domainName}</span>
          </td>
          <td
            data-label={words("console.column.address")}
            className={user.email ? "" : "max-md:hidden"}
          >
            {user.email ? <span className="wrap-anywhere">{user.email}</span> : none("address")}
          </td>
          <td
            data-label={words("console.column.account")}
            className={user.enabled ? "max-md:hidden" : ""}
          >
            <span>
              <UserBadge state={user.enabled ? "enabled" : "disabled"} />
            </span>
          </td>
          <td
            data-label={words("console.column.link")}
            className={user.linkStatus ? "" : "max-md:hidden"}
          >
            {user.linkStatus ? (
              <span>
                <StatusBadge status={user.linkStatus} />
              </span>
            ) : (
              none("link")
            )}
          </td>
        </tr>
      ))}
    </GridTable>
  );
}
