import type { Language } from "../messages/languages";
import { environment, keystoneAddress, type LogLevel } from "./environment.server";
import { readServiceCredential, type ServiceCredential } from "./service-credential.server";

/** What the operator decided, checked. `.env.example` explains every name. */
export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  /** Where `/metrics` is; undefined: nowhere. */
  readonly metricsListen: { readonly host: string; readonly port: number } | undefined;
  /** How long connections are still accepted after SIGTERM, while `/readyz` says 503. */
  readonly drainDelaySeconds: number;
  /** Origin and base path of every link; never taken from a request header. No trailing slash in `href`. */
  readonly publicUrl: URL;
  readonly databaseUrl: string;
  readonly databasePoolSize: number;
  readonly migrateOnStart: boolean;
  readonly keystone: {
    /** Ends in `/v3`. */
    readonly authUrl: string;
    /** PEM text of the authorities to trust, beside none else. */
    readonly caCertificate: string | undefined;
    /** For each call, from connect to the last byte. */
    readonly timeoutSeconds: number;
    /** Calls of this process at the same time; more wait. */
    readonly concurrency: number;
  };
  /** setpass's own sign-in to Keystone. */
  readonly service: {
    readonly credential: ServiceCredential | undefined;
    /** `dynamic`: as long as Keystone says. `static`: for `tokenTtlSeconds`, whatever Keystone says. */
    readonly tokenRefresh: "dynamic" | "static";
    /** Also where Keystone does not say. */
    readonly tokenTtlSeconds: number;
  };
  readonly admin: {
    readonly projectName: string;
    readonly projectDomainId: string;
    /** Any one of these is needed; `any`: whatever role there is on the admin project will do. */
    readonly roles: "any" | readonly string[];
    readonly authCacheSeconds: number;
    readonly sessionIdleSeconds: number;
    readonly sessionMaxSeconds: number;
  };
  readonly links: {
    readonly lifetimeSeconds: number;
    readonly maxAttempts: number;
    /** Wrong guesses of one PIN over all the links it was kept for. */
    readonly maxPinGuesses: number;
    readonly pinLength: number;
    /** How long after its expiry a link's secrets stay, so that it can still be renewed as it is. */
    readonly purgeAfterSeconds: number;
  };
  /** 32 bytes each; the first seals, all open. */
  readonly secretKeys: readonly Buffer[];
  readonly mail: {
    readonly smtpUrl: string;
    readonly from: string;
    readonly replyTo: string | undefined;
    readonly helpdesk: string | undefined;
  };
  readonly brand: Brand;
  /** Of mails to those of whom no other is known, and of pages whose reader asks for none that there is. */
  readonly defaultLanguage: Language;
  /** What pages can be read in; the default is one of them. */
  readonly languages: readonly Language[];
  /** What Express's `trust proxy` takes: `false`, a number of hops, or CIDRs. */
  readonly trustProxy: false | number | readonly string[];
  /** Of each kind of mistake, from one client address. */
  readonly rateLimitPerMinute: number;
  /** Requests for a new link, by client address. */
  readonly resetLimitPerHour: number;
  readonly logLevel: LogLevel;
}

/** How the service names itself to the people who use it. */
export interface Brand {
  readonly appName: string;
  readonly dashboardUrl: string | undefined;
  readonly supportContact: string | undefined;
}

export type ConfigResult = { ok: true; config: Config } | { ok: false; problems: string[] };

/** Secrets that people chose, blanks and all. */
const VERBATIM: ReadonlySet<string> = new Set(["OS_PASSWORD", "OS_APPLICATION_CREDENTIAL_SECRET"]);

/**
 * Reads and checks the configuration.
 *
 * @param env the process environment; an empty value counts as not set, save METRICS_LISTEN's, which
 *   means none
 * @returns the configuration, or every problem at once, one sentence each, that names the variable
 *   and says what it wants. No sentence holds a variable's value, save a file's path.
 */
