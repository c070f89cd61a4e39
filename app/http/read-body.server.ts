/** The most any of our forms or JSON bodies may hold, counted in bytes as they arrive. */
export const MAX_BODY_BYTES = 64 * 1024;

export type BodyResult =
  | { ok: true; text: string }
  | { ok: false; reason: "too-large" | "not-utf8" | "cut-short" };

/**
 * Reads a body, whatever its Content-Length claims, and stops at the limit. A client that goes away in
 * the middle, or is hung up on for being slow, is an outcome like others: its error is Node's
 * ECONNRESET, and would pass for a database's.
 *
 * @returns the body as text; empty where there is none
 */
export async function readBody(request: Request): Promise<BodyResult> {
  if (Number(request.headers.get("Content-Length")) > MAX_BODY_BYTES)
    return { ok: false, reason: "too-large" };
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = request.body?.getReader();
  while (reader) {
    const read = await reader.read().catch(() => undefined);
    if (!read) return { ok: false, reason: "cut-short" };
    const { done, value } = read;
    if (done) break;
    bytes += value.byteLength;
    if (bytes > MAX_BODY_BYTES) {
      // Not cancelled: that would cut the connection before the answer. `lingeringClose` reads the rest.
      reader.releaseLock();
      return { ok: false, reason: "too-large" };
    }
    chunks.push(value);
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
    return { ok: true, text };
  } catch {
    return { ok: false, reason: "not-utf8" };
  }
}
