/** How the sandbox Keystone gives, knows and ends tokens. */
import { createHmac, randomBytes } from "node:crypto";
import {
  newId,
  type SandboxCloud,
  type SandboxProject,
  type SandboxTarget,
  type SandboxUser,
} from "./sandbox-cloud";
import { forbidden, SandboxRefusal, unauthorized } from "./sandbox-refusal";

export interface SandboxToken {
  id: string;
  userId: string;
  methods: string[];
  issuedAt: Date;
  expiresAt: Date;
  scope: SandboxScope;
}

type SandboxScope =
  | { kind: "unscoped" }
  | { kind: "project"; project: SandboxProject }
  | { kind: "domain"; domainId: string }
  | { kind: "system" };

export interface SandboxTokenSettings {
  lifetimeSeconds: number;
  allowRescopeScopedToken: boolean;
}

/** What the methods of a request have proved. */
interface Proof {
  user: SandboxUser;
  methods: string[];
  /** A token's own, which a token made from it keeps. */
  expiresAt?: Date;
  /** An application credential's own. */
  projectId?: string;
}

export class SandboxTokens {
  readonly #tokens = new Map<string, SandboxToken>();
  /** What was proved before a second factor was asked for. */
  readonly #receipts = new Map<string, { userId: string; methods: string[]; expiresAt: Date }>();

  constructor(
    private readonly settings: SandboxTokenSettings,
    private readonly cloud: () => SandboxCloud,
  ) {}

  /** The token, unless it is unknown, expired or ended. */
  find(id: string | undefined): SandboxToken | undefined {
    const token = id === undefined ? undefined : this.#tokens.get(id);
    if (token === undefined) return undefined;
    if (token.expiresAt.getTime() <= Date.now()) {
      this.#tokens.delete(token.id);
      return undefined;
    }
    return token;
  }

  end(id: string): void {
    this.#tokens.delete(id);
  }

  endAllOf(userId: string): void {
    for (const token of this.#tokens.values())
      if (token.userId === userId) this.#tokens.delete(token.id);
  }

  isAdmin(token: SandboxToken): boolean {
    return this.rolesOf(token).some((role) => role.name === "admin");
  }

  rolesOf(token: SandboxToken): { id: string; name: string }[] {
    const target = targetOf(token.scope);
    return target === undefined ? [] : this.cloud().rolesOf(token.userId, target);
  }

  /** `POST /v3/auth/tokens`. @throws SandboxRefusal */
  issue(body: unknown, receiptId: string | undefined): SandboxToken {
    const auth = objectIn(body, "auth");
    const identity = objectIn(auth, "identity");
    const methods = identity.methods;
    if (!Array.isArray(methods) || methods.length === 0) throw invalid("methods");

    let proof: Proof | undefined;
    for (const method of methods) {
      const given = this.#prove(String(method), objectIn(identity, String(method)), auth.scope);
      if (proof !== undefined && proof.user.id !== given.user.id) throw unauthorized();
      proof = {
        ...proof,
        ...given,
        methods: [...new Set([...(proof?.methods ?? []), ...given.methods])],
      };
    }
    if (proof === undefined) throw unauthorized();
    const receipt = receiptId === undefined ? undefined : this.#receipts.get(receiptId);
    if (receipt?.userId === proof.user.id)
      proof.methods = [...new Set([...proof.methods, ...receipt.methods])];

    const scope = this.#scopeOf(auth.scope, proof);
    this.#checkSecondFactor(proof);
    const target = targetOf(scope);
    if (target !== undefined && this.cloud().rolesOf(proof.user.id, target).length === 0)
      throw unauthorized();
    // Fernet tokens know no fractions of a second.
    const issuedAt = new Date(Math.floor(Date.now() / 1000) * 1000);
    const lifetimeMs = this.settings.lifetimeSeconds * 1000;
    const token: SandboxToken = {
      id: `gAAAAA${randomBytes(132).toString("base64url")}`,
      userId: proof.user.id,
      methods: proof.methods,
      issuedAt,
      expiresAt: proof.expiresAt ?? new Date(issuedAt.getTime() + lifetimeMs),
      scope,
    };
    this.#tokens.set(token.id, token);
    return token;
  }

  #prove(method: string, given: Record<string, unknown>, scope: unknown): Proof {
    const cloud = this.cloud();
    switch (method) {
      case "password": {
        const reference = objectIn(given, "user");
        const user = this.#findUser(reference);
        cloud.checkPassword(user, String(reference.password ?? ""));
        return { user, methods: ["password"] };
      }
      case "totp": {
        const reference = objectIn(given, "user");
        const user = this.#findUser(reference);
        const secrets = cloud.totpSecrets.get(user.id) ?? [];
        if (!secrets.some((secret) => isPasscode(secret, String(reference.passcode))))
          throw unauthorized();
        return { user, methods: ["totp"] };
      }
      case "token":
        return this.#proveByToken(String(given.id), scope);
      case "application_credential": {
        const credential = this.#findApplicationCredential(given);
        const user = credential && cloud.users.get(credential.userId);
        if (!credential || !user?.enabled) throw unauthorized();
        if (!cloud.isSecretOf(credential, String(given.secret ?? ""))) throw unauthorized();
        if (scope !== undefined) throw unauthorized(); // it has its own
        return {
          user,
          methods: ["application_credential"],
          projectId: credential.projectId,
        };
      }
      default:
        throw new SandboxRefusal(401, "Attempted to authenticate with an unsupported method.");
    }
  }

