import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
} from "@remix-run/node";
import { useActionData, useLoaderData } from "@remix-run/react";
import { checkAccount } from "../accounts/check-account.server";
import { openAccount } from "../accounts/open-account.server";
import { whatToChoose } from "../accounts/what-to-choose.server";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { pageHeaders } from "../components/route-exports";
import {
  type AccountAnswer,
  type NotOpenedAnswer,
  refusalOfOpening,
  whatIsThere,
} from "../console/account-answer";
import {
  type AccountOffer,
  lifetimesToOffer,
  problemsOfCheck,
  readAccountForm,
  usualAccount,
} from "../console/account-choices";
import { type AccountPage, AccountView } from "../console/account-form";
import { useLastAnswer } from "../console/last-answer";
import { readForm } from "../http/form.server";
import { adminOf, endSession } from "../http/guard-console.server";
import { initiatorOf } from "../http/initiator.server";
import { withKeystone } from "../http/keystone-trouble.server";
import { makeUpPin } from "../links/pin.server";
import { wordsIn } from "../messages/catalogs.server";
import { languageOrDefault } from "../messages/languages";

export const headers = pageHeaders;

export const meta: MetaFunction = ({ matches }) =>
  pageTitle(wordsOfPage(matches)("console.title.newAccount"), matches);

type Args = LoaderFunctionArgs | ActionFunctionArgs;

/** What there is to choose from, as far as Keystone tells this administrator. */
async function readOffer(args: Args) {
  const { services, requestId } = args.context;
  const { config } = services;
  const asker = { token: adminOf(args.context).keystoneToken, requestId };
  const told = await withKeystone(args, () => whatToChoose(services, asker));
  const { domains, roles } = told.ok ? told.value : { domains: [], roles: [] };
  const own = config.admin.projectDomainId;
  const offer: AccountOffer = {
    domains: domains.length > 0 ? domains : [{ id: own, name: own }],
    roles,
    pinLength: config.links.pinLength,
    languages: config.languages,
    usualLanguage: languageOrDefault(config, undefined),
    lifetimes: lifetimesToOffer(config.links.lifetimeSeconds),
    usualLifetime: config.links.lifetimeSeconds,
  };
  return { offer, trouble: told.ok ? null : told };
}

export async function loader(args: LoaderFunctionArgs) {
  const { offer, trouble } = await readOffer(args);
  const usual = usualAccount(offer, args.context.services.config.admin.projectDomainId);
  return { offer, usual, trouble: trouble?.message ?? null } satisfies AccountPage;
}

export async function action(args: ActionFunctionArgs) {
  const form = await readForm(args);
  const { services, requestId } = args.context;
  const words = wordsIn(args.context.language);
  const admin = adminOf(args.context);
  const { offer, trouble } = await readOffer(args);
  const { choices, pin: typedPin, errors } = readAccountForm(words, form, offer);
  const refuse = (status: number, why: Partial<NotOpenedAnswer>) =>
    data<AccountAnswer>({ ok: false, choices, made: [], existingUserId: null, ...why }, { status });
  // What was chosen was not seen: the account would be without its role.
  if (trouble?.reason === "unavailable")
    return refuse(trouble.status, { message: trouble.message });
  if (errors) return refuse(400, { errors });
  const { userName, domainId, email, projectFrom, projectName, roleId } = choices;
  const token = admin.keystoneToken;
  // Before anything is made: what is said as one types is said here to whoever has no script.
  const check = await withKeystone(args, () =>
    checkAccount(services, {
      ...{ token, requestId, domainId, userName },
      projectName: projectFrom === "none" ? "" : projectName,
    }),
  );
  if (!check.ok) return refuse(check.status, { message: check.message });
  const problems = problemsOfCheck(words, check.value, choices);
  if (problems) return refuse(409, { errors: problems });

  const pin = typedPin === "" ? makeUpPin(offer.pinLength) : typedPin;
  const result = await openAccount(
    services,
    {
      userName,
      domainId,
      pin,
      language: choices.language,
      expiresInSeconds: choices.lifetimeSeconds,
      ...(email !== "" && { email, ...(choices.mail && { mailTo: email }) }),
      ...(choices.fullName !== "" && { fullName: choices.fullName }),
      ...(projectFrom !== "none" && {
        project: { name: projectName, domainId },
        ...(roleId !== "" && { role: { id: roleId } }),
      }),
    },
    { token, credential: "caller", initiator: initiatorOf(args.context, admin) },
  );
  if (result.ok) {
    const { url, expiresAt, id: linkId, userId, userName: name } = result.link;
    return data<AccountAnswer>({
      ok: true,
      ...{ url, expiresAt, linkId, userId, userName: name ?? userName },
      mailTo: choices.mail ? email : null,
      madeUpPin: typedPin === "" ? pin : null,
    });
  }
  if (result.reason === "token-ended") throw await endSession(args);
  const { status, ...why } = refusalOfOpening(words, result, result.step);
  return refuse(status, {
    ...why,
    made: whatIsThere(words, result.opened, choices),
    existingUserId: ("userId" in result && result.userId) || null,
  });
}

export default function NewAccount() {
  const answer = useLastAnswer(useActionData<typeof action>());
  return <AccountView page={useLoaderData<typeof loader>()} answer={answer} />;
}
