export const SEPARATORS = [";", ",", "\t", "|"] as const;

export type Separator = (typeof SEPARATORS)[number];

/** Enough to tell, and little to read. */
const LINES_LOOKED_AT = 20;
const CHARACTERS_LOOKED_AT = 100_000;

/**
 * What stands between the cells: what Excel's own first line `sep=;` says, or what most of the first lines
 * have as often as the first. What is quoted does not count.
 *
 * @returns the separator, and where the table begins
 */
export function findSeparator(text: string): { separator: Separator; beginsAt: number } {
  const told = /^sep=(.)(?:\r\n|\n|\r)/i.exec(text);
  const asTold = SEPARATORS.find((one) => one === told?.[1]);
  if (told && asTold) return { separator: asTold, beginsAt: told[0].length };
  const lines = firstLines(text);
  const scored = SEPARATORS.map((separator) => {
    const [inFirst = 0, ...inOthers] = lines.map((counts) => counts[separator]);
    const alike = inOthers.filter((count) => count === inFirst).length;
    return { separator, score: inFirst === 0 ? 0 : (alike + 1) * 1000 + Math.min(inFirst, 999) };
  });
  const best = scored.reduce((one, other) => (other.score > one.score ? other : one));
  return { separator: best.score > 0 ? best.separator : ",", beginsAt: 0 };
}

/** @returns of each of the first lines that are not blank, how often each separator stands outside of quotes */
function firstLines(text: string): Record<Separator, number>[] {
  const none = () => ({ ";": 0, ",": 0, "\t": 0, "|": 0 });
  const lines: Record<Separator, number>[] = [];
  let counts = none();
  let isBlank = true;
  let isQuoted = false;
  for (const character of text.slice(0, CHARACTERS_LOOKED_AT)) {
    if (character === '"') isQuoted = !isQuoted;
    if (!isQuoted && (character === "\n" || character === "\r")) {
      if (!isBlank) lines.push(counts);
      if (lines.length === LINES_LOOKED_AT) return lines;
      counts = none();
      isBlank = true;
      continue;
    }
    if (character.trim() !== "") isBlank = false;
    if (!isQuoted && character in counts) counts[character as Separator] += 1;
  }
  if (!isBlank) lines.push(counts);
  return lines;
}
