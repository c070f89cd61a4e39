import { isOutageKind } from "../keystone/errors.server";
import { patternOfPath } from "../keystone/path-pattern.server";
import type { KeystoneCall } from "../keystone/session.server";
import type { Log } from "./log.server";
import type { Metrics } from "./metrics.server";

/**
 * What is kept of every call to Keystone: a count and a time, and where Keystone could not be asked,
 * a line that says why. A call that Keystone answered with a no is its caller's to tell.
 *
 * @returns for the session's `onCall`
 */
export function observeKeystone({
  log,
  metrics,
}: {
  log: Log;
  metrics: Pick<Metrics, "observeKeystone">;
}): (call: KeystoneCall) => void {
  return (call) => {
    metrics.observeKeystone(call);
    if (call.errorKind === undefined || !isOutageKind(call.errorKind)) return;
    log.warn("keystone.unavailable", {
      reason: call.errorKind,
      errorCode: call.errorCode,
      status: call.status,
      method: call.method,
      path: patternOfPath(call.path),
      durationMs: Math.round(call.durationMs),
      requestId: call.requestId,
      keystoneRequestId: call.keystoneRequestId,
    });
  };
}
