import { data, type LoaderFunctionArgs, type MetaFunction } from "@remix-run/node";
import { useLoaderData } from "@remix-run/react";
import { findUsers } from "../accounts/find-users.server";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { pageHeaders } from "../components/route-exports";
import { isRowId, readSearch } from "../console/addresses";
import { UserList } from "../console/user-list";
import { adminOf } from "../http/guard-console.server";
import { withKeystone } from "../http/keystone-trouble.server";
import { getRequest } from "../reset-requests/handle-requests.server";

const MOST_USERS = 50;

export const headers = pageHeaders;

export const meta: MetaFunction = ({ matches }) =>
  pageTitle(wordsOfPage(matches)("console.title.users"), matches);

export async function loader(args: LoaderFunctionArgs) {
  const admin = adminOf(args.context);
  const { services, requestId } = args.context;
  const { searchParams } = new URL(args.request.url);
  const search = readSearch(searchParams, { maxLength: 255 });
  const domainId = (searchParams.get("domain") ?? "").slice(0, 64);
  const asked = searchParams.get("request");

  const [request, answer] = await Promise.all([
    isRowId(asked) ? getRequest(services, asked) : undefined,
    withKeystone(args, () =>
      findUsers(services, {
        token: admin.keystoneToken,
        nameContains: search,
        domainId,
        limit: MOST_USERS,
        requestId,
      }),
    ),
  ]);
  const shared = { search, domainId, request: request?.state === "open" ? request : null };
  if (answer.ok) return data({ ...shared, ...answer.value }, { status: 200 });
  const { status, message } = answer;
  return data({ ...shared, domains: [], trouble: message }, { status });
}

export default function Users() {
  return <UserList {...useLoaderData<typeof loader>()} />;
}
