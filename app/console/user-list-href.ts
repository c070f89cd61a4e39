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
