import { STATUS_CODES } from "node:http";
import type { IncomingRequest } from "./read-body.server";

/**
 * An error as Keystone shapes it, which keystoneauth shows to its user.
 *
 * @param message says what to do; no secrets
 */
export const errorBody = (status: number, message: string) => ({
  error: { code: status, title: STATUS_CODES[status] ?? "Error", message },
});

export const keystoneError = (
  status: number,
  message: string,
  headers: Record<string, string> = {},
): Response => jsonAnswer(errorBody(status, message), { status, headers });

/** What is said of a failure that nobody foresaw: the log has the rest under this id. */
export const wordsOfFailure = (requestId: string) =>
  `Something went wrong on our side. If it happens again, tell the helpdesk this number: ${requestId}`;

export function jsonAnswer(
  value: unknown,
  init: { status?: number; headers?: Record<string, string> } = {},
): Response {
  return textAnswer(JSON.stringify(value), {
    ...init,
    headers: { "Content-Type": "application/json", ...init.headers },
  });
}

/**
 * An answer whose length is told: it goes out in one piece, where Remix would send a stream in chunks.
 *
 * @param init.headers without them it is plain text
 */
export function textAnswer(
  text: string,
  init: { status?: number; headers?: Record<string, string> } = {},
): Response {
  return new Response(text, {
    status: init.status,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      "Content-Length": String(Buffer.byteLength(text)),
      ...init.headers,
    },
  });
}

/** @returns whether the caller asks for JSON by name; a wildcard keeps the plain text of old */
export function wantsJson(request: Pick<IncomingRequest, "headers">): boolean {
  return (request.headers.get("Accept") ?? "").split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return type === "application/json" && !parameters.some((one) => /^q=0(\.0*)?$/.test(one));
  });
}
