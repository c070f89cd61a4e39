import { isKeystoneError, isKeystoneOutage, isOutageKind } from "../keystone/errors.server";
import { patternOfPath } from "../keystone/path-pattern.server";
import type { KeystoneCall } from "../keystone/session.server";
import type { SignInOutcome } from "../keystone/token-source.server";
import { describeError, type Log } from "./log.server";
import type { Metrics } from "./metrics.server";

/**
 * What is kept of every call to Keystone: a count and a time, and where Keystone could not be asked,
 * a line that says why. A call that Keystone answered with a no is its caller's to tell.
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

/**
 * What is told of setpass's own sign-ins to Keystone. That it refuses the credential is the operator's to
 * know: nothing that needs it works from then on, and the rest does.
 *
 * @returns for the token source's `onSignIn`
 */
export function observeServiceSignIns({ log }: { log: Log }): (outcome: SignInOutcome) => void {
  return (outcome) => {
    if (outcome.ok) {
      log.info("service-credential.signed-in", { userId: outcome.access.user.id });
      if (outcome.fieldsWithoutExpiry)
        log.warn("service-credential.no-expiry", {
          problems: [
            `Keystone's token has no expires_at (the fields were: ${outcome.fieldsWithoutExpiry.join(", ")}): it is renewed after TOKEN_TTL seconds.`,
          ],
        });
      return;
    }
    const { error } = outcome;
    const known = isKeystoneError(error) ? error : undefined;
    const fields = {
      reason: known?.kind,
      errorCode: known?.code,
      status: known?.status,
      keystoneRequestId: known?.keystoneRequestId,
      ...(known?.detail !== undefined && { problems: [known.detail] }),
      error: describeError(error),
    };
    if (isKeystoneOutage(error)) log.warn("service-credential.unanswered", fields);
    else log.error("service-credential.refused", fields);
  };
}
