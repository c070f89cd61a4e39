import { type SQL, sql } from "drizzle-orm";
import { links, nameInOrder } from "./schema";

export type ListSort = "newest" | "oldest" | "expiry" | "user";

/** Where a row is in the list, whatever becomes of the row: what the list is sorted by, and the row's id. */
export interface ListMarker {
  /** An instant to the microsecond (`2026-11-24T12:20:34.123456Z`), or a name in small letters. */
  readonly key: string;
  readonly id: string;
}

const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const LONGEST_NAME = 1000;

/** @returns the marker as an address has it */
export const writeMarker = ({ key, id }: ListMarker): string => `${key}~${id}`;

/** @param text from an address @returns undefined where it is no marker of a list in that order */
export function readMarker(text: string, sort: ListSort): ListMarker | undefined {
  const key = text.slice(0, -37);
  const id = text.slice(-36);
  if (text.at(-37) !== "~" || !ID.test(id)) return undefined;
  const isKey = sort === "user" ? isName(key) : isInstant(key);
  return isKey ? { key, id } : undefined;
}

const isName = (key: string) => key.length <= LONGEST_NAME && !key.includes("\0");

/** The database would refuse a 31st of February, and knows no year 0. */
const isInstant = (key: string) =>
  !key.startsWith("0000") &&
  /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(key) &&
  new Date(key).toJSON()?.slice(0, 19) === key.slice(0, 19);

/** What a list is sorted by: as an index has it, as a marker has it, and from a marker. */
export function orderOf(sort: ListSort): {
  key: SQL;
  asText(key: SQL): SQL;
  fromText(key: string): SQL;
} {
  if (sort === "user")
    return {
      key: nameInOrder(links),
      asText: (key) => key,
      fromText: (key) => sql`${key}::text`,
    };
  return {
    key: sort === "expiry" ? sql`${links.expiresAt}` : sql`${links.issuedAt}`,
    asText: (key) => sql`to_char(${key} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
    fromText: (key) => sql`${key}::timestamptz`,
  };
}
