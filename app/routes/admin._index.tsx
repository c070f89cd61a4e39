import { type LoaderFunctionArgs, type MetaFunction, redirect } from "@remix-run/node";
import { useLoaderData } from "@remix-run/react";
import { pageTitle } from "../components/page-title";
import { LinkList } from "../console/link-list";
import { linkListHref, PAGE_SIZE, readLinkListView } from "../console/link-list-view";
import { lastPage } from "../console/pager";
import { listLinks } from "../links/list-links.server";

export const meta: MetaFunction = ({ matches }) => pageTitle("Links", matches);

export async function loader({ request, context }: LoaderFunctionArgs) {
  const view = readLinkListView(new URL(request.url).searchParams);
  const search = view.search === "" ? {} : { search: view.search };
  const { links, total } = await listLinks(context.services, {
    status: view.status,
    sort: view.sort,
    ...search,
    limit: PAGE_SIZE,
    offset: (view.page - 1) * PAGE_SIZE,
  });
  const last = lastPage(total, PAGE_SIZE);
  if (view.page > last) throw redirect(linkListHref({ ...view, page: last }));
  if (total > 0 || view.status === "all") return { view, links, total, hidden: 0 };
  const ofAny = await listLinks(context.services, {
    status: "all",
    sort: view.sort,
    ...search,
    limit: 1,
    offset: 0,
  });
  return { view, links, total, hidden: ofAny.total };
}

export default function Links() {
  return <LinkList {...useLoaderData<typeof loader>()} />;
}
