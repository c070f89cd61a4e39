import { readFileSync } from "node:fs";
import { type CloudSettings, readCloud } from "./clouds-yaml.server";

/** How setpass signs in to Keystone by itself. */
export type ServiceCredential =
  | ({
      readonly method: "password";
      readonly userName: string;
      readonly password: string;
      readonly scope: ProjectScope;
    } & ({ readonly userDomainId: string } | { readonly userDomainName: string }))
  /** It has its own scope. */
  | {
      readonly method: "application_credential";
      readonly id: string;
      readonly secret: string;
    };

type ProjectScope =
  | { readonly projectId: string }
  | { readonly projectName: string; readonly projectDomainId: string }
  | { readonly projectName: string; readonly projectDomainName: string };

/** As every OpenStack tool names them: so in clouds.yaml, and in capitals after `OS_` in the environment. */
const USER_KEYS = ["username", "password", "user_domain_name", "user_domain_id"] as const;
const PROJECT_KEYS = [
  "project_name",
  "project_id",
  "project_domain_name",
  "project_domain_id",
] as const;
const APPLICATION_KEYS = ["application_credential_id", "application_credential_secret"] as const;
const AUTH_KEYS = [...USER_KEYS, ...PROJECT_KEYS, ...APPLICATION_KEYS] as const;
type AuthKey = (typeof AUTH_KEYS)[number];

const SECRET_KEYS: readonly AuthKey[] = ["password", "application_credential_secret"];

const METHODS: Readonly<Record<string, ServiceCredential["method"]>> = {
  password: "password",
  v3password: "password",
  v3applicationcredential: "application_credential",
};

type Given = Partial<Record<AuthKey | "auth_type", string>>;
type Credential = { ok: true; credential: ServiceCredential } | { ok: false; problem: string };

export type ServiceCredentialResult =
  | {
      ok: true;
      /** Undefined where none is set: setpass then acts with the caller's rights alone. */
      credential: ServiceCredential | undefined;
      /** What the cloud that OS_CLOUD names says beside it. */
      cloud: Pick<CloudSettings, "authUrl" | "caCertificate">;
    }
  | { ok: false; problem: string };

/**
 * Reads the service credential: from the variables `OS_USERNAME` and so on, or from the cloud of a
 * clouds.yaml that `OS_CLOUD` names.
 *
 * @param env variables that are set, none of them empty
 * @returns none where none is set; a half one, or two that contradict each other, is a problem: one
 *   sentence, without a value save a file's path
 */
export function readServiceCredential(
  env: Readonly<Record<string, string>>,
): ServiceCredentialResult {
  const wrong = (problem: string): ServiceCredentialResult => ({ ok: false, problem });
  const given: Given = pick(["auth_type", ...AUTH_KEYS], (key) => env[variableOf(key)]);
  for (const key of SECRET_KEYS) {
    const name = variableOf(key);
    const path = env[`${name}_FILE`];
    if (path === undefined) continue;
    if (given[key] !== undefined)
      return wrong(`${name} and ${name}_FILE are both set: leave one of them out`);
    const read = readSecretFile(path);
    if (!read.ok) return wrong(`${name}_FILE ${read.problem}`);
    given[key] = read.secret;
  }

  const cloudName = env.OS_CLOUD;
  if (cloudName === undefined) {
    if (env.OS_CLIENT_CONFIG_FILE !== undefined)
      return wrong("OS_CLIENT_CONFIG_FILE needs OS_CLOUD, the name of one of the clouds in it");
    const [first] = Object.keys(given);
    if (first === undefined) return { ok: true, credential: undefined, cloud: {} };
    const read = readGiven(given, variableOf);
    return read.ok ? { ...read, cloud: {} } : read;
  }

  const [variable] = Object.keys(given) as (keyof Given)[];
  if (variable !== undefined)
    return wrong(
      `OS_CLOUD names a credential, and ${variableOf(variable)} is part of another: leave one of them out`,
    );
  const found = readCloud({ name: cloudName, file: env.OS_CLIENT_CONFIG_FILE, home: env.HOME });
  if (!found.ok) return wrong(found.problem);
  const { cloud } = found;
  const where = `OS_CLOUD names a cloud in ${cloud.file} whose`;
  const unknown = Object.keys(cloud.auth).filter((key) => !isAuthKey(key));
  if (unknown.length > 0)
    return wrong(
      `${where} auth holds ${unknown.join(", ")}, which setpass knows nothing of; it knows ${AUTH_KEYS.join(", ")}`,
    );
  const read = readGiven(
    { ...pick(AUTH_KEYS, (key) => cloud.auth[key]), auth_type: cloud.authType },
    (key) => key,
  );
  return read.ok ? { ...read, cloud } : wrong(`${where} ${read.problem}`);
}

