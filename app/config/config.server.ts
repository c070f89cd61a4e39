import { environment, keystoneAddress } from "./environment.server";
import { readServiceCredential } from "./service-credential.server";

/** What the operator decided, checked. `.env.example` explains every name. */
export type Config = Extract<ReturnType<typeof loadConfig>, { ok: true }>["config"];

/** How the service names itself to the people who use it. */
export type Brand = Config["brand"];

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
export function loadConfig(env: NodeJS.ProcessEnv) {
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
    return { ok: false as const, problems };

  const values = parsed.data;
  const authUrl = address.replace(/\/+$/, "");
  return {
    ok: true,
    config: {
      production,
      host: values.HOST,
      port: values.PORT,
      /** Where `/metrics` is; undefined: nowhere. */
      metricsListen: values.METRICS_LISTEN,
      /** How long connections are still accepted after SIGTERM, while `/readyz` says 503. */
      drainDelaySeconds: values.DRAIN_DELAY,
      /** Origin and base path of every link; never taken from a request header. No trailing slash in `href`. */
      publicUrl: new URL(values.PUBLIC_URL ?? `http://localhost:${values.PORT}`),
      databaseUrl: values.DATABASE_URL,
      databasePoolSize: values.DATABASE_POOL_SIZE,
      migrateOnStart: values.MIGRATE_ON_START,
      keystone: {
        /** Ends in `/v3`. */
        authUrl: authUrl.endsWith("/v3") ? authUrl : `${authUrl}/v3`,
        /** PEM text of the authorities to trust, beside none else. */
        caCertificate: values.OS_CACERT ?? cloud.caCertificate,
        /** For each call, from connect to the last byte. */
        timeoutSeconds: values.KEYSTONE_TIMEOUT,
        /** Calls of this process at the same time; more wait. */
        concurrency: values.KEYSTONE_CONCURRENCY,
      },
      /** setpass's own sign-in to Keystone. */
      service: {
        credential: service.credential,
        /** `dynamic`: as long as Keystone says. `static`: for `tokenTtlSeconds`, whatever Keystone says. */
        tokenRefresh: values.TOKEN_REFRESH,
        /** Also where Keystone does not say. */
        tokenTtlSeconds: values.TOKEN_TTL,
      },
      admin: {
        projectName: values.ADMIN_PROJECT_NAME,
        projectDomainId: values.ADMIN_PROJECT_DOMAIN_ID,
        /** Any one of these is needed; `any`: whatever role there is on the admin project will do. */
        roles: values.ADMIN_ROLES,
        authCacheSeconds: values.AUTH_CACHE_SECONDS,
        sessionIdleSeconds: values.ADMIN_SESSION_IDLE,
        sessionMaxSeconds: values.ADMIN_SESSION_MAX,
      },
      links: {
        lifetimeSeconds: values.TOKEN_EXPIRATION,
        maxAttempts: values.MAX_ATTEMPTS,
        /** Wrong guesses of one PIN over all the links it was kept for. */
        maxPinGuesses: values.MAX_PIN_GUESSES,
        pinLength: values.PIN_LENGTH,
        /** Mails to those who have not used a link that is about to expire, spread over so long before. */
        reminders: { most: values.REMINDERS, withinSeconds: values.REMIND_BEFORE },
        /** How long after its expiry a link's secrets stay, so that it can still be renewed as it is. */
        purgeAfterSeconds: values.PURGE_AFTER,
        /** When its parked initial password is replaced by one that nobody knows: never without a credential. */
        scramble: service.credential ? values.SCRAMBLE : [],
      },
      /** 32 bytes each; the first seals, all open. */
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
      /** Of mails to those of whom no other is known, and of pages whose reader asks for none that there is. */
      defaultLanguage: values.DEFAULT_LANGUAGE,
      /** What pages can be read in; the default is one of them. */
      languages: values.LANGUAGES,
      /** What Express's `trust proxy` takes: `false`, a number of hops, or CIDRs. */
      trustProxy: values.TRUST_PROXY,
      /** Of each kind of mistake, from one client address. */
      rateLimitPerMinute: values.RATE_LIMIT_PER_MINUTE,
      /** Requests for a new link, by client address. */
      resetLimitPerHour: values.RESET_LIMIT_PER_HOUR,
      logLevel: values.LOG_LEVEL,
    },
  } as const;
}
