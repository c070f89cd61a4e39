import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Config, loadConfig } from "../../../app/config/config.server";

type Env = Record<string, string>;

const base: Env = {
  DATABASE_URL: "postgres://setpass:secret@db.example.org:5432/setpass",
  OS_AUTH_URL: "https://keystone.example.org:5000/v3",
  SECRET_KEYS: Buffer.alloc(32, 7).toString("base64"),
  SMTP_URL: "smtp://mailer:secret@mail.example.org:587",
  MAIL_FROM: "Example Cloud <cloud@example.org>",
};
const user: Env = {
  OS_USERNAME: "setpass",
  OS_PASSWORD: "S3CRET-password",
  OS_USER_DOMAIN_NAME: "Default",
  OS_PROJECT_NAME: "service",
  OS_PROJECT_DOMAIN_NAME: "Default",
};
const application: Env = {
  OS_APPLICATION_CREDENTIAL_ID: "a1",
  OS_APPLICATION_CREDENTIAL_SECRET: "S3CRET-secret",
};
const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

let folder: string;
const file = (name: string, text: string) => {
  const place = path.join(folder, name);
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, text);
  return place;
};

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "setpass-credential-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const load = (env: Env, without: string[] = []) => {
  const all = Object.entries({ ...base, ...env }).filter(([name]) => !without.includes(name));
  return loadConfig(Object.fromEntries(all) as NodeJS.ProcessEnv);
};

function configOf(env: Env, without: string[] = []): Config {
  const result = load(env, without);
  if (!result.ok) throw new Error(result.problems.join("\n"));
  return result.config;
}
const credentialOf = (env: Env) => configOf(env).service.credential;

function problemsOf(env: Env, without: string[] = []): string[] {
  const result = load(env, without);
  const problems = result.ok ? [] : result.problems;
  for (const problem of problems) expect(problem).not.toContain("S3CRET");
  return problems;
}
const omit = (env: Env, ...names: string[]) =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));

