import { isDatabaseOutage } from "../../db/outage";
import { describeError, type Log } from "../telemetry/log.server";

const RETRY_AFTER_SECONDS = 5;

/** No answer just now, for a temporary reason that is in the log already. */
export class UnavailableError extends Error {
  override readonly name = "UnavailableError";
  readonly headers = { "Retry-After": String(RETRY_AFTER_SECONDS) };
  constructor() {
    // Where a COMMIT got no answer nobody knows whether it was carried out: promise nothing.
    super(
      "The database does not answer just now. Try again in a moment; doing the same twice does no harm.",
    );
  }
}

class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * No request waits longer than `deadlineSeconds`, whatever it waits for, and a database that is down,
 * restarting or overloaded is no error of ours.
 *
 * @throws {UnavailableError} in both cases; what `handler` throws in any other
 */
export async function answerInTime<Answer>(
  handler: () => Answer | Promise<Answer>,
  {
    deadlineSeconds,
    log,
    requestId,
  }: {
    deadlineSeconds: number;
    log: Log;
    requestId: string;
  },
): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DeadlineError(`no answer within ${deadlineSeconds} s`)),
      deadlineSeconds * 1000,
    );
  });
  try {
    return await Promise.race([handler(), deadline]);
  } catch (error) {
    const isLate = error instanceof DeadlineError;
    if (!isLate && !isDatabaseOutage(error)) throw error;
    const reason = isLate ? "deadline" : "database";
    log.error("request.failed", { reason, requestId, error: describeError(error) });
    throw new UnavailableError();
  } finally {
    clearTimeout(timer);
  }
}
