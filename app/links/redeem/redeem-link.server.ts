import { noteUnsettled } from "../../../db/link-claims.store";
import type { LinkProblem, LinkRow } from "../../../db/link-row";
import { findLink, findLinkByToken } from "../../../db/links.store";
import { enqueueMail } from "../../../emails/outbox";
import { partyOf, type Visitor } from "../../audit/initiator.server";
import { record } from "../../audit/record.server";
import { isKeystoneError } from "../../keystone/errors.server";
import { changePassword, isPasswordAccepted } from "../../keystone/passwords.server";
import type { KeystoneSession } from "../../keystone/session.server";
import { hashToken } from "../../vault/vault.server";
import type { LinkContext } from "../link-context.server";
import { findPasswordProblem, type PasswordProblem } from "../password-rules";
import { isPin } from "../pin.server";
import { sealUnsettled } from "../sealed-fields.server";
import {
  type CompleteResult,
  completeRedemption,
  type RedeemContext,
} from "./complete-link.server";
import { type Claim, giveBack } from "./lease.server";
import { type OpenResult, openWithPin, type RedeemRequest } from "./open-with-pin.server";
import { type Known, type Left, type Steps, setPasswordOnce } from "./set-password-once";

export type RedeemResult =
  | CompleteResult
  | Exclude<OpenResult, { ok: true }>
  | { ok: false; reason: "malformed-pin"; pinLength: number }
  | { ok: false; reason: "password-problem"; problem: PasswordProblem; description: string | null }
  /** Keystone's password rules, in its own words. */
  | { ok: false; reason: "password-refused"; message: string }
  | { ok: false; reason: "needs-administrator"; problem: LinkProblem }
  | { ok: false; reason: "keystone-unavailable"; retryAfterSeconds: number };

type Refused = Exclude<RedeemResult, { ok: true }>;

const RETRY_AFTER_SECONDS = 10;

/**
 * Sets the user's own password in Keystone, once. The procedure is in docs/contract.md: count before
 * comparing, claim before acting, complete with the audit row and the mail, erase when done.
 *
 * @returns every outcome as a value; throws only where the database fails
 */
export async function redeemLink(
  context: LinkContext,
  request: RedeemRequest,
  visitor: Visitor,
): Promise<RedeemResult> {
  const row = await findLinkByToken(context.db, hashToken(request.token));
  if (!row) return { ok: false, reason: "unknown-link" };

  const description = row.policyDescription;
  const problem = findPasswordProblem(request.password);
  if (problem) return { ok: false, reason: "password-problem", problem, description };
  const pinLength = row.pinLength ?? context.config.links.pinLength;
  if (!isPin(request.pin, pinLength)) return { ok: false, reason: "malformed-pin", pinLength };

  return inOneTurn(context, row.userId, visitor, async (keystone) => {
    const opened = await openWithPin(context, request, row, visitor);
    if (!opened.ok) {
      context.log.info("link.redeem-refused", {
        linkId: row.id,
        userId: row.userId,
        reason: opened.reason,
        requestId: visitor.requestId,
      });
      return opened;
    }
    const { claim, known } = opened;
    // The operator's expression is work for us, so only whoever knows the PIN can ask for it.
    if (
      row.policyRegex &&
      (await context.policyCheck.check(row.policyRegex, request.password)) === "breaks"
    )
      return putBack(context, claim, visitor, known, {
        ok: false,
        reason: "password-problem",
        problem: "policy",
        description,
      });
    return setPassword({ ...context, keystone }, { row, claim, known }, request.password, visitor);
  });
}

/**
 * Waits for Keystone before the PIN is looked at: the claim's lease is for the calls alone, and whoever
 * waits in vain has spent nothing and can try again at once.
 */
