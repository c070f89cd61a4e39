import { isLinkLifetime } from "../config/link-lifetime";
import { looksLikeEmail } from "../links/email-address";
import { type Chosen, type Columns, IMPORT_FIELDS, type ImportField } from "./columns";
import { normaliseCell } from "./normalise-cell";
import type { Table, TableRow } from "./table";

/** How a table is to be read. Plain data: it is kept, and proposed for the next one with the same headings. */
export interface ImportPlan {
  readonly columns: Columns;
  /** All rows, when left out. */
  readonly chosen?: Chosen;
  /** For rows that say nothing of it. */
  readonly defaults: Readonly<
    Partial<Record<"domain" | "project" | "role" | "language" | "expires_in", string>>
  >;
  /** Where a row has no user name, its address is the name. */
  readonly namedByAddress: boolean;
  /** Every row needs an address. */
  readonly mails: boolean;
}

export interface ImportRules {
  readonly pinLength: number;
  readonly languages: readonly string[];
}

/** What is wrong with a cell, or missing from it. */
export type CellProblem =
  | "missing"
  | "malformed-address"
  | "pin-not-digits"
  /** As a spreadsheet leaves one that began with a zero. */
  | "pin-too-short"
  | "pin-too-long"
  | "unknown-language"
  | "malformed-lifetime"
  /** Of the same name in the same domain, or of the same id: `otherRow` is the first. */
  | "twice"
  /** Both name and id are given, and either is enough. */
  | "name-and-id"
  | "too-long"
  | "control-characters";

export interface Problem {
  readonly field: ImportField;
  readonly reason: CellProblem;
  readonly otherRow?: number;
}

/** A cell that is read otherwise than it was written, for people to see. Never a password's. */
export interface Change {
  readonly field: ImportField;
  readonly before: string;
  readonly after: string;
}

export interface CheckedRow {
  readonly number: number;
  /** What the row says, and what stands in for what it does not say. Without a pin one is made up. */
  readonly account: Readonly<Partial<Record<ImportField, string>>>;
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
}

/** As Keystone's columns: 255 characters of a name, 64 of an id and of a project's or domain's name. */
const LONGEST: Readonly<Partial<Record<ImportField, number>>> = {
  ...{ user: 255, name: 255, role: 255, user_id: 64, domain: 64, project: 64 },
};

/**
 * Reads the rows that are meant, and says what is wrong with each by itself and among the others. Nobody is
 * asked: what Keystone knows of it comes later.
 */
export function checkRows(table: Table, plan: ImportPlan, rules: ImportRules): CheckedRow[] {
  const seen = new Map<string, number>();
  return table.rows.filter(isMeant(plan.chosen)).map((row) => {
    const { account, changes } = readRow(row, plan);
    const problems = IMPORT_FIELDS.flatMap((field) => problemsOf(field, account, rules));
    if (account.user === undefined && account.user_id === undefined)
      problems.push({ field: plan.columns.user ? "user" : "user_id", reason: "missing" });
    if (account.user !== undefined && account.user_id !== undefined)
      problems.push({ field: "user_id", reason: "name-and-id" });
    if (account.user_id === undefined && !account.domain)
      problems.push({ field: "domain", reason: "missing" });
    if (plan.mails && account.email === undefined)
      problems.push({ field: "email", reason: "missing" });
    if (account.project !== undefined && account.role === undefined)
      problems.push({ field: "role", reason: "missing" });
    if (account.role !== undefined && account.project === undefined)
      problems.push({ field: "project", reason: "missing" });
    const twice = findTwice(row.number, account, seen);
    return {
      number: row.number,
      account,
      changes,
      problems: twice ? [...problems, twice] : problems,
    };
  });
}

const isMeant =
  (chosen: Chosen | undefined) =>
  ({ cells }: TableRow): boolean =>
    chosen === undefined || chosen.values.includes(cells[chosen.column]?.trim() ?? "");

function readRow(
  { cells }: TableRow,
  { columns, defaults, namedByAddress }: ImportPlan,
): Pick<CheckedRow, "account" | "changes"> {
  const account: Partial<Record<ImportField, string>> = {};
  const changes: Change[] = [];
  for (const field of IMPORT_FIELDS) {
    const parts = (columns[field] ?? []).map((column) => cells[column] ?? "");
    const before = parts.filter((part) => part.trim() !== "").join(" ");
    const after = normaliseCell(field, before);
    if (after !== "") account[field] = after;
    if (after !== before && field !== "password" && parts.length === 1)
      changes.push({ field, before, after });
  }
  // A row that names a user by its id makes none, and gives it nothing.
  const isNew = account.user_id === undefined;
  if (isNew && account.user === undefined && namedByAddress && account.email !== undefined)
    account.user = account.email;
  for (const [field, value] of Object.entries(defaults) as [ImportField, string][])
    if (isNew || field === "language" || field === "expires_in") account[field] ??= value;
  return { account, changes };
}

function problemsOf(
  field: ImportField,
  account: CheckedRow["account"],
  { pinLength, languages }: ImportRules,
): Problem[] {
  const value = account[field];
  if (value === undefined) return [];
  const problem = (reason: CellProblem): Problem[] => [{ field, reason }];
  if (/[\p{Cc}\p{Surrogate}\p{Bidi_Control}]/u.test(value)) return problem("control-characters");
  if (value.length > (LONGEST[field] ?? Number.POSITIVE_INFINITY)) return problem("too-long");
  switch (field) {
    case "email":
      return looksLikeEmail(value) ? [] : problem("malformed-address");
    case "pin":
      if (!/^[0-9]+$/.test(value)) return problem("pin-not-digits");
      if (value.length === pinLength) return [];
      return problem(value.length < pinLength ? "pin-too-short" : "pin-too-long");
    case "language":
      return languages.includes(value) ? [] : problem("unknown-language");
    case "expires_in":
      return /^\d{1,9}$/.test(value) && isLinkLifetime(Number(value))
        ? []
        : problem("malformed-lifetime");
    default:
      return [];
  }
}

/** To Keystone's database, names often know no case. */
function findTwice(
  number: number,
  { user, user_id: id, domain = "" }: CheckedRow["account"],
  seen: Map<string, number>,
): Problem | undefined {
  const field = id === undefined ? "user" : "user_id";
  const value = id ?? user;
  if (value === undefined) return undefined;
  const key = JSON.stringify([field, domain.toLowerCase(), value.toLowerCase()]);
  const otherRow = seen.get(key);
  if (otherRow !== undefined) return { field, reason: "twice", otherRow };
  seen.set(key, number);
  return undefined;
}
