import { setTimeout as sleep } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import type { Log } from "../telemetry/log.server";
import { hashToken } from "../vault/vault.server";
import type { Authorization, TokenAuthorizer } from "./authorize-token.server";
import type { AdminSession } from "./session.server";

/**
 * What Keystone says of a session's token. `ended`: it knows the token no more, or its owner lacks the
 * role. `unanswered`: it has not said anything in time.
 */
export type SessionState =
  | { is: "good"; holdsAdminRole: boolean }
  | { is: "ended" }
  | { is: "unanswered" };

export interface SessionCheck {
  /** Asks Keystone where its last answer is older than `authCacheSeconds`. Never takes long. */
  check(session: AdminSession, options: { requestId: string }): Promise<SessionState>;
}

/** How long a request waits for Keystone, and for how long the session's next ones then do not. */
const PATIENCE_MS = 2000;
const NO_WAITING_MS = 10_000;
const MAX_REMEMBERED = 1000;

type Refusal = Exclude<Authorization, { ok: true }>["reason"];
const isRefusal = (reason: Refusal) => reason === "unknown-token" || reason === "not-admin";

/**
 * Finds sessions whose Keystone token was ended early: account disabled, role taken, password changed.
 *
 * Most of the console needs no Keystone and must not stop or crawl with it: links must be revocable in an
 * outage. So a question without a quick answer goes on alone, and its answer counts for the next request.
 */
export function createSessionCheck({
  tokenAuthorizer,
  log,
}: {
  tokenAuthorizer: TokenAuthorizer;
  log: Log;
}): SessionCheck {
  /** The authorizer remembers no refusal, but one may come when nobody waits for it any more. */
  const ended = new LRUCache<string, true>({ max: MAX_REMEMBERED });
  const unanswered = new LRUCache<string, true>({ max: MAX_REMEMBERED, ttl: NO_WAITING_MS });

  async function ask(token: string, key: string, requestId: string): Promise<SessionState> {
    const answer = await tokenAuthorizer.authorize(token, { requestId });
    if (!answer.ok && !isRefusal(answer.reason)) return { is: "unanswered" };
    unanswered.delete(key);
    if (answer.ok) return { is: "good", holdsAdminRole: answer.caller.holdsAdminRole };
    ended.set(key, true);
    return { is: "ended" };
  }

  return {
    async check(session, { requestId }) {
      const key = hashToken(session.keystoneToken).toString("base64");
      if (ended.has(key)) return { is: "ended" };
      const isOver = new AbortController();
      const patienceMs = unanswered.has(key) ? 0 : PATIENCE_MS;
      const state = await Promise.race([
        ask(session.keystoneToken, key, requestId),
        sleep(patienceMs, { is: "unanswered" } as const, { signal: isOver.signal }),
      ]).finally(() => isOver.abort());
      if (state.is === "unanswered" && !unanswered.has(key)) {
        unanswered.set(key, true);
        log.warn("admin.session-unchecked", { actorId: session.userId, requestId });
      }
      return state;
    },
  };
}
