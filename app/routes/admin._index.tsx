import { type LoaderFunctionArgs, type MetaFunction, redirect } from "@remix-run/node";
import { useLoaderData } from "@remix-run/react";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { LinkList } from "../console/link-list";
import { firstPageOf, linkListHref, PAGE_SIZE, readLinkListView } from "../console/link-list-view";
import { listLinks } from "../links/list-links.server";

export const meta: MetaFunction = ({ matches }) =>
  pageTitle(wordsOfPage(matches)("console.title.links"), matches);

export async function loader({ request, context }: LoaderFunctionArgs) {
  const view = readLinkListView(new URL(request.url).searchParams);
  const { place, status } = view;
  const query = { sort: view.sort, ...(view.search !== "" && { search: view.search }) };
  const page = await listLinks(context.services, {
    ...query,
    status,
    limit: PAGE_SIZE,
    ...(place && { place }),
  });
  const isCutShort = place?.side === "before" && page.links.length < PAGE_SIZE;
  if (place && (isCutShort || page.links.length === 0))
    throw redirect(linkListHref(firstPageOf(view)));
  if (page.count.number > 0 || status === "all") return { view, ...page, hidden: null };
  const ofAny = await listLinks(context.services, { ...query, status: "all", limit: 1 });
  return { view, ...page, hidden: ofAny.count };
}

export default function Links() {
  return <LinkList {...useLoaderData<typeof loader>()} />;
}
