import { KeystoneError, type KeystoneErrorKind } from "./errors.server";
import type { KeystoneRequest, KeystoneResponse } from "./request.server";
import type { KeystoneSession, KeystoneSessionOptions } from "./session.server";
import { type Caller, createTurns } from "./turns.server";

/**
 * How long a call waits for its turn, before its own clock begins. With the call after it, it stays
 * below what proxies and scripts wait for an answer.
 */
export const LONGEST_WAIT_SECONDS = 15;
const RETRY_AFTER_SECONDS = 10;

/**
 * A session whose calls share a number of places: more wait, fairly, and fail as `busy` where that takes
 * too long. A call that does not say whose it is counts as somebody's who has a right to it: its token's.
 */
export interface SharedKeystone extends KeystoneSession {
  /** The same, for calls in somebody's name. */
  as(caller: Caller): KeystoneSession;
  /**
   * Waits once, for all calls of `work`, which go one after the other: so that what begins with a claim
   * on a row does not wait while it holds it.
   *
   * @param begins what the turn is for, where it comes to nothing: of the log and the error
   * @throws KeystoneError `busy`, before `work` has begun
   */
  inOneTurn<Result>(
    caller: Caller,
    begins: Pick<KeystoneRequest, "method" | "path" | "requestId">,
    work: (session: KeystoneSession) => Promise<Result>,
  ): Promise<Result>;
  /** Turns under way, and calls that wait for one. */
  load(): { underWay: number; waiting: number };
}

/**
 * @param options.concurrency calls at the same time
 * @param options.onCall hears of those that came to no turn; of the others the session tells
 * @param options.longestWaitSeconds LONGEST_WAIT_SECONDS unless told
 */
export function shareKeystone(
  session: KeystoneSession,
  options: {
    concurrency: number;
    longestWaitSeconds?: number;
    onCall?: KeystoneSessionOptions["onCall"];
  },
): SharedKeystone {
  const { longestWaitSeconds = LONGEST_WAIT_SECONDS, onCall } = options;
  const turns = createTurns({
    atOnce: options.concurrency,
    longestWaitMs: longestWaitSeconds * 1000,
  });
  const pathPrefix = new URL(session.authUrl).pathname;

  const inOneTurn: SharedKeystone["inOneTurn"] = async (caller, begins, work) => {
    const startedAt = performance.now();
    const end = await turns.take(caller);
    if (!end) {
      const { method, requestId } = begins;
      const path = pathPrefix + begins.path;
      const errorKind: KeystoneErrorKind = "busy";
      onCall?.({ method, path, requestId, durationMs: performance.now() - startedAt, errorKind });
      throw new KeystoneError({
        kind: errorKind,
        message: `Not sent, too many calls wait for Keystone: ${method} ${path}`,
        method,
        path,
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        mayHaveHappened: false,
      });
    }
    try {
      return await work(session);
    } finally {
      end();
    }
  };

  const sessionOf = (callerOf: (request: KeystoneRequest) => Caller): KeystoneSession => ({
    authUrl: session.authUrl,
    async request<Answer>(
      request: KeystoneRequest,
      read: (response: KeystoneResponse) => Answer = (response) => response as Answer,
    ) {
      // Its version costs Keystone nothing, and /readyz asks for it to learn how Keystone is just now.
      if (request.path === "") return session.request(request, read);
      return inOneTurn(callerOf(request), request, () => session.request(request, read));
    },
    async close() {
      turns.open();
      await session.close();
    },
  });

  return {
    ...sessionOf(({ token, requestId = "" }) => ({ rank: "people", party: token ?? requestId })),
    as: (caller) => sessionOf(() => caller),
    inOneTurn,
    load: turns.load,
  };
}
