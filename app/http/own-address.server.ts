import type { RequestHandler } from "express";
import { errorBody } from "./respond.server";

/**
 * What Remix is told of a request's address. It takes its own from the request's headers; here it is
 * PUBLIC_URL, whatever they say.
 *
 * - A POST to `/` is the index route's: without `index` Remix would take it for the root's.
 * - `?_data=` is how the Remix of old asked for data. This one would answer, and log each as a failure.
 * - Origin is kept for `requireSameOrigin`: what Remix finds wrong with it, it answers with a 500.
 */
export function ownAddress(publicUrl: URL): RequestHandler {
  return (request, response, next) => {
    // In its one form (`takeCanonicalPath`), so that this changes nothing of the path.
    const url = new URL(`${publicUrl.origin}${request.originalUrl}`);
    if (url.searchParams.has("_data")) {
      response.status(400).json(errorBody(400, "This address is malformed."));
      return;
    }
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
