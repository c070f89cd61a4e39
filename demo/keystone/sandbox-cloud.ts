/**
 * What the sandbox Keystone knows: domains, projects, users, roles and who has which where. All in
 * memory, gone when it stops. Follows Keystone 22 in what it refuses, in which order and in which
 * words; the contract tests hold both to it.
 */
import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { notFound, SandboxCrash, SandboxRefusal, unauthorized } from "./sandbox-refusal";

export interface SandboxDomain {
  id: string;
  name: string;
  enabled: boolean;
  /** Its users are in a directory that Keystone does not write to. */
  readOnly: boolean;
}

export interface SandboxProject {
  id: string;
  name: string;
  domainId: string;
}

export interface SandboxUser {
  id: string;
  name: string;
  domainId: string;
  email?: string;
  description?: string;
  enabled: boolean;
  defaultProjectId?: string;
  /** Keystone's user options by their wire names. */
  options: Record<string, unknown>;
  /** Attributes that Keystone knows nothing of, and keeps. */
  extra: Record<string, unknown>;
  /** The present one last. */
  passwords: Buffer[];
  passwordExpiresAt: Date | null;
  failedSignIns: number;
  lastFailureAt: number;
}

export interface SandboxApplicationCredential {
  id: string;
  name: string;
  userId: string;
  projectId: string;
  secret: Buffer;
}

/** Where a role is held. */
export type SandboxTarget = `project:${string}` | `domain:${string}` | "system";

export interface SandboxPolicy {
  passwordRegex?: string;
  passwordRegexDescription?: string;
  uniqueLastPasswordCount: number;
  changePasswordUponFirstUse: boolean;
  lockout?: { failureAttempts: number; durationSeconds: number };
  listLimit?: number;
}

type Chosen =
  | "id"
  | "domainId"
  | "email"
  | "description"
  | "enabled"
  | "defaultProjectId"
  | "options"
  | "extra";

export interface NewSandboxUser extends Partial<Pick<SandboxUser, Chosen>> {
  name: string;
  password?: string;
}

export type NewSandboxDomain = Pick<SandboxDomain, "name"> & Partial<SandboxDomain>;

/** bcrypt, which real Keystones use, looks at no more. */
const bcryptBytes = 72;

function fingerprint(password: string): Buffer {
  // passlib refuses it, nothing in Keystone expects that, and uWSGI hangs up.
  if (password.includes("\0")) throw new SandboxCrash("A NUL in a password");
  return createHash("sha256").update(Buffer.from(password).subarray(0, bcryptBytes)).digest();
}

export function newId(): string {
  return randomUUID().replaceAll("-", "");
}

/** What each role brings with it, as `keystone-manage bootstrap` sets it up. */
const impliedRoles: Readonly<Record<string, string[]>> = {
  admin: ["member", "reader"],
  member: ["reader"],
};

export class SandboxCloud {
  readonly domains = new Map<string, SandboxDomain>();
  readonly projects = new Map<string, SandboxProject>();
  readonly users = new Map<string, SandboxUser>();
  /** Role names by id. */
  readonly roles = new Map<string, string>();
  readonly applicationCredentials = new Map<string, SandboxApplicationCredential>();
  /** TOTP secrets in base32, by user. */
  readonly totpSecrets = new Map<string, string[]>();
  readonly #assignments = new Set<string>();
  readonly #passwordShape: RegExp | undefined;

  constructor(
    readonly policy: SandboxPolicy,
    /** Told when a user's tokens are to end. */
    private readonly endTokensOf: (userId: string) => void,
  ) {
    const fresh = { enabled: true, readOnly: false };
    this.domains.set("default", { id: "default", name: "Default", ...fresh });
    for (const role of ["admin", "member", "reader"]) this.addRole(role);
    if (policy.passwordRegex !== undefined) {
      // As Python's re.match: from the beginning, not necessarily to the end.
      this.#passwordShape = new RegExp(`^(?:${policy.passwordRegex})`, "u");
    }
  }

  // Domains, projects, roles

  addDomain(domain: NewSandboxDomain): SandboxDomain {
    if ([...this.domains.values()].some((other) => other.name === domain.name))
      throw new SandboxRefusal(409, duplicate("project", domain.name, "None"));
    const { id = newId(), name, enabled = true, readOnly = false } = domain;
    const added = { id, name, enabled, readOnly };
    this.domains.set(added.id, added);
    return added;
  }

