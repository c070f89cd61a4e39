import type { Database } from "../../db/client";
import {
  countValuesByKey,
  readValuesOfOtherKeys,
  replaceSealedValue,
  SEALED_COLUMNS,
} from "../../db/sealed-values.store";
import type { Vault } from "./vault.server";

const BATCH = 200;

/**
 * Seals everything again under the newest key, a batch at a time, while the service runs: each value
 * is replaced only if nobody changed it meanwhile. Stopped halfway, it goes on where it was.
 *
 * @param onProgress called after each batch with how many values were sealed again so far
 * @returns how many values were sealed again
 * @throws {VaultError} where a value's key is not in SECRET_KEYS; everything before it is done
 */
export async function rotateKeys(
  { db, vault }: { db: Database; vault: Vault },
  onProgress: (resealed: number) => void = () => {},
): Promise<{ resealed: number }> {
  const keyId = vault.keyIds[0] as string;
  let resealed = 0;
  for (const column of SEALED_COLUMNS) {
    for (;;) {
      const values = await readValuesOfOtherKeys(db, column, { keyId, limit: BATCH });
      if (values.length === 0) break;
      for (const { key, sealed } of values) {
        const owner = { column: column.name, row: column.rowOf(key) };
        const after = vault.seal(vault.open(sealed, owner), owner);
        if (await replaceSealedValue(db, column, { key, before: sealed, after })) resealed++;
      }
      onProgress(resealed);
    }
  }
  return { resealed };
}

/**
 * @returns the ids of keys that seal something and are not in SECRET_KEYS, with how many values each;
 *   empty where every value can be opened. A wrong key has another id, so it shows here too.
 */
export async function findMissingKeys({
  db,
  vault,
}: {
  db: Database;
  vault: Vault;
}): Promise<{ keyId: string; values: number }[]> {
  const counts = await countValuesByKey(db);
  return [...counts]
    .filter(([keyId]) => !vault.keyIds.includes(keyId))
    .map(([keyId, values]) => ({ keyId, values }));
}
