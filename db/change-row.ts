import type { SQL } from "drizzle-orm";
import type { AnyPgColumn, PgTable, PgUpdateSetSource } from "drizzle-orm/pg-core";
import type { Queryable } from "./client";

/** @returns whether there was such a row */
export async function changeRow<Table extends PgTable & { id: AnyPgColumn }>(
  db: Queryable,
  table: Table,
  which: SQL | undefined,
  to: PgUpdateSetSource<Table>,
): Promise<boolean> {
  const changed = await db.update(table).set(to).where(which).returning({ id: table.id });
  return changed.length === 1;
}
