import { errors as undiciErrors } from "undici";
import { type Connection, createConnections } from "./connections.server";
import {
  isKeystoneError,
  KeystoneError,
  type KeystoneErrorFields,
  type KeystoneErrorKind,
} from "./errors.server";
import { lookUp, notJson, parseJson, readBounded } from "./read-answer.server";
import { plainRequestId } from "./redact.server";
import { refusal } from "./refusal.server";
import type { KeystoneRequest, KeystoneResponse } from "./request.server";

export interface KeystoneSessionOptions {
  /** Keystone's address, with or without `/v3`, with or without a trailing slash. */
  authUrl: string;
  /** PEM text of the authority that signed Keystone's certificate; the system's own unless told. */
  caCertificate?: string;
  /** For one call as a whole: connecting, waiting and reading the last byte. */
  timeoutSeconds: number;
  /** A longer answer is an `invalid-response`. 4 MiB unless told. */
  maxResponseBytes?: number;
  userAgent?: string;
  /** Told of every call when it is over, for logs and metrics. Holds no secret. Must not throw. */
  onCall?: (call: KeystoneCall) => void;
}

/** One finished call, as `onCall` hears of it. */
export interface KeystoneCall {
  method: string;
  /** `/v3/…`, without query. */
  path: string;
  durationMs: number;
  /** Ours, as passed on to Keystone. */
  requestId?: string;
  keystoneRequestId?: string;
  status?: number;
  /** Where the call failed. */
  errorKind?: KeystoneErrorKind;
  /** And below HTTP, by Node's or OpenSSL's name: `ECONNREFUSED`, `CERT_HAS_EXPIRED`. */
  errorCode?: string;
}

/**
 * How to talk to one Keystone: its address, its certificate, our patience. Knows nothing of tokens
 * beyond passing them on, so that something that keeps and renews one can be put on top.
 */
export interface KeystoneSession {
  /** Normalized: ends in `/v3`. */
  readonly authUrl: string;
  /**
   * One HTTP call. Resolves with any 2xx answer.
   * @throws KeystoneError for everything else, of the kind that says what
   */
  request(request: KeystoneRequest): Promise<KeystoneResponse>;
  /**
   * The same, and what `read` makes of the answer. An answer it cannot read (it throws a
   * KeystoneError) is a call that failed, and `onCall` hears of it as such.
   */
  request<Answer>(
    request: KeystoneRequest,
    read: (response: KeystoneResponse) => Answer,
  ): Promise<Answer>;
  /** Refuses new calls and waits for those under way (each is bounded in time). */
  close(): Promise<void>;
}

const fourMebibytes = 4 * 1024 * 1024;

const requestIdShape = /^req-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Keystone API v3 over HTTP or HTTPS. Redirects are never followed: a token or a password must not
 * go where Keystone's address does not say.
 *
 * Every call that could change something has its own connection and is sent once. A kept connection that
 * Keystone has meanwhile closed would turn a password change into "perhaps it happened"; a new one tells
 * "never sent" from "sent, no answer", which decides what becomes of a link. A call that only reads may take
 * a kept connection, and is sent again over a new one if it gets no answer there.
 *
 * @throws TypeError where the address is none
 */
