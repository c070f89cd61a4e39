import type { LinkUser } from "../../db/links.store";
import { describeLinkUser } from "../../db/links.store";
import { getDomain, getPasswordPolicy, getUser } from "../keystone/identity.server";
import type { KeystoneSession } from "../keystone/session.server";
import { describeError } from "../log.server";
import type { LinkContext } from "./link-context.server";

/**
 * Asks Keystone for what the portal, the mail and the console show of a user.
 *
 * @param options.token may read users and domains: the administrator's
 * @returns undefined where Keystone knows no such user. The domain's name is null where the token may
 *   not read it.
 * @throws {KeystoneError}
 */
export async function readLinkUser(
  keystone: KeystoneSession,
  options: { token: string; userId: string; requestId?: string },
): Promise<(LinkUser & { enabled: boolean }) | undefined> {
  const user = await getUser(keystone, options);
  if (!user) return undefined;
  const { token, requestId } = options;
  const { domainId } = user;
  const [domain, policy] = await Promise.all([
    getDomain(keystone, { token, domainId, requestId }).catch(() => undefined),
    getPasswordPolicy(keystone, { token, domainId, requestId }),
  ]);
  return {
    name: user.name,
    domainId,
    domainName: domain?.name ?? null,
    email: user.email ?? null,
    policyRegex: policy.regex ?? null,
    policyDescription: policy.description ?? null,
    enabled: user.enabled,
  };
}

const FRESH_MS = 10 * 60_000;
const MAX_WAITING = 1000;

/** Looks users up behind the answer of PUT: in memory, best effort, never more than one at a time. */
export interface UserLookup {
  /**
   * @param request.checkedAt when Keystone was last asked about this user; fresh enough: not again
   * @param request.token kept in memory until the look-up is done, nowhere else
   */
  enqueue(request: {
    userId: string;
    token: string;
    checkedAt: Date | null;
    requestId: string;
  }): void;
  /** Waits for what is under way and forgets the rest. */
  stop(): Promise<void>;
}

export function createUserLookup(
  context: Pick<LinkContext, "db" | "keystone" | "log">,
): UserLookup {
  const waiting = new Map<string, { token: string; requestId: string }>();
  let running: Promise<void> | undefined;

  async function drain(): Promise<void> {
    for (const [userId, { token, requestId }] of waiting) {
      waiting.delete(userId);
      try {
        const user = await readLinkUser(context.keystone, { token, userId, requestId });
        await describeLinkUser(context.db, userId, user);
      } catch (error) {
        context.log.warn("user.look-up-failed", { userId, requestId, error: describeError(error) });
      }
    }
    running = undefined;
  }

  return {
    enqueue({ userId, token, checkedAt, requestId }) {
      if (checkedAt && Date.now() - checkedAt.getTime() < FRESH_MS) return;
      if (waiting.size >= MAX_WAITING) return;
      waiting.set(userId, { token, requestId });
      running ??= drain();
    },
    async stop() {
      waiting.clear();
      await running;
    },
  };
}
