import postgres from "postgres";
import type { DatabaseHost } from "../app/config/database-url.server";
import { Connection, type ConnectionSettings } from "./connection";
import { DatabaseUnavailableError, isDatabaseOutage } from "./outage";

/**
 * Opens a connection to the first host that is the right one, beginning with the one that was so before.
 *
 * @param onLost as for `Connection`; also called for those that were tried in vain
 * @throws of one host its own error; of several an outage that names each, or the first error that is
 *   none, such as a wrong password
 */
export async function openConnection(
  settings: ConnectionSettings,
  onLost: (connection: Connection) => void,
): Promise<Connection> {
  const { address, learned, openTimeoutMs } = settings;
  const giveUpAt = performance.now() + openTimeoutMs;
  const failures: { host: DatabaseHost; error: unknown }[] = [];
  for (let tried = 0; tried < address.hosts.length; ) {
    const at = (learned.host + tried) % address.hosts.length;
    const host = address.hosts[at] as DatabaseHost;
    // One that is silent must leave the others their share.
    const timeoutMs = (giveUpAt - performance.now()) / (address.hosts.length - tried);
    const asksForLimits = !learned.refusesLimits;
    const connection = new Connection(settings, host, onLost);
    try {
      await connection.open({ timeoutMs });
      learned.host = at;
      return connection;
    } catch (error) {
      if (asksForLimits && isRefusalOfLimits(error)) {
        learned.refusesLimits = true;
        continue;
      }
      failures.push({ host, error });
      tried += 1;
    }
  }
  const [first] = failures;
  if (failures.length === 1) throw first?.error;
  const notAnOutage = failures.find(({ error }) => !isDatabaseOutage(error));
  if (notAnOutage) throw notAnOutage.error;
  const why = failures.map(({ host, error }) => `${host.name}: ${wordsOf(error)}`);
  throw new DatabaseUnavailableError("NO_HOST", `No host can be used: ${why.join("; ")}`);
}

const wordsOf = (error: unknown) => (error instanceof Error ? error.message : "unknown error");

/** PgBouncer's words for what it will not pass on. It would drop it with `ignore_startup_parameters`. */
const isRefusalOfLimits = (error: unknown) =>
  error instanceof postgres.PostgresError && /unsupported startup parameter/.test(error.message);
