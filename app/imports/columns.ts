import type { Table } from "./table";

/** What can be said of an account: docs/contract.md. */
export const IMPORT_FIELDS = [
  ...(["user", "user_id", "email", "name", "pin", "password"] as const),
  ...(["domain", "project", "role", "language", "expires_in"] as const),
] as const;

export type ImportField = (typeof IMPORT_FIELDS)[number];

/** The columns that a field is read from, by their places from 0: of several, one text is made. */
export type Columns = Readonly<Partial<Record<ImportField, readonly number[]>>>;

/**
 * Headings as people write them, in English and German: without case, accents and all but letters and
 * digits. The first that a table has is taken.
 */
const HEADINGS: Readonly<Record<ImportField, readonly string[]>> = {
  user: ["user", "username", "login", "loginname", "account", "benutzer", "benutzername", "konto"],
  user_id: ["userid", "keystoneid", "benutzerid"],
  email: ["email", "emailaddress", "mail", "mailaddress", "emailadresse", "mailadresse"],
  name: ["name", "fullname", "displayname", "realname", "vollername", "anzeigename"],
  pin: ["pin", "pincode", "secretpin"],
  password: ["password", "initialpassword", "passwort", "initialpasswort", "kennwort"],
  domain: ["domain", "userdomain", "domane"],
  project: ["project", "projectname", "tenant", "projekt", "projektname"],
  role: ["role", "rolle"],
  language: ["language", "lang", "locale", "sprache"],
  expires_in: ["expiresin", "expires", "expiry", "validfor", "gultigkeit", "gultigfur"],
};
const FIRST_NAMES = ["firstname", "givenname", "forename", "vorname"];
const LAST_NAMES = ["lastname", "surname", "familyname", "nachname", "familienname"];

const plain = (heading: string): string =>
  heading
    .normalize("NFKD")
    .toLowerCase()
    .replace(/ß/g, "ss")
    .replace(/[^\p{L}\p{N}]/gu, "");

/**
 * @returns what the columns of a table are, as far as their headings tell. A full name is made of first and
 *   last name, where there is none of its own or it stands beside a first name: then it is the last one
 */
export function guessColumns(header: readonly string[]): Columns {
  const headings = header.map(plain);
  const find = (names: readonly string[]) => {
    for (const name of names) {
      const at = headings.indexOf(name);
      if (at !== -1) return at;
    }
    return undefined;
  };
  const columns: Partial<Record<ImportField, readonly number[]>> = {};
  for (const field of IMPORT_FIELDS) {
    const at = find(HEADINGS[field]);
    if (at !== undefined) columns[field] = [at];
  }
  const first = find(FIRST_NAMES);
  const last = find(LAST_NAMES) ?? (first === undefined ? undefined : columns.name?.[0]);
  if (first !== undefined && last !== undefined) columns.name = [first, last];
  return columns;
}

/** Which rows are meant: those with one of these values in a column, such as "yes" under "Approved". */
export interface Chosen {
  readonly column: number;
  readonly values: readonly string[];
}

/** More than these, and it is no column to choose by. */
const MOST_VALUES = 30;

/** @returns the values that a column has and how often, the most frequent first; none where they are too many */
export function valuesOf({ rows }: Table, column: number): { value: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { cells } of rows) {
    const value = cells[column]?.trim() ?? "";
    counts.set(value, (counts.get(value) ?? 0) + 1);
    if (counts.size > MOST_VALUES) return [];
  }
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((one, other) => other.count - one.count);
}
