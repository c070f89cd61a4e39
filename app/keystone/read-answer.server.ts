import type { KeystoneResponseHeaders } from "./request.server";

/** @param headers as undici has them: by their names in lower case */
export function lookUp(
  headers: Record<string, string | string[] | undefined>,
): KeystoneResponseHeaders {
  return {
    get(name) {
      const value = headers[name.toLowerCase()];
      return Array.isArray(value) ? value[0] : value;
    },
    names: () => Object.keys(headers),
  };
}

/** The body as text; undefined as soon as it is longer than allowed. */
export async function readBounded(
  body: AsyncIterable<Uint8Array>,
  maxBytes: number,
): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

export const notJson = Symbol("not JSON");

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return notJson; // the parser's own words would quote the answer
  }
}
