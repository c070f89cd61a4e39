import type { LinkFilter, LinkQuery, PagePlace } from "../links/list-links.server";
import { readSearch } from "./addresses";

export const PAGE_SIZE = 25;

export const STATUSES = [
  "all",
  "open",
  "pending",
  "expired",
  "locked",
  "completed",
  "revoked",
] as const satisfies readonly LinkFilter[];

export const SORTS = [
  "newest",
  "oldest",
  "expiry",
  "user",
] as const satisfies readonly LinkQuery["sort"][];

/** What the list shows: all of it is in the address. */
export interface LinkListView {
  status: LinkFilter;
  sort: LinkQuery["sort"];
  search: string;
  /** The first page when left out. */
  place?: PagePlace;
}

export function readLinkListView(search: URLSearchParams): LinkListView {
  const status = STATUSES.find((one) => one === search.get("status")) ?? "all";
  const sort = SORTS.find((one) => one === search.get("sort")) ?? usualSort(status);
  const view: LinkListView = { status, sort, search: readSearch(search) };
  for (const side of ["before", "after"] as const) {
    const marker = search.get(side);
    if (marker !== null) view.place = { side, marker };
  }
  return view;
}

/** Of what is open, whoever waits longest may have been forgotten. */
const usualSort = (status: LinkFilter): LinkQuery["sort"] =>
  status === "open" ? "oldest" : "newest";

export const firstPageOf = ({ place: _, ...view }: LinkListView): LinkListView => view;

/** Its order is kept where it was chosen: what is usual for one status is not for another. */
export function withStatus(view: LinkListView, status: LinkFilter): LinkListView {
  const sort = view.sort === usualSort(view.status) ? usualSort(status) : view.sort;
  return { ...firstPageOf(view), status, sort };
}

/** @returns the address of a view; what is as usual is left out */
export function linkListHref({ status, sort, search, place }: LinkListView): string {
  const query = new URLSearchParams();
  if (status !== "all") query.set("status", status);
  if (search !== "") query.set("q", search);
  if (sort !== usualSort(status)) query.set("sort", sort);
  if (place) query.set(place.side, place.marker);
  return query.size > 0 ? `/admin?${query}` : "/admin";
}
