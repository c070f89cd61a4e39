/**
 * Looks for many secrets in much: whole data folders, logs, everything a server ever answered. Where
 * `findSecrets` decodes the haystack, this encodes the needles, so a hundred megabytes take a second or
 * two. It finds a secret as it is, in hex, base64 (both alphabets, at any offset), URL-encoding, JSON,
 * HTML, SQL and UTF-16; of a PIN or a password also plain digests; and of a long secret each of its ends.
 */
import { createHash } from "node:crypto";
import type { Finding, Secret } from "./find-secrets";

export interface ScannedSecret extends Secret {
  /** So few are possible, or so few are likely, that a digest without a key gives it away. */
  readonly guessable?: boolean;
  /** Not text: the value is hex of these bytes. */
  readonly isBytes?: boolean;
}

export interface SecretScan {
  /** @returns each kind of secret once for each encoding; never the secret itself */
  find(where: string, content: string | Buffer): Finding[];
  /** How many byte strings are looked for. */
  readonly needles: number;
}

interface Needle {
  readonly kind: string;
  readonly encoding: string;
  readonly bytes: Buffer;
}

/** The least that is looked for: fewer bytes are anywhere. */
const LEAST_BYTES = 8;
const FILTER_BITS = 22;

/** @throws RangeError for a secret too short to mean anything where it is found */
export function scanFor(secrets: Iterable<ScannedSecret>): SecretScan {
  const needles = new Map<string, Needle>();
  for (const secret of secrets) {
    for (const { encoding, bytes } of encodingsOf(secret)) {
      if (bytes.length < LEAST_BYTES)
        throw new RangeError(`A ${secret.kind} in ${encoding} has only ${bytes.length} bytes`);
      const key = bytes.toString("latin1");
      if (!needles.has(key)) needles.set(key, { kind: secret.kind, encoding, bytes });
    }
  }
  const byStart = new Map<number, Needle[]>();
  const filter = new Uint8Array(1 << (FILTER_BITS - 3));
  for (const needle of needles.values()) {
    const start = needle.bytes.readUInt32BE(0);
    byStart.set(start, [...(byStart.get(start) ?? []), needle]);
    const bit = bitOf(start);
    filter[bit >>> 3] = (filter[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }

  return {
    needles: needles.size,
    find(where, content) {
      const hay = typeof content === "string" ? Buffer.from(content, "utf8") : content;
      const found = new Map<string, Finding>();
      let window = 0;
      for (let at = 0; at < hay.length; at++) {
        window = ((window << 8) | (hay[at] as number)) >>> 0;
        if (at < 3) continue;
        const bit = bitOf(window);
        if (((filter[bit >>> 3] as number) & (1 << (bit & 7))) === 0) continue;
        for (const { kind, encoding, bytes } of byStart.get(window) ?? []) {
          const from = at - 3;
          const to = from + bytes.length;
          if (to > hay.length || hay.compare(bytes, 0, bytes.length, from, to) !== 0) continue;
          found.set(`${kind} ${encoding}`, { kind, where, encoding });
        }
      }
      return [...found.values()];
    },
  };
}

const bitOf = (word: number) => Math.imul(word, 0x9e3779b1) >>> (32 - FILTER_BITS);

/** @returns every way a secret is looked for; the tests plant each of them to see it found */
export function encodingsOf(secret: ScannedSecret): { encoding: string; bytes: Buffer }[] {
  const { value } = secret;
  const plain = secret.isBytes ? Buffer.from(value, "hex") : Buffer.from(value, "utf8");
  const found: { encoding: string; bytes: Buffer }[] = [{ encoding: "plain", bytes: plain }];
  const add = (encoding: string, text: string) =>
    found.push({ encoding, bytes: Buffer.from(text, "utf8") });

  add("hex", plain.toString("hex"));
  add("HEX", plain.toString("hex").toUpperCase());
  for (const offset of [0, 1, 2]) {
    const text = base64Within(plain, offset);
    add(`base64 at offset ${offset}`, text);
    add(`base64url at offset ${offset}`, text.replaceAll("+", "-").replaceAll("/", "_"));
  }
  if (secret.isBytes) return found;

  add("URL", encodeURIComponent(value));
  add("a form", new URLSearchParams({ x: value }).toString().slice(2));
  add("JSON", JSON.stringify(value).slice(1, -1));
  add("HTML", escapeHtml(value, "&#x27;"));
  add("HTML, decimal", escapeHtml(value, "&#39;"));
  add("SQL", value.replaceAll("'", "''"));
  const utf16 = Buffer.from(value, "utf16le");
  found.push({ encoding: "UTF-16LE", bytes: utf16 });
  found.push({ encoding: "UTF-16BE", bytes: Buffer.from(utf16).swap16() });
  if (value.length >= 32) {
    add("its beginning", value.slice(0, 16));
    add("its end", value.slice(-16));
  }
  if (secret.guessable) {
    for (const algorithm of ["md5", "sha1", "sha256", "sha512"]) {
      const digest = createHash(algorithm).update(plain).digest();
      found.push({ encoding: algorithm, bytes: digest });
      add(`${algorithm} in hex`, digest.toString("hex"));
      add(`${algorithm} in base64`, digest.toString("base64").replace(/=+$/, ""));
    }
  }
  return found;
}

/** What base64 makes of these bytes wherever they begin, without the characters they share with others. */
function base64Within(bytes: Buffer, offset: number): string {
  const all = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  return all.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

const escapeHtml = (text: string, apostrophe: string) =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", apostrophe);
