import { and, gt, isNotNull, sql } from "drizzle-orm";
import { type AnyPgColumn, getTableConfig, type PgTable } from "drizzle-orm/pg-core";
import type { Queryable } from "./client";
import { adminSessions, jobs, links, mails, resetRequests } from "./schema";

/** A column that holds sealed values, and what a row's seal is bound to. */
export interface SealedColumn {
  /** `table.column` */
  readonly name: string;
  /** What it is called in its seals: the column whose values are moved here as they are, where there is one. */
  readonly sealedAs: string;
  readonly table: PgTable;
  readonly column: AnyPgColumn;
  readonly key: AnyPgColumn;
  /** Another column of the row that the seal is bound to as well. */
  readonly bound?: AnyPgColumn;
  /** @returns the row's identity in the seal */
  readonly rowOf: (row: SealedRow) => string;
  /** The same in seals of an earlier release, which are opened to be renewed and for nothing else. */
  readonly formerRowOf?: (row: SealedRow) => string;
}

/** What names a row in its seals. */
export interface SealedRow {
  readonly key: string | Buffer;
  /** Of the column `bound`, where there is one. */
  readonly bound: Buffer | null;
}

const asText = ({ key }: SealedRow) => String(key);
const asHex = ({ key }: SealedRow) => Buffer.from(key as Buffer).toString("hex");

/**
 * A PIN's key opens for its user and its link's token alone: who can write to the database, but has no
 * link, cannot plant a token of their own and guess.
 *
 * @param tokenHash the link token's SHA-256
 * @returns the row's identity in the seal of `links.sealed_pin_key`
 */
export const rowOfPinKey = (userId: string, tokenHash: Buffer | null): string =>
  `${userId} ${tokenHash?.toString("hex") ?? ""}`;

const sealed = (
  column: AnyPgColumn,
  key: AnyPgColumn,
  boundTo: Partial<Pick<SealedColumn, "bound" | "rowOf" | "formerRowOf">> & {
    sealedAs?: AnyPgColumn;
  } = {},
): SealedColumn => {
  const { table } = column;
  const { sealedAs = column, ...others } = boundTo;
  const nameOf = ({ name }: AnyPgColumn) => `${getTableConfig(table).name}.${name}`;
  const names = { name: nameOf(column), sealedAs: nameOf(sealedAs) };
  return { ...names, table, column, key, rowOf: asText, ...others };
};

/** Every sealed column there is: a new one that is not named here would be lost by a rotation. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [
  sealed(links.sealedPinKey, links.userId, {
    bound: links.tokenHash,
    rowOf: ({ key, bound }) => rowOfPinKey(String(key), bound),
    formerRowOf: asText,
  }),
  sealed(links.sealedPassword, links.userId),
  sealed(links.sealedUnsettled, links.userId),
  sealed(links.sealedParked, links.userId, { sealedAs: links.sealedPassword }),
  sealed(mails.sealedProps, mails.id),
  sealed(jobs.sealedPayload, jobs.id),
  sealed(adminSessions.sealedToken, adminSessions.idHash, { rowOf: asHex }),
  sealed(resetRequests.sealedPin, resetRequests.id),
];

/** Format byte, then eight bytes of key id: see the vault. */
export const keyIdOf = ({ column }: Pick<SealedColumn, "column">) =>
  sql`encode(substring(${column} from 2 for 8), 'hex')`;

/**
 * @param options.notOfKeyId leaves out what this key sealed
 * @param options.after the key of the row to go on behind
 * @returns values of a column in the order of their rows' keys, at most `limit`
 */
export async function readSealedValues(
  db: Queryable,
  { key, bound, table, column }: SealedColumn,
  options: { notOfKeyId?: string; after?: string | Buffer; limit: number },
): Promise<(SealedRow & { sealed: Buffer })[]> {
  const { notOfKeyId, after } = options;
  const rows = await db
    .select({ key, bound: bound ?? sql<null>`null`, sealed: column })
    .from(table)
    .where(
      and(
        isNotNull(column),
        notOfKeyId === undefined ? undefined : sql`${keyIdOf({ column })} <> ${notOfKeyId}`,
        after === undefined ? undefined : gt(key, after),
      ),
    )
    .orderBy(key)
    .limit(options.limit);
  return rows as (SealedRow & { sealed: Buffer })[];
}

/** Replaces a value, unless it was changed meanwhile. @returns whether it was replaced */
export async function replaceSealedValue(
  db: Queryable,
  { table, column, key }: SealedColumn,
  value: { key: string | Buffer; before: Buffer; after: Buffer },
): Promise<boolean> {
  const rows = await db
    .update(table)
    .set({ [propertyOf(table, column)]: value.after })
    .where(sql`${key} = ${value.key} and ${column} = ${value.before}`)
    .returning({ key });
  return rows.length === 1;
}

/** Drizzle's `set` wants the property's name, not the column's. */
function propertyOf(table: PgTable, column: AnyPgColumn): string {
  const found = Object.entries(table).find(([, candidate]) => candidate === column);
  if (!found) throw new TypeError(`${column.name} is no column of this table`);
  return found[0];
}
