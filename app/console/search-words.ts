/** @returns what the `q` of an address asks for, on one line and not too long */
export const readSearch = (query: URLSearchParams, { maxLength = 200 } = {}): string =>
  (query.get("q") ?? "").replace(/\p{C}/gu, " ").trim().slice(0, maxLength);
