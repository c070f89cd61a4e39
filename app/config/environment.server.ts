import { isIP } from "node:net";
import { z } from "zod";
import { LANGUAGES, type Language, OFFERED_LANGUAGES } from "../messages/languages";
import { readCertificates } from "./certificates.server";
import { readDatabaseUrl } from "./database-url.server";
import { LONGEST_LIFETIME_SECONDS } from "./link-lifetime";
import { readSmtpUrl } from "./smtp-url.server";

const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

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

export const keystoneAddress = webAddress.refine((value) => !/[?#@]/.test(value), {
  error: "must hold no user name, query or fragment",
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
  .transform((text, context): false | number | readonly string[] => {
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

/** When a parked initial password is replaced. */
const SCRAMBLE_CASES = ["expired", "locked", "revoked"] as const;

export type ScrambleCase = (typeof SCRAMBLE_CASES)[number];

const scramble = z
  .string()
  .default(SCRAMBLE_CASES.join(","))
  .transform((text, context): readonly ScrambleCase[] => {
    if (text === "none") return [];
    const read = z
      .array(z.enum(SCRAMBLE_CASES))
      .safeParse(text.split(",").map((one) => one.trim()));
    if (read.success) return read.data;
    context.addIssue({
      code: "custom",
      message: `must be of ${SCRAMBLE_CASES.join(", ")}, separated by commas, or none`,
    });
    return z.NEVER;
  });

const metricsListen = z
  .string()
  .transform((text, context): { host: string; port: number } | undefined => {
    if (text === "none") return undefined;
    const [, bracketed, plain, digits] =
      /^(?:\[([^\]]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(text) ?? [];
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

const language = z.enum(LANGUAGES, { error: `must be one of ${LANGUAGES.join(", ")}` });

const languages = z
  .string()
  .default(OFFERED_LANGUAGES.join(","))
  .transform((text, context): readonly Language[] => {
    const read = z.array(language).safeParse(text.split(",").map((tag) => tag.trim()));
    if (read.success) return read.data;
    context.addIssue({
      code: "custom",
      message: `must be of ${LANGUAGES.join(", ")}, separated by commas`,
    });
    return z.NEVER;
  });

export const environment = z.object({
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
  OS_AUTH_URL: keystoneAddress.optional(),
  OS_CACERT: z
    .string()
    .optional()
    .transform((path, context) => {
      if (path === undefined) return undefined;
      const read = readCertificates(path);
      if (read.ok) return read.pem;
      context.addIssue({ code: "custom", message: read.problem });
      return z.NEVER;
    }),
  // What service-credential.server.ts makes a credential of.
  OS_CLOUD: z.string().optional(),
  OS_CLIENT_CONFIG_FILE: z.string().optional(),
  OS_AUTH_TYPE: z.string().optional(),
  OS_USERNAME: z.string().optional(),
  OS_PASSWORD: z.string().optional(),
  OS_PASSWORD_FILE: z.string().optional(),
  OS_USER_DOMAIN_NAME: z.string().optional(),
  OS_USER_DOMAIN_ID: z.string().optional(),
  OS_PROJECT_NAME: z.string().optional(),
  OS_PROJECT_ID: z.string().optional(),
  OS_PROJECT_DOMAIN_NAME: z.string().optional(),
  OS_PROJECT_DOMAIN_ID: z.string().optional(),
  OS_APPLICATION_CREDENTIAL_ID: z.string().optional(),
  OS_APPLICATION_CREDENTIAL_SECRET: z.string().optional(),
  OS_APPLICATION_CREDENTIAL_SECRET_FILE: z.string().optional(),
  TOKEN_REFRESH: z
    .enum(["dynamic", "static"], { error: "must be dynamic or static" })
    .default("dynamic"),
  TOKEN_TTL: wholeNumber(3600, { min: 10, max: 31_536_000 }),
  KEYSTONE_TIMEOUT: wholeNumber(10, { min: 1, max: 120 }),
  KEYSTONE_CONCURRENCY: wholeNumber(16, { min: 1, max: 1000 }),
  ADMIN_PROJECT_NAME: z.string().default("admin"),
  ADMIN_PROJECT_DOMAIN_ID: z.string().default("default"),
  ADMIN_ROLES: adminRoles,
  AUTH_CACHE_SECONDS: wholeNumber(60, { min: 0, max: 86_400 }),
  ADMIN_SESSION_IDLE: wholeNumber(1800, { min: 60, max: 86_400 }),
  ADMIN_SESSION_MAX: wholeNumber(28_800, { min: 60, max: 604_800 }),
  TOKEN_EXPIRATION: wholeNumber(86_400, { min: 1, max: LONGEST_LIFETIME_SECONDS }),
  MAX_ATTEMPTS: wholeNumber(3, { min: 1, max: 100 }),
  MAX_PIN_GUESSES: wholeNumber(10, { min: 1, max: 1000 }),
  PIN_LENGTH: wholeNumber(4, { min: 4, max: 12 }),
  REMINDERS: wholeNumber(1, { min: 0, max: 5 }),
  REMIND_BEFORE: wholeNumber(21_600, { min: 60, max: 2_592_000 }),
  SCRAMBLE: scramble,
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
  DEFAULT_LANGUAGE: language.default("en"),
  LANGUAGES: languages,
  TRUST_PROXY: trustProxy,
  RATE_LIMIT_PER_MINUTE: wholeNumber(30, { min: 1, max: 1_000_000 }),
  RESET_LIMIT_PER_HOUR: wholeNumber(60, { min: 1, max: 1_000_000 }),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(", ")}` })
    .default("info"),
});
