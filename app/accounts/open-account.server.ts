import type { Transaction } from "../../db/client";
import { takeHold } from "../../db/rate-limits.store";
import { type Caller, permitCaller } from "../admins/permit-caller.server";
import type { Initiator } from "../audit/initiator.server";
import { record } from "../audit/record.server";
import { isKeystoneError } from "../keystone/errors.server";
import type { KeystoneSession } from "../keystone/session.server";
import { LONGEST_WAIT_SECONDS } from "../keystone/shared-session.server";
import { type IssuedLinkAnswer, issueFirstLink } from "../links/issue-link.server";
import type { LinkContext } from "../links/link-context.server";
import type { AccountToOpen, Opened, OpeningStep, Refusal, WhyNotOpened } from "./account-to-open";
import type { ReadDomainFacts } from "./domain-facts.server";
import {
  assignRole,
  createOrContinue,
  findOrCreateProject,
  passwordOf,
  whyNoAnswer,
} from "./opening-steps.server";
import { answeringUntil, tooLate } from "./patience.server";
import { noteRandomPassword } from "./set-random-password.server";

export interface OpeningAct {
  /** Scoped to the admin project: the caller's own, or the service credential's. */
  readonly token: string;
  /** Whose token it is. The service's rights are for callers alone who have the role admin themselves. */
  readonly credential: "caller" | "service";
  readonly initiator: Initiator<Caller>;
  /** Where its calls wait in line; among those of people when left out. */
  readonly keystone?: KeystoneSession;
  /** What else is written with the link, in the same transaction. */
  readonly andThen?: (tx: Transaction, link: IssuedLinkAnswer) => Promise<void>;
}

export type OpenAccountResult =
  | { ok: true; link: IssuedLinkAnswer; opened: Opened }
  | ({ ok: false; step: OpeningStep; opened: Opened } & WhyNotOpened);

export type OpeningContext = LinkContext & { readonly readDomainFacts: ReadDomainFacts };

/** Nothing more is begun after that. */
const PATIENCE_SECONDS = 60;
/** And what was begun by then has ended: a call in its turn, and what else goes with it. */
const holdSeconds = ({ keystone }: LinkContext["config"]) =>
  PATIENCE_SECONDS + 2 * (LONGEST_WAIT_SECONDS + keystone.timeoutSeconds);

/**
 * Opens an account: its project, the user with a random password, the role, and the link that hands it
 * over. Nothing is ever deleted. A step that fails says what there is by then, and the same again goes on
 * from there: a user of that name that carries setpass's mark, for the same address, and that has never had
 * a link, is taken for the one that was begun. That one gets a new random password, as the first is gone.
 *
 * One at a time of a name, over all replicas. Every step's row is in the audit trail.
 *
 * @throws Error where a caller would act with rights that are not theirs: a mistake of ours
 * @throws {KeystoneError} `unauthorized`, with the service's token; the caller's is a result
 */
export async function openAccount(
  context: OpeningContext,
  account: AccountToOpen,
  act: OpeningAct,
): Promise<OpenAccountResult> {
  requireOwnRights(act);
  const asked = { ...account, userName: account.userName.trim() };
  const name = JSON.stringify([asked.domainId, asked.userName.toLowerCase()]);
  const hold = await takeHold(context.db, {
    key: `opening:${context.vault.fingerprint("opening", name)}`,
    seconds: holdSeconds(context.config),
  });
  if (!hold.ok) {
    const { retryAfterSeconds } = hold;
    return { ok: false, step: "user", reason: "in-progress", retryAfterSeconds, opened: {} };
  }
  try {
    return await openHeld(context, asked, act);
  } finally {
    // It ends by itself too.
    await hold.release().catch(() => {});
  }
}

/**
 * With the service's token a caller does what they may not do themselves, unless they may do all of it: that
 * way setpass would be a way round Keystone's policy.
 */