  #proveByToken(id: string, scope: unknown): Proof {
    const token = this.find(id);
    if (token === undefined) throw unknownToken();
    const wanted = typeof scope === "object" && scope !== null ? scope : {};
    if (token.scope.kind === "system" && ("project" in wanted || "domain" in wanted))
      throw forbidden(
        "Using a system-scoped token to create a project-scoped or domain-scoped token is not allowed.",
      );
    if (token.methods.includes("application_credential"))
      throw forbidden("Using a delegated token to create another token is not allowed.");
    const scoped = token.scope.kind === "project" || token.scope.kind === "domain";
    if (scoped && !this.settings.allowRescopeScopedToken) throw forbidden("rescope a scoped token");
    return {
      user: this.cloud().user(token.userId),
      methods: ["token", ...token.methods],
      expiresAt: token.expiresAt,
    };
  }

  /** Disabled users are refused here, before a look at their password: as Keystone does. */
  #findUser(reference: Record<string, unknown>): SandboxUser {
    const cloud = this.cloud();
    let user: SandboxUser | undefined;
    if (typeof reference.name === "string") {
      const domain = this.#findDomain(objectIn(reference, "domain"));
      user = domain === undefined ? undefined : cloud.userNamed(reference.name, domain.id);
    } else {
      user = cloud.users.get(String(reference.id));
    }
    if (user === undefined || !user.enabled) throw unauthorized();
    if (!cloud.domains.get(user.domainId)?.enabled) throw unauthorized();
    return user;
  }

  #findDomain(reference: Record<string, unknown>) {
    const { domains } = this.cloud();
    if (typeof reference.name === "string")
      return [...domains.values()].find((domain) => domain.name === reference.name);
    return domains.get(String(reference.id));
  }

  #findApplicationCredential(given: Record<string, unknown>) {
    const { applicationCredentials } = this.cloud();
    if (typeof given.id === "string") return applicationCredentials.get(given.id);
    const user = this.#findUser(objectIn(given, "user"));
    return [...applicationCredentials.values()].find(
      (credential) => credential.userId === user.id && credential.name === given.name,
    );
  }

  /** What a scope in a request means. That the user has a role there is not looked at. */
  #scopeOf(asked: unknown, proof: Proof): SandboxScope {
    const cloud = this.cloud();
    if (proof.projectId !== undefined) {
      const project = cloud.projects.get(proof.projectId);
      if (project === undefined) throw unauthorized();
      return { kind: "project", project };
    }
    if (asked === undefined) {
      const project = cloud.projects.get(proof.user.defaultProjectId ?? "");
      const roles = project ? cloud.rolesOf(proof.user.id, `project:${project.id}`) : [];
      return project && roles.length > 0 ? { kind: "project", project } : { kind: "unscoped" };
    }
    if (asked === "unscoped") return { kind: "unscoped" };
    if (typeof asked !== "object" || asked === null) throw invalid("scope");
    if ("unscoped" in asked) return { kind: "unscoped" };
    if ("system" in asked) return { kind: "system" };
    if ("domain" in asked) {
      const domain = this.#findDomain(objectIn(asked, "domain"));
      if (!domain?.enabled) throw unauthorized();
      return { kind: "domain", domainId: domain.id };
    }
    const wanted = objectIn(asked, "project");
    let project: SandboxProject | undefined;
    if (typeof wanted.name === "string") {
      const domain = this.#findDomain(objectIn(wanted, "domain"));
      project = domain && cloud.projectNamed(wanted.name, domain.id);
    } else {
      project = cloud.projects.get(String(wanted.id));
    }
    if (project === undefined || !cloud.domains.get(project.domainId)?.enabled)
      throw unauthorized();
    return { kind: "project", project };
  }

  #checkSecondFactor(proof: Proof): void {
    const rules = proof.user.options.multi_factor_auth_rules;
    if (proof.user.options.multi_factor_auth_enabled === false) return;
    if (!Array.isArray(rules) || rules.length === 0) return;
    const passed = rules.some((rule: string[]) =>
      rule.every((method) => proof.methods.includes(method)),
    );
    if (passed || proof.methods.includes("application_credential")) return;
    const id = `gAAAAA${randomBytes(72).toString("base64url")}`;
    const expiresAt = new Date(Date.now() + 300_000);
    this.#receipts.set(id, { userId: proof.user.id, methods: proof.methods, expiresAt });
    throw new SandboxRefusal(401, "Insufficient auth methods received", {
      headers: { "Openstack-Auth-Receipt": id },
      body: {
        receipt: {
          methods: proof.methods,
          user: this.describeUser(proof.user),
          expires_at: keystoneTime(expiresAt),
          issued_at: keystoneTime(new Date()),
        },
        required_auth_methods: rules,
      },
    });
  }

  describeUser(user: SandboxUser) {
    return {
      id: user.id,
      name: user.name,
      domain: this.describeDomain(user.domainId),
      password_expires_at: user.passwordExpiresAt && keystoneTime(user.passwordExpiresAt),
    };
  }

  describeDomain(id: string): { id: string; name: string } {
    return { id, name: this.cloud().domains.get(id)?.name ?? "" };
  }

  describe(token: SandboxToken, options: { catalog: boolean }) {
    const { scope } = token;
    return {
      token: {
        methods: token.methods,
        user: this.describeUser(this.cloud().user(token.userId)),
        audit_ids: [newId().slice(0, 22)],
        expires_at: keystoneTime(token.expiresAt),
        issued_at: keystoneTime(token.issuedAt),
        ...(scope.kind !== "unscoped" && { roles: this.rolesOf(token) }),
        ...(scope.kind !== "unscoped" && options.catalog && { catalog: [] }),
        ...(scope.kind === "project" && {
          is_domain: false,
          project: {
            id: scope.project.id,
            name: scope.project.name,
            domain: this.describeDomain(scope.project.domainId),
          },
        }),
        ...(scope.kind === "domain" && { domain: this.describeDomain(scope.domainId) }),
        ...(scope.kind === "system" && { system: { all: true } }),
      },
    };
  }
}