export function loadConfig(env: NodeJS.ProcessEnv): ConfigResult {
  const given = Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => {
      const trimmed = value?.trim();
      const text =
        (trimmed && VERBATIM.has(name) ? value : trimmed) ||
        (name === "METRICS_LISTEN" && value !== undefined && "none");
      return text ? [[name, text]] : [];
    }),
  );
  const parsed = environment.safeParse(given);
  const problems = parsed.success
    ? []
    : parsed.error.issues.map((issue) => `${issue.path.join(".")} ${issue.message}`);
  const production = given.NODE_ENV === "production";
  if (production && given.PUBLIC_URL === undefined)
    problems.push(
      "PUBLIC_URL is required in production: the address people reach this service at, such as https://setpass.example.org",
    );
  if (parsed.success && !parsed.data.LANGUAGES.includes(parsed.data.DEFAULT_LANGUAGE))
    problems.push("DEFAULT_LANGUAGE must be one of LANGUAGES");
  const service = readServiceCredential(given);
  if (!service.ok) problems.push(service.problem);
  const cloud = service.ok ? service.cloud : {};
  const address = given.OS_AUTH_URL ?? cloud.authUrl;
  if (address === undefined && (service.ok || given.OS_CLOUD === undefined))
    problems.push(
      "OS_AUTH_URL is required: the Keystone address, such as https://keystone.example.org:5000/v3",
    );
  if (given.OS_AUTH_URL === undefined && cloud.authUrl !== undefined) {
    const checked = keystoneAddress.safeParse(cloud.authUrl);
    for (const { message } of checked.error?.issues ?? [])
      problems.push(`OS_CLOUD names a cloud whose auth_url ${message}`);
  }
  if (!parsed.success || !service.ok || address === undefined || problems.length > 0)
    return { ok: false, problems };

  const values = parsed.data;
  const authUrl = address.replace(/\/+$/, "");
  return {
    ok: true,
    config: {
      production,
      host: values.HOST,
      port: values.PORT,
      metricsListen: values.METRICS_LISTEN,
      drainDelaySeconds: values.DRAIN_DELAY,
      publicUrl: new URL(values.PUBLIC_URL ?? `http://localhost:${values.PORT}`),
      databaseUrl: values.DATABASE_URL,
      databasePoolSize: values.DATABASE_POOL_SIZE,
      migrateOnStart: values.MIGRATE_ON_START,
      keystone: {
        authUrl: authUrl.endsWith("/v3") ? authUrl : `${authUrl}/v3`,
        caCertificate: values.OS_CACERT ?? cloud.caCertificate,
        timeoutSeconds: values.KEYSTONE_TIMEOUT,
        concurrency: values.KEYSTONE_CONCURRENCY,
      },
      service: {
        credential: service.credential,
        tokenRefresh: values.TOKEN_REFRESH,
        tokenTtlSeconds: values.TOKEN_TTL,
      },
      admin: {
        projectName: values.ADMIN_PROJECT_NAME,
        projectDomainId: values.ADMIN_PROJECT_DOMAIN_ID,
        roles: values.ADMIN_ROLES,
        authCacheSeconds: values.AUTH_CACHE_SECONDS,
        sessionIdleSeconds: values.ADMIN_SESSION_IDLE,
        sessionMaxSeconds: values.ADMIN_SESSION_MAX,
      },
      links: {
        lifetimeSeconds: values.TOKEN_EXPIRATION,
        maxAttempts: values.MAX_ATTEMPTS,
        maxPinGuesses: values.MAX_PIN_GUESSES,
        pinLength: values.PIN_LENGTH,
        purgeAfterSeconds: values.PURGE_AFTER,
      },
      secretKeys: values.SECRET_KEYS,
      mail: {
        smtpUrl: values.SMTP_URL,
        from: values.MAIL_FROM,
        replyTo: values.MAIL_REPLY_TO,
        helpdesk: values.HELPDESK_EMAIL,
      },
      brand: {
        appName: values.APP_NAME,
        dashboardUrl: values.DASHBOARD_URL,
        supportContact: values.SUPPORT_CONTACT,
      },
      defaultLanguage: values.DEFAULT_LANGUAGE,
      languages: values.LANGUAGES,
      trustProxy: values.TRUST_PROXY,
      rateLimitPerMinute: values.RATE_LIMIT_PER_MINUTE,
      resetLimitPerHour: values.RESET_LIMIT_PER_HOUR,
      logLevel: values.LOG_LEVEL,
    },
  };
}