function requireOwnRights({ token, credential, initiator: { actor } }: OpeningAct): void {
  if (credential === "service" && !actor.holdsAdminRole)
    throw new Error("The service's rights are not for callers without the role admin");
  if (credential === "caller" && token !== actor.keystoneToken)
    throw new Error("An act in the caller's name with somebody else's token");
}

async function openHeld(
  context: OpeningContext,
  account: AccountToOpen,
  act: OpeningAct,
): Promise<OpenAccountResult> {
  const { db, log } = context;
  const { initiator, token, credential, andThen } = act;
  const until = performance.now() + PATIENCE_SECONDS * 1000;
  const keystone = answeringUntil(act.keystone ?? context.keystone, until);
  const work = { keystone, token, requestId: initiator.requestId };
  const opened: Opened = {};
  let step: OpeningStep = "project";
  const refuse = ({ ok, ...why }: Refusal): OpenAccountResult => ({ ok, step, opened, ...why });
  try {
    // A role is held somewhere.
    if (account.role && !account.project) return refuse({ ok: false, reason: "unknown-project" });
    if (account.project) {
      const project = await findOrCreateProject(work, account.project);
      if (!project.ok) return refuse(project);
      opened.project = { id: project.id, isNew: project.isNew };
      if (project.isNew)
        await record(db, initiator, { action: "project.created", outcome: "ok", credential });
    }

    step = "user";
    const { domainId } = account;
    const facts = await context.readDomainFacts(keystone, { ...work, domainId });
    const user = await createOrContinue({ ...work, db }, account);
    if (!user.ok) return refuse(user);
    const { id: userId } = user;
    opened.user = { id: userId, isNew: user.isNew };
    const permit = await permitCaller({ keystone, log }, userId, initiator);
    if (!permit.ok) {
      // Without a permit, the row must not name whom it is about.
      await record(db, initiator, { action: "user.created", outcome: "not-permitted", credential });
      return refuse(
        permit.reason === "keystone-unavailable"
          ? { ...permit, isUnknown: false }
          : { ok: false, reason: permit.reason === "token-ended" ? "token-ended" : "forbidden" },
      );
    }
    const outcome = user.isNew ? "ok" : "continued";
    await record(db, permit.initiator, { action: "user.created", userId, outcome, credential });
    const means = { ...context, ...work, credential };
    const password = await passwordOf(means, user, permit.initiator);
    if (!password.ok) return refuse(password);

    step = "role";
    if (account.role && opened.project) {
      const where = { userId, projectId: opened.project.id, roleId: account.role.id };
      const role = await assignRole(work, where);
      if (!role.ok) return refuse(role);
      opened.hasRole = true;
      const done = { action: "role.assigned", userId, outcome: "ok", credential } as const;
      await record(db, permit.initiator, done);
    }

    step = "link";
    if (performance.now() > until) return refuse(whyNoAnswer(tooLate()));
    const issued = await issueFirstLink(
      context,
      {
        userId,
        user: {
          name: user.name,
          domainId,
          domainName: facts.name,
          email: account.email ?? null,
          policyRegex: facts.policy.regex ?? null,
          policyDescription: facts.policy.description ?? null,
        },
        pin: account.pin,
        initialPassword: password.password,
        initialPasswordIsSet: true,
        mailTo: account.mailTo,
        language: account.language,
        expiresInSeconds: account.expiresInSeconds,
        via: "console",
      },
      permit.initiator,
      andThen,
    );
    if (issued.ok) return { ok: true, link: issued.link, opened };
    // Somebody handed it over meanwhile: the password their link knows may be out of force now.
    if (!user.isNew) await noteRandomPassword(context, userId, password.password);
    return refuse({ ok: false, reason: "already-handed-over", userId });
  } catch (error) {
    // The source of the service's token is to hear of it: see `TokenSource.change`.
    if (credential === "service" && isKeystoneError(error) && error.kind === "unauthorized")
      throw error;
    return refuse(whyNoAnswer(error));
  }
}
