import { z } from "zod";
import { type Asker, ask, idsAnswer } from "./ask.server";
import type { KeystoneSession } from "./session.server";

const withId = z.object({ id: z.string() });

const assignmentsAnswer = z.object({
  role_assignments: z.array(
    z.object({ role: withId, scope: z.object({ project: withId.optional() }) }),
  ),
});

/**
 * The roles a user has: on projects and domains, also through groups, inheritance and other roles; and on
 * the system, where they are the user's own. By their ids, because Keystone takes seconds to look many
 * names up. Keystone API: GET /v3/role_assignments?user.id=…
 *
 * @throws KeystoneError. `forbidden`: the token may not read them
 */
export async function listRolesOfUser(
  session: KeystoneSession,
  options: Asker & { userId: string },
): Promise<{ roleId: string; projectId: string | undefined }[]> {
  const list = (which: Record<string, string>) => {
    const query = { "user.id": options.userId, ...which };
    return ask(session, options, { path: "/role_assignments", query }, assignmentsAnswer);
  };
  // Those on the system Keystone leaves out of the effective ones.
  const answers = await Promise.all([list({ effective: "" }), list({ "scope.system": "all" })]);
  return answers.flatMap(({ role_assignments: assignments }) =>
    assignments.map(({ role, scope }) => ({ roleId: role.id, projectId: scope.project?.id })),
  );
}

/** Ids of the roles of this name. Keystone API: GET /v3/roles?name=… @throws KeystoneError */
export async function findRoleIds(
  session: KeystoneSession,
  options: Asker & { name: string },
): Promise<string[]> {
  const request = { path: "/roles", query: { name: options.name } };
  const { roles = [] } = await ask(session, options, request, idsAnswer("roles"));
  return roles.map(({ id }) => id);
}

/** Ids of the projects of this name, one at most. Keystone API: GET /v3/projects. @throws KeystoneError */
export async function findProjectIds(
  session: KeystoneSession,
  options: Asker & { name: string; domainId: string },
): Promise<string[]> {
  const query = { name: options.name, domain_id: options.domainId };
  const request = { path: "/projects", query };
  const { projects = [] } = await ask(session, options, request, idsAnswer("projects"));
  return projects.map(({ id }) => id);
}
