import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { z } from "zod";
import { readDatabaseUrl } from "./database-url.server";
import { readSmtpUrl } from "./smtp-url.server";

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

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export type ConfigResult = { ok: true; config: Config } | { ok: false; problems: string[] };

const wholeNumber = (fallback: number, range: { min: number; max: number }) =>
  z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined) return fallback;
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (Number.isSafeInteger(value) && value >= range.min && value <= range.max) return value;
      context.addIssue({
        code: "custom",
        message: `must be a whole number from ${range.min} to ${range.max}`,
      });
      return z.NEVER;
    });

const required = (message: string) => z.string({ error: message });

const httpUrl = (value: string): URL | undefined => {
  if (!URL.canParse(value)) return undefined;
  const url = new URL(value);
  return url.protocol === "http:" || url.protocol === "https:" ? url : undefined;
};

const webAddress = z.string().refine((value) => httpUrl(value) !== undefined, {
  error: "must be a web address that starts with http:// or https://",
});

const mailAddress = z.string().refine((value) => /^[^\r\n]*[^\s@<>]+@[^\s@<>]+>?$/.test(value), {
  error: 'must be a mail address, such as helpdesk@example.org or "Cloud <cloud@example.org>"',
});

const secretKeys = required(
  "is required: base64 of 32 random bytes, as `openssl rand -base64 32` prints; several, separated by commas, while rotating",
).transform((text, context) => {
  const keys = text.split(",").map((part) => Buffer.from(part.trim(), "base64"));
  // Positions, never values: the problem list is printed and logged.
  const wrong = keys.flatMap((key, index) => (key.length === 32 ? [] : [index + 1]));
  if (wrong.length > 0) {
    context.addIssue({
      code: "custom",
      message: `needs base64 of exactly 32 bytes for each key; wrong: key ${wrong.join(", ")} of ${keys.length}`,
    });
    return z.NEVER;
  }
  if (new Set(keys.map((key) => key.toString("hex"))).size !== keys.length) {
    context.addIssue({ code: "custom", message: "holds the same key twice" });
    return z.NEVER;
  }
  return keys;
});

/** As Express takes it: the range is 1 to 32, or to 128 for IPv6. */
function isNetwork(text: string): boolean {
  const [address = "", range, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  if (range === undefined) return true;
  const bits = /^\d{1,3}$/.test(range) ? Number(range) : 0;
  return bits >= 1 && bits <= (version === 4 ? 32 : 128);
}

const trustProxy = z
  .string()
  .optional()
  .transform((text, context): Config["trustProxy"] => {
    if (text === undefined || text === "none" || text === "0") return false;
    if (/^[1-9]\d?$/.test(text)) return Number(text);
    const ranges = text.split(",").map((part) => part.trim());
    const named = ["loopback", "linklocal", "uniquelocal"];
    if (ranges.every((range) => named.includes(range) || isNetwork(range))) return ranges;
    context.addIssue({
      code: "custom",
      message: "must be a number of proxies (hops), or CIDRs such as 10.0.0.0/8,fd00::/8",
    });
    return z.NEVER;
  });

const adminRoles = z
  .string()
  .default("admin")
  .transform((text, context): "any" | readonly string[] => {
    const roles = text
      .split(",")
      .map((role) => role.trim())
      .filter((role) => role !== "");
    if (roles.length === 1 && roles[0] === "*") return "any";
    if (roles.length > 0 && !roles.includes("*")) return roles;
    context.addIssue({
      code: "custom",
      message: "must be names of roles, separated by commas, or * alone for any role",
    });
    return z.NEVER;
  });

const metricsListen = z.string().transform((text, context): Config["metricsListen"] => {
  if (text === "none") return undefined;
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host && port <= 65535 && (bracketed === undefined || isIP(bracketed) === 6))
    return { host, port };
  context.addIssue({
    code: "custom",
    message:
      "must be an address and a port, such as 127.0.0.1:9464 or [::1]:9464; empty or none for no metrics",
  });
  return z.NEVER;
});

