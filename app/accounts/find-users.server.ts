import { findLinksOfUsers } from "../../db/links.store";
import { listUsers } from "../keystone/users.server";
import type { LinkContext } from "../links/link-context.server";
import { type LinkStatus, linkStatus } from "../links/link-status";
import type { Domain, KnownDomains } from "./known-domains.server";

export interface FoundUser {
  id: string;
  name: string;
  /** The domain's id where its name may not be read. */
  domainName: string;
  email: string | null;
  enabled: boolean;
  linkStatus: LinkStatus | null;
}

/**
 * Searches Keystone for users, by part of their name and by domain.
 *
 * @returns the users by name, `truncated` where there are more than these, and every domain there is to
 *   choose from (none where the token may not list them)
 * @throws {KeystoneError}
 */
export async function findUsers(
  { db, config, keystone, knownDomains }: LinkContext & { knownDomains: KnownDomains },
  search: {
    token: string;
    nameContains: string;
    domainId: string;
    limit: number;
    requestId: string;
  },
): Promise<{ users: FoundUser[]; truncated: boolean; domains: readonly Domain[] }> {
  const { token, requestId, limit } = search;
  const [known, found] = await Promise.all([
    knownDomains.list({ token, requestId }),
    listUsers(keystone, {
      token,
      requestId,
      limit,
      nameContains: search.nameContains,
      ...(search.domainId !== "" && { domainId: search.domainId }),
    }),
  ]);
  const isNew = found.users.some(({ domainId }) => !known.some(({ id }) => id === domainId));
  const [rows, domains] = await Promise.all([
    findLinksOfUsers(
      db,
      found.users.map((user) => user.id),
    ),
    isNew && known.length > 0 ? knownDomains.listAnew({ token, requestId }) : known,
  ]);
  const links = new Map(rows.map((row) => [row.userId, row]));
  const names = new Map(domains.map(({ id, name }) => [id, name]));
  const now = new Date();
  const users = found.users.map((user): FoundUser => {
    const link = links.get(user.id);
    return {
      id: user.id,
      name: user.name,
      domainName: names.get(user.domainId) ?? user.domainId,
      email: user.email ?? null,
      enabled: user.enabled,
      linkStatus: link ? linkStatus(link, config.links, now) : null,
    };
  });
  users.sort((one, other) => one.name.localeCompare(other.name, "en"));
  return { users, truncated: found.truncated, domains };
}
