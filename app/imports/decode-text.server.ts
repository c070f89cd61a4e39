export type Encoding = "utf-8" | "utf-16le" | "utf-16be" | "windows-1252";

const MARKS: readonly (readonly [Encoding, readonly number[]])[] = [
  ["utf-8", [0xef, 0xbb, 0xbf]],
  ["utf-16le", [0xff, 0xfe]],
  ["utf-16be", [0xfe, 0xff]],
];

/**
 * Reads bytes as the text that a spreadsheet has written: by the mark at their beginning; without one as
 * UTF-8, and where they are none, as Windows-1252, which is what Excel still writes for "CSV" in much of
 * the world. Any bytes are Windows-1252, so this never fails.
 */
export function decodeText(bytes: Uint8Array): { text: string; encoding: Encoding } {
  for (const [encoding, mark] of MARKS)
    if (mark.every((byte, index) => bytes[index] === byte))
      return { text: new TextDecoder(encoding).decode(bytes), encoding };
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), encoding: "utf-8" };
  } catch {
    return { text: new TextDecoder("windows-1252").decode(bytes), encoding: "windows-1252" };
  }
}