const environment = z.object({
  NODE_ENV: z.string().optional(),
  HOST: z.string().default("127.0.0.1"),
  PORT: wholeNumber(3000, { min: 0, max: 65535 }),
  METRICS_LISTEN: z.string().default("127.0.0.1:9464").pipe(metricsListen),
  DRAIN_DELAY: wholeNumber(0, { min: 0, max: 30 }),
  PUBLIC_URL: webAddress
    .refine((value) => !httpUrl(value) || /^[^/]+\/\/[^/?#@]+\/?$/.test(value), {
      error:
        "must be an origin alone, such as https://setpass.example.org, with no user and no path",
    })
    .optional(),
  DATABASE_URL: required(
    "is required: postgres://user:password@host:5432/setpass (PostgreSQL 13 or newer)",
  ).superRefine((value, context) => {
    const read = readDatabaseUrl(value);
    if (!read.ok) context.addIssue({ code: "custom", message: read.problem });
  }),
  DATABASE_POOL_SIZE: wholeNumber(10, { min: 1, max: 200 }),
  MIGRATE_ON_START: z
    .enum(["0", "1"], { error: "must be 0 or 1" })
    .default("0")
    .transform((value) => value === "1"),
  OS_AUTH_URL: required(
    "is required: the Keystone address, such as https://keystone.example.org:5000/v3",
  ).pipe(
    webAddress.refine((value) => !/[?#@]/.test(value), {
      error: "must hold no user name, query or fragment",
    }),
  ),
  OS_CACERT: z
    .string()
    .optional()
    .transform((path, context) => {
      if (path === undefined) return undefined;
      try {
        const pem = readFileSync(path, "utf8");
        if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
        context.addIssue({
          code: "custom",
          message: `names ${path}, which holds no PEM certificate`,
        });
      } catch (error) {
        const reason = (error as NodeJS.ErrnoException).code ?? "unreadable";
        context.addIssue({
          code: "custom",
          message: `names ${path}, which cannot be read (${reason})`,
        });
      }
      return z.NEVER;
    }),
  KEYSTONE_TIMEOUT: wholeNumber(10, { min: 1, max: 120 }),
  KEYSTONE_CONCURRENCY: wholeNumber(16, { min: 1, max: 1000 }),
  ADMIN_PROJECT_NAME: z.string().default("admin"),
  ADMIN_PROJECT_DOMAIN_ID: z.string().default("default"),
  ADMIN_ROLES: adminRoles,
  AUTH_CACHE_SECONDS: wholeNumber(60, { min: 0, max: 86_400 }),
  ADMIN_SESSION_IDLE: wholeNumber(1800, { min: 60, max: 86_400 }),
  ADMIN_SESSION_MAX: wholeNumber(28_800, { min: 60, max: 604_800 }),
  TOKEN_EXPIRATION: wholeNumber(86_400, { min: 1, max: 31_536_000 }),
  MAX_ATTEMPTS: wholeNumber(3, { min: 1, max: 100 }),
  MAX_PIN_GUESSES: wholeNumber(10, { min: 1, max: 1000 }),
  PIN_LENGTH: wholeNumber(4, { min: 4, max: 12 }),
  PURGE_AFTER: wholeNumber(86_400, { min: 0, max: 31_536_000 }),
  SECRET_KEYS: secretKeys,
  SMTP_URL: required("is required: smtp://user:password@mail.example.org:587").superRefine(
    (value, context) => {
      const read = readSmtpUrl(value);
      if (!read.ok) context.addIssue({ code: "custom", message: read.problem });
    },
  ),
  MAIL_FROM: required('is required: the sender, such as "Cloud <cloud@example.org>"').pipe(
    mailAddress,
  ),
  MAIL_REPLY_TO: mailAddress.optional(),
  HELPDESK_EMAIL: mailAddress.optional(),
  DASHBOARD_URL: webAddress.optional(),
  APP_NAME: z.string().max(80, { error: "must be at most 80 characters" }).default("Setpass"),
  SUPPORT_CONTACT: z.string().max(200, { error: "must be at most 200 characters" }).optional(),
  TRUST_PROXY: trustProxy,
  RATE_LIMIT_PER_MINUTE: wholeNumber(30, { min: 1, max: 1_000_000 }),
  RESET_LIMIT_PER_HOUR: wholeNumber(60, { min: 1, max: 1_000_000 }),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(", ")}` })
    .default("info"),
});

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
      const text = value?.trim() || (name === "METRICS_LISTEN" && value !== undefined && "none");
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
  if (!parsed.success || problems.length > 0) return { ok: false, problems };

  const values = parsed.data;
  const authUrl = values.OS_AUTH_URL.replace(/\/+$/, "");
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
        caCertificate: values.OS_CACERT,
        timeoutSeconds: values.KEYSTONE_TIMEOUT,
        concurrency: values.KEYSTONE_CONCURRENCY,
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
      trustProxy: values.TRUST_PROXY,
      rateLimitPerMinute: values.RATE_LIMIT_PER_MINUTE,
      resetLimitPerHour: values.RESET_LIMIT_PER_HOUR,
      logLevel: values.LOG_LEVEL,
    },
  };
}
