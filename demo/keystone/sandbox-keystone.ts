/**
 * A Keystone v3 in memory, good enough to try setpass with and to test against: the contract tests
 * (tests/integration/keystone-contract.test.ts) hold it and a real Keystone to the same promises.
 * It listens on 127.0.0.1 only and is not for anything one wants to keep.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type NewSandboxDomain,
  type NewSandboxUser,
  SandboxCloud,
  type SandboxDomain,
  type SandboxPolicy,
  type SandboxProject,
  type SandboxUser,
} from "./sandbox-cloud";
import { forbidden, notFound, SandboxCrash, SandboxRefusal, unauthorized } from "./sandbox-refusal";
import {
  invalid,
  keystoneTime,
  objectIn,
  type SandboxToken,
  SandboxTokens,
  unknownToken,
} from "./sandbox-tokens";

/** The password's regular expression is matched from its beginning, as Keystone does. */
export interface SandboxKeystoneOptions extends Partial<SandboxPolicy> {
  /** On 127.0.0.1; a free one unless told. */
  port?: number;
  users?: (NewSandboxUser & {
    /** Projects by name, made where missing. */
    roles?: { role: string; projectName: string }[];
  })[];
  /** Beside `default`. */
  domains?: NewSandboxDomain[];
  /** Beside the administrator's. */
  projects?: { id?: string; name: string; domainId?: string }[];
  adminUserName?: string;
  /** A random one unless told. */
  adminPassword?: string;
  allowRescopeScopedToken?: boolean;
  tokenLifetimeSeconds?: number;
  /** How long it takes over every answer. A real one takes 60 to 700 ms. */
  delayMs?: number;
  /** Gets a line for every request: method, path, status. */
  log?: (line: string) => void;
}

export interface SandboxKeystone {
  /** Without `/v3`. */
  readonly url: string;
  readonly port: number;
  readonly adminUserName: string;
  readonly adminPassword: string;
  readonly adminProjectName: string;
  readonly adminProjectDomainId: string;
  /** Everything it knows, to look at and to change. */
  readonly cloud: SandboxCloud;
  stop(): Promise<void>;
}

const maxBodyBytes = 112 * 1024; // Keystone's [oslo_middleware] max_request_body_size

/** Starts a Keystone with an administrator, who has the role `admin` on the project `admin`. */
export async function startSandboxKeystone(
  options: SandboxKeystoneOptions = {},
): Promise<SandboxKeystone> {
  const adminUserName = options.adminUserName ?? "admin";
  const adminPassword = options.adminPassword ?? `Admin1-${randomBytes(12).toString("base64url")}`;
  const tokens: SandboxTokens = new SandboxTokens(
    {
      lifetimeSeconds: options.tokenLifetimeSeconds ?? 3600,
      allowRescopeScopedToken: options.allowRescopeScopedToken ?? true,
    },
    () => cloud,
  );
  const cloud: SandboxCloud = new SandboxCloud(
    {
      ...options,
      uniqueLastPasswordCount: options.uniqueLastPasswordCount ?? 0,
      changePasswordUponFirstUse: options.changePasswordUponFirstUse ?? false,
    },
    (userId) => tokens.endAllOf(userId),
  );
  furnish(cloud, options, { adminUserName, adminPassword });

  const server = createServer((request, response) => {
    void answer(request, response).catch((error) => {
      options.log?.(`${request.method} ${pathOf(request)} failed: ${error}`);
      request.socket.destroy();
    });
  });
  const api = new SandboxApi(cloud, tokens);

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const given = await api.answer(request);
    if (options.delayMs) await sleep(options.delayMs);
    if (given === "crash") {
      options.log?.(`${request.method} ${pathOf(request)} crashed`);
      request.socket.destroy();
      return;
    }
    const body = given.body === undefined ? "" : (given.text ?? JSON.stringify(given.body));
    response.writeHead(given.status, {
      // uWSGI cannot keep a connection either.
      Connection: "close",
      Vary: "X-Auth-Token",
      "x-openstack-request-id": `req-${randomUUID()}`,
      ...(body !== "" && { "Content-Type": "application/json" }),
      "Content-Length": Buffer.byteLength(body),
      ...given.headers,
    });
    response.end(request.method === "HEAD" ? "" : body);
    options.log?.(`${request.method} ${pathOf(request)} ${given.status}`);
  }

  const port = await listen(server, options.port ?? 0);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    adminUserName,
    adminPassword,
    adminProjectName: "admin",
    adminProjectDomainId: "default",
    cloud,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

