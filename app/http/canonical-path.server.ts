import type { RequestHandler, Response } from "express";
import { errorBody } from "./respond.server";
import type { RouteNames } from "./route-names.server";

/** What logs and metrics call a request whose path is not in its one form. */
export const MALFORMED = "malformed";

/** Only a user's id may need percent codes: nothing else of ours does. */
const MAY_HOLD_CODES = /^\/(token|admin\/users)\//;

export type PathResult =
  | { ok: true; path: string; search: string }
  /** `unreadable`: no path at all. `not-canonical`: one that ours are not written like. */
  | { ok: false; reason: "unreadable" | "not-canonical" };

/**
 * Reads a request's target. Each path has one form only, so that the log, a proxy's rules, our own and the
 * router all mean the same by it: no dot segments, no doubled or trailing slashes, no backslashes, no other
 * case, no percent codes that are not needed.
 *
 * @param target the first line's: a path with its query, or a whole address (RFC 9112 section 3.2.2),
 *   which is read as its path
 */
export function readTarget(target: string, nameOf: RouteNames): PathResult {
  const whole = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  if (whole !== undefined && !URL.canParse(target)) return { ok: false, reason: "unreadable" };
  const [, path = "", search = ""] = /^([^?]*)(.*)$/s.exec(target.slice(whole?.length ?? 0)) ?? [];
  return readPath(path === "" && whole !== undefined ? "/" : path, search, nameOf);
}

function readPath(path: string, search: string, nameOf: RouteNames): PathResult {
  const unreadable: PathResult = { ok: false, reason: "unreadable" };
  const notCanonical: PathResult = { ok: false, reason: "not-canonical" };
  const decoded = decode(path);
  // A fragment is none of a server's affairs. Control characters, no database takes.
  if (decoded === undefined || !/^\/[!-~]*$/.test(path) || /[#\\]/.test(path)) return unreadable;
  if (/\p{Cc}|\\/u.test(decoded) || /%2f/i.test(path)) return unreadable;

  const segments = decoded.slice(1).split("/");
  if (segments.some((segment) => segment === "." || segment === "..")) return notCanonical;
  if (path !== "/" && segments.includes("")) return notCanonical;
  if (path.includes("%") && !MAY_HOLD_CODES.test(path)) return notCanonical;
  // Another case of a path there is. Ids keep theirs: a route's name does not depend on them.
  if (nameOf(path) !== nameOf(path.toLowerCase())) return notCanonical;
  return { ok: true, path, search };
}

function decode(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

/** What logs and metrics call this request. */
export const routeLabelOf = (response: Response): string => response.locals.route as string;

/** First of all: gives all that follow the one form of the path, and its name for the log. */
export function takeCanonicalPath(nameOf: RouteNames): RequestHandler {
  return (request, response, next) => {
    const read = readTarget(request.url, nameOf);
    if (read.ok) {
      request.url = `${read.path}${read.search}`;
      request.originalUrl = request.url;
    } else response.locals.pathProblem = read.reason;
    response.locals.route = read.ok ? nameOf(read.path) : MALFORMED;
    next();
  };
}

const REFUSALS = {
  unreadable: { status: 400, message: "This address is malformed." },
  "not-canonical": {
    status: 404,
    message:
      "There is nothing at this address. Look for a slash too many, dots, or capitals that do not belong there.",
  },
} as const;

/** Behind the log and the security headers: answers where the path is not in its one form. */
export const refuseOtherPaths: RequestHandler = (request, response, next) => {
  const problem = response.locals.pathProblem as keyof typeof REFUSALS | undefined;
  if (problem === undefined) return next();
  const { status, message } = REFUSALS[problem];
  response.status(status).setHeader("Cache-Control", "no-store");
  const isPerson = request.get("Accept")?.includes("text/html") && request.method !== "PUT";
  if (isPerson) response.type("text/plain").send(`${message}\n`);
  else response.json(errorBody(status, message));
};
