import { KeystoneError } from "../keystone/errors.server";
import type { KeystoneRequest, KeystoneResponse } from "../keystone/request.server";
import type { KeystoneSession } from "../keystone/session.server";

const RETRY_AFTER_SECONDS = 10;

/**
 * A session that begins nothing more from a moment on: then it is as busy as can be.
 *
 * @param until by `performance.now()`
 */
export const answeringUntil = (session: KeystoneSession, until: number): KeystoneSession => ({
  ...session,
  async request<Answer>(
    request: KeystoneRequest,
    read: (response: KeystoneResponse) => Answer = (response) => response as Answer,
  ) {
    if (performance.now() > until) throw tooLate(request);
    return session.request(request, read);
  },
});

const HANDING_OVER = { method: "GET", path: "" };

export const tooLate = ({ method, path }: { method: string; path: string } = HANDING_OVER) =>
  new KeystoneError({
    kind: "busy",
    message: `Not sent, it has all taken too long: ${method} ${path}`,
    method,
    path,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    mayHaveHappened: false,
  });
