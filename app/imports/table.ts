/** What a file or a paste holds, before anybody knows what its columns mean. */
export interface Table {
  /** The headings, trimmed. They can be empty, and stand there twice. */
  readonly header: readonly string[];
  /** Without blank rows. */
  readonly rows: readonly TableRow[];
}

export interface TableRow {
  /** As a spreadsheet numbers it: the first row of the file is 1, blank ones count. */
  readonly number: number;
  /** As many as there are headings, each as it was written. */
  readonly cells: readonly string[];
}

export const TABLE_LIMITS = {
  bytes: 10 * 1024 * 1024,
  rows: 20_000,
  columns: 50,
  cellCharacters: 2_000,
} as const;

export type WhyUnreadable =
  /** No row has anything in it, or none but the headings. */
  | "empty"
  /** More than `TABLE_LIMITS.bytes`. */
  | "too-large"
  | "too-many-rows"
  | "too-many-columns"
  | "cell-too-long"
  /** A quoted cell never ends. */
  | "quote-not-closed"
  /** A picture, a program, or a spreadsheet of another kind. */
  | "not-text";

export type ReadTable =
  | { readonly ok: true; readonly table: Table }
  /** `row`: where it was found, as a spreadsheet numbers it. */
  | { readonly ok: false; readonly reason: WhyUnreadable; readonly row?: number };
