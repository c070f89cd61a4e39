import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Config, loadConfig } from "../../../app/config/config.server";

type Env = Record<string, string | undefined>;

const KEY = Buffer.alloc(32, 7).toString("base64");
const OTHER_KEY = Buffer.alloc(32, 8).toString("base64");

/** What has no default, and nothing else. */
const required: Env = {
  DATABASE_URL: "postgres://setpass:secret@db.example.org:5432/setpass",
  OS_AUTH_URL: "https://keystone.example.org:5000/v3",
  SECRET_KEYS: KEY,
  SMTP_URL: "smtp://mailer:secret@mail.example.org:587",
  MAIL_FROM: "Example Cloud <cloud@example.org>",
};

const load = (env: Env) => loadConfig(env as NodeJS.ProcessEnv);

function configOf(env: Env = {}): Config {
  const result = load({ ...required, ...env });
  if (!result.ok) throw new Error(result.problems.join("\n"));
  return result.config;
}

function problemsOf(env: Env): string[] {
  const result = load(env);
  return result.ok ? [] : result.problems;
}

/** The problem that is left where everything else is right. */
function problemWith(env: Env): string | undefined {
  const problems = problemsOf({ ...required, ...env });
  expect(problems.length).toBeLessThanOrEqual(1);
  return problems[0];
}

const names = (problems: string[]) =>
  problems.map((problem) => problem.split(" ", 1).join()).sort();

describe("the configuration", () => {
  it("has the defaults that the design names", () => {
    const config = configOf();
    expect(config).toMatchObject({
      host: "127.0.0.1",
      port: 3000,
      metricsListen: { host: "127.0.0.1", port: 9464 },
      drainDelaySeconds: 0,
      production: false,
      migrateOnStart: false,
      admin: {
        projectName: "admin",
        projectDomainId: "default",
        roles: ["admin"],
        authCacheSeconds: 60,
      },
      links: { lifetimeSeconds: 86_400, maxAttempts: 3, pinLength: 4, maxPinGuesses: 10 },
      brand: { appName: "Setpass", dashboardUrl: undefined, supportContact: undefined },
      mail: { replyTo: undefined, helpdesk: undefined },
      trustProxy: false,
      rateLimitPerMinute: 30,
      logLevel: "info",
    });
    expect(config.keystone).toEqual({
      authUrl: "https://keystone.example.org:5000/v3",
      caCertificate: undefined,
      timeoutSeconds: 10,
      concurrency: 16,
    });
    expect(config.publicUrl.href).toBe("http://localhost:3000/");
  });

  it("takes everything it can be told", () => {
    const config = configOf({
      HOST: "127.0.0.1",
      PORT: "8080",
      PUBLIC_URL: "https://setpass.example.org",
      ADMIN_PROJECT_NAME: "operators",
      ADMIN_PROJECT_DOMAIN_ID: "0d1e",
      ADMIN_ROLES: "admin, manager ,,",
      TOKEN_EXPIRATION: "3600",
      MAX_ATTEMPTS: "5",
      PIN_LENGTH: "6",
      REMINDERS: "0",
      REMIND_BEFORE: "3600",
      SECRET_KEYS: `${KEY}, ${OTHER_KEY}`,
      MAIL_REPLY_TO: "help@example.org",
      HELPDESK_EMAIL: "help@example.org",
      DASHBOARD_URL: "https://dashboard.example.org/path?x=1",
      APP_NAME: "Example Cloud",
      SUPPORT_CONTACT: "help@example.org",
      AUTH_CACHE_SECONDS: "0",
      KEYSTONE_TIMEOUT: "3",
      KEYSTONE_CONCURRENCY: "4",
      RATE_LIMIT_PER_MINUTE: "5",
      LOG_LEVEL: "warn",
    });
    expect(config).toMatchObject({
      port: 8080,
      admin: { projectName: "operators", roles: ["admin", "manager"], authCacheSeconds: 0 },
      links: {
        ...{ lifetimeSeconds: 3600, maxAttempts: 5, pinLength: 6 },
        reminders: { most: 0, withinSeconds: 3600 },
      },
      keystone: { timeoutSeconds: 3, concurrency: 4 },
      logLevel: "warn",
    });
    expect(config.secretKeys.map((key) => key[0])).toEqual([7, 8]);
    expect(config.publicUrl.origin).toBe("https://setpass.example.org");
  });

  it("takes Keystone's address with or without /v3 and slashes", () => {
    for (const address of ["", "/", "//", "/v3", "/v3/"])
      expect(configOf({ OS_AUTH_URL: `http://keystone:5000${address}` }).keystone.authUrl).toBe(
        "http://keystone:5000/v3",
      );
    expect(configOf({ OS_AUTH_URL: "https://cloud.example.org/identity" }).keystone.authUrl).toBe(
      "https://cloud.example.org/identity/v3",
    );
  });

  it("takes an empty value for none, as .env files have them", () => {
    const empty: Env = {
      ...{ HOST: "", PORT: " ", PUBLIC_URL: "", OS_CACERT: "", ADMIN_ROLES: "", TRUST_PROXY: "" },
      ...{ MAIL_REPLY_TO: "", HELPDESK_EMAIL: "", DASHBOARD_URL: "", APP_NAME: "", LOG_LEVEL: "" },
      ...{ AUTH_CACHE_SECONDS: "", MIGRATE_ON_START: "", KEYSTONE_TIMEOUT: "", NODE_ENV: "" },
    };
    expect(configOf(empty)).toEqual(configOf());
  });

  it.each([
    ["127.0.0.1:9464", { host: "127.0.0.1", port: 9464 }],
    ["0.0.0.0:0", { host: "0.0.0.0", port: 0 }],
    ["[::1]:9464", { host: "::1", port: 9464 }],
    ["metrics.internal:80", { host: "metrics.internal", port: 80 }],
    ["none", undefined],
    ["", undefined],
    [" ", undefined],
  ])("listens for METRICS_LISTEN=%j at %j", (METRICS_LISTEN, where) => {
    expect(configOf({ METRICS_LISTEN }).metricsListen).toEqual(where);
  });

  it("does not mind space around a value", () => {
    expect(configOf({ PORT: " 8080\r", SECRET_KEYS: ` ${KEY}\n` }).port).toBe(8080);
  });
});

