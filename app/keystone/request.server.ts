export interface KeystoneRequest {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD";
  /** Below `/v3`, segments already encoded: `/users/abc`. */
  path: string;
  query?: Record<string, string | undefined>;
  /** Sent as `X-Auth-Token`. */
  token?: string;
  /** Sent as `X-Subject-Token`. */
  subjectToken?: string;
  json?: unknown;
  headers?: Record<string, string>;
  /** Ours, `req-<uuid>`; passed on as `X-Openstack-Request-Id`. Anything else is not sent. */
  requestId?: string;
  signal?: AbortSignal;
}

export interface KeystoneResponse {
  status: number;
  headers: KeystoneResponseHeaders;
  /** The parsed body; undefined where there was none. */
  json: unknown;
  keystoneRequestId?: string;
}

export interface KeystoneResponseHeaders {
  /** The value, of whatever case the name was sent in; the first one where it was sent twice. */
  get(name: string): string | undefined;
  /** The names that were sent, in lower case. */
  names(): string[];
}
