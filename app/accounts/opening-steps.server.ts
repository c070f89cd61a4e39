/** The steps of opening an account, each of which finds what an earlier try has left. */
import { randomUUID } from "node:crypto";
import type { Queryable } from "../../db/client";
import { findLinkOfUser } from "../../db/links.store";
import type { PermittedInitiator } from "../audit/initiator.server";
import { isKeystoneError, isKeystoneOutage } from "../keystone/errors.server";
import { createProject, listProjects } from "../keystone/projects.server";
import { assignProjectRole } from "../keystone/roles.server";
import type { KeystoneSession } from "../keystone/session.server";
import { createUser, findUsersNamed, type KeystoneUser } from "../keystone/users.server";
import type { LinkContext } from "../links/link-context.server";
import { isSameMailbox } from "../links/same-mailbox";
import type { AccountToOpen, Refusal } from "./account-to-open";
import { createRandomPassword, setRandomPassword } from "./set-random-password.server";

/** What each step asks Keystone with. */
interface Work {
  readonly keystone: KeystoneSession;
  readonly token: string;
  readonly requestId: string;
}

const RETRY_AFTER_SECONDS = 10;

/** @throws what is no word of Keystone's */
export function whyNoAnswer(error: unknown): Refusal {
  if (!isKeystoneError(error)) throw error;
  if (error.kind === "unauthorized") return { ok: false, reason: "token-ended" };
  if (error.kind === "forbidden") return { ok: false, reason: "forbidden" };
  if (!isKeystoneOutage(error)) throw error;
  return {
    ok: false,
    reason: "keystone-unavailable",
    retryAfterSeconds: error.retryAfterSeconds ?? RETRY_AFTER_SECONDS,
    isUnknown: error.mayHaveHappened,
  };
}

/** Whatever was there is gone again: somebody else is at work on it. */
const GONE: Refusal = { ok: false, reason: "in-progress", retryAfterSeconds: RETRY_AFTER_SECONDS };

export async function findOrCreateProject(
  { keystone, ...asker }: Work,
  { id, name, domainId }: NonNullable<AccountToOpen["project"]>,
): Promise<{ ok: true; id: string; isNew: boolean } | Refusal> {
  if (id !== undefined) return { ok: true, id, isNew: false };
  const asked = { ...asker, name: name.trim(), domainId };
  const found = await find();
  if (found) return found;
  try {
    const created = await createProject(keystone, asked);
    if (created.ok) return { ok: true, id: created.project.id, isNew: true };
    if (created.reason !== "name-taken") return created;
    // By somebody else just now; or in another spelling, where Keystone's database knows no case.
    return (await find()) ?? { ok: false, reason: "project-name-taken" };
  } catch (error) {
    if (!isKeystoneError(error) || !error.mayHaveHappened) throw error;
    const lost = await find().catch(() => undefined);
    if (!lost?.ok) throw error;
    return { ...lost, isNew: true };
  }

  async function find(): Promise<{ ok: true; id: string; isNew: boolean } | Refusal | undefined> {
    const { projects } = await listProjects(keystone, asked);
    const [project] = projects;
    if (!project) return undefined;
    if (!project.enabled) return { ok: false, reason: "project-disabled" };
    return { ok: true, id: project.id, isNew: false };
  }
}

export interface BegunUser {
  readonly ok: true;
  readonly id: string;
  /** As Keystone has it. */
  readonly name: string;
  /** With this password in force; undefined: made by an earlier try, whose password is gone. */
  readonly initialPassword: string | undefined;
  readonly isNew: boolean;
}

/**
 * Creates the user. Where there is one of that name already, that is who an earlier try made, or somebody
 * whom it must not touch.
 */
export async function createOrContinue(
  { keystone, db, ...asker }: Work & { db: Queryable },
  account: AccountToOpen,
): Promise<BegunUser | Refusal> {
  const { userName: name, domainId, email, fullName } = account;
  const password = account.initialPassword ?? createRandomPassword();
  const accountMark = randomUUID();
  const asked = { ...asker, name, domainId, email, description: fullName, password, accountMark };
  const isNew = ({ id, name }: KeystoneUser): BegunUser => ({
    ok: true,
    id,
    name,
    initialPassword: password,
    isNew: true,
  });
  const find = async () => (await findUsersNamed(keystone, { ...asker, name, domainId }))[0];
  try {
    const created = await createUser(keystone, asked);
    if (created.ok) return isNew(created.user);
    if (created.reason !== "name-taken") return created;
  } catch (error) {
    if (!isKeystoneError(error) || !error.mayHaveHappened) throw error;
    const lost = await find().catch(() => undefined);
    // The mark is this call's own, so that the password is as well.
    if (lost?.accountMark !== accountMark) throw error;
    return isNew(lost);
  }
  const there = await find();
  return there ? continueWith(db, there, account) : { ok: false, reason: "name-taken" };
}

async function continueWith(
  db: Queryable,
  user: KeystoneUser,
  { email = "" }: AccountToOpen,
): Promise<BegunUser | Refusal> {
  const { id: userId, name } = user;
  const isOurs = user.accountMark !== undefined && isSameMailbox(user.email ?? "", email);
  if (!isOurs) return { ok: false, reason: "name-taken", userId };
  if (await findLinkOfUser(db, userId)) return { ok: false, reason: "already-handed-over", userId };
  if (!user.enabled) return { ok: false, reason: "account-disabled", userId };
  return { ok: true, id: userId, name, initialPassword: undefined, isNew: false };
}

/** @returns the password in force, which is a random one for an account that an earlier try has begun */
export async function passwordOf(
  context: Pick<LinkContext, "db" | "vault"> & Work & { credential: "caller" | "service" },
  { id: userId, initialPassword }: BegunUser,
  initiator: PermittedInitiator,
): Promise<{ ok: true; password: string } | Refusal> {
  if (initialPassword !== undefined) return { ok: true, password: initialPassword };
  const { token: adminToken, credential } = context;
  const set = await setRandomPassword(context, { userId, adminToken, credential }, initiator);
  if (set.ok) return set;
  if (set.reason === "unknown-user") return GONE;
  if (set.reason === "forbidden") return { ok: false, reason: "forbidden" };
  return { ok: false, reason: "password-refused", message: set.message };
}

export async function assignRole(
  { keystone, ...asker }: Work,
  where: { projectId: string; userId: string; roleId: string },
): Promise<{ ok: true } | Refusal> {
  const given = await assignProjectRole(keystone, { ...asker, ...where });
  if (given.ok) return given;
  if (given.reason === "unknown-user") return GONE;
  if (given.reason === "bad-request") return given;
  return { ok: false, reason: given.reason };
}
