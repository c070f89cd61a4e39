import { Form, Link, useSearchParams } from "@remix-run/react";
import type { FoundUser } from "../accounts/find-users.server";
import { Notice } from "../components/notice";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { Empty, PageHeading } from "./console-page";
import { StatusBadge, UserBadge } from "./status-badge";

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
  const { search, domainId, domains, request } = page;
  const [params] = useSearchParams();
  const domain = domains.find(({ id }) => id === domainId)?.name ?? domainId;
  return (
    <>
      <PageHeading below="Pick the user you want to hand an account to.">Users</PageHeading>
      {request ? (
        <div className="mt-5">
          <Notice tone="info" heading={`For the request ${request.code ?? ""} of ${request.name}`}>
            {request.confirmedAt ? "It was confirmed from" : "They gave the address"}{" "}
            <span className="wrap-anywhere">{request.email}</span>
            {request.confirmedAt ? "." : ", which nobody has checked."} Make sure that you pick
            their account.
          </Notice>
        </div>
      ) : null}
      <Form
        key={`${search} ${domainId}`}
        method="get"
        action="/admin/users"
        role="search"
        className="mt-6 flex flex-col gap-2 sm:flex-row"
      >
        {request ? <input type="hidden" name="request" value={request.id} /> : null}
        <input
          className="input sm:max-w-80"
          type="search"
          name="q"
          aria-label="Part of the user name"
          placeholder="Part of the user name"
          defaultValue={search}
          maxLength={255}
        />
        {domains.length > 1 ? (
          <select
            className="input sm:!w-auto"
            name="domain"
            aria-label="Domain"
            defaultValue={domainId}
          >
            <option value="">All domains</option>
            {domains.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        ) : null}
        <button type="submit" className="button button-quiet">
          Search
        </button>
      </Form>
      <div className="mt-4">
        {"trouble" in page ? (
          <Notice tone="bad" heading="The users cannot be shown" announce>
            {page.trouble}{" "}
            <Link className="link" to={`?${params}`}>
              Try again
            </Link>
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
                There are more users than these {page.users.length}. Narrow the search to see the
                others.
              </p>
            ) : null}
          </>
        )}
      </div>
    </>
  );
}

/** @returns the address of a search of all domains, for the request that is answered if there is one */
function searchHref(search: string, requestId: string | undefined): string {
  const query = new URLSearchParams();
  if (search !== "") query.set("q", search);
  if (requestId !== undefined) query.set("request", requestId);
  return query.size > 0 ? `/admin/users?${query}` : "/admin/users";
}

/** What to try next: people ask by their own name, and Keystone searches its user names alone. */
function NobodyFound(props: {
  search: string;
  /** The one that was chosen, "" for all. */
  domain: string;
  request: { id: string; name: string; email: string } | null;
}) {
  const { search, domain, request } = props;
  const fromAddress = request ? request.email.slice(0, request.email.lastIndexOf("@")) : "";
  return (
    <Empty heading={search === "" ? "There are no users" : `No user name contains “${search}”`}>
      {domain === "" ? null : (
        <p>
          Only the domain {domain} was searched:{" "}
          <Link className="link" to={searchHref(search, request?.id)}>
            search all domains
          </Link>
          .
        </p>
      )}
      {request ? (
        <p>
          The name in the request may be the person's own. They gave the address {request.email}
          {fromAddress === "" || fromAddress === search ? null : (
            <>
              :{" "}
              <Link className="link" to={searchHref(fromAddress, request.id)}>
                search for “{fromAddress}”
              </Link>
            </>
          )}
          .
        </p>
      ) : null}
      {search === "" ? null : <p>Part of a user name is enough: try a shorter one.</p>}
    </Empty>
  );
}

function UserTable(props: { users: readonly FoundUser[]; requestId: string | undefined }) {
  const { users, requestId } = props;
  const hrefOf = (userId: string) =>
    `/admin/users/${encodeURIComponent(userId)}${requestId ? `?request=${requestId}` : ""}`;
  return (
    <table className="grid-table">
      <thead>
        <tr>
          <th scope="col">User</th>
          <th scope="col">Domain</th>
          <th scope="col">E-mail</th>
          <th scope="col">Account</th>
          <th scope="col">Link</th>
        </tr>
      </thead>
      <tbody>
        {users.map((user) => (
          <tr key={user.id}>
            <td data-label="">
              <Link className="row-link wrap-anywhere" to={hrefOf(user.id)}>
                {user.name}
              </Link>
            </td>
            <td data-label="Domain">
              <span className="wrap-anywhere">{user.domainName}</span>
            </td>
            <td data-label="E-mail" className={user.email ? "" : "max-md:hidden"}>
              {user.email ? (
                <span className="wrap-anywhere">{user.email}</span>
              ) : (
                <span className="text-muted">None</span>
              )}
            </td>
            <td data-label="Account" className={user.enabled ? "max-md:hidden" : ""}>
              <span>
                <UserBadge state={user.enabled ? "enabled" : "disabled"} />
              </span>
            </td>
            <td data-label="Link" className={user.linkStatus ? "" : "max-md:hidden"}>
              {user.linkStatus ? (
                <span>
                  <StatusBadge status={user.linkStatus} />
                </span>
              ) : (
                <span className="text-muted">None</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
