import { setImmediate as nextTurn } from "node:timers/promises";
import { type CsvError, type Parser, parse } from "csv-parse";
import { decodeText, type Encoding } from "./decode-text.server";
import { findSeparator, type Separator } from "./find-separator";
import { type ReadTable, TABLE_LIMITS, type TableRow, type WhyUnreadable } from "./table";

/** So much is parsed before others have their turn: a few milliseconds. */
const CHARACTERS_AT_ONCE = 32 * 1024;

/** No text has these, and most other files do. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const BINARY = /[\0-\x08\x0e-\x1a\x1c-\x1f]/;

/** How a file was understood, for whoever sent it. */
export interface TextTableForm {
  readonly encoding: Encoding;
  readonly separator: Separator;
}

/**
 * Reads a table that was written as text: CSV as spreadsheets of any country write it, or what is pasted from
 * one. Encoding, separator and quoting are recognised. What is too much is a result, never an exception, and
 * others have their turn in between.
 *
 * @param given the bytes of a file; or text, from a form
 */
export async function readTextTable(
  given: Uint8Array | string,
): Promise<ReadTable & { form?: TextTableForm }> {
  const size = typeof given === "string" ? Buffer.byteLength(given) : given.byteLength;
  if (size > TABLE_LIMITS.bytes) return { ok: false, reason: "too-large" };
  const { text, encoding } =
    typeof given === "string" ? { text: given, encoding: "utf-8" as const } : decodeText(given);
  if (BINARY.test(text)) return { ok: false, reason: "not-text" };
  const { separator, beginsAt } = findSeparator(text);
  const form = { encoding, separator };
  const records = await readRecords(text.slice(beginsAt), separator);
  if (!Array.isArray(records)) return { ok: false, form, ...records };
  const skipped = beginsAt > 0 ? 1 : 0;
  return { form, ...tableOf(records, skipped) };
}

/** @param skipped rows of the file that come before */
function tableOf(records: readonly string[][], skipped: number): ReadTable {
  const isFilled = (cells: readonly string[]) => cells.some((cell) => cell.trim() !== "");
  const at = records.findIndex(isFilled);
  const header = records[at]?.map((heading) => heading.trim()) ?? [];
  // A spreadsheet's blank columns behind the last one.
  while (header.at(-1) === "" && records.every((cells) => !cells[header.length - 1]?.trim()))
    header.pop();
  const rows = records.flatMap((cells, index): TableRow[] => {
    if (index <= at || !isFilled(cells)) return [];
    return [{ number: index + 1 + skipped, cells: header.map((_, column) => cells[column] ?? "") }];
  });
  return rows.length === 0 ? { ok: false, reason: "empty" } : { ok: true, table: { header, rows } };
}

async function readRecords(
  text: string,
  delimiter: Separator,
): Promise<string[][] | { reason: WhyUnreadable; row?: number }> {
  const records: string[][] = [];
  let problem: { reason: WhyUnreadable; row?: number } | undefined;
  const parser = parse({
    delimiter,
    relax_column_count: true,
    relax_quotes: true,
    // Of a whole row; cells are looked at one by one.
    max_record_size: TABLE_LIMITS.columns * TABLE_LIMITS.cellCharacters,
  });
  parser.on("error", ({ code }: CsvError) => {
    const reason = code === "CSV_QUOTE_NOT_CLOSED" ? "quote-not-closed" : "cell-too-long";
    problem ??= { reason, row: records.length + 1 };
  });
  parser.on("data", (cells: string[]) => {
    problem ??= findProblem(cells, records.length);
    records.push(cells);
  });
  const ended = new Promise<void>((resolve) => parser.once("close", resolve));
  for (let at = 0; at < text.length && !problem; at += CHARACTERS_AT_ONCE) {
    parser.write(text.slice(at, at + CHARACTERS_AT_ONCE));
    await nextTurn();
  }
  await finish(parser, problem !== undefined, ended);
  return problem ?? records;
}

function finish(parser: Parser, isGivenUp: boolean, ended: Promise<void>): Promise<void> {
  if (isGivenUp) parser.destroy();
  else parser.end();
  return ended;
}

function findProblem(
  cells: readonly string[],
  before: number,
): { reason: WhyUnreadable; row: number } | undefined {
  const row = before + 1;
  // One for the headings.
  if (before > TABLE_LIMITS.rows) return { reason: "too-many-rows", row };
  if (cells.length > TABLE_LIMITS.columns) return { reason: "too-many-columns", row };
  if (cells.some((cell) => cell.length > TABLE_LIMITS.cellCharacters))
    return { reason: "cell-too-long", row };
  return undefined;
}
