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
  const response = await askForToken(access, user);
  const token = response.headers.get("x-subject-token");
  if (token === null) throw new Error(`Keystone answered ${response.status} and gave no token`);
  return token;
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

async function askForToken(
  access: Pick<KeystoneAccess, "url">,
  { userId, password, scope = "unscoped" }: { userId: string; password: string; scope?: Scope },
): Promise<Response> {
  const response = await fetch(`${access.url}/v3/auth/tokens?nocatalog`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close" },
    body: JSON.stringify({
      auth: {
        identity: { methods: ["password"], password: { user: { id: userId, password } } },
        scope,
      },
    }),
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
