import type { Database } from "../../db/client";
import {
  readSealedValues,
  replaceSealedValue,
  SEALED_COLUMNS,
  type SealedColumn,
  type SealedRow,
} from "../../db/sealed-values.store";
import { type Vault, VaultError } from "./vault.server";

const BATCH = 200;

export interface Rotation {
  /** How many values were sealed again. */
  resealed: number;
  /** What was left as it was, because it cannot be opened: each in words, with column and row. */
  unopened: string[];
}

/**
 * Seals everything again under the newest key, a batch at a time, while the service runs: each value
 * is replaced only if nobody changed it meanwhile. Stopped halfway, it goes on where it was. A value
 * that cannot be opened (its key is not in SECRET_KEYS, or somebody changed it) does not keep the
 * others waiting.
 *
 * @param onProgress called after each batch with how many values were sealed again so far
 */
export async function rotateKeys(
  context: { db: Database; vault: Vault },
  onProgress: (resealed: number) => void = () => {},
): Promise<Rotation> {
  const notOfKeyId = context.vault.keyIds[0];
  const done: Rotation = { resealed: 0, unopened: [] };
  for (const column of SEALED_COLUMNS)
    await resealColumn(context, column, { notOfKeyId, binding: "as it is" }, done, onProgress);
  return done;
}

/**
 * Binds what a former release sealed to all that its seal is bound to now: the PINs of links that were
 * made before the upgrade. Only then: who can write to the database could plant such a seal later, and
 * have it bound to a token of theirs.
 */
export async function bindFormerSeals(
  context: { db: Database; vault: Vault },
  onProgress: (resealed: number) => void = () => {},
): Promise<Rotation> {
  const done: Rotation = { resealed: 0, unopened: [] };
  for (const column of SEALED_COLUMNS.filter(({ formerRowOf }) => formerRowOf))
    await resealColumn(context, column, { binding: "as it shall be" }, done, onProgress);
  return done;
}

async function resealColumn(
  { db, vault }: { db: Database; vault: Vault },
  column: SealedColumn,
  options: { notOfKeyId?: string; binding: "as it is" | "as it shall be" },
  done: Rotation,
  onProgress: (resealed: number) => void,
): Promise<void> {
  const { notOfKeyId, binding } = options;
  let after: SealedRow["key"] | undefined;
  for (;;) {
    const values = await readSealedValues(db, column, { notOfKeyId, after, limit: BATCH });
    if (values.length === 0) return;
    for (const value of values) {
      after = value.key;
      const opened = openWhicheverWay(vault, column, value);
      if (!opened.ok) {
        done.unopened.push(`${opened.message} (row ${column.rowOf(value)})`);
        continue;
      }
      const row = binding === "as it is" ? opened.row : column.rowOf(value);
      if (binding === "as it shall be" && opened.row === row) continue;
      const sealed = vault.seal(opened.plaintext, { column: column.sealedAs, row });
      const { key, sealed: before } = value;
      if (await replaceSealedValue(db, column, { key, before, after: sealed })) done.resealed++;
    }
    onProgress(done.resealed);
  }
}

/** @returns the value, and which row's identity its seal is bound to: the one of now or the former */
function openWhicheverWay(
  vault: Vault,
  column: SealedColumn,
  value: SealedRow & { sealed: Buffer },
): { ok: true; plaintext: Buffer; row: string } | { ok: false; message: string } {
  let message = "";
  for (const row of [column.rowOf(value), column.formerRowOf?.(value)]) {
    if (row === undefined) continue;
    try {
      return {
        ok: true,
        row,
        plaintext: vault.open(value.sealed, { column: column.sealedAs, row }),
      };
    } catch (error) {
      if (!(error instanceof VaultError)) throw error;
      message ||= error.message;
    }
  }
  return { ok: false, message };
}
