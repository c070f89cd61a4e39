import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
} from "@remix-run/node";
import { useActionData, useLoaderData } from "@remix-run/react";
import { enableAccount } from "../accounts/enable-account.server";
import { handOver } from "../accounts/hand-over.server";
import { readLinkUser } from "../accounts/look-up-user.server";
import { readStanding } from "../accounts/privileged-user.server";
import { pageTitle, wordsOfPage } from "../components/page-title";
import { pageHeaders } from "../components/route-exports";
import { isRowId } from "../console/addresses";
import {
  type EnableAnswer,
  type HandOverAnswer,
  type HandOverWords,
  wordsForHandOver,
} from "../console/hand-over-answer";
import { type HandOverPage, HandOverView } from "../console/hand-over-view";
import { offerFor, problemOfNow, readIssueForm } from "../console/issue-choices";
import { useLastAnswer } from "../console/last-answer";
import { useRevalidateWhile } from "../console/revalidate-while";
import { readForm } from "../http/form.server";
import { adminOf } from "../http/guard-console.server";
import { refusalOfRandomPassword, withKeystone } from "../http/keystone-trouble.server";
import { requirePermitFor } from "../http/require-permit.server";
import { getLink, getLinkOfUser } from "../links/list-links.server";
import { isSameMailbox } from "../links/same-mailbox";
import { wordsIn } from "../messages/catalogs.server";
import { getRequest } from "../reset-requests/handle-requests.server";

export const headers = pageHeaders;

export const meta: MetaFunction<typeof loader> = ({ data, matches }) => {
  const words = wordsOfPage(matches);
  const title = data?.user
    ? words("console.title.linkFor", { name: data.user.name })
    : words("console.title.issue");
  return pageTitle(title, matches);
};

type Args = LoaderFunctionArgs | ActionFunctionArgs;

/** What both reading and sending the form start from. */
async function lookUp(args: Args) {
  const admin = adminOf(args.context);
  const { services, requestId } = args.context;
  const userId = args.params.userId ?? "";
  const asked = new URL(args.request.url).searchParams.get("request");
  const [keystone, link, request] = await Promise.all([
    withKeystone(args, () =>
      readLinkUser(services.keystone, { token: admin.keystoneToken, userId, requestId }),
    ),
    getLinkOfUser(services, userId),
    isRowId(asked) ? getRequest(services, asked) : undefined,
  ]);
  const user = keystone.ok ? keystone.value : undefined;
  // Keystone is asked about the user alone: without the role admin, the request must be that user's own.
  // Its address is not enough: whoever may change a user can give them anybody's.
  const mayAnswer =
    admin.holdsAdminRole ||
    (request?.confirmedAt != null &&
      user?.name === request.name &&
      isSameMailbox(user.email, request.email));
  const open = request?.state === "open" && mayAnswer ? request : undefined;
  return {
    userId,
    keystone,
    link,
    request: open,
    offer: offerFor(link, open, services.config),
  };
}

export async function loader(args: LoaderFunctionArgs) {
  const admin = adminOf(args.context);
  const { services, requestId } = args.context;
  const asked = { token: admin.keystoneToken, userId: args.params.userId ?? "", requestId };
  const [{ userId, keystone, link, request, offer }, standing] = await Promise.all([
    lookUp(args),
    readStanding(services, asked),
  ]);
  const user = keystone.ok ? keystone.value : undefined;
  const current = link && (await getLink(services, link.id))?.link;
  const problem = problemOfNow(link, user);
  const page: HandOverPage = {
    userId,
    ownAccount: userId === admin.userId,
    standing,
    adminProject: services.config.admin.projectName,
    user: user ?? null,
    trouble: keystone.ok ? null : keystone.message,
    link: current ?? null,
    problem,
    request: request ?? null,
    offer,
  };
  return data(page, { status: keystone.ok ? (user ? 200 : 404) : keystone.status });
}

async function enable(args: ActionFunctionArgs) {
  const words = wordsIn(args.context.language);
  const userId = args.params.userId ?? "";
  const refuse = (status: number, message: string) =>
    data<EnableAnswer>({ intent: "enable", ok: false, message }, { status });
  const permit = await requirePermitFor(args, userId);
  if (!permit.ok) return refuse(permit.status, permit.message);
  const adminToken = adminOf(args.context).keystoneToken;
  const answer = await withKeystone(args, () =>
    enableAccount(args.context.services, { userId, adminToken }, permit.initiator),
  );
  if (!answer.ok) return refuse(answer.status, answer.message);
  if (answer.value.ok) return data<EnableAnswer>({ intent: "enable", ok: true });
  return answer.value.reason === "forbidden"
    ? refuse(403, words("console.user.enable.forbidden"))
    : refuse(404, words("console.keystone.unknownUser"));
}

export async function action(args: ActionFunctionArgs) {
  const form = await readForm(args);
  return form.get("intent") === "enable" ? enable(args) : issue(args, form);
}

async function issue(args: ActionFunctionArgs, form: URLSearchParams) {
  const { services } = args.context;
  const words = wordsIn(args.context.language);
  const { userId, keystone, request, offer } = await lookUp(args);
  const { choices, pin, initialPassword, errors } = readIssueForm(words, form, offer);
  const { mailTo } = choices;

  const refuse = (status: number, why: HandOverWords) =>
    data<HandOverAnswer>({ ok: false, choices, ...why }, { status });
  if (!keystone.ok) return refuse(keystone.status, { message: keystone.message });
  const user = keystone.value;
  if (!user) return refuse(404, { message: words("console.keystone.unknownUser") });
  if (errors) return refuse(400, { errors });
  const permit = await requirePermitFor(args, userId);
  if (!permit.ok) return refuse(permit.status, { message: permit.message });

  const asked = {
    userId,
    user,
    pin: choices.pin === "typed" ? { typed: pin } : choices.pin,
    language: choices.language,
    initialPassword: choices.password === "typed" ? { typed: initialPassword } : choices.password,
    adminToken: adminOf(args.context).keystoneToken,
    ...(mailTo !== "" && { mailTo }),
    ...(request && { requestId: request.id }),
  };
  const answer = await withKeystone(args, () => handOver(services, asked, permit.initiator));
  if (!answer.ok) return refuse(answer.status, { message: answer.message });
  const result = answer.value;
  if (result.ok) {
    const { url, expiresAt } = result.link;
    const others =
      request && request.openOfMailbox > 1
        ? { count: request.openOfMailbox - 1, email: request.email }
        : null;
    const issued = { ok: true, url, expiresAt, mailTo: asked.mailTo ?? null, others } as const;
    return data<HandOverAnswer>(issued, { status: 200 });
  }
  if (result.reason !== "no-random-password")
    return refuse(409, wordsForHandOver(words, result.reason));
  const { status, message } = refusalOfRandomPassword(words, result.why);
  return refuse(status, { message });
}

export default function UserPage() {
  const page = useLoaderData<typeof loader>();
  const answer = useLastAnswer(useActionData<typeof action>());
  const enabling = answer && "intent" in answer ? answer : undefined;
  const issued = answer && !("intent" in answer) ? answer : undefined;
  useRevalidateWhile(issued?.ok === true && page.link?.mail?.state === "queued");
  return <HandOverView page={page} answer={issued} enabling={enabling} />;
}