function furnish(
  cloud: SandboxCloud,
  options: SandboxKeystoneOptions,
  admin: { adminUserName: string; adminPassword: string },
): void {
  for (const domain of options.domains ?? []) cloud.addDomain(domain);
  for (const project of [{ name: "admin" }, ...(options.projects ?? [])]) cloud.addProject(project);
  const ensureProject = (name: string) =>
    [...cloud.projects.values()].find((project) => project.name === name) ??
    cloud.addProject({ name });

  // The bootstrapped administrator is exempt from what could lock everybody out.
  const administrator = cloud.addUser({
    name: admin.adminUserName,
    password: admin.adminPassword,
    options: { ignore_change_password_upon_first_use: true, ignore_lockout_failure_attempts: true },
  });
  administrator.passwordExpiresAt = null;
  const role = cloud.roleId("admin");
  cloud.assignRole(administrator.id, `project:${ensureProject("admin").id}`, role);
  cloud.assignRole(administrator.id, "system", role);

  for (const { roles = [], ...fields } of options.users ?? []) {
    const user = cloud.addUser(fields);
    for (const { role, projectName } of roles)
      cloud.assignRole(user.id, `project:${ensureProject(projectName).id}`, cloud.roleId(role));
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((done, failed) => {
    server.once("error", failed);
    server.listen(port, "127.0.0.1", () => done((server.address() as AddressInfo).port));
  });
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").split("?")[0] ?? "/";
}

interface Answer {
  status: number;
  body?: unknown;
  /** In place of the body as JSON. */
  text?: string;
  headers?: Record<string, string>;
}

interface Asked {
  method: string;
  /** Path segments below /v3, decoded. */
  segments: string[];
  query: URLSearchParams;
  base: string;
  token?: string;
  subjectToken?: string;
  receipt?: string;
  json: unknown;
}

/** Keystone's HTTP: routes, who may do what, and the shapes of answers. */
class SandboxApi {
  constructor(
    private readonly cloud: SandboxCloud,
    private readonly tokens: SandboxTokens,
  ) {}

  async answer(request: IncomingMessage): Promise<Answer | "crash"> {
    const base = `http://${request.headers.host ?? "127.0.0.1"}`;
    try {
      const json = await readJson(request);
      const url = new URL(request.url ?? "/", base);
      const segments = url.pathname
        .split("/")
        .filter((segment) => segment !== "")
        .map((segment) => decodeURIComponent(segment));
      const [version, ...below] = segments;
      const header = (name: string) => request.headers[name]?.toString();
      if (version === undefined) return versions(base, 300);
      if (version !== "v3") return noSuchPage();
      if (below.length === 0) return versions(base, 200);
      return this.#route({
        method: request.method ?? "GET",
        segments: below,
        query: url.searchParams,
        base,
        token: header("x-auth-token"),
        subjectToken: header("x-subject-token"),
        receipt: header("openstack-auth-receipt"),
        json,
      });
    } catch (error) {
      if (error instanceof SandboxCrash) return "crash";
      if (error instanceof SandboxRefusal) return refusalAnswer(error, base);
      if (error instanceof URIError) return noSuchPage();
      throw error;
    }
  }

  #route(asked: Asked): Answer {
    const [collection, id, part, partId] = asked.segments;
    const route = `${asked.method} ${asked.segments.length} ${collection}`;
    switch (route) {
      case "POST 2 auth":
        return this.#issueToken(asked);
      case "GET 2 auth":
      case "HEAD 2 auth":
      case "DELETE 2 auth":
        return this.#subjectToken(asked);
      case "GET 1 users":
        return this.#listUsers(asked);
      case "POST 1 users":
        return this.#createUser(asked);
      case "GET 2 users":
        return this.#getUser(asked, id ?? "");
      case "PATCH 2 users":
        return this.#updateUser(asked, id ?? "");
      case "DELETE 2 users":
        this.#requireAdmin(asked, "identity:delete_user");
        this.cloud.deleteUser(id ?? "");
        return { status: 204 };
      case "POST 3 users":
        if (part === "password") return this.#changePassword(asked, id ?? "");
        if (part === "application_credentials")
          return this.#createApplicationCredential(asked, id ?? "");
        return noSuchPage();
      case "GET 1 domains":
        this.#requireAdmin(asked, "identity:list_domains");
        return {
          status: 200,
          body: { domains: [...this.cloud.domains.values()].map(domainBody), links: {} },
        };
      case "POST 1 domains": {
        this.#requireAdmin(asked, "identity:create_domain");
        const { name, enabled } = objectIn(asked.json, "domain");
        const domain = this.cloud.addDomain({
          name: textField(name, "name"),
          enabled: enabled !== false,
        });
        return { status: 201, body: { domain: domainBody(domain) } };
      }
      case "GET 2 domains":
        this.#requireAdmin(asked, "identity:get_domain");
        return { status: 200, body: { domain: domainBody(this.cloud.domain(id ?? "")) } };
      case "GET 4 domains":
        if (part !== "config" || partId !== "security_compliance") return noSuchPage();
        return this.#passwordPolicy(asked, id ?? "");
      case "GET 5 domains": {
        this.#requireAdmin(asked, "identity:get_domain_config");
        const { readOnly } = this.cloud.domain(id ?? "");
        if (asked.segments.slice(2).join("/") !== "config/identity/driver" || !readOnly)
          throw notFound("domain configuration", id ?? "");
        return { status: 200, body: { config: { driver: "ldap" } } };
      }
      case "GET 1 projects":
        return this.#listProjects(asked);
      case "POST 1 projects": {
        this.#requireAdmin(asked, "identity:create_project");
        const fields = objectIn(asked.json, "project");
        const name = nameField(fields.name, { most: 64 });
        const domainId = optionalText(fields.domain_id, "domain_id");
        if (domainId !== undefined && !this.cloud.domains.has(domainId))
          throw new SandboxRefusal(400, `Could not find domain: ${domainId}.`);
        const project = this.cloud.addProject({ name, domainId });
        return { status: 201, body: { project: projectBody(project) } };
      }
      case "GET 1 roles": {
        this.#requireAdmin(asked, "identity:list_roles");
        const wanted = asked.query.get("name");
        const roles = [...this.cloud.roles]
          .filter(([, name]) => wanted === null || name === wanted)
          .map(([roleId, name]) => ({ id: roleId, name, domain_id: null }));
        return { status: 200, body: { roles, links: {} } };
      }
      case "GET 1 role_assignments": {
        this.#requireAdmin(asked, "identity:list_role_assignments");
        const userId = asked.query.get("user.id") ?? "";
        const held = this.cloud
          .assignmentsOf(userId)
          .filter(({ target }) => (target === "system") === asked.query.has("scope.system"))
          .map(({ target, roleId: id }) => {
            const [where = "", at] = target.split(":");
            return {
              role: { id },
              user: { id: userId },
              scope: where === "system" ? { system: { all: true } } : { [where]: { id: at } },
              links: {},
            };
          });
        return { status: 200, body: { role_assignments: held, links: {} } };
      }
      case "POST 1 roles": {
        this.#requireAdmin(asked, "identity:create_role");
        const name = textField(objectIn(asked.json, "role").name, "name");
        return { status: 201, body: { role: { id: this.cloud.addRole(name), name } } };
      }
      case "PUT 5 system":
      case "PUT 6 projects":
      case "PUT 6 domains":
      case "DELETE 5 system":
      case "DELETE 6 projects":
      case "DELETE 6 domains":
        return this.#changeGrant(asked);
      case "POST 1 credentials": {
        this.#requireAdmin(asked, "identity:create_credential");
        const fields = objectIn(asked.json, "credential");
        if (fields.type !== "totp") throw invalid("type");
        const userId = this.cloud.user(textField(fields.user_id, "user_id")).id;
        const secrets = this.cloud.totpSecrets.get(userId) ?? [];
        this.cloud.totpSecrets.set(userId, [...secrets, textField(fields.blob, "blob")]);
        return { status: 201, body: { credential: { id: randomUUID(), type: "totp" } } };
      }
      default:
        return noSuchPage();
    }
  }

  // Who asks

  #requireToken(asked: Asked): SandboxToken {
    const token = this.tokens.find(asked.token);
    if (token === undefined) throw unauthorized();
    return token;
  }

  #requireAdmin(asked: Asked, action: string): SandboxToken {
    const token = this.#requireToken(asked);
    if (!this.tokens.isAdmin(token)) throw forbidden(action);
    return token;
  }

  // Tokens

  #issueToken(asked: Asked): Answer {
    if (asked.segments[1] !== "tokens") return noSuchPage();
    return this.#tokenAnswer(201, this.tokens.issue(asked.json, asked.receipt), asked);
  }

  #tokenAnswer(status: number, token: SandboxToken, { query }: Asked): Answer {
    const body = this.tokens.describe(token, { catalog: !query.has("nocatalog") });
    return { status, headers: { "X-Subject-Token": token.id }, body };
  }

  #subjectToken(asked: Asked): Answer {
    if (asked.segments[1] !== "tokens") return noSuchPage();
    const asker = this.#requireToken(asked);
    const subject = this.tokens.find(asked.subjectToken);
    const own = subject !== undefined && subject.userId === asker.userId;
    if (!own && !this.tokens.isAdmin(asker)) throw forbidden("identity:validate_token");
    if (subject === undefined) throw unknownToken();
    if (asked.method === "DELETE") {
      this.tokens.end(subject.id);
      return { status: 204 };
    }
    return this.#tokenAnswer(200, subject, asked);
  }

  // Users

  #listUsers(asked: Asked): Answer {
    this.#requireAdmin(asked, "identity:list_users");
    const { query } = asked;
    const limit = this.cloud.policy.listLimit;
    const found = [...this.cloud.users.values()].filter((user) => matches(user, query));
    const truncated = limit !== undefined && found.length > limit;
    return {
      status: 200,
      body: {
        users: (truncated ? found.slice(0, limit) : found).map((user) => userBody(user, asked)),
        links: { next: null, previous: null, self: `${asked.base}/v3/users` },
        ...(truncated && { truncated: true }),
      },
    };
  }

  #createUser(asked: Asked): Answer {
    this.#requireAdmin(asked, "identity:create_user");
    const fields = objectIn(asked.json, "user");
    const name = nameField(fields.name, { most: 255 });
    const domainId = optionalText(fields.domain_id, "domain_id");
    if (this.cloud.domains.get(domainId ?? "default")?.readOnly)
      throw new SandboxRefusal(403, "LDAP does not support write operations");
    const user = this.cloud.addUser({ name, domainId, ...changeableFields(fields) });
    return { status: 201, body: { user: userBody(user, asked) } };
  }

  #getUser(asked: Asked, id: string): Answer {
    const token = this.#requireToken(asked);
    if (token.userId !== id && !this.tokens.isAdmin(token)) throw forbidden("identity:get_user");
    return { status: 200, body: { user: userBody(this.cloud.user(id), asked) } };
  }

  #updateUser(asked: Asked, id: string): Answer {
    this.#requireAdmin(asked, "identity:update_user");
    this.cloud.user(id);
    const fields = objectIn(asked.json, "user");
    if (fields.id !== undefined && fields.id !== null && fields.id !== id)
      throw new SandboxRefusal(400, "Cannot change ID");
    const user = this.cloud.updateUser(id, {
      name: optionalText(fields.name, "name"),
      ...changeableFields(fields),
    });
    return { status: 200, body: { user: userBody(user, asked) } };
  }

  #changePassword(asked: Asked, id: string): Answer {
    const { original_password: original, password } = objectIn(asked.json, "user");
    this.cloud.changePassword(
      id,
      textField(original, "original_password"),
      textField(password, "password"),
    );
    return { status: 204 };
  }

  #createApplicationCredential(asked: Asked, userId: string): Answer {
    const token = this.#requireToken(asked);
    if (token.userId !== userId || token.scope.kind !== "project")
      throw forbidden("identity:create_application_credential");
    const fields = objectIn(asked.json, "application_credential");
    const secret = optionalText(fields.secret, "secret") ?? randomBytes(64).toString("base64url");
    const credential = this.cloud.addApplicationCredential({
      name: textField(fields.name, "name"),
      userId,
      projectId: token.scope.project.id,
      secret,
    });
    const { id, name, projectId } = credential;
    return {
      status: 201,
      body: { application_credential: { id, name, project_id: projectId, secret } },
    };
  }

  // The rest

  #passwordPolicy(asked: Asked, domainId: string): Answer {
    this.#requireToken(asked);
    const domain = this.cloud.domain(domainId);
    if (domain.id !== "default")
      throw new SandboxRefusal(
        403,
        "Invalid domain specific configuration: Reading security compliance information for any " +
          "domain other than the default domain is not allowed or supported.",
      );
    const { passwordRegex = null, passwordRegexDescription = null } = this.cloud.policy;
    return {
      status: 200,
      body: {
        config: {
          security_compliance: {
            password_regex: passwordRegex,
            password_regex_description: passwordRegexDescription,
          },
        },
      },
    };
  }

  #listProjects(asked: Asked): Answer {
    this.#requireAdmin(asked, "identity:list_projects");
    const name = asked.query.get("name");
    const domainId = asked.query.get("domain_id");
    const projects = [...this.cloud.projects.values()]
      .filter((project) => name === null || project.name === name)
      .filter((project) => domainId === null || project.domainId === domainId)
      .map(projectBody);
    return { status: 200, body: { projects, links: {} } };
  }

  /** `/projects/{id}/users/{id}/roles/{id}`, `/domains/…` alike, `/system/users/{id}/roles/{id}`. */
  #changeGrant(asked: Asked): Answer {
    const isTaken = asked.method === "DELETE";
    this.#requireAdmin(asked, isTaken ? "identity:revoke_grant" : "identity:create_grant");
    const [where = "", ...rest] = asked.segments;
    const targetId = where === "system" ? "" : (rest.shift() ?? "");
    const [users, userId = "", roles, roleId = ""] = rest;
    if (users !== "users" || roles !== "roles") return noSuchPage();
    if (!isTaken && !this.cloud.roles.has(roleId)) throw notFound("role", roleId);
    if (where === "domains") this.cloud.domain(targetId);
    if (where === "projects" && !this.cloud.projects.has(targetId))
      throw notFound("project", targetId);
    const target =
      where === "system"
        ? ("system" as const)
        : where === "projects"
          ? (`project:${targetId}` as const)
          : (`domain:${targetId}` as const);
    if (isTaken) this.cloud.takeRole(userId, target, roleId);
    else this.cloud.assignRole(userId, target, roleId);
    return { status: 204 };
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > maxBodyBytes) throw new SandboxRefusal(413, "Request is too large.");
    chunks.push(chunk);
  }
  if (bytes === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new SandboxRefusal(400, "Malformed json in request body");
  }
}

