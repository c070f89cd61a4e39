import type { Config } from "../config/config.server";
import { isKeystoneError } from "../keystone/errors.server";
import { findProjectIds } from "../keystone/projects.server";
import { findRoleIds, listRolesOfUser } from "../keystone/roles.server";
import type { KeystoneSession } from "../keystone/session.server";

/** `privileged`: has the role admin anywhere, or any role on the admin project. */
export type Standing = "privileged" | "ordinary" | "unknown";

/**
 * Whether a user's account has rights over the cloud, or is one that a service may sign in with: what
 * ends its password can stop more than one person's work.
 *
 * @returns `unknown` where Keystone does not tell
 */
export async function readStanding(
  { keystone, config }: { keystone: KeystoneSession; config: Pick<Config, "admin"> },
  asked: { token: string; userId: string; requestId: string },
): Promise<Standing> {
  const { projectName, projectDomainId } = config.admin;
  try {
    const [held, adminRoles, adminProjects] = await Promise.all([
      listRolesOfUser(keystone, asked),
      findRoleIds(keystone, { ...asked, name: "admin" }),
      findProjectIds(keystone, { ...asked, name: projectName, domainId: projectDomainId }),
    ]);
    const isPrivileged = held.some(
      ({ roleId, projectId }) =>
        adminRoles.includes(roleId) ||
        (projectId !== undefined && adminProjects.includes(projectId)),
    );
    return isPrivileged ? "privileged" : "ordinary";
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    return "unknown";
  }
}