describe("ADMIN_ROLES", () => {
  it("is admin unless told, any role by * alone, and else the roles it names", () => {
    expect(configOf().admin.roles).toEqual(["admin"]);
    expect(configOf({ ADMIN_ROLES: " * " }).admin.roles).toBe("any");
    expect(configOf({ ADMIN_ROLES: "issuer" }).admin.roles).toEqual(["issuer"]);
  });

  it.each([",", " , ,", "admin,*", "*,*", "*,admin"])("cannot be %j", (ADMIN_ROLES) => {
    expect(names(problemsOf({ ...required, ADMIN_ROLES }))).toEqual(["ADMIN_ROLES"]);
  });
});

describe("a configuration that is wrong", () => {
  it("is told whole, every problem at once", () => {
    expect(names(problemsOf({}))).toEqual(
      ["DATABASE_URL", "MAIL_FROM", "OS_AUTH_URL", "SECRET_KEYS", "SMTP_URL"].sort(),
    );
    const wrong: Env = {
      ...{
        PORT: "http",
        PUBLIC_URL: "setpass",
        DATABASE_URL: "mysql://x",
        OS_AUTH_URL: "keystone",
      },
      ...{ TOKEN_EXPIRATION: "1 day", MAX_ATTEMPTS: "0", PIN_LENGTH: "2", SECRET_KEYS: "short" },
      ...{ SMTP_URL: "mail", MAIL_FROM: "nobody", MAIL_REPLY_TO: "x", HELPDESK_EMAIL: "y" },
      ...{
        DASHBOARD_URL: "ftp://x",
        AUTH_CACHE_SECONDS: "-1",
        KEYSTONE_TIMEOUT: "0",
        KEYSTONE_CONCURRENCY: "0",
      },
      ...{ TRUST_PROXY: "everybody", RATE_LIMIT_PER_MINUTE: "0", LOG_LEVEL: "loud" },
      ...{ OS_CACERT: "/nonexistent/ca.pem", MIGRATE_ON_START: "yes", APP_NAME: "x".repeat(81) },
    };
    expect(names(problemsOf(wrong))).toEqual(Object.keys(wrong).sort());
  });

  it("wants PUBLIC_URL in production, together with everything else that is missing", () => {
    expect(names(problemsOf({ ...required, NODE_ENV: "production" }))).toEqual(["PUBLIC_URL"]);
    expect(names(problemsOf({ NODE_ENV: "production" }))).toContain("PUBLIC_URL");
    expect(names(problemsOf({ NODE_ENV: "production" }))).toContain("SECRET_KEYS");
    const PUBLIC_URL = "https://setpass.example.org";
    expect(configOf({ NODE_ENV: "production", PUBLIC_URL }).production).toBe(true);
  });

  it.each([
    ["PORT", "65536"],
    ["PORT", "3000.5"],
    ["PORT", "0x10"],
    ["PORT", "1e3"],
    ["TOKEN_EXPIRATION", "0"],
    ["TOKEN_EXPIRATION", "99999999999999999999"],
    ["PIN_LENGTH", "3"],
    ["PIN_LENGTH", "13"],
    ["MAX_ATTEMPTS", "three"],
    ["PUBLIC_URL", "https://setpass.example.org/below"],
    ["PUBLIC_URL", "https://setpass.example.org/?x"],
    ["PUBLIC_URL", "https://setpass.example.org#x"],
    ["PUBLIC_URL", "https://user:password@setpass.example.org"],
    ["PUBLIC_URL", "ftp://setpass.example.org"],
    ["OS_AUTH_URL", "https://user:password@keystone.example.org/v3"],
    ["OS_AUTH_URL", "https://keystone.example.org/v3?region=one"],
    ["OS_AUTH_URL", "https://keystone.example.org/v3#one"],
    ["DATABASE_URL", "postgres://"],
    ["DATABASE_URL", "db.example.org"],
    ["SMTP_URL", "smtp://"],
    ["SMTP_URL", "smtp:///x"],
    ["SMTP_URL", "http://mail.example.org"],
    ["MAIL_FROM", "a@example.org\r\nBcc: b@example.org"],
    ["SECRET_KEYS", Buffer.alloc(31).toString("base64")],
    ["SECRET_KEYS", Buffer.alloc(33).toString("base64")],
    ["SECRET_KEYS", `${KEY},`],
    ["SECRET_KEYS", `${KEY},${KEY}`],
    ["SECRET_KEYS", Buffer.alloc(32, 7).toString("hex")],
    ["TRUST_PROXY", "10.0.0.0/33"],
    ["TRUST_PROXY", "10.0.0.0/0"],
    ["TRUST_PROXY", "10.0.0.0/8/8"],
    ["TRUST_PROXY", "999.0.0.1"],
    ["TRUST_PROXY", "10.0.0.0/8,"],
    ["TRUST_PROXY", "fd00::/129"],
    ["TRUST_PROXY", "true"],
    ["TRUST_PROXY", "*"],
    ["DATABASE_POOL_SIZE", "0"],
    ...["9464", ":9464", "127.0.0.1", "127.0.0.1:", "::1:9464", "[::1]", "[localhost]:9464"].map(
      (value) => ["METRICS_LISTEN", value],
    ),
    ["METRICS_LISTEN", "127.0.0.1:65536"],
    ["METRICS_LISTEN", "http://127.0.0.1:9464"],
    ["DRAIN_DELAY", "31"],
  ])("%s is not %s", (name, value) => {
    expect(problemWith({ [name]: value })).toMatch(new RegExp(`^${name} `));
  });

  it("says in words what is wanted, a sentence for each", () => {
    for (const problem of problemsOf({ NODE_ENV: "production", PORT: "x" })) {
      expect(problem).toMatch(/^[A-Z_]+ (is required|must|needs|holds|names)/);
      expect(problem).not.toMatch(/undefined|NaN|expected|received|invalid/i);
    }
  });

  it("says which of several keys is wrong, by its place", () => {
    expect(problemWith({ SECRET_KEYS: `${KEY},abc,${OTHER_KEY},def` })).toContain("key 2, 4 of 4");
  });

  it("never holds a value, which may be a secret", () => {
    const secret = fc
      .stringMatching(/^[!-~]{12,40}$/)
      .filter((text) => !/^\d+$/.test(text) && !URL.canParse(text));
    const configurable = fc.constantFrom(
      ...["PORT", "PUBLIC_URL", "DATABASE_URL", "OS_AUTH_URL", "SECRET_KEYS", "SMTP_URL"],
      ...["MAIL_FROM", "MAIL_REPLY_TO", "DASHBOARD_URL", "TRUST_PROXY", "LOG_LEVEL", "PIN_LENGTH"],
      ...["MIGRATE_ON_START", "KEYSTONE_TIMEOUT", "KEYSTONE_CONCURRENCY"],
    );
    const form = fc.constantFrom(
      (text: string) => text,
      (text: string) => `postgres:${text}`,
      (text: string) => `http://user:${text}@`,
      (text: string) => `${KEY},${text}`,
    );
    fc.assert(
      fc.property(configurable, secret, form, (name, text, wrap) => {
        const told = problemsOf({ ...required, [name]: wrap(text) }).join("\n");
        expect(told).not.toContain(text);
        expect(told).not.toContain(KEY);
      }),
      { numRuns: 1000 },
    );
  });

  it("never throws, whatever it is given", () => {
    const anything = fc.string({ unit: "binary", maxLength: 60 });
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(...Object.keys(required), "PUBLIC_URL", "TRUST_PROXY", "OS_CACERT"),
          anything,
        ),
        (env) => {
          const result = load({ ...required, ...env });
          expect(result.ok || result.problems.length > 0).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("OS_CACERT", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "setpass-config-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("is read at once, so that a wrong path is found at start", () => {
    const file = path.join(folder, "ca.pem");
    const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    writeFileSync(file, pem);
    expect(configOf({ OS_CACERT: file }).keystone.caCertificate).toBe(pem);
  });

  it("names the file that cannot be read, or holds no certificate", () => {
    expect(problemWith({ OS_CACERT: path.join(folder, "none.pem") })).toContain("ENOENT");
    expect(problemWith({ OS_CACERT: folder })).toContain("EISDIR");
    const key = path.join(folder, "key.pem");
    writeFileSync(key, "-----BEGIN PRIVATE KEY-----\nMIIB\n");
    const problem = problemWith({ OS_CACERT: key });
    expect(problem).toContain(key);
    expect(problem).not.toContain("MIIB");
  });
});

describe("TRUST_PROXY", () => {
  it("trusts nobody unless told", () => {
    for (const value of [undefined, "", "none", "0"])
      expect(configOf({ TRUST_PROXY: value }).trustProxy).toBe(false);
  });

  it("is a number of hops, or addresses and networks", () => {
    expect(configOf({ TRUST_PROXY: "1" }).trustProxy).toBe(1);
    expect(configOf({ TRUST_PROXY: "10.0.0.0/8, fd00::/8,loopback,192.0.2.7" }).trustProxy).toEqual(
      ["10.0.0.0/8", "fd00::/8", "loopback", "192.0.2.7"],
    );
  });
});
