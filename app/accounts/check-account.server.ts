import type { Queryable } from "../../db/client";
import { findLinkOfUser } from "../../db/links.store";
import { getDomainDriver } from "../keystone/domains.server";
import { isKeystoneError } from "../keystone/errors.server";
import { listProjects } from "../keystone/projects.server";
import type { KeystoneSession } from "../keystone/session.server";
import { findUsersNamed } from "../keystone/users.server";
import type { KnownDomains } from "./known-domains.server";

/** What Keystone has of an account that somebody is about to open. `unknown`: not asked, or it does not tell. */
export interface AccountCheck {
  /** `begun`: setpass made it and has not handed it over. `handed-over`: it has. `taken`: somebody else's. */
  readonly user: "free" | "taken" | "begun" | "handed-over" | "unknown";
  /** `read-only`: its users are in a directory that Keystone does not write to. */
  readonly domain: "good" | "disabled" | "read-only" | "unknown";
  readonly project: "there" | "none" | "disabled" | "unknown";
}

/**
 * Looks up what an account is to be made of. Changes nothing, and decides nothing: by the time the account
 * is opened, Keystone may say otherwise.
 *
 * @param asked.userName not looked up where it is empty; so is the project's
 * @throws {KeystoneError} for an outage, and where the token is not good
 */
export async function checkAccount(
  context: { db: Queryable; keystone: KeystoneSession; knownDomains: KnownDomains },
  asked: {
    token: string;
    requestId: string;
    domainId: string;
    userName: string;
    projectName: string;
  },
): Promise<AccountCheck> {
  const { db, keystone, knownDomains } = context;
  const { token, requestId, domainId } = asked;
  const asker = { token, requestId, domainId };
  const [user, domain, project] = await Promise.all([
    unlessForbidden(async () => {
      if (asked.userName === "") return "unknown";
      const [found] = await findUsersNamed(keystone, { ...asker, name: asked.userName });
      if (!found) return "free";
      if (found.accountMark === undefined) return "taken";
      return (await findLinkOfUser(db, found.id)) ? "handed-over" : "begun";
    }),
    unlessForbidden(async () => {
      const known = await knownDomains.list({ token, requestId });
      if (known.find(({ id }) => id === domainId)?.enabled === false) return "disabled";
      const driver = await getDomainDriver(keystone, asker);
      return driver === undefined || driver === "sql" ? "good" : "read-only";
    }),
    unlessForbidden(async () => {
      if (asked.projectName === "") return "unknown";
      const { projects } = await listProjects(keystone, { ...asker, name: asked.projectName });
      if (projects.length === 0) return "none";
      return projects[0]?.enabled ? "there" : "disabled";
    }),
  ]);
  return { user, domain, project };
}

async function unlessForbidden<Is>(look: () => Promise<Is>): Promise<Is | "unknown"> {
  try {
    return await look();
  } catch (error) {
    if (isKeystoneError(error) && error.kind === "forbidden") return "unknown";
    throw error;
  }
}