function refusalAnswer(refusal: SandboxRefusal, base: string): Answer {
  if (refusal.instead !== undefined) return { status: refusal.status, ...refusal.instead };
  return {
    status: refusal.status,
    headers:
      refusal.status === 401 ? { "WWW-Authenticate": `Keystone uri="${base}/v3"` } : undefined,
    body: {
      error: { code: refusal.status, message: refusal.message, title: refusal.title },
    },
  };
}

/** Where Keystone has no route its web framework answers, in HTML. */
function noSuchPage(): Answer {
  const text =
    "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n";
  return { status: 404, body: text, text, headers: { "Content-Type": "text/html; charset=utf-8" } };
}

function versions(base: string, status: 200 | 300): Answer {
  const v3 = {
    id: "v3.14",
    status: "stable",
    updated: "2020-04-07T00:00:00Z",
    links: [{ rel: "self", href: `${base}/v3/` }],
    "media-types": [
      { base: "application/json", type: "application/vnd.openstack.identity-v3+json" },
    ],
  };
  return status === 200
    ? { status, body: { version: v3 } }
    : { status, body: { versions: { values: [v3] } }, headers: { Location: `${base}/v3/` } };
}

function matches(user: SandboxUser, query: URLSearchParams): boolean {
  return [...query].every(([filter, value]) => {
    switch (filter) {
      case "name":
        return user.name === value;
      case "name__contains":
        return user.name.includes(value);
      case "name__icontains":
        return user.name.toLowerCase().includes(value.toLowerCase());
      case "domain_id":
        return user.domainId === value;
      case "enabled":
        return user.enabled === !/^(0|f|false|n|no|off)$/i.test(value);
      default:
        return true;
    }
  });
}

