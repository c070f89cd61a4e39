import { type AccessInfo, readAccessInfo } from "./access-info.server";
import { KeystoneError } from "./errors.server";
import { isPlainText } from "./plain-text.server";
import type { KeystoneRequest } from "./request.server";
import type { KeystoneSession } from "./session.server";

/** The `identity` part of an authentication request: the methods, and one object for each. */
export interface AuthIdentity {
  methods: string[];
  [method: string]: unknown;
}

/**
 * A way to prove who one is. The secret stays inside the closure: the plugin itself can be logged
 * or inspected without showing it.
 */
export interface AuthPlugin {
  readonly method: "password" | "token" | "application_credential";
  identity(): AuthIdentity;
}

type UserByIdOrName =
  | { userId: string }
  | { userName: string; userDomainId: string }
  | { userName: string; userDomainName: string };

function userReference(user: UserByIdOrName): Record<string, unknown> {
  if ("userId" in user) return { id: user.userId };
  const domain = "userDomainId" in user ? { id: user.userDomainId } : { name: user.userDomainName };
  return { name: user.userName, domain };
}

/**
 * User and password, and in the same request the second factor where `passcode` (TOTP) is given.
 * Keystone API: POST /v3/auth/tokens, methods `password` and `totp`.
 */
export function passwordAuth(
  options: UserByIdOrName & { password: string; passcode?: string },
): AuthPlugin {
  return {
    method: "password",
    identity() {
      const user = userReference(options);
      const password = { user: { ...user, password: options.password } };
      if (options.passcode === undefined) return { methods: ["password"], password };
      const totp = { user: { ...user, passcode: options.passcode } };
      return { methods: ["password", "totp"], password, totp };
    },
  };
}

/** A token one has already, to scope it anew. Keystone API: POST /v3/auth/tokens, method `token`. */
export function tokenAuth(options: { token: string }): AuthPlugin {
  return {
    method: "token",
    identity: () => ({ methods: ["token"], token: { id: options.token } }),
  };
}

/**
 * An application credential, by its id or by its name and its owner. It has its own scope: ask for
 * no other. Keystone API: POST /v3/auth/tokens, method `application_credential`.
 */
export function applicationCredentialAuth(
  options: { secret: string } & ({ id: string } | ({ name: string } & UserByIdOrName)),
): AuthPlugin {
  return {
    method: "application_credential",
    identity() {
      const credential =
        "id" in options
          ? { id: options.id, secret: options.secret }
          : { name: options.name, secret: options.secret, user: userReference(options) };
      return { methods: ["application_credential"], application_credential: credential };
    },
  };
}

/**
 * What the token shall be good for. `undefined` leaves it to Keystone: the user's default project,
 * else unscoped.
 */
export type Scope =
  | { projectName: string; projectDomainId: string }
  | { projectName: string; projectDomainName: string }
  | { projectId: string }
  | { domainId: string }
  | "system"
  | "unscoped"
  | undefined;

function scopeBody(scope: Exclude<Scope, undefined>): unknown {
  if (scope === "unscoped") return "unscoped";
  if (scope === "system") return { system: { all: true } };
  if ("projectId" in scope) return { project: { id: scope.projectId } };
  if ("domainId" in scope) return { domain: { id: scope.domainId } };
  const domain =
    "projectDomainId" in scope ? { id: scope.projectDomainId } : { name: scope.projectDomainName };
  return { project: { name: scope.projectName, domain } };
}

function isSendable(value: unknown): boolean {
  if (typeof value === "string") return isPlainText(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(isSendable);
}

/**
 * Asks Keystone for a token. The catalog is not asked for: nothing here uses it, and it is most of
 * the answer. Keystone API: POST /v3/auth/tokens.
 *
 * @param options.onMissingExpiry see `readAccessInfo`
 * @throws KeystoneError. `unauthorized`: wrong password, or no role in that scope (with a token as
 *   well); `mfa-required`: with `requiredAuthMethods`; `not-found`: an unknown, expired or revoked
 *   token; `forbidden`: a token that may not be scoped anew.
 */
export async function authenticate(
  session: KeystoneSession,
  plugin: AuthPlugin,
  options: {
    scope?: Scope;
    requestId?: string;
    signal?: AbortSignal;
    onMissingExpiry?: (fields: string[]) => void;
  } = {},
): Promise<AccessInfo> {
  const identity = plugin.identity();
  if (!isSendable(identity) || !isSendable(options.scope)) {
    throw new KeystoneError({
      kind: "unauthorized",
      message: "Not sent, nothing in Keystone is named like this",
      method: "POST",
      path: `${new URL(session.authUrl).pathname}/auth/tokens`,
      mayHaveHappened: false,
    });
  }
  const request: KeystoneRequest = {
    method: "POST",
    path: "/auth/tokens",
    query: { nocatalog: "" },
    json: {
      auth: {
        identity,
        ...(options.scope !== undefined && { scope: scopeBody(options.scope) }),
      },
    },
    requestId: options.requestId,
    signal: options.signal,
  };
  const { authUrl } = session;
  const { method, path } = request;
  return session.request(request, (response) =>
    readAccessInfo(response, { authUrl, method, path }, options.onMissingExpiry),
  );
}
