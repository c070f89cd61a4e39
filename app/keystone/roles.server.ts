import { z } from "zod";
import { type Asker, ask, idsAnswer, pathOf } from "./ask.server";
import { isKeystoneError, type KeystoneError } from "./errors.server";
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

const rolesAnswer = z.object({ roles: z.array(z.object({ id: z.string(), name: z.string() })) });

/** The roles of the whole cloud, not those that domains have of their own. Keystone API: GET /v3/roles. @throws KeystoneError */
export async function listRoles(
  session: KeystoneSession,
  options: Asker,
): Promise<{ id: string; name: string }[]> {
  const { roles } = await ask(session, options, { path: "/roles" }, rolesAnswer);
  return roles;
}

export type AssignRoleOutcome =
  | { ok: true }
  | { ok: false; reason: "unknown-role" | "unknown-project" | "unknown-user" }
  /** Keystone's policy does not let the token's holder give this role there; or the role is another domain's. */
  | { ok: false; reason: "forbidden" }
  /** In Keystone's own words. */
  | { ok: false; reason: "bad-request"; message: string };

/**
 * Gives a user a role on a project; one they have already is no error.
 * Keystone API: PUT /v3/projects/{id}/users/{id}/roles/{id}.
 *
 * @throws KeystoneError for an outage and for a token that is not good (`unauthorized`)
 */
export async function assignProjectRole(
  session: KeystoneSession,
  options: Asker & { projectId: string; userId: string; roleId: string },
): Promise<AssignRoleOutcome> {
  const { token, requestId, signal, projectId, userId, roleId } = options;
  try {
    const path = [
      pathOf(session, "projects", projectId),
      pathOf(session, "users", userId),
      pathOf(session, "roles", roleId),
    ].join("");
    await session.request({ method: "PUT", path, token, requestId, signal });
    return { ok: true };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    const { kind, detail = "Keystone did not say why." } = error;
    if (kind === "not-found") return { ok: false, reason: whatIsUnknown(error) };
    if (kind === "forbidden") return { ok: false, reason: "forbidden" };
    if (kind === "bad-request" || kind === "conflict")
      return { ok: false, reason: "bad-request", message: detail };
    throw error;
  }
}

/** By Keystone's words, "Could not find role: 4d2c.", or by ours where it was not asked: see `pathOf`. */
function whatIsUnknown({ detail, message }: KeystoneError) {
  const [, what] = /(?:could not find|keystone's) (project|user)/i.exec(detail ?? message) ?? [];
  if (what === undefined) return "unknown-role";
  return what.toLowerCase() === "user" ? "unknown-user" : "unknown-project";
}
