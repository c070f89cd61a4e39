import { STATUS_CODES } from "node:http";

/**
 * An error as Keystone shapes it, which keystoneauth shows to its user.
 *
 * @param message says what to do; no secrets
 */
export function keystoneError(
  status: number,
  message: string,
  headers: Record<string, string> = {},
): Response {
  const title = STATUS_CODES[status] ?? "Error";
  return Response.json({ error: { code: status, title, message } }, { status, headers });
}

/** @returns whether the caller asks for JSON by name; a wildcard keeps the plain text of old */
export function wantsJson(request: Request): boolean {
  return (request.headers.get("Accept") ?? "").split(",").some((range) => {
    const [type, ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    return type === "application/json" && !parameters.some((one) => /^q=0(\.0*)?$/.test(one));
  });
}