export function unknownToken(): SandboxRefusal {
  return new SandboxRefusal(404, "Failed to validate token");
}

/** ISO 8601 with microseconds, as Keystone writes it. */
export function keystoneTime(date: Date): string {
  return date.toISOString().replace(/Z$/, "000Z");
}

function targetOf(scope: SandboxScope): SandboxTarget | undefined {
  switch (scope.kind) {
    case "unscoped":
      return undefined;
    case "project":
      return `project:${scope.project.id}`;
    case "domain":
      return `domain:${scope.domainId}`;
    case "system":
      return "system";
  }
}

export function invalid(field: string): SandboxRefusal {
  return new SandboxRefusal(400, `Invalid input for field '${field}'`);
}

/** The object of this name in another. @throws SandboxRefusal 400 */
export function objectIn(value: unknown, name: string): Record<string, unknown> {
  const holder = typeof value === "object" && value !== null ? value : {};
  const found = (holder as Record<string, unknown>)[name];
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw invalid(name);
  return found as Record<string, unknown>;
}

/** RFC 6238 as Keystone has it: SHA-1, 30 s, six digits; the window before is good as well. */
function isPasscode(base32Secret: string, passcode: string): boolean {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...base32Secret.replace(/=+$/, "")]
    .map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0"))
    .join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const window = Math.floor(Date.now() / 30_000);
  return [window, window - 1].some((count) => {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(count));
    const digest = createHmac("sha1", key).update(counter).digest();
    const number = digest.readUInt32BE((digest.at(-1) ?? 0) & 15) & 0x7fffffff;
    return String(number % 1_000_000).padStart(6, "0") === passcode;
  });
}
