import type { AccessInfo } from "../keystone/access-info.server";
import { isKeystoneError } from "../keystone/errors.server";
import { findProjectIds } from "../keystone/projects.server";
import { findRoleIds } from "../keystone/roles.server";
import type { KeystoneSession } from "../keystone/session.server";
import { getUser, type KeystoneUser, listUsers, mayChangeUser } from "../keystone/users.server";

/** What Keystone's policy can give the service credential, by the policy's own names. */
export type Right =
  | "identity:list_users"
  | "identity:get_user"
  | "identity:update_user"
  | "identity:list_projects"
  | "identity:list_roles";

/** `unknown`: there was nobody to ask about, or no answer; `why` says which. */
export type RightAnswer =
  | { readonly is: "yes" }
  | { readonly is: "no" }
  | { readonly is: "unknown"; readonly why: string };

export interface CheckedCredential {
  readonly rights: Readonly<Record<Right, RightAnswer>>;
  /** The first that Keystone lists; undefined where it lists none to this credential. */
  readonly firstUsers: readonly KeystoneUser[] | undefined;
  /** Whom reading and changing was asked about. */
  readonly askedAbout: { readonly id: string; readonly name?: string } | undefined;
}

const FIRST_USERS = 5;

/**
 * Asks Keystone what a token may do, by calls that change nothing.
 *
 * @param access the token's; must be of a project
 * @param userId whom to ask about; when left out, the first user of the project's domain other than the
 *   credential's own, as everybody may read themselves
 */
export async function checkServiceCredential(
  session: KeystoneSession,
  { access, userId }: { access: AccessInfo; userId: string | undefined },
): Promise<CheckedCredential> {
  const { token } = access;
  const domainId = access.project?.domain.id ?? access.user.domain.id;
  let users: KeystoneUser[] | undefined;
  const list = await answerOf(async () => {
    ({ users } = await listUsers(session, { token }));
    return "yes";
  });
  const other = users?.find((user) => user.domainId === domainId && user.id !== access.user.id);
  const askedAbout = userId === undefined ? other : { id: userId };
  const nobody: RightAnswer = { is: "unknown", why: "name a user's id to ask about" };
  const about = (ask: (userId: string) => Promise<Said>) =>
    askedAbout ? answerOf(() => ask(askedAbout.id)) : nobody;
  return {
    firstUsers: users?.slice(0, FIRST_USERS),
    askedAbout: askedAbout && { id: askedAbout.id, ...(other && { name: other.name }) },
    rights: {
      "identity:list_users": list,
      "identity:get_user": await about(async (id) =>
        (await getUser(session, { token, userId: id })) ? "yes" : "unknown-user",
      ),
      "identity:update_user": await about((id) => mayChangeUser(session, { token, userId: id })),
      "identity:list_projects": await answerOf(async () => {
        await findProjectIds(session, { token, name: access.project?.name ?? "admin", domainId });
        return "yes";
      }),
      "identity:list_roles": await answerOf(async () => {
        await findRoleIds(session, { token, name: "member" });
        return "yes";
      }),
    },
  };
}

type Said = "yes" | "no" | "unknown-user";

async function answerOf(ask: () => Promise<Said>): Promise<RightAnswer> {
  try {
    const said = await ask();
    return said === "unknown-user"
      ? { is: "unknown", why: "Keystone knows no user of this id" }
      : { is: said };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    return error.kind === "forbidden" ? { is: "no" } : { is: "unknown", why: error.message };
  }
}
