import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from "../../demo/embedded-postgres";

/**
 * A PostgreSQL of a test's own, as the demo's, but without fsync: a test's data need not survive
 * the machine. Most tests need only a database of their own in the shared server, see `postgresUrl`
 * in the global setup; this is for those that restart or kill theirs.
 */
export function startTestPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ fsync: false, ...options });
}
