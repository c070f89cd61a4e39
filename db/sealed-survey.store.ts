import { type SQL, sql } from "drizzle-orm";
import type { Queryable } from "./client";
import { isSealed } from "./schema";
import { keyIdOf, SEALED_COLUMNS, type SealedColumn } from "./sealed-values.store";

/** Where a value is that nobody can open as it stands. */
export interface SealedPlace {
  /** `table.column` */
  readonly column: string;
  /** The key of its row: a user id, an id, or hex. */
  readonly row: string;
}

/** @returns the ids of the keys that seal something, with how many values in how many rows */
export async function countSealsByKey(
  db: Queryable,
): Promise<{ keyId: string; values: number; rows: number }[]> {
  const ofColumn = (one: SealedColumn): SQL => sql`
    select ${keyIdOf(one)} as key_id, ${one.name.split(".", 1)[0]}::text || ' ' || ${one.key}::text as place
    from ${one.table} where ${one.column} is not null and ${isSealed(one.column)}`;
  const seals = sql.join(SEALED_COLUMNS.map(ofColumn), sql` union all `);
  return db.execute(sql`
    select key_id as "keyId", count(*)::int as values, count(distinct place)::int as rows
    from (${seals}) as seal group by key_id order by values desc`);
}

/** @returns values that are no seals at all, or that none of these keys sealed; at most `limit` a column */
export async function findForeignSeals(
  db: Queryable,
  options: { keyIds: readonly string[]; limit: number },
): Promise<{ broken: SealedPlace[]; ofOtherKeys: SealedPlace[] }> {
  const known = sql.join(
    options.keyIds.map((keyId) => sql`${keyId}`),
    sql`, `,
  );
  const broken: SealedPlace[] = [];
  const ofOtherKeys: SealedPlace[] = [];
  for (const one of SEALED_COLUMNS) {
    const rows = await db.execute<{ row: string | Buffer; sealed: boolean }>(sql`
      select ${one.key} as row, ${isSealed(one.column)} as sealed from ${one.table}
      where ${one.column} is not null
        and (not (${isSealed(one.column)}) or ${keyIdOf(one)} not in (${known}))
      limit ${options.limit}`);
    for (const { row, sealed } of rows) {
      const place = {
        column: one.name,
        row: Buffer.isBuffer(row) ? row.toString("hex") : String(row),
      };
      (sealed ? ofOtherKeys : broken).push(place);
    }
  }
  return { broken, ofOtherKeys };
}
