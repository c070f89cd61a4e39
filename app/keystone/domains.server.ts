import { z } from "zod";
import { type Asker, ask, optionalText, pathOf, undefinedIfNotFound } from "./ask.server";
import { isKeystoneError } from "./errors.server";
import type { KeystoneSession } from "./session.server";

const domainFields = z.object({
  id: z.string(),
  name: z.string(),
  enabled: z.boolean().default(true),
});

const domainsAnswer = z.object({ domains: z.array(domainFields) });

const domainAnswer = z.object({ domain: domainFields });

const policyAnswer = z.object({
  config: z.object({
    security_compliance: z.object({
      password_regex: optionalText,
      password_regex_description: optionalText,
    }),
  }),
});

/** All domains. Keystone API: GET /v3/domains. @throws KeystoneError */
export async function listDomains(
  session: KeystoneSession,
  options: Asker,
): Promise<{ id: string; name: string; enabled: boolean }[]> {
  const { domains } = await ask(session, options, { path: "/domains" }, domainsAnswer);
  return domains;
}

/**
 * One domain; undefined where there is none of that id. Keystone API: GET /v3/domains/{id}.
 * @throws KeystoneError
 */
export async function getDomain(
  session: KeystoneSession,
  options: Asker & { domainId: string },
): Promise<{ id: string; name: string } | undefined> {
  const answer = await undefinedIfNotFound(() =>
    ask(session, options, { path: pathOf(session, "domains", options.domainId) }, domainAnswer),
  );
  return answer && { id: answer.domain.id, name: answer.domain.name };
}

const driverAnswer = z.object({ config: z.object({ driver: optionalText }) });

/**
 * Where the users of a domain are, by Keystone's name for it: `ldap`, `sql`; undefined where the domain has
 * no configuration of its own in Keystone's database, which says nothing of one in its files.
 * Keystone API: GET /v3/domains/{id}/config/identity/driver.
 *
 * @throws KeystoneError
 */
export async function getDomainDriver(
  session: KeystoneSession,
  options: Asker & { domainId: string },
): Promise<string | undefined> {
  const answer = await undefinedIfNotFound(() => {
    const path = `${pathOf(session, "domains", options.domainId)}/config/identity/driver`;
    return ask(session, options, { path }, driverAnswer);
  });
  return answer?.config.driver;
}

export interface PasswordPolicy {
  /** In Python's dialect, as Keystone's operator wrote it. */
  regex?: string;
  /** The operator's words for it. */
  description?: string;
}

const defaultDomainId = "default";

/**
 * The password rules for the users of a domain, which any valid token may read; empty where there
 * are none or they are not told. Keystone API: GET /v3/domains/{id}/config/security_compliance.
 *
 * Keystone has one set of rules for all domains, and tells it under the default domain only (403
 * for any other): so that one is asked in that case.
 *
 * @throws KeystoneError
 */
export async function getPasswordPolicy(
  session: KeystoneSession,
  options: Asker & { domainId: string },
): Promise<PasswordPolicy> {
  try {
    const path = `${pathOf(session, "domains", options.domainId)}/config/security_compliance`;
    const { config } = await ask(session, options, { path }, policyAnswer);
    const { password_regex: regex, password_regex_description: description } =
      config.security_compliance;
    return { regex, description };
  } catch (error) {
    if (!isKeystoneError(error)) throw error;
    if (error.kind === "forbidden" && options.domainId !== defaultDomainId)
      return getPasswordPolicy(session, { ...options, domainId: defaultDomainId });
    if (error.kind === "not-found" || error.kind === "forbidden") return {};
    throw error;
  }
}
