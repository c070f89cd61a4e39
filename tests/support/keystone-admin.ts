/**
 * What a cloud administrator does in Keystone before setpass comes in, over Keystone's own API, so
 * that a test can prepare the real Keystone and the sandbox alike.
 */

export interface KeystoneAccess {
  /** Without `/v3`. */
  url: string;
  adminUserName: string;
  adminPassword: string;
  adminProjectName: string;
  adminProjectDomainId: string;
}

export interface NewUser {
  name: string;
  password?: string;
  domainId?: string;
  email?: string;
  description?: string;
  enabled?: boolean;
  defaultProjectId?: string;
  /** Keystone's user options, by their wire names: `lock_password`, `multi_factor_auth_rules`, … */
  options?: Record<string, unknown>;
}

export interface KeystoneAdmin {
  /** A fresh token of the administrator, scoped to the admin project. */
  token(): Promise<string>;
  createUser(user: NewUser): Promise<{ id: string; name: string; domainId: string }>;
  /** Fields by their wire names: `{ enabled: false }`, `{ options: { lock_password: true } }`. */
  updateUser(userId: string, fields: Record<string, unknown>): Promise<void>;
  deleteUser(userId: string): Promise<void>;
  createProject(project: { name: string; domainId?: string }): Promise<{ id: string }>;
  createDomain(domain: { name: string; enabled?: boolean }): Promise<{ id: string; name: string }>;
  /** Gives a role (made where it is missing) on a project, a domain or the system. */
  assignRole(assignment: {
    userId: string;
    role: string;
    projectId?: string;
    domainId?: string;
    system?: boolean;
  }): Promise<void>;
  /** Takes a role on a project away again. */
  takeRole(assignment: { userId: string; role: string; projectId: string }): Promise<void>;
  /** As the user, who must have a role on the project. All the roles held there unless told. */
  createApplicationCredential(credential: {
    userId: string;
    password: string;
    projectId: string;
    name: string;
    roles?: string[];
  }): Promise<{ id: string; secret: string }>;
  /** As the trustor: delegates these roles on a project, and acts in the trustor's name. */
  createTrust(trust: {
    userId: string;
    password: string;
    trusteeId: string;
    projectId: string;
    roles: string[];
  }): Promise<{ id: string }>;
  /** Makes the user's sign-in with TOTP possible; the secret in base32. */
  createTotpCredential(credential: { userId: string; base32Secret: string }): Promise<void>;
  /** The id of a project of the administrator's domain, by its name. */
  projectId(name: string): Promise<string>;
  /** Any call, as the administrator. */
  call(method: string, path: string, json?: unknown, token?: string): Promise<unknown>;
}

class KeystoneCallError extends Error {
  constructor(
    call: string,
    readonly status: number,
    text: string,
  ) {
    super(`${call}: Keystone answered ${status}: ${text}`);
  }
}

export function keystoneAdmin(access: KeystoneAccess): KeystoneAdmin {
  let remembered: Promise<string> | undefined;

  async function send(method: string, path: string, json: unknown, token?: string) {
    const response = await fetch(`${access.url}/v3${path}`, {
      method,
      headers: {
        "content-type": "application/json",
        connection: "close",
        ...(token !== undefined && { "x-auth-token": token }),
      },
      body: json === undefined ? undefined : JSON.stringify(json),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new KeystoneCallError(`${method} ${path}`, response.status, text);
    }
    return { headers: response.headers, json: text === "" ? undefined : JSON.parse(text) };
  }

  async function signIn(user: unknown, scope: unknown): Promise<string> {
    const { headers } = await send("POST", "/auth/tokens?nocatalog", {
      auth: { identity: { methods: ["password"], password: { user } }, scope },
    });
    const token = headers.get("x-subject-token");
    if (token === null) throw new Error("Keystone gave no token");
    return token;
  }

  const token = () =>
    signIn(
      {
        name: access.adminUserName,
        domain: { id: "default" },
        password: access.adminPassword,
      },
      {
        project: { name: access.adminProjectName, domain: { id: access.adminProjectDomainId } },
      },
    );

  // biome-ignore lint/suspicious/noExplicitAny: whatever Keystone says, each caller knows what it asked
  async function call(method: string, path: string, json?: unknown, as?: string): Promise<any> {
    if (as !== undefined) return (await send(method, path, json, as)).json;
    remembered ??= token();
    try {
      return (await send(method, path, json, await remembered)).json;
    } catch (error) {
      if (!(error instanceof KeystoneCallError) || error.status !== 401) throw error;
      remembered = token(); // the last one has expired
      return (await send(method, path, json, await remembered)).json;
    }
  }

  async function roleId(name: string): Promise<string> {
    const { roles } = await call("GET", `/roles?name=${encodeURIComponent(name)}`);
    if (roles.length > 0) return roles[0].id;
    return (await call("POST", "/roles", { role: { name } })).role.id;
  }

  return {
    token,
    call,
    async createUser(user) {
      const domainId = user.domainId ?? "default";
      const created = await call("POST", "/users", {
        user: {
          name: user.name,
          domain_id: domainId,
          password: user.password,
          email: user.email,
          description: user.description,
          enabled: user.enabled,
          default_project_id: user.defaultProjectId,
          options: user.options,
        },
      });
      return { id: created.user.id, name: user.name, domainId };
    },
    async updateUser(userId, fields) {
      await call("PATCH", `/users/${userId}`, { user: fields });
    },
    async deleteUser(userId) {
      await call("DELETE", `/users/${userId}`);
    },
    async createProject({ name, domainId = "default" }) {
      const created = await call("POST", "/projects", { project: { name, domain_id: domainId } });
      return { id: created.project.id };
    },
    async createDomain({ name, enabled = true }) {
      const created = await call("POST", "/domains", { domain: { name, enabled } });
      return { id: created.domain.id, name };
    },
    async assignRole({ userId, role, projectId, domainId, system }) {
      const target = system
        ? "system"
        : projectId !== undefined
          ? `projects/${projectId}`
          : `domains/${domainId}`;
      await call("PUT", `/${target}/users/${userId}/roles/${await roleId(role)}`);
    },
    async takeRole({ userId, role, projectId }) {
      const path = `/projects/${projectId}/users/${userId}/roles/${await roleId(role)}`;
      await call("DELETE", path);
    },
    async createApplicationCredential({ userId, password, projectId, name, roles }) {
      const asUser = await signIn({ id: userId, password }, { project: { id: projectId } });
      const created = await call(
        "POST",
        `/users/${userId}/application_credentials`,
        { application_credential: { name, roles: roles?.map((role) => ({ name: role })) } },
        asUser,
      );
      const { id, secret } = created.application_credential;
      return { id, secret };
    },
    async createTrust({ userId, password, trusteeId, projectId, roles }) {
      const asUser = await signIn({ id: userId, password }, { project: { id: projectId } });
      const trust = {
        trustor_user_id: userId,
        trustee_user_id: trusteeId,
        project_id: projectId,
        impersonation: true,
        roles: roles.map((name) => ({ name })),
      };
      const created = await call("POST", "/OS-TRUST/trusts", { trust }, asUser);
      return { id: created.trust.id };
    },
    async createTotpCredential({ userId, base32Secret }) {
      await call("POST", "/credentials", {
        credential: { type: "totp", user_id: userId, blob: base32Secret },
      });
    },
    async projectId(name) {
      const { projects } = await call("GET", `/projects?name=${encodeURIComponent(name)}`);
      if (projects.length === 0) throw new Error(`There is no project ${name}`);
      return projects[0].id;
    },
  };
}
