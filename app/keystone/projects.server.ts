import { z } from "zod";
import { type Asker, ask, idsAnswer, send } from "./ask.server";
import { isKeystoneError } from "./errors.server";
import { isPlainText } from "./plain-text.server";
import type { KeystoneSession } from "./session.server";

const projectFields = z
  .object({
    id: z.string(),
    name: z.string(),
    domain_id: z.string(),
    enabled: z.boolean().default(true),
  })
  .transform(({ domain_id: domainId, ...project }) => ({ ...project, domainId }));

export type KeystoneProject = z.output<typeof projectFields>;

const projectsAnswer = z.object({
  projects: z.array(projectFields),
  truncated: z.boolean().nullish(),
  links: z.object({ next: z.string().nullish() }).optional(),
});

const projectAnswer = z.object({ project: projectFields });

/**
 * Projects, of one domain or of exactly one name where told so. `truncated`: there are more than these.
 * Keystone API: GET /v3/projects.
 *
 * @throws KeystoneError
 */
export async function listProjects(
  session: KeystoneSession,
  options: Asker & { domainId?: string; name?: string },
): Promise<{ projects: KeystoneProject[]; truncated: boolean }> {
  const { domainId, name } = options;
  // Nothing is called this, and Keystone's database fails at it.
  if (name !== undefined && (name === "" || !isPlainText(name)))
    return { projects: [], truncated: false };
  const query = { domain_id: domainId, name };
  const answer = await ask(session, options, { path: "/projects", query }, projectsAnswer);
  return {
    // On MySQL, names know no case and no accents.
    projects: answer.projects.filter((project) => name === undefined || project.name === name),
    truncated: answer.truncated === true || Boolean(answer.links?.next),
  };
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

export type CreateProjectOutcome =
  | { ok: true; project: KeystoneProject }
  /** The domain has a project of this name already. */
  | { ok: false; reason: "name-taken" }
  | { ok: false; reason: "unknown-domain" }
  /** Keystone's policy does not let the token's holder create projects there. */
  | { ok: false; reason: "forbidden" }
  /** In Keystone's own words: a name that is too long, say. */
  | { ok: false; reason: "bad-request"; message: string };

/**
 * Creates a project. Keystone API: POST /v3/projects.
 *
 * @throws KeystoneError for an outage and for a token that is not good (`unauthorized`)
 */
export async function createProject(
  session: KeystoneSession,
  options: Asker & { name: string; domainId: string },
): Promise<CreateProjectOutcome> {
  const { name, domainId } = options;
  if (!isPlainText(name) || !isPlainText(domainId))
    return { ok: false, reason: "bad-request", message: "A name has no control characters." };
  try {
    const json = { project: { name, domain_id: domainId, enabled: true } };
    const request = { method: "POST", path: "/projects", json } as const;
    const { project } = await send(session, options, request, projectAnswer);
    return { ok: true, project };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    const { kind, detail = "Keystone did not say why." } = error;
    if (kind === "conflict") return { ok: false, reason: "name-taken" };
    // A 400, where users' unknown domains are a 404.
    if (kind === "not-found" || /could not find domain/i.test(detail))
      return { ok: false, reason: "unknown-domain" };
    if (kind === "forbidden") return { ok: false, reason: "forbidden" };
    if (kind === "bad-request") return { ok: false, reason: "bad-request", message: detail };
    throw error;
  }
}
