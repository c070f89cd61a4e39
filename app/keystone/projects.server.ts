import { ask, idsAnswer } from "./ask.server";
import type { KeystoneSession } from "./session.server";

/** Ids of the projects of this name, one at most. Keystone API: GET /v3/projects. @throws KeystoneError */
export async function findProjectIds(
  session: KeystoneSession,
  options: { token: string; name: string; domainId: string; requestId?: string },
): Promise<string[]> {
  const { token, name, domainId, requestId } = options;
  const query = { name, domain_id: domainId };
  const request = { method: "GET", path: "/projects", query, token, requestId } as const;
  const { projects = [] } = await ask(session, request, idsAnswer("projects"));
  return projects.map(({ id }) => id);
}
