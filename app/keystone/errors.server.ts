/**
 * What can go wrong with a call to Keystone, each kind its own value.
 *
 * - `unreachable`: no connection (refused, DNS, TLS); nothing was sent.
 * - `busy`: too many calls of ours were waiting for Keystone already; nothing was sent.
 * - `interrupted`: the connection broke after it stood, or the caller gave up waiting.
 * - `timeout`: no complete answer within the session's time.
 * - `server-error`: a 5xx. - `rate-limited`: a 429.
 * - `invalid-response`: an answer that is not Keystone's (HTML, a redirect, too large, a field missing).
 * - `bad-request` 400, `unauthorized` 401, `forbidden` 403, `not-found` 404, `conflict` 409.
 * - `mfa-required`: a 401 that carries a receipt; the password was right, another method is needed.
 * - `unexpected-status`: any other status.
 */
export type KeystoneErrorKind =
  | "unreachable"
  | "busy"
  | "interrupted"
  | "timeout"
  | "server-error"
  | "rate-limited"
  | "invalid-response"
  | "bad-request"
  | "unauthorized"
  | "mfa-required"
  | "forbidden"
  | "not-found"
  | "conflict"
  | "unexpected-status";

/** `message`: what happened, in a sentence. Must hold no secret: no body, no header value, no query. */
export type KeystoneErrorFields = Omit<KeystoneError, Exclude<keyof Error, "message">>;

/**
 * A call to Keystone that did not end in a 2xx answer of the expected shape.
 *
 * It carries no `cause` on purpose: a parser's error quotes the answer it could not read, and an
 * answer of Keystone may hold a token.
 */
export class KeystoneError extends Error {
  override readonly name = "KeystoneError";
  declare readonly kind: KeystoneErrorKind;
  declare readonly method: string;
  /** On the Keystone server, `/v3/…`, without query. */
  declare readonly path: string;
  /** Keystone's status, where it gave one. */
  declare readonly status?: number;
  /**
   * Node's or OpenSSL's name for what failed below HTTP, where there is one: `ECONNREFUSED`,
   * `ENOTFOUND`, `CERT_HAS_EXPIRED`.
   */
  declare readonly code?: string;
  /** Keystone's own `X-Openstack-Request-Id`, to find the call in its log. */
  declare readonly keystoneRequestId?: string;
  /** How long Keystone asks to wait (429, 503), at most an hour; with `busy`, how long we do. */
  declare readonly retryAfterSeconds?: number;
  /** Keystone's own `error.message`: one line, bounded, without the values it was sent. */
  declare readonly detail?: string;
  /**
   * Whether Keystone may have carried the request out all the same. False only where it certainly
   * did not: no connection, a 4xx, a 429.
   */
  declare readonly mayHaveHappened: boolean;
  /** With `mfa-required`: the sets of methods of which one must be passed whole. */
  declare readonly requiredAuthMethods?: string[][];

  constructor({ message, ...fields }: KeystoneErrorFields) {
    super(message);
    Object.assign(this, fields);
  }
}

/**
 * The error for a 2xx answer that lacks what it should hold.
 *
 * @param answer.problem what is wrong with it; of field and header names at most, no values
 * @param answer.authUrl the session's, ending in `/v3`
 * @param answer.path below `/v3`
 */
export function invalidResponse(answer: {
  problem: string;
  authUrl: string;
  method: string;
  path: string;
  status: number;
  keystoneRequestId?: string;
}): KeystoneError {
  const { problem, authUrl, method, path, status, keystoneRequestId } = answer;
  return new KeystoneError({
    kind: "invalid-response",
    message: `${problem}: ${method} ${authUrl}${path}`,
    method,
    path: new URL(authUrl).pathname + path,
    status,
    keystoneRequestId,
    mayHaveHappened: true,
  });
}

export function isKeystoneError(error: unknown): error is KeystoneError {
  // By name, not by class: the process and Remix's build are two bundles, each with a class of its own.
  return error instanceof Error && error.name === "KeystoneError";
}

const outages: ReadonlySet<KeystoneErrorKind> = new Set<KeystoneErrorKind>([
  "unreachable",
  "busy",
  "interrupted",
  "timeout",
  "server-error",
  "rate-limited",
  "invalid-response",
  "unexpected-status",
]);

/**
 * Whether the error means that Keystone (or what stands before it) is not working, rather than
 * that it said no: the family that setpass answers with a 503.
 */
export function isKeystoneOutage(error: unknown): boolean {
  return isKeystoneError(error) && isOutageKind(error.kind);
}

export function isOutageKind(kind: KeystoneErrorKind): boolean {
  return outages.has(kind);
}