describe("the service credential, by variables", () => {
  it("is none where none is set, or all is empty", () => {
    expect(configOf({}).service).toEqual({
      credential: undefined,
      tokenRefresh: "dynamic",
      tokenTtlSeconds: 3600,
    });
    expect(credentialOf({ OS_USERNAME: "", OS_PASSWORD: " ", OS_AUTH_TYPE: "" })).toBeUndefined();
  });

  it("is a user's password, on a project", () => {
    const password = {
      method: "password",
      userName: "setpass",
      userDomainName: "Default",
      password: "S3CRET-password",
      scope: { projectName: "service", projectDomainName: "Default" },
    };
    expect(credentialOf(user)).toEqual(password);
    expect(credentialOf({ ...user, OS_AUTH_TYPE: "password" })).toEqual(password);
    expect(credentialOf({ ...user, OS_AUTH_TYPE: "v3password" })).toEqual(password);
  });

  it("takes the id where Horizon's file has id and name", () => {
    const both = { OS_USER_DOMAIN_ID: "d1", OS_PROJECT_DOMAIN_ID: "d2" };
    expect(credentialOf({ ...user, ...both })).toMatchObject({
      userDomainId: "d1",
      scope: { projectName: "service", projectDomainId: "d2" },
    });
    expect(credentialOf({ ...user, ...both, OS_PROJECT_ID: "p1" })).toMatchObject({
      scope: { projectId: "p1" },
    });
  });

  it("is an application credential, which has its own scope", () => {
    const expected = { method: "application_credential", id: "a1", secret: "S3CRET-secret" };
    expect(credentialOf(application)).toEqual(expected);
    const typed = { ...application, OS_AUTH_TYPE: "v3applicationcredential" };
    expect(credentialOf(typed)).toEqual(expected);
  });

  it("has its secret from a file, without the line's end, and from a variable as it stands", () => {
    const one = file("password", "S3CRET from a file \r\n");
    expect(credentialOf({ ...omit(user, "OS_PASSWORD"), OS_PASSWORD_FILE: one })).toMatchObject({
      password: "S3CRET from a file ",
    });
    const other = file("secret", "S3CRET-of-file");
    expect(
      credentialOf({
        OS_APPLICATION_CREDENTIAL_ID: "a1",
        OS_APPLICATION_CREDENTIAL_SECRET_FILE: other,
      }),
    ).toMatchObject({ secret: "S3CRET-of-file" });
    expect(credentialOf({ ...user, OS_PASSWORD: " blanks " })).toMatchObject({
      password: " blanks ",
    });
  });

  it.each<[string, Env, RegExp]>([
    ["no password", omit(user, "OS_PASSWORD"), /^OS_PASSWORD is missing/],
    ["no user", omit(user, "OS_USERNAME"), /^OS_USERNAME is missing/],
    [
      "no user's domain",
      omit(user, "OS_USER_DOMAIN_NAME"),
      /^OS_USER_DOMAIN_NAME or OS_USER_DOMAIN_ID is missing/,
    ],
    ["no project", omit(user, "OS_PROJECT_NAME"), /^OS_PROJECT_NAME or OS_PROJECT_ID is missing/],
    [
      "no project's domain",
      omit(user, "OS_PROJECT_DOMAIN_NAME"),
      /^OS_PROJECT_DOMAIN_NAME or OS_PROJECT_DOMAIN_ID is missing/,
    ],
    ["a project alone", { OS_PROJECT_ID: "p1" }, /^OS_USERNAME is missing/],
    ["a type alone", { OS_AUTH_TYPE: "password" }, /^OS_USERNAME is missing/],
    [
      "no secret",
      omit(application, "OS_APPLICATION_CREDENTIAL_SECRET"),
      /^OS_APPLICATION_CREDENTIAL_SECRET is missing/,
    ],
    [
      "no id",
      omit(application, "OS_APPLICATION_CREDENTIAL_ID"),
      /^OS_APPLICATION_CREDENTIAL_ID is missing/,
    ],
    ["two of them", { ...user, ...application }, /^OS_USERNAME is part of a password's/],
    [
      "one of the other type",
      { ...application, OS_AUTH_TYPE: "password" },
      /^OS_APPLICATION_CREDENTIAL_ID is part of an application credential, and OS_AUTH_TYPE/,
    ],
    [
      "a project for an application credential",
      { ...application, OS_PROJECT_NAME: "service" },
      /^OS_PROJECT_NAME cannot be chosen/,
    ],
    [
      "a type that is none of ours",
      { ...user, OS_AUTH_TYPE: "v3oidcpassword" },
      /^OS_AUTH_TYPE must be one of password, v3password, v3applicationcredential$/,
    ],
    [
      "a secret and its file",
      { ...user, OS_PASSWORD_FILE: "/nowhere" },
      /^OS_PASSWORD and OS_PASSWORD_FILE are both set/,
    ],
    [
      "a file that is not there",
      { ...omit(user, "OS_PASSWORD"), OS_PASSWORD_FILE: "/nowhere/at-all" },
      /^OS_PASSWORD_FILE names \/nowhere\/at-all, which cannot be read \(ENOENT\)$/,
    ],
    [
      "a file without a cloud",
      { OS_CLIENT_CONFIG_FILE: "/etc/x" },
      /^OS_CLIENT_CONFIG_FILE needs OS_CLOUD/,
    ],
    ["a mode that is none", { TOKEN_REFRESH: "never" }, /^TOKEN_REFRESH must be dynamic or static/],
    ["no time", { TOKEN_TTL: "9" }, /^TOKEN_TTL must be a whole number from 10/],
  ])("is refused in one sentence with %s", (_, env, sentence) => {
    expect(problemsOf(env)).toEqual([expect.stringMatching(sentence)]);
  });

  it("wants one line in a file of a secret", () => {
    for (const [name, text] of Object.entries({ empty: "\n", two: "S3CRET\nmore\n" }))
      expect(
        problemsOf({ ...omit(user, "OS_PASSWORD"), OS_PASSWORD_FILE: file(name, text) }),
      ).toEqual([expect.stringMatching(/^OS_PASSWORD_FILE names .* must hold one line/)]);
  });
});

describe("the service credential, by a clouds.yaml", () => {
  const CLOUDS = `
defaults: &defaults
  auth_type: password
  region_name: RegionOne
clouds:
  ours:
    <<: *defaults
    identity_api_version: 3
    auth:
      auth_url: https://other.example.org/identity
      username: setpass
      password: 0123
      user_domain_name: Default
      project_id: 7e5
  application:
    auth_type: v3applicationcredential
    auth:
      application_credential_id: a1
      application_credential_secret: S3CRET-secret
  half:
    auth: {username: setpass, password: S3CRET}
  strange:
    auth: {username: setpass, trust_id: t1}
  unchecked:
    verify: false
    auth: {username: setpass}
  unreadable:
    auth: S3CRET
  far:
    auth: {auth_url: "ftp://S3CRET.example.org", application_credential_id: a, application_credential_secret: s}
`;
  const inFile = (cloud: string, more: Env = {}) => ({
    OS_CLOUD: cloud,
    OS_CLIENT_CONFIG_FILE: file("clouds.yaml", CLOUDS),
    ...more,
  });

  it("is that of the cloud, each value to the letter", () => {
    const config = configOf(inFile("ours"), ["OS_AUTH_URL"]);
    expect(config.service.credential).toEqual({
      method: "password",
      userName: "setpass",
      userDomainName: "Default",
      password: "0123",
      scope: { projectId: "7e5" },
    });
    expect(config.keystone.authUrl).toBe("https://other.example.org/identity/v3");
    expect(configOf(inFile("application")).service.credential).toMatchObject({ id: "a1" });
  });

  it("goes to OS_AUTH_URL where that is set", () => {
    expect(configOf(inFile("ours")).keystone.authUrl).toBe("https://keystone.example.org:5000/v3");
  });

  it("brings the authority that signed Keystone's certificate, unless OS_CACERT names one", () => {
    const cacert = file("ca.pem", CERTIFICATE);
    const text = `clouds:\n  c:\n    cacert: ${cacert}\n    auth: {application_credential_id: a, application_credential_secret: s}\n`;
    const env = { OS_CLOUD: "c", OS_CLIENT_CONFIG_FILE: file("with-ca.yaml", text) };
    expect(configOf(env).keystone.caCertificate).toBe(CERTIFICATE);
    const own = file("own.pem", `${CERTIFICATE}own`);
    expect(configOf({ ...env, OS_CACERT: own }).keystone.caCertificate).toBe(`${CERTIFICATE}own`);
  });

  it("is looked for in the home's configuration, and not in the folder one is in", () => {
    file("home/.config/openstack/clouds.yaml", CLOUDS);
    const home = path.join(folder, "home");
    expect(credentialOf({ OS_CLOUD: "application", HOME: home })).toMatchObject({ id: "a1" });
    expect(problemsOf({ OS_CLOUD: "application", HOME: path.join(folder, "empty") })).toEqual([
      expect.stringMatching(
        /^OS_CLOUD is set, and there is no clouds.yaml at .*empty\/.config\/openstack\/clouds.yaml or \/etc\/openstack\/clouds.yaml/,
      ),
    ]);
  });

  it.each<[string, Env, RegExp]>([
    ["a cloud that is not there", { OS_CLOUD: "toString" }, /^OS_CLOUD names a cloud that .* not/],
    ["half a credential", { OS_CLOUD: "half" }, /whose user_domain_name or user_domain_id is miss/],
    ["what setpass cannot do", { OS_CLOUD: "strange" }, /whose auth holds trust_id, which setpass/],
    ["no checked certificates", { OS_CLOUD: "unchecked" }, /says verify: false/],
    ["an auth that is none", { OS_CLOUD: "unreadable" }, /cannot be read in its auth$/],
    ["a second credential", { OS_CLOUD: "ours", OS_PASSWORD: "x" }, /^OS_CLOUD .* OS_PASSWORD is/],
    ["no file", { OS_CLIENT_CONFIG_FILE: "/nowhere/c.yaml" }, /^OS_CLIENT_CONFIG_FILE .*ENOENT/],
  ])("is refused in one sentence with %s", (_, env, sentence) => {
    expect(problemsOf({ ...inFile("ours"), ...env })).toEqual([expect.stringMatching(sentence)]);
  });

  it("is refused where the address is none", () => {
    expect(problemsOf(inFile("far"), ["OS_AUTH_URL"])).toEqual([
      expect.stringMatching(/^OS_CLOUD names a cloud whose auth_url must be a web address/),
    ]);
  });

  it("wants an address from the cloud or from OS_AUTH_URL", () => {
    expect(problemsOf(inFile("application"), ["OS_AUTH_URL"])).toEqual([
      expect.stringMatching(/^OS_AUTH_URL is required/),
    ]);
  });

  it("says where a file is no YAML, and quotes nothing of it", () => {
    const place = file("bad.yaml", "clouds:\n  ours: {auth: [S3CRET\n");
    expect(problemsOf({ OS_CLOUD: "ours", OS_CLIENT_CONFIG_FILE: place })).toEqual([
      expect.stringMatching(
        /^OS_CLIENT_CONFIG_FILE names .*bad.yaml, which is not YAML \(line \d\)/,
      ),
    ]);
    const other = file("list.yaml", "- S3CRET\n");
    expect(problemsOf({ OS_CLOUD: "ours", OS_CLIENT_CONFIG_FILE: other })).toEqual([
      expect.stringMatching(/which has no clouds$/),
    ]);
  });
});
