import type { LinkUser } from "../../db/links.store";
import { saveLinkUser } from "../../db/links.store";
import { isKeystoneError, isKeystoneOutage } from "../keystone/errors.server";
import type { KeystoneSession } from "../keystone/session.server";
import type { TokenSource } from "../keystone/token-source.server";
import { getUser } from "../keystone/users.server";
import type { LinkContext } from "../links/link-context.server";
import { tellOwner } from "../links/tell-owner.server";
import { describeError } from "../telemetry/log.server";
import { type ReadDomainFacts, readDomainFacts } from "./domain-facts.server";

interface LookUp {
  /** May read users and domains: the administrator's, or the service credential's. */
  token: string;
  userId: string;
  requestId?: string;
}

/**
 * Asks Keystone for what the portal, the mail and the console show of a user.
 *
 * @param readDomain asks about the user's domain; the default asks Keystone each time
 * @returns undefined where Keystone knows no such user
 * @throws {KeystoneError}
 */
export async function readLinkUser(
  keystone: KeystoneSession,
  lookUp: LookUp,
  readDomain: ReadDomainFacts = readDomainFacts,
): Promise<(LinkUser & { enabled: boolean; passwordLocked: boolean }) | undefined> {
  const user = await getUser(keystone, lookUp);
  if (!user) return undefined;
  const domain = await readDomain(keystone, { ...lookUp, domainId: user.domainId });
  return {
    name: user.name,
    domainId: user.domainId,
    domainName: domain.name,
    email: user.email ?? null,
    policyRegex: domain.policy.regex ?? null,
    policyDescription: domain.policy.description ?? null,
    enabled: user.enabled,
    passwordLocked: user.lockPassword === true,
  };
}

const FRESH_MS = 10 * 60_000;
const MAX_WAITING = 1000;

export interface LookUpRequest {
  readonly userId: string;
  /** The caller's, used where setpass's own is not there or may not read this user. Kept in memory until the look-up is done, nowhere else. */
  readonly token: string;
  readonly requestId: string;
}

/** Users to look up behind the answer of PUT: in memory, best effort. The worker takes them from here. */
export interface UserLookup {
  /** @param request.checkedAt when Keystone was last asked about this user; fresh enough: not again */
  enqueue(request: LookUpRequest & { checkedAt: Date | null }): void;
  /** @returns those who wait longest, and nobody waits for them any more */
  take(limit: number): LookUpRequest[];
  /** Asks, and writes it down. A failure is in the log: the next PUT asks again. */
  lookUp(request: LookUpRequest): Promise<"done" | "failed">;
}

/**
 * @param context.serviceToken asked first, where there is one: the caller's may be over by then
 * @param wake calls the worker
 */
export function createUserLookup(
  context: Pick<LinkContext, "db" | "keystone" | "log" | "vault" | "outbox"> & {
    readonly readDomainFacts: ReadDomainFacts;
    serviceToken: TokenSource | undefined;
  },
  wake: () => void,
): UserLookup {
  const keystone = context.keystone.as({ rank: "background", party: "look-ups" });
  const waiting = new Map<string, LookUpRequest>();

  /** @returns undefined where there is no credential, it does not sign in, or may not read this user */
  async function readAsService(
    lookUp: Omit<LookUp, "token">,
  ): Promise<{ user: Awaited<ReturnType<typeof readLinkUser>> } | undefined> {
    const { serviceToken } = context;
    // Why not is in the log.
    const isSignedIn = await serviceToken?.get().then(
      () => true,
      () => false,
    );
    if (!serviceToken || !isSignedIn) return undefined;
    try {
      return await serviceToken.read(async (token) => ({
        user: await readLinkUser(keystone, { ...lookUp, token }, context.readDomainFacts),
      }));
    } catch (error) {
      if (!isKeystoneError(error) || isKeystoneOutage(error)) throw error;
      return undefined;
    }
  }

  return {
    enqueue({ checkedAt, ...request }) {
      if (checkedAt && Date.now() - checkedAt.getTime() < FRESH_MS) return;
      if (waiting.size >= MAX_WAITING) return;
      waiting.set(request.userId, request);
      wake();
    },
    take(limit) {
      const taken = [...waiting.values()].slice(0, limit);
      for (const { userId } of taken) waiting.delete(userId);
      return taken;
    },
    async lookUp(request) {
      const { userId, requestId } = request;
      try {
        const ours = await readAsService({ userId, requestId });
        const { user } = ours ?? {
          user: await readLinkUser(keystone, request, context.readDomainFacts),
        };
        context.log.info("user.looked-up", {
          userId,
          requestId,
          credential: ours ? "service" : "caller",
        });
        const link = await saveLinkUser(context.db, userId, user);
        if (link?.ownerUntold) {
          await context.db.transaction((tx) =>
            tellOwner(context, tx, link.id, { address: "asked" }),
          );
          context.outbox.wake();
        }
        return "done";
      } catch (error) {
        context.log.warn("user.look-up-failed", { userId, requestId, error: describeError(error) });
        return "failed";
      }
    },
  };
}
