/**
 * Small changes to a statement written by hand. By its text: no parser of PostgreSQL's is at hand, and a
 * change that is not SQL at all is found by the first test that runs it.
 */
export interface SqlChange {
  readonly kind: string;
  /** In the text that was given. */
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

const SWAPS: [RegExp, Record<string, string>, string][] = [
  [/ (<=|>=|<>|<|>) /g, { "<=": "<", ">=": ">", "<": "<=", ">": ">=", "<>": "=" }, "comparison"],
  [/ ([+-]) /g, { "+": "-", "-": "+" }, "comparison"],
  [/\b(least|greatest)\(/g, { least: "greatest", greatest: "least" }, "bound"],
];

/** Up to the end of the condition: the next one, the bracket that closes, or the line's end. */
const CONDITION = /\s(?:and|or)\s(?:[^()\n]|\([^()\n]*\))*?(?=\s(?:and|or)\s|\)|\n|`|$)/gi;
/** One of several that an UPDATE sets. */
const ASSIGNMENT = /,\s*[a-z_]+ = (?:null|now\(\)|clock_timestamp\(\)|[a-z_]+|~+)(?=[,\s`])/g;
const WORDS = /\s(?:for update(?: skip locked)?|skip locked|distinct)\b|\bnot (?=exists)/gi;

/** @param text with its backticks, as in the source */
export function changeSql(text: string): SqlChange[] {
  const masked = mask(text);
  const changes: SqlChange[] = [];
  for (const [pattern, others, what] of SWAPS)
    for (const { index, 0: whole, 1: found = "" } of masked.matchAll(pattern)) {
      if (isAboutAnInstant(masked, index, whole)) continue;
      const start = index + whole.indexOf(found);
      const replacement = others[found] ?? found;
      changes.push({ kind: `another ${what}`, start, end: start + found.length, replacement });
    }
  const drop = (kind: string, pattern: RegExp) => {
    for (const { index, 0: whole } of masked.matchAll(pattern))
      changes.push({ kind, start: index, end: index + whole.length, replacement: " " });
  };
  drop("drop a condition", CONDITION);
  drop("drop a property", ASSIGNMENT);
  drop("drop a word", WORDS);
  return changes;
}

/** Nobody meets the very instant: before it, and at the latest then, are the same. */
const isAboutAnInstant = (text: string, index: number, comparison: string) =>
  /^ [<>]=? $/.test(comparison) &&
  (/^(now|clock_timestamp)\(\)/.test(text.slice(index + comparison.length)) ||
    /\b(now|clock_timestamp)\(\)$/.test(text.slice(0, index)));

/** Values that are put in look like `~~~`, and are as long as before. */
function mask(text: string): string {
  let masked = "";
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    const begins = text.startsWith("${", at);
    if (begins || (depth > 0 && text[at] === "{")) depth += 1;
    masked += depth > 0 ? "~" : text[at];
    if (begins) {
      masked += "~";
      at += 1;
    } else if (depth > 0 && text[at] === "}") depth -= 1;
  }
  return masked;
}
