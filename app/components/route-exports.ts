import type { HeadersArgs } from "@remix-run/node";

/**
 * What a route may say of itself. Pages are not hydrated unless they ask for it: what anonymous people
 * see is HTML, and no React is sent to them.
 */
export interface RouteHandle {
  hydrate?: boolean;
}

/** Which headers of a loader's, an action's or a thrown answer reach the browser with the page. */
const PASSED_ON = ["Retry-After", "Allow", "Connection"];

/** The `headers` export of every route that answers more than 200: without it, Remix drops them. */
export function pageHeaders(args: HeadersArgs): Headers {
  const headers = new Headers();
  for (const source of [
    args.parentHeaders,
    args.loaderHeaders,
    args.actionHeaders,
    args.errorHeaders,
  ])
    for (const name of PASSED_ON) {
      const value = source?.get(name);
      if (value) headers.set(name, value);
    }
  return headers;
}