  domain(id: string): SandboxDomain {
    const found = this.domains.get(id);
    if (found === undefined) throw notFound("domain", id);
    return found;
  }

  addProject(project: { id?: string; name: string; domainId?: string }): SandboxProject {
    const domainId = this.domain(project.domainId ?? "default").id;
    if (this.projectNamed(project.name, domainId) !== undefined)
      throw new SandboxRefusal(409, duplicate("project", project.name, domainId));
    const added = { id: project.id ?? newId(), name: project.name, domainId };
    this.projects.set(added.id, added);
    return added;
  }

  projectNamed(name: string, domainId: string): SandboxProject | undefined {
    return [...this.projects.values()].find(
      (project) => project.name === name && project.domainId === domainId,
    );
  }

  addRole(name: string): string {
    const id = newId();
    this.roles.set(id, name);
    return id;
  }

  roleId(name: string): string {
    for (const [id, known] of this.roles) if (known === name) return id;
    return this.addRole(name);
  }

  assignRole(userId: string, target: SandboxTarget, roleId: string): void {
    this.user(userId);
    if (!this.roles.has(roleId)) throw notFound("role", roleId);
    this.#assignments.add(`${userId} ${target} ${roleId}`);
  }

  takeRole(userId: string, target: SandboxTarget, roleId: string): void {
    if (!this.#assignments.delete(`${userId} ${target} ${roleId}`))
      throw notFound("role assignment", roleId);
  }

  /** Those held there, and those they bring with them. */
  rolesOf(userId: string, target: SandboxTarget): { id: string; name: string }[] {
    const held = [...this.roles].filter(([id]) =>
      this.#assignments.has(`${userId} ${target} ${id}`),
    );
    const names = new Set(held.flatMap(([, name]) => [name, ...(impliedRoles[name] ?? [])]));
    return [...names].map((name) => ({ id: this.roleId(name), name }));
  }

  /** Where the user holds which roles, with those they bring with them. */
  assignmentsOf(userId: string): { target: SandboxTarget; roleId: string }[] {
    const targets = [...this.#assignments]
      .map((assignment) => assignment.split(" "))
      .filter(([holder]) => holder === userId)
      .map(([, target]) => target as SandboxTarget);
    return [...new Set(targets)].flatMap((target) =>
      this.rolesOf(userId, target).map(({ id }) => ({ target, roleId: id })),
    );
  }

  // Users

  addUser(fields: NewSandboxUser): SandboxUser {
    const { password, ...given } = fields;
    if (password !== undefined) this.#checkPasswordShape(password);
    const { id: domainId } = this.domain(fields.domainId ?? "default");
    if (this.userNamed(fields.name, domainId) !== undefined)
      throw new SandboxRefusal(409, duplicate("user", fields.name, domainId));
    const user: SandboxUser = {
      ...given,
      id: given.id ?? newId(),
      domainId,
      enabled: given.enabled ?? true,
      options: definedOnly(given.options ?? {}),
      extra: given.extra ?? {},
      passwords: password === undefined ? [] : [fingerprint(password)],
      // Like Keystone, without a look at the user's options at this moment.
      passwordExpiresAt: this.policy.changePasswordUponFirstUse ? new Date() : null,
      failedSignIns: 0,
      lastFailureAt: 0,
    };
    this.users.set(user.id, user);
    return user;
  }

  user(id: string): SandboxUser {
    const found = this.users.get(id);
    if (found === undefined) throw notFound("user", id);
    return found;
  }

  userNamed(name: string, domainId: string): SandboxUser | undefined {
    return [...this.users.values()].find(
      (user) => user.name === name && user.domainId === domainId,
    );
  }

  /** As an administrator may: without regard to history. */
  updateUser(id: string, fields: Partial<Omit<NewSandboxUser, "id" | "domainId">>): SandboxUser {
    const user = this.user(id);
    if (fields.password !== undefined) {
      this.#checkPasswordShape(fields.password);
      user.passwords.push(fingerprint(fields.password));
      const ignored = user.options.ignore_change_password_upon_first_use === true;
      const mustChange = this.policy.changePasswordUponFirstUse && !ignored;
      user.passwordExpiresAt = mustChange ? new Date() : null;
    }
    user.name = fields.name ?? user.name;
    user.email = fields.email ?? user.email;
    user.description = fields.description ?? user.description;
    user.defaultProjectId = fields.defaultProjectId ?? user.defaultProjectId;
    user.options = definedOnly({ ...user.options, ...fields.options });
    user.extra = { ...user.extra, ...fields.extra };
    if (fields.enabled !== undefined) {
      user.enabled = fields.enabled;
      if (fields.enabled) user.failedSignIns = 0;
    }
    if (fields.password !== undefined || fields.enabled === false) this.endTokensOf(id);
    return user;
  }

  deleteUser(id: string): void {
    this.user(id);
    this.users.delete(id);
    this.endTokensOf(id);
  }

  /** As the user: the original password first, then the rules, in Keystone's order. */
  changePassword(id: string, originalPassword: string, password: string): void {
    const user = this.users.get(id);
    if (user === undefined) throw unauthorized();
    this.checkPassword(user, originalPassword, { evenIfExpired: true });
    this.#checkPasswordShape(password);
    if (user.options.lock_password === true)
      throw new SandboxRefusal(
        400,
        "You cannot change your password at this time due to password policy disallowing " +
          "password changes. Please contact your administrator to reset your password.",
      );
    const print = fingerprint(password);
    const count = this.policy.uniqueLastPasswordCount;
    if (count > 0 && user.passwords.slice(-count).some((old) => old.equals(print)))
      throw new SandboxRefusal(
        400,
        "The new password cannot be identical to a previous password. The total number which " +
          `includes the new password must be unique is ${count}.`,
      );
    user.passwords.push(print);
    user.passwordExpiresAt = null;
    this.endTokensOf(id);
  }

  /**
   * Whether this is the user's password; counts a failure.
   * @throws SandboxRefusal where it is not, or the account is locked, disabled, or must change it
   */
  checkPassword(
    user: SandboxUser,
    password: string,
    options: { evenIfExpired?: boolean } = {},
  ): void {
    const { lockout } = this.policy;
    const exempt = user.options.ignore_lockout_failure_attempts === true;
    if (lockout !== undefined && !exempt && user.failedSignIns >= lockout.failureAttempts) {
      const lockedUntil = user.lastFailureAt + lockout.durationSeconds * 1000;
      if (Date.now() < lockedUntil) throw unauthorized();
      user.failedSignIns = 0;
    }
    const present = user.passwords.at(-1);
    if (present === undefined || !timingSafeEqual(present, fingerprint(password))) {
      user.failedSignIns += 1;
      user.lastFailureAt = Date.now();
      throw unauthorized();
    }
    if (!user.enabled)
      throw new SandboxRefusal(401, `The account is disabled for user: ${user.id}.`);
    if (user.passwordExpiresAt !== null && user.passwordExpiresAt.getTime() <= Date.now()) {
      if (!options.evenIfExpired)
        throw new SandboxRefusal(
          401,
          `The password is expired and needs to be changed for user: ${user.id}.`,
        );
    }
    user.failedSignIns = 0;
  }

  addApplicationCredential(fields: {
    name: string;
    userId: string;
    projectId: string;
    secret: string;
  }): SandboxApplicationCredential {
    const added = { ...fields, id: newId(), secret: fingerprint(fields.secret) };
    this.applicationCredentials.set(added.id, added);
    return added;
  }

  isSecretOf(credential: SandboxApplicationCredential, secret: string): boolean {
    return timingSafeEqual(credential.secret, fingerprint(secret));
  }

  #checkPasswordShape(password: string): void {
    if (this.#passwordShape === undefined || this.#passwordShape.test(password)) return;
    const words = this.policy.passwordRegexDescription ?? "None";
    throw new SandboxRefusal(400, `The password does not match the requirements: ${words}.`);
  }
}

function duplicate(what: string, name: string, domainId: string): string {
  return (
    `Conflict occurred attempting to store ${what} - Duplicate entry found with name ${name} ` +
    `at domain ID ${domainId}.`
  );
}

/** An option set to null is an option taken away. */
function definedOnly(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== null && value !== undefined),
  );
}
