import type { ActionFunctionArgs } from "@remix-run/node";
import { readBody } from "./read-body.server";
import { requireSameOrigin } from "./same-origin.server";

/**
 * What every action of a page begins with: the origin is checked, the form is read, no more than
 * 64 KiB of it.
 *
 * @throws {Response} without words, which the error page has: 403 from another site, 413 too large,
 *   415 not a form, 400 not UTF-8 or cut short
 */
export async function readForm({ request, context }: ActionFunctionArgs): Promise<URLSearchParams> {
  await requireSameOrigin(request, context);
  const type = request.headers.get("Content-Type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== undefined && type !== "application/x-www-form-urlencoded")
    throw new Response(null, { status: 415, statusText: "Unsupported Media Type" });
  const body = await readBody(request);
  if (body.ok) return new URLSearchParams(body.text);
  if (body.reason === "too-large")
    throw new Response(null, { status: 413, statusText: "Content Too Large" });
  throw new Response(body.reason, { status: 400, statusText: "Bad Request" });
}
