import type { RequestHandler } from "express";

/**
 * What Remix is told of a request's address. It takes its own from the request's headers; here it is
 * PUBLIC_URL, whatever they say.
 *
 * - The whole address as target (`GET http://…/reset`, RFC 9112 section 3.2.2) is read as its path.
 * - A POST to `/` is the index route's: without `index` Remix would take it for the root's.
 * - A path with a broken percent code is refused: Remix writes it to standard error and takes it raw.
 * - A user id may end in `.data`, which Remix would take off, and serve another user's.
 * - `?_data=` is how the Remix of old asked for data. This one would answer, and log each as a failure.
 * - Origin is kept for `requireSameOrigin`: what Remix finds wrong with it, it answers with a 500.
 */
export function ownAddress(publicUrl: URL): RequestHandler {
  return (request, response, next) => {
    const url = addressOf(request.originalUrl, publicUrl);
    if (!url || !isReadable(url.pathname) || url.searchParams.has("_data")) {
      response.status(400).json({
        error: { code: 400, title: "Bad Request", message: "This address is malformed." },
      });
      return;
    }
    url.pathname = url.pathname.replace(/^(\/token\/.*)\.data$/i, "$1%2Edata");
    if (request.method === "POST" && url.pathname === "/" && !url.searchParams.has("index"))
      request.originalUrl = url.search === "" ? "/?index" : `/?index&${url.search.slice(1)}`;
    else request.originalUrl = `${url.pathname}${url.search}`;

    response.locals.origin = request.get("Origin") ?? null;
    request.headers.host = publicUrl.host;
    delete request.headers.origin;
    delete request.headers["x-forwarded-host"];
    delete request.headers["x-forwarded-proto"];
    next();
  };
}

/** @returns where the request goes on this very site, or undefined where its target is no path */
function addressOf(target: string, publicUrl: URL): URL | undefined {
  let path = target;
  if (/^https?:\/\//i.test(target) && URL.canParse(target)) {
    const { pathname, search } = new URL(target);
    path = `${pathname}${search}`;
  }
  const address = `${publicUrl.origin}${path}`;
  return path.startsWith("/") && URL.canParse(address) ? new URL(address) : undefined;
}

/**
 * What cannot be decoded, Remix writes to standard error; control characters, no database takes; and
 * with a backslash in front, React Router takes the rest for a host, and fails on most.
 */
function isReadable(path: string): boolean {
  try {
    return !/\p{Cc}|^\/\\/u.test(decodeURIComponent(path));
  } catch {
    return false;
  }
}
