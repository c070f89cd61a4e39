import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../app/config/config.server";
import { findInsecureSettings } from "../../../app/config/insecure-settings.server";

const SECRET = "hunter2-secret";

/** All of it as it should be, on a network that is not trusted. */
const secure = {
  NODE_ENV: "production",
  PUBLIC_URL: "https://setpass.example.org",
  DATABASE_URL: `postgres://setpass:${SECRET}@db.example.org:5432/setpass?sslmode=verify-full`,
  OS_AUTH_URL: "https://keystone.example.org:5000/v3",
  SECRET_KEYS: Buffer.alloc(32, 7).toString("base64"),
  SMTP_URL: `smtp://mailer:${SECRET}@mail.example.org:587`,
  MAIL_FROM: "cloud@example.org",
};

function problemsOf(env: Record<string, string>): string[] {
  const result = loadConfig({ ...secure, ...env } as NodeJS.ProcessEnv);
  if (!result.ok) throw new Error(result.problems.join("\n"));
  const problems = findInsecureSettings(result.config);
  for (const problem of problems) {
    // Which variable, and what to do; nothing that opens anything.
    expect(problem).toMatch(/^[A-Z_]+ .*\. (Put|Use|Add) /);
    expect(problem).not.toContain(SECRET);
    expect(problem).not.toContain("example.org");
  }
  return problems;
}

/** The one there is. */
function problemOf(env: Record<string, string>): string {
  const problems = problemsOf(env);
  expect(problems).toHaveLength(1);
  return problems[0] ?? "";
}

const here = ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "[::1]", "[::ffff:127.0.0.1]"];
const elsewhere = [
  ...["10.0.0.7", "192.168.1.1", "0.0.0.0", "128.0.0.1", "[::2]", "[fd00::1]", "[::ffff:10.0.0.7]"],
  ...["setpass", "localhost.evil.test", "127.0.0.1.evil.test", "notlocalhost"],
];

it("of a configuration that leaves nothing open there is nothing to say", () => {
  expect(problemsOf({})).toEqual([]);
});

it("every problem is said, each for itself", () => {
  const problems = problemsOf({
    PUBLIC_URL: "http://setpass.example.org",
    OS_AUTH_URL: "http://keystone.example.org:5000",
    DATABASE_URL: `postgres://setpass:${SECRET}@db.example.org/setpass`,
    SMTP_URL: "smtp://mail.example.org?tls.rejectUnauthorized=false",
  });
  expect(problems.map((problem) => problem.split(" ", 1)[0])).toEqual([
    "PUBLIC_URL",
    "OS_AUTH_URL",
    "DATABASE_URL",
    "SMTP_URL",
    "SMTP_URL",
  ]);
});

it("outside production only what was switched off by hand is told of", () => {
  const env = {
    PUBLIC_URL: "http://setpass.example.org",
    OS_AUTH_URL: "http://keystone.example.org:5000",
    DATABASE_URL: `postgres://setpass:${SECRET}@db.example.org/setpass?sslmode=require`,
  };
  for (const NODE_ENV of ["", "test", "development"]) {
    expect(problemsOf({ ...env, NODE_ENV, SMTP_URL: "smtp://mail.example.org" })).toEqual([]);
    const unchecked = "smtp://mail.example.org?tls.rejectUnauthorized=false";
    expect(problemOf({ ...env, NODE_ENV, SMTP_URL: unchecked })).toMatch(/rejectUnauthorized/);
  }
});

