import { findLinksOfUsers } from "../../db/links.store";
import { listDomains } from "../keystone/domains.server";
import { listUsers } from "../keystone/users.server";
import type { LinkContext } from "../links/link-context.server";
import { type LinkStatus, linkStatus } from "../links/link-status";

/** A user of Keystone's, with the link there is. */
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
 * @param search.token the administrator's
 * @returns the users by name, `truncated` where there are more than these, and every domain there is to
 *   choose from (none where the token may not list them)
 * @throws {KeystoneError}
 */
export async function findUsers(
  { db, config, keystone }: LinkContext,
  search: {
    token: string;
    nameContains: string;
    domainId: string;
    limit: number;
    requestId: string;
  },
): Promise<{ users: FoundUser[]; truncated: boolean; domains: { id: string; name: string }[] }> {
  const { token, requestId, limit } = search;
  const [domains, found] = await Promise.all([
    // Without the right to list domains one can still work: they go by their ids then.
    listDomains(keystone, { token, requestId }).catch(() => []),
    listUsers(keystone, {
      token,
      requestId,
      limit,
      nameContains: search.nameContains,
      ...(search.domainId !== "" && { domainId: search.domainId }),
    }),
  ]);
  const rows = await findLinksOfUsers(
    db,
    found.users.map((user) => user.id),
  );
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