async function inOneTurn(
  { keystone }: LinkContext,
  userId: string,
  visitor: Visitor,
  redeem: (keystone: KeystoneSession) => Promise<RedeemResult>,
): Promise<RedeemResult> {
  const caller = { rank: "people", party: partyOf(visitor) } as const;
  const path = `/users/${encodeURIComponent(userId)}/password`;
  const begins = { method: "POST", path, requestId: visitor.requestId } as const;
  try {
    return await keystone.inOneTurn(caller, begins, redeem);
  } catch (error) {
    if (!isKeystoneError(error) || error.kind !== "busy") throw error;
    const { retryAfterSeconds = RETRY_AFTER_SECONDS } = error;
    return { ok: false, reason: "keystone-unavailable", retryAfterSeconds };
  }
}

async function setPassword(
  context: RedeemContext,
  { row, claim, known }: { row: LinkRow; claim: Claim; known: Known },
  password: string,
  visitor: Visitor,
): Promise<RedeemResult> {
  const { db, vault, keystone } = context;
  const { id, userId } = claim;
  const { requestId } = visitor;
  const steps: Steps = {
    change: (originalPassword) =>
      changePassword(keystone, { userId, originalPassword, password, requestId }),
    ask: (typed) => isPasswordAccepted(keystone, { userId, password: typed, requestId }),
    async note(unsettled) {
      const sealedUnsettled = sealUnsettled(vault, userId, unsettled);
      if (!(await noteUnsettled(db, { id, held: claim, sealedUnsettled }))) return false;
      claim.sealedUnsettled = sealedUnsettled;
      return true;
    },
  };
  const result = await setPasswordOnce(steps, known, password);
  switch (result.is) {
    case "set":
      return completeRedemption(context, claim, row, password, visitor);
    case "superseded":
      return { ok: false, reason: "superseded" };
    // The user can try again at once.
    case "unavailable":
      return putBack(context, claim, visitor, result.left, {
        ok: false,
        reason: "keystone-unavailable",
        retryAfterSeconds: result.retryAfterSeconds ?? RETRY_AFTER_SECONDS,
      });
    case "refused":
      return putBack(
        context,
        claim,
        visitor,
        result.left,
        result.why.reason === "refused"
          ? { ok: false, reason: "password-refused", message: result.why.message }
          : { ok: false, reason: "needs-administrator", problem: problemOf[result.why.reason] },
      );
  }
}

const problemOf = {
  "wrong-original": "initial-password-stale",
  disabled: "account-disabled",
  "account-locked": "account-locked",
  "password-locked": "password-locked",
  "read-only": "read-only-account",
} as const satisfies Record<string, LinkProblem>;

/**
 * No password was set, as far as is known: the claim goes back, and where only an administrator can help,
 * they are told. The trail has it also where Keystone did not answer, because a worker may find out later
 * that the password was set, and cannot know from where.
 */
async function putBack(
  context: LinkContext | RedeemContext,
  claim: Claim,
  visitor: Visitor,
  left: Left,
  refused: Refused,
): Promise<Refused> {
  const problem = refused.reason === "needs-administrator" ? refused.problem : undefined;
  const reason = problem ?? refused.reason;
  const about = { linkId: claim.id, userId: claim.userId };
  await context.db.transaction(async (tx) => {
    const before = problem && (await findLink(tx, claim.id, { lock: true }));
    const released = await giveBack(tx, context.vault, claim, {
      left,
      ...(problem && { problem }),
    });
    await record(tx, visitor, { action: "link.redeem-refused", ...about, outcome: reason });
    const recipient = released?.issuedByEmail ?? context.config.mail.helpdesk;
    // Once for each problem: a user who keeps trying must not flood the administrator.
    if (!released || !problem || before?.problem === problem || !recipient) return;
    await enqueueMail(tx, context.vault, {
      template: "link-problem",
      recipient,
      linkId: claim.id,
      props: {
        userId: claim.userId,
        userName: released.userName ?? undefined,
        problem,
        consoleUrl: new URL(`/admin/links/${claim.id}`, context.config.publicUrl).href,
      },
    });
  });
  if (problem) context.outbox.wake();
  context.log.warn("link.redeem-refused", { ...about, reason, requestId: visitor.requestId });
  return refused;
}
