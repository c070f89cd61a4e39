import type { Database } from "../../db/client";
import { countSealsByKey, findForeignSeals, type SealedPlace } from "../../db/sealed-survey.store";
import type { Vault } from "./vault.server";

export interface SealSurvey {
  /**
   * SECRET_KEYS is another installation's: there are sealed values, more than one row of them under
   * the same key, and none under a key that is given.
   */
  readonly isOfOtherKeys: boolean;
  /** Keys that seal something and are not given. */
  readonly missingKeys: readonly { keyId: string; values: number }[];
  /** Some of what cannot be opened, for people to look at: never its content. */
  readonly ofMissingKeys: readonly SealedPlace[];
  /** Values that are no seals. The database's checks refuse them, unless somebody dropped the checks. */
  readonly broken: readonly SealedPlace[];
}

const MOST_PLACES_OF_A_COLUMN = 5;

/**
 * Looks at the key ids of all that is sealed, without opening anything.
 *
 * One row under a key that nobody has (a slip, a fault, or somebody who can write to the database) is
 * told and no more: it must not keep a server from starting. That none of many can be opened is another
 * matter: such a server would be no good to anybody.
 */
export async function surveySeals({
  db,
  vault,
}: {
  db: Database;
  vault: Vault;
}): Promise<SealSurvey> {
  const counts = await countSealsByKey(db);
  const missing = counts.filter(({ keyId }) => !vault.keyIds.includes(keyId));
  const { broken, ofOtherKeys } = await findForeignSeals(db, {
    keyIds: vault.keyIds,
    limit: MOST_PLACES_OF_A_COLUMN,
  });
  return {
    isOfOtherKeys: missing.length === counts.length && missing.some(({ rows }) => rows > 1),
    missingKeys: missing.map(({ keyId, values }) => ({ keyId, values })),
    ofMissingKeys: ofOtherKeys,
    broken,
  };
}
