import type { CommandLines } from "../config/command-lines.server";
import { loadConfig } from "../config/config.server";
import type { ServiceCredential } from "../config/service-credential.server";
import type { AccessInfo } from "../keystone/access-info.server";
import { isKeystoneError, isKeystoneOutage, type KeystoneError } from "../keystone/errors.server";
import { createKeystoneSession, type KeystoneSession } from "../keystone/session.server";
import { createTokenSource, signInOf } from "../keystone/token-source.server";
import { revokeToken } from "../keystone/tokens.server";
import {
  type CheckedCredential,
  checkServiceCredential,
  type Right,
} from "./check-service-credential.server";

/** What it is to Keystone, and what setpass does with it; undefined: nothing yet, or it does without. */
const RIGHTS: Readonly<Record<Right, { act: string; usedFor: string | undefined; else?: string }>> =
  {
    "identity:list_users": { act: "list users", usedFor: "this command" },
    "identity:get_user": { act: "read a user", usedFor: "the look-ups behind PUT /token" },
    "identity:update_user": {
      act: "change a user",
      usedFor: undefined,
      else: "better, for SCRAMBLE: accounts that are disabled or locked",
    },
    "identity:list_projects": { act: "list projects", usedFor: undefined },
    "identity:list_roles": { act: "list roles", usedFor: undefined },
  };
const ALL_RIGHTS = Object.keys(RIGHTS) as Right[];

/** The role that deploy/keystone/setpass-policy.yaml speaks of. */
const OWN_ROLE = "setpass";
const POLICY_FILE = "deploy/keystone/setpass-policy.yaml";

/**
 * What `npm run keystone-check` does: signs in with the service credential, and says who that is, what it
 * may do, and how to grant what is missing. Nothing is changed.
 *
 * @param words what follows the command's name: nothing, or the id of a user to ask about
 * @param env the server's own environment
 * @returns the exit code: 0; 1 where Keystone refuses what setpass uses; 64 and 78 of sysexits.h
 */
export async function runKeystoneCheck(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  lines: CommandLines,
): Promise<number> {
  const [userId, ...more] = words;
  if (more.length > 0 || userId?.startsWith("-")) {
    lines.complain("Usage: npm run keystone-check [-- USER_ID]");
    return 64;
  }
  const result = loadConfig(env);
  if (!result.ok) {
    lines.complain(`Keystone was not asked:\n  - ${result.problems.join("\n  - ")}`);
    return 78;
  }
  const { keystone, service } = result.config;
  if (!service.credential) {
    lines.complain(
      "There is no service credential: set OS_CLOUD, or OS_USERNAME and what belongs to it, or OS_APPLICATION_CREDENTIAL_ID and its secret. docs/operating.md tells how to make one.",
    );
    return 78;
  }
  const session = createKeystoneSession({
    authUrl: keystone.authUrl,
    caCertificate: keystone.caCertificate,
    timeoutSeconds: keystone.timeoutSeconds,
  });
  try {
    lines.tell(`Keystone: ${session.authUrl}`);
    return await signInAndCheck(session, {
      service,
      credential: service.credential,
      userId,
      lines,
    });
  } finally {
    await session.close();
  }
}

async function signInAndCheck(
  session: KeystoneSession,
  given: {
    service: { tokenRefresh: "dynamic" | "static"; tokenTtlSeconds: number };
    credential: ServiceCredential;
    userId: string | undefined;
    lines: CommandLines;
  },
): Promise<number> {
  const { service, credential, userId, lines } = given;
  const source = createTokenSource({
    session,
    signIn: signInOf(credential),
    refresh: service.tokenRefresh,
    ttlSeconds: service.tokenTtlSeconds,
    onSignIn: (outcome) => {
      if (outcome.ok && outcome.fieldsWithoutExpiry)
        lines.complain(
          `The token has no expires_at (its fields: ${outcome.fieldsWithoutExpiry.join(", ")}); it is renewed after TOKEN_TTL seconds.`,
        );
    },
  });
  let access: AccessInfo;
  try {
    access = await source.get();
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    for (const line of linesOfFailure(error, credential)) lines.complain(line);
    return 1;
  }
  try {
    for (const line of linesOfAccess(access)) lines.tell(line);
    const checked = await checkServiceCredential(session, { access, userId });
    for (const line of linesOfRights(checked)) lines.tell(line);
    const used = ALL_RIGHTS.filter((right) => RIGHTS[right].usedFor !== undefined);
    const refused = used.filter((right) => checked.rights[right].is === "no");
    if (refused.length > 0) for (const line of linesOfGrants(access, refused)) lines.tell(line);
    const isMissing = used.some((right) => checked.rights[right].is !== "yes");
    return isMissing ? 1 : 0;
  } finally {
    await revokeToken(session, { token: access.token }).catch(() => {});
  }
}