const variableOf = (key: string) => `OS_${key.toUpperCase()}`;
const isAuthKey = (key: string) => (AUTH_KEYS as readonly string[]).includes(key);

function pick<Key extends string>(
  keys: readonly Key[],
  read: (key: Key) => string | undefined,
): Partial<Record<Key, string>> {
  const pairs = keys.map((key) => [key, read(key)] as const);
  return Object.fromEntries(pairs.filter(([, value]) => value)) as Partial<Record<Key, string>>;
}

function readGiven(given: Given, nameOf: (key: keyof Given) => string): Credential {
  const wrong = (problem: string): Credential => ({ ok: false, problem });
  const has = (keys: readonly AuthKey[]) => keys.filter((key) => given[key] !== undefined);
  const names = (keys: readonly AuthKey[]) => keys.map(nameOf).join(" or ");
  const application = has(APPLICATION_KEYS);
  const user = has(USER_KEYS);
  const project = has(PROJECT_KEYS);

  const { auth_type: type } = given;
  const method =
    type === undefined
      ? application.length > 0
        ? "application_credential"
        : "password"
      : METHODS[type];
  if (method === undefined)
    return wrong(`${nameOf("auth_type")} must be one of ${Object.keys(METHODS).join(", ")}`);

  if (method === "application_credential") {
    const [foreign] = user;
    if (foreign)
      return wrong(
        `${nameOf(foreign)} is part of a password's credential, and an application credential is meant: leave one of the two out`,
      );
    const [scope] = project;
    if (scope)
      return wrong(
        `${nameOf(scope)} cannot be chosen with an application credential, which is good for its own project alone: leave it out`,
      );
    const { application_credential_id: id, application_credential_secret: secret } = given;
    if (id === undefined) return wrong(`${nameOf("application_credential_id")} is missing`);
    if (secret === undefined) return wrong(`${nameOf("application_credential_secret")} is missing`);
    return { ok: true, credential: { method, id, secret } };
  }

  const [foreign] = application;
  if (foreign)
    return wrong(
      `${nameOf(foreign)} is part of an application credential, and ${nameOf("auth_type")} says that a password is meant: leave one of the two out`,
    );
  const { username: userName, password } = given;
  if (userName === undefined)
    return wrong(`${nameOf("username")} is missing, which a credential with a password needs`);
  if (password === undefined)
    return wrong(`${nameOf("password")} is missing, which ${nameOf("username")} needs`);
  const userDomain = domainOf(given.user_domain_id, given.user_domain_name);
  if (userDomain === undefined)
    return wrong(
      `${names(["user_domain_name", "user_domain_id"])} is missing: names of users are those of a domain`,
    );
  const owner =
    "id" in userDomain ? { userDomainId: userDomain.id } : { userDomainName: userDomain.name };
  const scope = scopeOf(given);
  if (scope === "no project")
    return wrong(
      `${names(["project_name", "project_id"])} is missing: the project on which ${nameOf("username")} has its role`,
    );
  if (scope === "no domain")
    return wrong(
      `${names(["project_domain_name", "project_domain_id"])} is missing: names of projects are those of a domain`,
    );
  return { ok: true, credential: { method, userName, ...owner, password, scope } };
}

/** Where both are given, as in the files that Horizon makes, the id counts. */
function domainOf(
  id: string | undefined,
  name: string | undefined,
): { id: string } | { name: string } | undefined {
  if (id !== undefined) return { id };
  return name === undefined ? undefined : { name };
}

function scopeOf(given: Given): ProjectScope | "no project" | "no domain" {
  const { project_id: projectId, project_name: projectName } = given;
  if (projectId !== undefined) return { projectId };
  if (projectName === undefined) return "no project";
  const domain = domainOf(given.project_domain_id, given.project_domain_name);
  if (domain === undefined) return "no domain";
  return "id" in domain
    ? { projectName, projectDomainId: domain.id }
    : { projectName, projectDomainName: domain.name };
}

function readSecretFile(
  path: string,
): { ok: true; secret: string } | { ok: false; problem: string } {
  try {
    const secret = readFileSync(path, "utf8").replace(/\r?\n$/, "");
    if (secret !== "" && !/[\r\n\0]/.test(secret)) return { ok: true, secret };
    return { ok: false, problem: `names ${path}, which must hold one line, the secret` };
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unreadable";
    return { ok: false, problem: `names ${path}, which cannot be read (${reason})` };
  }
}
