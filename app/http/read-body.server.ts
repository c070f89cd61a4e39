/** The most any of our forms or JSON bodies may hold, counted in bytes as they arrive. */
export const MAX_BODY_BYTES = 64 * 1024;

export type BodyResult =
  | { ok: true; text: string }
  | { ok: false; reason: "too-large" | "not-utf8" | "cut-short" };

/** Of a request, what an answer to a machine is made from. A web Request is one. */
export interface IncomingRequest {
  readonly method: string;
  readonly headers: Pick<Headers, "get">;
  readonly body: AsyncIterable<Uint8Array> | ReadableStream<Uint8Array> | null;
}

/**
 * Reads a body, whatever its Content-Length claims, and stops at the limit. A client that goes away in
 * the middle, or is hung up on for being slow, is an outcome like others: its error is Node's
 * ECONNRESET, and would pass for a database's.
 *
 * @returns the body as text; empty where there is none
 */
export async function readBody({
  headers,
  body,
}: Omit<IncomingRequest, "method">): Promise<BodyResult> {
  if (Number(headers.get("Content-Length")) > MAX_BODY_BYTES)
    return { ok: false, reason: "too-large" };
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    // Not cancelled at the limit: that would cut the connection before the answer. `lingeringClose` reads
    // the rest.
    for await (const chunk of body instanceof ReadableStream
      ? body.values({ preventCancel: true })
      : (body ?? [])) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BODY_BYTES) return { ok: false, reason: "too-large" };
      chunks.push(chunk);
    }
  } catch {
    return { ok: false, reason: "cut-short" };
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
    return { ok: true, text };
  } catch {
    return { ok: false, reason: "not-utf8" };
  }
}
