import type { AccessInfo } from "./access-info.server";
import {
  type AuthPlugin,
  applicationCredentialAuth,
  authenticate,
  passwordAuth,
  type Scope,
} from "./auth.server";
import { isKeystoneError, isKeystoneOutage, type KeystoneError } from "./errors.server";
import type { KeystoneSession } from "./session.server";

/** A token of one credential, shared by all who need it. */
export interface TokenSource {
  /**
   * A token that is good for a while yet, as far as Keystone has told. Who asks at the same time gets the
   * same one.
   *
   * @throws KeystoneError of the sign-in. Where Keystone refused the credential, the same one for a while,
   *   without asking: a wrong password that is tried again and again locks its account
   */
  get(): Promise<AccessInfo>;
  /**
   * Runs what changes nothing with the token. Where Keystone does not take it (revoked, or over by
   * Keystone's clock), it is dropped, and all is run once more with a new one.
   */
  read<Answer>(work: (token: string) => Promise<Answer>): Promise<Answer>;
  /**
   * Runs what changes something with the token, once: of several calls, some may have been carried out
   * before Keystone refused it. A token that Keystone does not take is dropped, so that the next try has
   * a new one.
   */
  change<Answer>(work: (token: string) => Promise<Answer>): Promise<Answer>;
  /** Whether Keystone took the credential when it was asked last; null where it has not said yet. */
  isAccepted(): boolean | null;
}

export interface TokenSourceOptions {
  readonly session: KeystoneSession;
  readonly signIn: { readonly plugin: AuthPlugin; readonly scope: Scope };
  /** `dynamic`: as long as Keystone says, and `ttlSeconds` where it does not. `static`: `ttlSeconds`. */
  readonly refresh: "dynamic" | "static";
  readonly ttlSeconds: number;
  /** Told of each sign-in, with the names of a token's fields where it lacks `expires_at`. Must not throw. */
  readonly onSignIn?: (outcome: SignInOutcome) => void;
  /** Milliseconds that only go forward; `performance.now` when left out. */
  readonly now?: () => number;
}

export type SignInOutcome =
  | { readonly ok: true; readonly access: AccessInfo; readonly fieldsWithoutExpiry?: string[] }
  | { readonly ok: false; readonly error: unknown };

const RENEWED_BEFORE_MS = 30_000;
/** After a refusal; then twice as long each time. */
const FIRST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 15 * 60_000;

interface Kept {
  readonly access: AccessInfo;
  readonly renewAtMs: number;
  readonly endsAtMs: number;
}

/**
 * How a credential signs in. Its secret stays in the plugin.
 *
 * @param credential as the configuration has it
 */
export function signInOf(
  credential:
    | ({ method: "password"; userName: string; password: string; scope: Scope } & (
        | { userDomainId: string }
        | { userDomainName: string }
      ))
    | { method: "application_credential"; id: string; secret: string },
): TokenSourceOptions["signIn"] {
  if (credential.method === "password")
    return { plugin: passwordAuth(credential), scope: credential.scope };
  return { plugin: applicationCredentialAuth(credential), scope: undefined };
}

/**
 * Keeps one token of a credential and renews it before it ends. How long it lasts is taken from Keystone's
 * own two times, when it was issued and when it expires, and counted here from when it was asked for: so
 * that it does not matter what our clock says.
 */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { session, signIn, refresh, ttlSeconds, onSignIn } = options;
  const now = options.now ?? (() => performance.now());
  let kept: Kept | undefined;
  let signingIn: Promise<Kept> | undefined;
  let refusal: { error: KeystoneError; pauseMs: number; untilMs: number } | undefined;
  let accepted: boolean | null = null;

  async function askForToken(): Promise<Kept> {
    const askedAtMs = now();
    let fieldsWithoutExpiry: string[] | undefined;
    try {
      const access = await authenticate(session, signIn.plugin, {
        scope: signIn.scope,
        onMissingExpiry: (fields) => {
          fieldsWithoutExpiry = fields;
        },
      });
      const lifetimeMs = lifetimeOf(access, refresh === "static" ? "ttl" : "as told");
      kept = {
        access,
        endsAtMs: askedAtMs + lifetimeMs,
        renewAtMs: askedAtMs + lifetimeMs - Math.min(RENEWED_BEFORE_MS, lifetimeMs / 2),
      };
      accepted = true;
      refusal = undefined;
      const isMissed = refresh === "dynamic" && fieldsWithoutExpiry !== undefined;
      onSignIn?.({ ok: true, access, ...(isMissed && { fieldsWithoutExpiry }) });
      return kept;
    } catch (error) {
      if (isRefusal(error)) {
        accepted = false;
        const pauseMs = refusal ? Math.min(refusal.pauseMs * 2, LONGEST_PAUSE_MS) : FIRST_PAUSE_MS;
        refusal = { error, pauseMs, untilMs: now() + pauseMs };
      }
      onSignIn?.({ ok: false, error });
      throw error;
    }
  }

  function lifetimeOf(access: AccessInfo, by: "ttl" | "as told"): number {
    const { expiresAt, issuedAt } = access;
    if (by === "ttl" || expiresAt === null) return ttlSeconds * 1000;
    const from = issuedAt?.getTime() ?? Date.now();
    return Math.max(expiresAt.getTime() - from, 0);
  }

  async function current(): Promise<Kept> {
    if (kept && now() < kept.renewAtMs) return kept;
    if (refusal && now() < refusal.untilMs) throw refusal.error;
    signingIn ??= askForToken().finally(() => {
      signingIn = undefined;
    });
    try {
      return await signingIn;
    } catch (error) {
      // Keystone is away, and what we have is good for some seconds yet.
      if (kept && now() < kept.endsAtMs && isKeystoneOutage(error)) return kept;
      throw error;
    }
  }

  /** Drops the token where Keystone does not take it; another may have renewed it meanwhile. */
  async function runWith<Answer>(
    token: string,
    work: (token: string) => Promise<Answer>,
  ): Promise<Answer> {
    try {
      return await work(token);
    } catch (error) {
      if (isRefusedToken(error) && kept?.access.token === token) kept = undefined;
      throw error;
    }
  }

  return {
    get: async () => (await current()).access,
    async read(work) {
      const first = (await current()).access.token;
      try {
        return await runWith(first, work);
      } catch (error) {
        if (!isRefusedToken(error)) throw error;
      }
      return runWith((await current()).access.token, work);
    },
    change: async (work) => runWith((await current()).access.token, work),
    isAccepted: () => accepted,
  };
}

/** Keystone's no to the credential itself, which stays a no. */
const isRefusal = (error: unknown): error is KeystoneError =>
  isKeystoneError(error) && !isKeystoneOutage(error);

const isRefusedToken = (error: unknown): boolean =>
  isKeystoneError(error) && error.kind === "unauthorized";
