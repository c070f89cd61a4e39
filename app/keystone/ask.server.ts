import { z } from "zod";
import { invalidResponse, isKeystoneError, KeystoneError } from "./errors.server";
import { isPlainText } from "./plain-text.server";
import type { KeystoneRequest } from "./request.server";
import type { KeystoneSession } from "./session.server";

/** Keystone leaves a text out, or says null or "". */
export const optionalText = z
  .string()
  .nullish()
  .transform((value) => (value ? value : undefined));

export const idsAnswer = (collection: "roles" | "projects") =>
  z.object({ [collection]: z.array(z.object({ id: z.string() })) });

export type Asker = Pick<KeystoneRequest, "requestId" | "signal"> & { token: string };

/** One GET whose answer must be of this shape. @throws KeystoneError */
export const ask = <Shape extends z.ZodType>(
  session: KeystoneSession,
  asker: Asker,
  asked: Pick<KeystoneRequest, "path" | "query">,
  shape: Shape,
): Promise<z.output<Shape>> => send(session, asker, { ...asked, method: "GET" }, shape);

/** One call whose answer must be of this shape. @throws KeystoneError */
export async function send<Shape extends z.ZodType>(
  session: KeystoneSession,
  { token, requestId, signal }: Asker,
  { method, path, query, json }: Pick<KeystoneRequest, "method" | "path" | "query" | "json">,
  shape: Shape,
): Promise<z.output<Shape>> {
  const request = { method, path, query, json, token, requestId, signal };
  return session.request(request, (response) => {
    const parsed = shape.safeParse(response.json);
    if (parsed.success) return parsed.data;
    const fields = parsed.error.issues.slice(0, 5).map((issue) => issue.path.join("."));
    throw invalidResponse({
      problem: `Keystone's answer is unreadable in ${fields.map((name) => name || "the body").join(", ")}`,
      authUrl: session.authUrl,
      method,
      path,
      status: response.status,
      keystoneRequestId: response.keystoneRequestId,
    });
  });
}

export async function undefinedIfNotFound<T>(asking: () => Promise<T>): Promise<T | undefined> {
  try {
    return await asking();
  } catch (error) {
    if (isKeystoneError(error) && error.kind === "not-found") return undefined;
    throw error;
  }
}

/**
 * The path below a collection of what has this id.
 * @throws KeystoneError `not-found`, without asking, for an id that no path can name: an empty one
 *   would name the collection, `..` something else, a slash never reaches Keystone as one, and
 *   control characters and halves of characters make it fail
 */
export function pathOf(
  session: KeystoneSession,
  collection: "users" | "domains" | "projects" | "roles",
  id: string,
): string {
  if (id === "" || id === "." || id === ".." || id.includes("/") || !isPlainText(id)) {
    throw new KeystoneError({
      kind: "not-found",
      message: `Not sent, no id in Keystone's ${collection} can be like this`,
      method: "GET",
      path: `${new URL(session.authUrl).pathname}/${collection}`,
      mayHaveHappened: false,
    });
  }
  return `/${collection}/${encodeURIComponent(id)}`;
}
