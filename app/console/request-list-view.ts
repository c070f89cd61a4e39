import { readPage, readSearch } from "./addresses";

export const PAGE_SIZE = 25;

export const STATES = ["open", "closed"] as const;

/** What the list shows: all of it is in the address. */
export interface RequestListView {
  state: (typeof STATES)[number];
  search: string;
  page: number;
  /** Every box is ticked as the page comes: the way to select all without a script. */
  allSelected: boolean;
}

export function readRequestListView(search: URLSearchParams): RequestListView {
  return {
    state: search.get("state") === "closed" ? "closed" : "open",
    search: readSearch(search),
    page: readPage(search.get("page")),
    allSelected: search.get("select") === "all",
  };
}

/** @returns the address of a view; what is as usual is left out */
export function requestListHref({ state, search, page, allSelected }: RequestListView): string {
  const query = new URLSearchParams();
  if (state !== "open") query.set("state", state);
  if (search !== "") query.set("q", search);
  if (page > 1) query.set("page", String(page));
  if (allSelected) query.set("select", "all");
  return query.size > 0 ? `/admin/requests?${query}` : "/admin/requests";
}
