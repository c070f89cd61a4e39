import type { KeystoneAccess } from "./keystone-admin";

type Scope =
  | "unscoped"
  | { system: { all: true } }
  | { domain: { id: string } }
  | { project: { id: string } | { name: string; domain: { id: string } } };

/** Signs a user in as people and scripts do. @returns the token, as it goes into X-Auth-Token */
export async function keystoneToken(
  access: Pick<KeystoneAccess, "url">,
  user: { userId: string; password: string; scope?: Scope },
): Promise<string> {
  const { userId, password, scope = "unscoped" } = user;
  return tokenFor(access, {
    identity: { methods: ["password"], password: { user: { id: userId, password } } },
    scope,
  });
}

/** @returns whether Keystone lets the user in with this password */
export async function signsIn(
  access: Pick<KeystoneAccess, "url">,
  user: { userId: string; password: string },
): Promise<boolean> {
  const { status } = await askForToken(access, user);
  if (status === 201) return true;
  if (status === 401) return false;
  throw new Error(`Keystone answered ${status}`);
}

/** Signs in by an application credential, which brings its own scope and its own roles. */
export const applicationCredentialToken = (
  access: Pick<KeystoneAccess, "url">,
  credential: { id: string; secret: string },
): Promise<string> =>
  tokenFor(access, {
    identity: { methods: ["application_credential"], application_credential: credential },
  });

/** Signs a trustee in with what a trust delegates. */
export const trustToken = (
  access: Pick<KeystoneAccess, "url">,
  { userId, password, trustId }: { userId: string; password: string; trustId: string },
): Promise<string> =>
  tokenFor(access, {
    identity: { methods: ["password"], password: { user: { id: userId, password } } },
    scope: { "OS-TRUST:trust": { id: trustId } },
  });

async function tokenFor(access: Pick<KeystoneAccess, "url">, auth: unknown): Promise<string> {
  const response = await postTokens(access, auth);
  const token = response.headers.get("x-subject-token");
  if (token === null) throw new Error(`Keystone answered ${response.status} and gave no token`);
  return token;
}

async function askForToken(
  access: Pick<KeystoneAccess, "url">,
  { userId, password }: { userId: string; password: string },
): Promise<Response> {
  return postTokens(access, {
    identity: { methods: ["password"], password: { user: { id: userId, password } } },
    scope: "unscoped",
  });
}

async function postTokens(access: Pick<KeystoneAccess, "url">, auth: unknown): Promise<Response> {
  const response = await fetch(`${access.url}/v3/auth/tokens?nocatalog`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({ auth }),
  });
  await response.arrayBuffer();
  return response;
}

/** Makes a token useless. */
export async function revokeKeystoneToken(
  access: Pick<KeystoneAccess, "url">,
  token: string,
): Promise<void> {
  const response = await fetch(`${access.url}/v3/auth/tokens`, {
    method: "DELETE",
    headers: { "x-auth-token": token, "x-subject-token": token, connection: "close" },
  });
  if (response.status !== 204) throw new Error(`Keystone answered ${response.status}`);
}
