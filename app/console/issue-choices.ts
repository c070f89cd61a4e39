import type { Standing } from "../accounts/privileged-user.server";
import type { FieldErrors } from "../components/error-summary";
import { readLine } from "../components/form-text";
import { looksLikeEmail } from "../links/email-address";
import type { LinkSummary } from "../links/list-links.server";
import { type Language, languageOrDefault, type OfferedLanguages } from "../messages/languages";
import type { LinkProblem } from "../messages/problem-words";
import type { Words } from "../messages/words";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";

/** Where the new link's PIN comes from: typed, given with the user's request, or the link's own. */
export type PinChoice = "typed" | "request" | "keep";
/** Where the initial password comes from: setpass sets one, it is typed, or the link's own. */
export type PasswordChoice = "random" | "typed" | "keep";

export interface IssueOffer {
  pinLength: number;
  /** There is a pending link whose PIN can stay. */
  keepPin: boolean;
  /** There is a pending link whose initial password can stay. */
  keepPassword: boolean;
  /** It cannot, because setpass has replaced it: its link was over. */
  passwordReplaced: boolean;
  /** The request that is answered came with a PIN. */
  requestPin: boolean;
  languages: readonly Language[];
  /** The one of the request or of the link there is, if any. */
  usualLanguage: Language;
}

/** What was chosen; the secrets stay with the server. */
export interface IssueChoices {
  mailTo: string;
  language: Language;
  pin: PinChoice;
  password: PasswordChoice;
}

export type IssueErrors = FieldErrors<"mail_to" | "pin" | "initial_password" | "password">;

/**
 * What is chosen before anybody chose: the least that helps. A random password ends the present one, so
 * it is not for one's own account, nor for one that others may depend on.
 */
export function usualChoices(about: {
  offer: IssueOffer;
  email: string | null;
  problem: LinkProblem | null;
  ownAccount: boolean;
  standing: Standing;
}): IssueChoices {
  const { offer, email, problem, ownAccount, standing } = about;
  const keep = offer.keepPassword && problem !== "initial-password-stale";
  return {
    mailTo: email ?? "",
    language: offer.usualLanguage,
    pin: offer.requestPin ? "request" : offer.keepPin ? "keep" : "typed",
    password: keep ? "keep" : ownAccount || standing !== "ordinary" ? "typed" : "random",
  };
}

/** @returns whether that still holds, as far as Keystone's word of now can tell */
export function isStillSo(
  problem: LinkProblem,
  user: { enabled: boolean; passwordLocked: boolean },
): boolean {
  if (problem === "account-disabled") return !user.enabled;
  if (problem === "password-locked") return user.passwordLocked;
  return true;
}

/** @returns why the link has set no password yet, where that still holds */
export function problemOfNow(
  link: LinkSummary | undefined,
  user: Parameters<typeof isStillSo>[1] | undefined,
): LinkProblem | null {
  if (!link?.problem || link.status === "completed" || link.status === "revoked") return null;
  return user && !isStillSo(link.problem, user) ? null : link.problem;
}

/** @returns what may be chosen, with the link there is and the request that is answered */
export function offerFor(
  link: LinkSummary | undefined,
  request: ResetRequestSummary | undefined,
  config: OfferedLanguages & { links: { pinLength: number } },
): IssueOffer {
  const renewable = link?.renewable === true;
  return {
    pinLength: config.links.pinLength,
    keepPin: renewable && !link.pinExhausted,
    keepPassword: renewable && !link.scrambled,
    passwordReplaced: link?.scrambled === true,
    requestPin: request?.hasPin === true,
    languages: config.languages,
    usualLanguage: languageOrDefault(config, request?.language ?? link?.language),
  };
}

/** Longer ones are refused by Keystone anyway. */
const MAX_INITIAL_PASSWORD = 4096;

/**
 * Reads the form of issuing and renewing.
 *
 * @returns what was chosen, with the secrets apart, and what is wrong with it
 */
export function readIssueForm(
  words: Words,
  form: URLSearchParams,
  offer: IssueOffer,
): {
  choices: IssueChoices;
  pin: string;
  initialPassword: string;
  errors: IssueErrors | undefined;
} {
  const pin = (form.get("pin") ?? "").trim();
  const initialPassword = form.get("initial_password") ?? "";
  const choices: IssueChoices = {
    mailTo: readLine(form, "mail_to"),
    language:
      offer.languages.find((language) => language === form.get("language")) ?? offer.usualLanguage,
    pin: pinChoice(form.get("pin_from"), pin, offer),
    password: passwordChoice(form.get("password"), offer),
  };
  const errors: IssueErrors = {};
  if (choices.mailTo !== "" && !looksLikeEmail(choices.mailTo))
    errors.mail_to = words("shared.notAnEmail");
  if (choices.pin === "typed" && !(/^[0-9]+$/.test(pin) && pin.length === offer.pinLength))
    errors.pin = words("console.issue.pinFormat", { digits: offer.pinLength });
  if (choices.password === "typed") {
    if (initialPassword === "")
      errors.initial_password = words("console.issue.problem.passwordEmpty");
    else if (
      initialPassword.length > MAX_INITIAL_PASSWORD ||
      /[\0\p{Surrogate}]/u.test(initialPassword)
    )
      errors.initial_password = words("console.issue.problem.passwordImpossible");
  }
  return {
    choices,
    pin,
    initialPassword,
    errors: Object.keys(errors).length > 0 ? errors : undefined,
  };
}

function pinChoice(given: string | null, pin: string, offer: IssueOffer): PinChoice {
  if (given === "request" && offer.requestPin) return "request";
  return pin === "" && offer.keepPin ? "keep" : "typed";
}

function passwordChoice(given: string | null, offer: IssueOffer): PasswordChoice {
  if (given === "typed" || given === "random") return given;
  return offer.keepPassword ? "keep" : "typed";
}