describe("PUBLIC_URL", () => {
  it.each(here)("may be http on %s", (host) => {
    expect(problemsOf({ PUBLIC_URL: `http://${host}:3000` })).toEqual([]);
  });

  it.each(elsewhere)("should not be http on %s, and may be https", (host) => {
    expect(problemOf({ PUBLIC_URL: `http://${host}:3000` })).toMatch(/^PUBLIC_URL .*https:\/\//);
    expect(problemsOf({ PUBLIC_URL: `https://${host}` })).toEqual([]);
  });
});

describe("OS_AUTH_URL", () => {
  it.each(here)("may be http to %s", (host) => {
    expect(problemsOf({ OS_AUTH_URL: `http://${host}:5000/v3` })).toEqual([]);
  });

  it.each(elsewhere)("should not be http to %s, and may be https", (host) => {
    expect(problemOf({ OS_AUTH_URL: `http://${host}:5000` })).toMatch(/^OS_AUTH_URL .*OS_CACERT/);
    expect(problemsOf({ OS_AUTH_URL: `https://${host}:5000/v3` })).toEqual([]);
  });
});

describe("DATABASE_URL", () => {
  const to = (host: string, query = "") => ({
    DATABASE_URL: `postgres://setpass:${SECRET}@${host}/setpass${query}`,
  });

  it.each([...here, "%2Fvar%2Frun%2Fpostgresql", "localhost:5432,127.0.0.1:5433"])(
    "may be without TLS to %s",
    (host) => {
      expect(problemsOf(to(host))).toEqual([]);
      expect(problemsOf({ DATABASE_URL: "postgres:///setpass" })).toEqual([]);
    },
  );

  it.each([...elsewhere, "localhost:1,db:2", "db,localhost"])("should have TLS to %s", (host) => {
    for (const query of ["", "?sslmode=disable", "?ssl=false", "?sslmode="]) {
      const problem = problemOf(to(host, query));
      expect(problem).toMatch(/^DATABASE_URL .*without TLS.*sslmode=verify-full/);
      // Whoever looks for the least that helps shall not stop at `require`.
      expect(problem).toMatch(/sslmode=require would encrypt, but checks no certificate/);
    }
    expect(problemsOf(to(host, "?sslmode=verify-full"))).toEqual([]);
  });

  it.each(["require", "prefer", "allow"])(
    "is told that sslmode=%s checks no certificate",
    (mode) => {
      for (const query of [`?sslmode=${mode}`, `?ssl=${mode}`, `?ssl=true&sslmode=${mode}`])
        expect(problemOf(to("db", query))).toMatch(
          new RegExp(`^DATABASE_URL has sslmode=${mode}, which checks no certificate.*verify-full`),
        );
    },
  );

  it("is right with whatever has postgres.js check the certificate", () => {
    for (const query of [
      ...["?sslmode=verify-full", "?ssl=verify-full", "?ssl=true", "?sslmode=verify-ca"],
      ...["?sslrootcert=system", "?sslmode=require&sslmode=verify-full"],
    ])
      expect(problemsOf(to("db", query))).toEqual([]);
    expect(problemsOf(to("db", "?sslmode=verify-full&sslmode=require"))).toHaveLength(1);
  });
});

describe("ADMIN_ROLES", () => {
  it("should not be *, in production or not, and is told what that costs", () => {
    for (const NODE_ENV of ["production", "test"]) {
      const problem = problemOf({ NODE_ENV, ADMIN_ROLES: "*" });
      expect(problem).toMatch(/^ADMIN_ROLES is \*: .*reader/);
      expect(problem).toMatch(/see every link, address and request/);
      expect(problem).toMatch(/Keystone is asked whether they may change that user/);
    }
  });

  it("is told of where it names other roles than admin, and none by name", () => {
    for (const ADMIN_ROLES of ["auditors", "admin,auditors"]) {
      const problem = problemOf({ ADMIN_ROLES });
      expect(problem).toMatch(/^ADMIN_ROLES names roles other than admin/);
      expect(problem).not.toContain("auditors");
    }
    expect(problemsOf({ ADMIN_ROLES: "admin" })).toEqual([]);
  });
});

describe("SMTP_URL", () => {
  it.each(here)("may be without TLS to %s", (host) => {
    expect(problemsOf({ SMTP_URL: `smtp://${host}` })).toEqual([]);
    expect(problemsOf({ SMTP_URL: `smtp://${host}?ignoreTLS=true` })).toEqual([]);
  });

  it.each(elsewhere)("should have TLS to %s", (host) => {
    expect(problemOf({ SMTP_URL: `smtp://${host}` })).toMatch(/^SMTP_URL .*requireTLS=true/);
    expect(problemOf({ SMTP_URL: `smtp://${host}?ignoreTLS=true` })).toMatch(
      /^SMTP_URL has ignoreTLS=true/,
    );
    for (const url of [
      `smtp://${host}?requireTLS=true`,
      `smtps://${host}`,
      `smtp://mailer:${SECRET}@${host}`,
    ])
      expect(problemsOf({ SMTP_URL: url })).toEqual([]);
  });

  it("should have the certificate checked, wherever it is", () => {
    for (const SMTP_URL of [
      `smtps://mailer:${SECRET}@mail.example.org?tls.rejectUnauthorized=false`,
      "smtp://localhost?tls.rejectUnauthorized=false",
    ])
      expect(problemOf({ SMTP_URL })).toMatch(/rejectUnauthorized=false.*can read every link/);
  });
});