function linesOfAccess(access: AccessInfo): string[] {
  const { user, project, roles, expiresAt, passwordExpiresAt, methods } = access;
  const how = methods.includes("application_credential")
    ? "by an application credential"
    : "by password";
  const scope = project ? `the project ${inDomain(project)}` : "no project";
  return [
    `Signed in ${how}, as the user ${inDomain(user)}, id ${user.id}`,
    `Roles: ${roles.map(({ name }) => name).join(", ") || "none"}, on ${scope}`,
    expiresAt === null
      ? "The token has no end of its own: it is renewed after TOKEN_TTL seconds"
      : `The token ends at ${expiresAt.toISOString()}, and is renewed before`,
    ...(passwordExpiresAt
      ? [`The account's password ends at ${passwordExpiresAt.toISOString()}: set another before`]
      : []),
  ];
}

const inDomain = ({ name, domain }: { name: string; domain: { name: string } }) =>
  `${name} of the domain ${domain.name}`;

function linesOfRights({ rights, firstUsers, askedAbout }: CheckedCredential): string[] {
  const whom = askedAbout?.name ?? askedAbout?.id;
  const rows = ALL_RIGHTS.map((right) => {
    const { act, usedFor, else: otherwise = "nothing needs it yet" } = RIGHTS[right];
    const answer = rights[right];
    const isAboutOne = right === "identity:get_user" || right === "identity:update_user";
    const said = answer.is === "unknown" ? "?" : answer.is;
    return [
      `  ${said.padEnd(4)}${act.padEnd(15)}${right.padEnd(24)}`,
      usedFor ? `for ${usedFor}` : otherwise,
      ...(isAboutOne && whom ? [`(asked about ${whom})`] : []),
      ...(answer.is === "unknown" ? [`- ${answer.why}`] : []),
    ].join(" ");
  });
  const names = firstUsers?.map(({ name }) => name).join(", ");
  return ["", "It may:", ...rows, ...(names ? ["", `The first users: ${names}`] : [])];
}

/** How to grant what was refused, in the words of the `openstack` command. */
function linesOfGrants(access: AccessInfo, refused: readonly Right[]): string[] {
  const { user, project, roles, methods } = access;
  const add = (role: string) =>
    `  openstack role add --user ${user.id} --project ${project?.id ?? "PROJECT"} ${role}`;
  const hasOwnRole = roles.some(({ name }) => name === OWN_ROLE);
  return [
    "",
    `To grant ${refused.join(", ")}, as an administrator of the cloud, either`,
    ...(hasOwnRole
      ? [
          `have Keystone's policy say what the role ${OWN_ROLE} may: the rules are in ${POLICY_FILE}, and`,
          "docs/operating.md tells where they go; or",
        ]
      : [
          `give it a role of its own, with the rules of ${POLICY_FILE} in Keystone's policy`,
          "(docs/operating.md tells where they go), which holds for the users of the project's domain alone:",
          `  openstack role create ${OWN_ROLE}   # unless there is one`,
          add(OWN_ROLE),
          "or",
        ]),
    "make it an administrator of every domain:",
    add("admin"),
    ...(methods.includes("application_credential")
      ? [
          "An application credential keeps the roles it was made with. Afterwards make another, as the account itself:",
          "  openstack application credential create setpass",
        ]
      : []),
  ];
}

function linesOfFailure(error: KeystoneError, credential: ServiceCredential): string[] {
  if (isKeystoneOutage(error)) return [`Keystone could not be asked. ${error.message}`];
  const said = error.detail === undefined ? "" : ` Keystone says: ${error.detail}`;
  const first = `Keystone refused the credential. ${error.message}.${said}`;
  if (credential.method === "application_credential")
    return [
      first,
      "It may have ended, or been deleted, or its account disabled. Make another, as the account itself:",
      "  openstack application credential create setpass",
    ];
  const { userName, scope } = credential;
  const user = shellWord(userName);
  const userDomain =
    "userDomainId" in credential ? credential.userDomainId : credential.userDomainName;
  const project = "projectId" in scope ? scope.projectId : scope.projectName;
  const projectDomain =
    "projectId" in scope
      ? ""
      : ` --project-domain ${shellWord("projectDomainId" in scope ? scope.projectDomainId : scope.projectDomainName)}`;
  const ofUser = `--user ${user} --user-domain ${shellWord(userDomain)}`;
  return [
    first,
    "Its password may be another, or it has no role on the project. As an administrator of the cloud:",
    `  openstack user show --domain ${shellWord(userDomain)} ${user}`,
    `  openstack role assignment list --names ${ofUser}`,
    `  openstack user set --domain ${shellWord(userDomain)} --password-prompt ${user}`,
    `  openstack role add ${ofUser} --project ${shellWord(project)}${projectDomain} ${OWN_ROLE}`,
  ];
}

const shellWord = (text: string) =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
