import type { AccountCheck } from "../accounts/check-account.server";
import type { FieldErrors } from "../components/error-summary";
import { readLine } from "../components/form-text";
import { looksLikeEmail } from "../links/email-address";
import type { Language } from "../messages/languages";
import type { Words } from "../messages/words";

/** `new`: created with the account. */
export const PROJECT_CHOICES = ["existing", "new", "none"] as const;
type ProjectChoice = (typeof PROJECT_CHOICES)[number];

/** What can be chosen for a new account. */
export interface AccountOffer {
  readonly domains: readonly { readonly id: string; readonly name: string }[];
  /** None where Keystone does not tell them to this administrator. */
  readonly roles: readonly { readonly id: string; readonly name: string }[];
  readonly pinLength: number;
  readonly languages: readonly Language[];
  readonly usualLanguage: Language;
  /** How long a link can last, in seconds, the shortest first. */
  readonly lifetimes: readonly number[];
  readonly usualLifetime: number;
}

/** What was chosen; the PIN stays with the server. */
export interface AccountChoices {
  userName: string;
  email: string;
  fullName: string;
  domainId: string;
  projectFrom: ProjectChoice;
  projectName: string;
  roleId: string;
  language: Language;
  lifetimeSeconds: number;
  mail: boolean;
}

export type AccountErrors = FieldErrors<
  "user_name" | "email" | "full_name" | "domain" | "project_name" | "role" | "pin"
>;

const DAY_SECONDS = 86_400;
const LIFETIMES = [1, 3, 7, 14, 30].map((days) => days * DAY_SECONDS);

/** @param usualSeconds TOKEN_EXPIRATION */
export const lifetimesToOffer = (usualSeconds: number): number[] =>
  [...new Set([...LIFETIMES, usualSeconds])].sort((one, other) => one - other);

/** The role most clouds give to whoever uses a project. */
const USUAL_ROLE = "member";

/** @param usualDomainId the administrator's own */
export function usualAccount(offer: AccountOffer, usualDomainId: string): AccountChoices {
  const domain = offer.domains.find(({ id }) => id === usualDomainId) ?? offer.domains[0];
  const role = offer.roles.find(({ name }) => name === USUAL_ROLE) ?? offer.roles[0];
  return {
    ...{ userName: "", email: "", fullName: "", projectName: "" },
    domainId: domain?.id ?? usualDomainId,
    projectFrom: "existing",
    roleId: role?.id ?? "",
    language: offer.usualLanguage,
    lifetimeSeconds: offer.usualLifetime,
    mail: true,
  };
}

/** Keystone has no room for longer names of projects. */
export const LONGEST_PROJECT_NAME = 64;

/**
 * Reads the form of a new account.
 *
 * @returns what was chosen, with the PIN apart ("": one is to be made up), and what is wrong with it
 */
export function readAccountForm(
  words: Words,
  form: URLSearchParams,
  offer: AccountOffer,
): { choices: AccountChoices; pin: string; errors: AccountErrors | undefined } {
  const one = <Known>(among: readonly Known[], is: (known: Known) => boolean): Known | undefined =>
    among.find(is);
  const choices: AccountChoices = {
    userName: readLine(form, "user_name"),
    email: readLine(form, "email"),
    fullName: readLine(form, "full_name"),
    domainId: one(offer.domains, ({ id }) => id === form.get("domain"))?.id ?? "",
    projectFrom: one(PROJECT_CHOICES, (choice) => choice === form.get("project_from")) ?? "none",
    projectName: readLine(form, "project_name", LONGEST_PROJECT_NAME),
    roleId: one(offer.roles, ({ id }) => id === form.get("role"))?.id ?? "",
    language: one(offer.languages, (tag) => tag === form.get("language")) ?? offer.usualLanguage,
    lifetimeSeconds:
      one(offer.lifetimes, (seconds) => String(seconds) === form.get("lifetime")) ??
      offer.usualLifetime,
    mail: form.get("mail") === "yes",
  };
  const pin = (form.get("pin") ?? "").trim();
  const errors: AccountErrors = {};
  if (choices.userName === "") errors.user_name = words("console.newAccount.problem.userName");
  if (choices.email === "") {
    if (choices.mail) errors.email = words("console.newAccount.problem.email");
  } else if (!looksLikeEmail(choices.email)) errors.email = words("shared.notAnEmail");
  if (choices.domainId === "") errors.domain = words("console.newAccount.problem.domain");
  if (choices.projectFrom !== "none") {
    if (choices.projectName === "")
      errors.project_name = words("console.newAccount.problem.projectName");
    if (choices.roleId === "" && offer.roles.length > 0)
      errors.role = words("console.newAccount.problem.role");
  }
  if (pin !== "" && !(/^[0-9]+$/.test(pin) && pin.length === offer.pinLength))
    errors.pin = words("console.issue.pinFormat", { digits: offer.pinLength });
  return { choices, pin, errors: Object.keys(errors).length > 0 ? errors : undefined };
}

/** @returns what the look-up before the account is opened has to say against it, at its fields */
export function problemsOfCheck(
  words: Words,
  check: AccountCheck,
  { projectFrom }: Pick<AccountChoices, "projectFrom">,
): AccountErrors | undefined {
  const errors: AccountErrors = {};
  if (check.user === "taken" || check.user === "handed-over")
    errors.user_name = words(`console.newAccount.check.user.${check.user}`);
  if (check.domain === "disabled" || check.domain === "read-only")
    errors.domain = words(`console.newAccount.check.domain.${check.domain}`);
  if (projectFrom !== "none" && check.project === "disabled")
    errors.project_name = words("console.newAccount.check.project.disabled");
  if (projectFrom === "existing" && check.project === "none")
    errors.project_name = words("console.newAccount.problem.projectUnknown");
  // With an account that was begun, its project was made too: that is the same again.
  if (projectFrom === "new" && check.project === "there" && check.user !== "begun")
    errors.project_name = words("console.newAccount.problem.projectThere");
  return Object.keys(errors).length > 0 ? errors : undefined;
}
