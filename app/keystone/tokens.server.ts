import { type AccessInfo, readAccessInfo } from "./access-info.server";
import { isKeystoneError } from "./errors.server";
import type { KeystoneRequest } from "./request.server";
import type { KeystoneSession } from "./session.server";

/**
 * What Keystone says of another's token; undefined where it is unknown, expired or revoked. A token
 * may be asked about with itself. Keystone API: GET /v3/auth/tokens.
 *
 * @throws KeystoneError. `unauthorized`: `token` itself is not good
 */
export async function validateToken(
  session: KeystoneSession,
  options: { token: string; subjectToken: string; requestId?: string },
): Promise<AccessInfo | undefined> {
  const request: KeystoneRequest = {
    method: "GET",
    path: "/auth/tokens",
    query: { nocatalog: "" },
    token: options.token,
    subjectToken: options.subjectToken,
    requestId: options.requestId,
  };
  try {
    const { authUrl } = session;
    const { method, path } = request;
    return await session.request(request, (response) =>
      readAccessInfo(response, { authUrl, method, path }),
    );
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (error.kind === "not-found") return undefined;
    // Asked with itself, a bad token is refused as the asker's before it is looked at.
    if (error.kind === "unauthorized" && options.token === options.subjectToken) return undefined;
    throw error;
  }
}

/**
 * Makes a token useless at once. One that is useless already is no error.
 * Keystone API: DELETE /v3/auth/tokens.
 *
 * @throws KeystoneError
 */
export async function revokeToken(
  session: KeystoneSession,
  options: { token: string; requestId?: string },
): Promise<void> {
  try {
    await session.request({
      method: "DELETE",
      path: "/auth/tokens",
      token: options.token,
      subjectToken: options.token,
      requestId: options.requestId,
    });
  } catch (error) {
    const gone =
      isKeystoneError(error) && (error.kind === "unauthorized" || error.kind === "not-found");
    if (!gone) throw error;
  }
}
