import { type DestinationStream, pino } from "pino";
import type { LogLevel } from "../config/environment.server";

/**
 * The fields a log line may carry. A field that is not named here does not compile, so that nothing
 * secret gets into a log by accident: no headers, bodies, URLs with a query, PINs, passwords, tokens.
 */
export interface LogFields {
  requestId?: string;
  keystoneRequestId?: string;
  linkId?: string;
  userId?: string;
  actorId?: string;
  mailId?: string;
  jobId?: string;
  requestedResetId?: string;
  template?: string;
  /** Of what runs later: `mails`, `settling`. */
  kind?: string;
  /** Whose rights Keystone was asked with: setpass's own, or those of who called. */
  credential?: "service" | "caller";
  reason?: string;
  method?: string;
  /** The route's pattern or a path without its query. */
  path?: string;
  status?: number;
  /** Node's or OpenSSL's name for an error: `ECONNREFUSED`, `CERT_HAS_EXPIRED`. */
  errorCode?: string;
  durationMs?: number;
  clientAddress?: string;
  attempt?: number;
  count?: number;
  smtpCode?: number;
  host?: string;
  port?: number;
  signal?: string;
  problems?: readonly string[];
  /** An error's name, message and stack; never its cause, whose contents we do not choose. */
  error?: { name: string; message: string; stack?: string };
}

type Level = "info" | "warn" | "error" | "debug";

export type Log = Record<Level, (event: string, fields?: LogFields) => void>;

/** What waits to be written where it cannot be; more than that is lost. */
const KEPT_BYTES = 1_000_000;

/**
 * A disk that is full must not stop those who want a password: lines wait for room, and the oldest of them
 * are kept.
 */
function standardOutput(): DestinationStream {
  const output = pino.destination({ fd: 1, sync: true, maxLength: KEPT_BYTES });
  output.on("error", () => {});
  return output;
}

/**
 * @param destination where lines go; standard output when left out
 * @returns a logger that writes one JSON line an event: `{"level","time","event",…fields}`
 */
export function createLog(
  options: { level: LogLevel },
  destination: DestinationStream = standardOutput(),
): Log {
  const logger = pino(
    {
      level: options.level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const at =
    (level: Level) =>
    (event: string, fields: LogFields = {}) =>
      logger[level]({ event, ...fields });
  return { info: at("info"), warn: at("warn"), error: at("error"), debug: at("debug") };
}

/**
 * @returns what may be logged of an error. Drizzle and postgres.js quote a failed query's parameters, such as
 *   user ids and addresses: only their first line, without those, is kept.
 */
export function describeError(error: unknown): { name: string; message: string; stack?: string } {
  if (!(error instanceof Error)) return { name: "Error", message: typeof error };
  const cause = error.cause instanceof Error ? `: ${error.cause.message.split("\n", 1)[0]}` : "";
  const message = `${error.message.split("\n", 1)[0]}${cause}`.slice(0, 500);
  const frames = error.stack
    ?.split("\n")
    .filter((line) => /^\s+at /.test(line))
    .slice(0, 12)
    .join("\n");
  return { name: error.name, message, ...(frames ? { stack: frames } : {}) };
}