function userBody(user: SandboxUser, asked: Asked) {
  return {
    id: user.id,
    name: user.name,
    domain_id: user.domainId,
    enabled: user.enabled,
    options: user.options,
    password_expires_at:
      user.passwordExpiresAt && keystoneTime(user.passwordExpiresAt).slice(0, -1),
    links: { self: `${asked.base}/v3/users/${user.id}` },
    ...user.extra,
    ...(user.email !== undefined && { email: user.email }),
    ...(user.description !== undefined && { description: user.description }),
    ...(user.defaultProjectId !== undefined && { default_project_id: user.defaultProjectId }),
  };
}

function domainBody({ id, name, enabled }: SandboxDomain) {
  return { id, name, enabled, description: "", options: {}, tags: [], links: {} };
}

function projectBody({ id, name, domainId }: SandboxProject) {
  return { id, name, domain_id: domainId, enabled: true, is_domain: false, links: {} };
}

function changeableFields(fields: Record<string, unknown>) {
  return {
    password: optionalText(fields.password, "password"),
    email: optionalText(fields.email, "email"),
    description: optionalText(fields.description, "description"),
    defaultProjectId: optionalText(fields.default_project_id, "default_project_id"),
    enabled: typeof fields.enabled === "boolean" ? fields.enabled : undefined,
    options: fields.options === undefined ? undefined : objectIn(fields, "options"),
    extra: Object.fromEntries(Object.entries(fields).filter(([name]) => !KNOWN_FIELDS.has(name))),
  };
}

/** What a user has of Keystone's; the rest it keeps as it comes. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  ...["id", "name", "domain_id", "enabled", "options", "password", "password_expires_at"],
  ...["email", "description", "default_project_id", "links", "federated"],
]);

/** What Keystone's schema asks of a name, and of no other text. */
function nameField(value: unknown, { most }: { most: number }): string {
  const name = textField(value, "name");
  if (!/\S/.test(name) || name.length > most)
    throw new SandboxRefusal(400, `Invalid input for field 'name': '${name}' is too long`);
  return name.trim();
}

function textField(value: unknown, name: string): string {
  if (typeof value !== "string") throw invalid(name);
  return value;
}

function optionalText(value: unknown, name: string): string | undefined {
  return value === undefined || value === null ? undefined : textField(value, name);
}