export function createKeystoneSession(options: KeystoneSessionOptions): KeystoneSession {
  const base = parseAuthUrl(options.authUrl);
  const authUrl = base.origin + base.pathPrefix;
  const maxResponseBytes = options.maxResponseBytes ?? fourMebibytes;
  const userAgent = options.userAgent ?? "setpass";
  const timeoutMs = options.timeoutSeconds * 1000;
  const connections = createConnections({
    origin: base.origin,
    caCertificate: options.caCertificate,
    // The whole call has one clock, below; the connector's own would only blur it.
    timeoutMs: timeoutMs + 1000,
  });
  const underWay = new Set<Promise<unknown>>();
  let closed = false;

  async function call(request: KeystoneRequest, known: Known): Promise<KeystoneResponse> {
    const { method } = request;
    const path = base.pathPrefix + request.path;
    const onlyReads = method === "GET" || method === "HEAD";
    let connection: Connection | undefined;
    let isWholeAnswer = false;
    const isUp = () => connection?.isUp() ?? false;
    const fail = (
      kind: KeystoneErrorKind,
      message: string,
      more: Partial<KeystoneErrorFields> = {},
    ) =>
      new KeystoneError({
        kind,
        message: `${message}: ${method} ${base.origin}${path}`,
        method,
        path,
        status: known.status,
        keystoneRequestId: known.keystoneRequestId,
        mayHaveHappened: isUp() && !isRefusal(known.status),
        ...more,
      });

    if (closed) throw fail("unreachable", "The Keystone session is closed");
    // Would not survive in a header; and Keystone never issued such a token.
    const isSendable = (token?: string) => token === undefined || /^[\x21-\x7e]+$/.test(token);
    if (!isSendable(request.token) || !isSendable(request.subjectToken))
      throw fail("unauthorized", "Not sent, a Keystone token has no such characters");
    if (request.signal?.aborted) throw fail("interrupted", "The call was given up");

    const controller = new AbortController();
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      controller.abort();
    }, timeoutMs);
    const giveUp = () => controller.abort();
    request.signal?.addEventListener("abort", giveUp, { once: true });

    try {
      const body = request.json === undefined ? undefined : JSON.stringify(request.json);
      const dispatch = {
        method,
        path: path + queryString(request.query),
        headers: {
          accept: "application/json",
          // Else Keystone words its errors in the language its server happens to run in.
          "accept-language": "en-US, en",
          "user-agent": userAgent,
          "content-type": body === undefined ? undefined : "application/json",
          ...request.headers,
          "x-auth-token": request.token,
          "x-subject-token": request.subjectToken,
          "x-openstack-request-id": known.requestId,
        },
        body,
        signal: controller.signal,
      };
      const ask = (over: Connection) => {
        connection = over;
        return over.client.request(dispatch);
      };
      const kept = onlyReads ? connections.takeKept() : undefined;
      const first =
        kept &&
        (await ask(kept).catch((error: unknown) => {
          // Keystone had closed it, most likely; and to ask again changes nothing.
          void kept.client.destroy();
          if (controller.signal.aborted) throw error;
          return undefined;
        }));
      const answer =
        first ?? (await ask(onlyReads ? connections.openToKeep() : connections.open()));
      const status = answer.statusCode;
      const headers = lookUp(answer.headers);
      known.status = status;
      known.keystoneRequestId = plainRequestId(headers.get("x-openstack-request-id"));

      if (status >= 300 && status < 400)
        throw fail("invalid-response", `Keystone answered with a redirect (${status})`);
      const text = await readBounded(answer.body, maxResponseBytes);
      if (text === undefined)
        throw fail("invalid-response", `Keystone's answer is over ${maxResponseBytes} bytes`);
      isWholeAnswer = true;
      if (status < 200 || status >= 300) throw refusal({ status, headers, text, request, fail });
      const json = text === "" ? undefined : parseJson(text);
      if (json === notJson)
        throw fail("invalid-response", `Keystone's answer (${status}) is not JSON`);
      return { status, headers, json, keystoneRequestId: known.keystoneRequestId };
    } catch (error) {
      if (error instanceof KeystoneError) throw error;
      if (error instanceof undiciErrors.InvalidArgumentError) throw error; // our own mistake
      const code = errorCode(error);
      if (timedOut) {
        const phase = isUp() ? "did not answer in full" : "could not be connected to";
        throw fail("timeout", `Keystone ${phase} within ${options.timeoutSeconds} s`);
      }
      if (request.signal?.aborted) throw fail("interrupted", "The call was given up");
      if (!isUp()) {
        const why = code ?? "no connection";
        throw fail("unreachable", `Keystone is out of reach (${why})`, { code });
      }
      const { HTTPParserError, HeadersOverflowError } = undiciErrors;
      if (error instanceof HTTPParserError || error instanceof HeadersOverflowError)
        throw fail("invalid-response", "Keystone's answer is not HTTP as it should be", { code });
      const why = code ?? "no code";
      throw fail("interrupted", `The connection to Keystone broke (${why})`, { code });
    } finally {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", giveUp);
      if (connection && onlyReads && isWholeAnswer) connections.giveBack(connection);
      else void connection?.client.destroy();
    }
  }

  return {
    authUrl,
    async request<Answer>(
      request: KeystoneRequest,
      read: (response: KeystoneResponse) => Answer = (response) => response as Answer,
    ) {
      const startedAt = performance.now();
      const { requestId = "" } = request;
      const known: Known = { requestId: requestIdShape.test(requestId) ? requestId : undefined };
      const running = call(request, known);
      underWay.add(running);
      let failure: KeystoneError | undefined;
      try {
        return read(await running);
      } catch (error) {
        if (isKeystoneError(error)) failure = error;
        throw error;
      } finally {
        underWay.delete(running);
        options.onCall?.({
          method: request.method,
          path: base.pathPrefix + request.path,
          durationMs: performance.now() - startedAt,
          requestId: known.requestId,
          keystoneRequestId: known.keystoneRequestId,
          status: known.status,
          errorKind: failure?.kind,
          errorCode: failure?.code,
        });
      }
    },
    async close() {
      closed = true;
      await Promise.allSettled(underWay);
      connections.close();
    },
  };
}

/** What a call has learned so far. */
interface Known {
  requestId?: string;
  status?: number;
  keystoneRequestId?: string;
}

/** A definite no: Keystone did not do what it was asked. */
function isRefusal(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 500;
}

function parseAuthUrl(authUrl: string): { origin: string; pathPrefix: string } {
  if (!URL.canParse(authUrl)) throw new TypeError("Keystone's address is not a URL");
  const url = new URL(authUrl);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new TypeError("Keystone's address must begin with http:// or https://");
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw new TypeError("Keystone's address must hold no user name, query or fragment");
  const path = url.pathname.replace(/\/+$/, "").replace(/\/v3$/, "");
  return { origin: url.origin, pathPrefix: `${path}/v3` };
}

function queryString(query: KeystoneRequest["query"] = {}): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) given.set(name, value);
  return given.size === 0 ? "" : `?${given}`;
}

/**
 * The innermost code there is: undici puts errors with codes of its own around Node's, and Node an
 * AggregateError around those of each address it tried.
 */
function errorCode(error: unknown): string | undefined {
  let found: string | undefined;
  let at = error;
  for (let depth = 0; depth < 5 && at instanceof Error; depth++) {
    if ("code" in at && typeof at.code === "string" && /^\w{1,60}$/.test(at.code)) found = at.code;
    at = at instanceof AggregateError ? at.errors[0] : at.cause;
  }
  return found;
}
