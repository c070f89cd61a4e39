const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** @returns whether a text from an address or a form can be a row's id: PostgreSQL throws at any other */
export const isRowId = (text: string | null | undefined): text is string =>
  typeof text === "string" && UUID.test(text);

/** @returns what the `q` of an address asks for, on one line and not too long */
export const readSearch = (query: URLSearchParams, { maxLength = 200 } = {}): string =>
  (query.get("q") ?? "").replace(/\p{C}/gu, " ").trim().slice(0, maxLength);

/** @returns the number of a list's last page, 1 where the list is empty */
export const lastPage = (total: number, pageSize: number): number =>
  Math.max(1, Math.ceil(total / pageSize));

/** @param text the `page` of an address @returns a number from 1 to 100000, 1 where it is none */
export function readPage(text: string | null): number {
  return text !== null && /^[1-9]\d{0,4}$/.test(text) ? Number(text) : 1;
}

/**
 * @param asked.search part of a user name; "" for all
 * @param asked.requestId the request that is answered by issuing a link to the user who is picked
 * @returns the address of the list of users of all domains
 */
export function userListHref(asked: { search: string; requestId?: string }): string {
  const query = new URLSearchParams();
  if (asked.search !== "") query.set("q", asked.search);
  if (asked.requestId !== undefined) query.set("request", asked.requestId);
  return query.size > 0 ? `/admin/users?${query}` : "/admin/users";
}
