import { type Asker, ask, idsAnswer } from "./ask.server";
import type { KeystoneSession } from "./session.server";

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
