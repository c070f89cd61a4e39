import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
} from "@remix-run/node";
import { Link, useActionData, useLoaderData } from "@remix-run/react";
import { readLinkUser } from "../accounts/look-up-user.server";
import { readStanding, type Standing } from "../accounts/privileged-user.server";
import { setRandomPassword } from "../accounts/set-random-password.server";
import type { AdminSession } from "../admins/session.server";
import type { PermittedInitiator } from "../audit/initiator.server";
import { Fact, Facts } from "../components/facts";
import { Notice } from "../components/notice";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import { When } from "../components/when";
import { PageHeading } from "../console/console-page";
import { FreshLink } from "../console/fresh-link";
import {
  type IssueChoices,
  type IssueErrors,
  type IssueOffer,
  isStillSo,
  readIssueForm,
  usualChoices,
} from "../console/issue-choices";
import { IssueForm } from "../console/issue-form";
import { useLastAnswer } from "../console/last-answer";
import { useRevalidateWhile } from "../console/revalidate-while";
import { isRowId } from "../console/row-id";
import { StatusBadge, UserBadge } from "../console/status-badge";
import { readForm } from "../http/form.server";
import { adminOf } from "../http/guard-console.server";
import { withKeystone } from "../http/keystone-trouble.server";
import { refusalOfRandomPassword } from "../http/random-password.server";
import { requirePermitFor } from "../http/require-permit.server";
import { type IssuedLinkAnswer, type IssueResult, issueLink } from "../links/issue-link.server";
import { getLink, getLinkOfUser, type LinkSummary } from "../links/list-links.server";
import type { LinkProblem } from "../links/redeem/link-problem";
import { describeProblem } from "../links/redeem/redeem-link.server";
import { isSameMailbox } from "../links/same-mailbox";
import {
  closeAnswered,
  getRequest,
  openRequestPin,
  type ResetRequestSummary,
} from "../reset-requests/handle-requests.server";

export const headers = pageHeaders;

export const meta: MetaFunction<typeof loader> = ({ data, matches }) =>
  pageTitle(data?.user ? `Link for ${data.user.name}` : "Issue a link", matches);

type Args = LoaderFunctionArgs | ActionFunctionArgs;

/** What both reading and sending the form start from. */
async function lookUp(args: Args, admin: AdminSession) {
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
  const mayAnswer =
    admin.holdsAdminRole ||
    (request?.confirmedAt != null && isSameMailbox(user?.email, request.email));
  const open = request?.state === "open" && mayAnswer ? request : undefined;
  return { userId, keystone, link, request: open, offer: offerFor(args, link, open) };
}

function offerFor(
  { context }: Args,
  link: LinkSummary | undefined,
  request: ResetRequestSummary | undefined,
): IssueOffer {
  const renewable = link?.renewable === true;
  return {
    pinLength: context.services.config.links.pinLength,
    keepPin: renewable && !link.pinExhausted,
    keepPassword: renewable,
    requestPin: request?.hasPin === true,
  };
}

export async function loader(args: LoaderFunctionArgs) {
  const admin = adminOf(args.context);
  const { services, requestId } = args.context;
  const asked = { token: admin.keystoneToken, userId: args.params.userId ?? "", requestId };
  const [{ userId, keystone, link, request, offer }, standing] = await Promise.all([
    lookUp(args, admin),
    readStanding(services, asked),
  ]);
  const user = keystone.ok ? keystone.value : undefined;
  const current = link && (await getLink(args.context.services, link.id))?.link;
  const problem = problemOf(link, user);
  const page = {
    userId,
    ownAccount: userId === admin.userId,
    standing,
    adminProject: services.config.admin.projectName,
    user: user ?? null,
    trouble: keystone.ok ? null : keystone.message,
    link: current ?? null,
    problem,
    problemWords: problem && describeProblem(problem),
    request: request ?? null,
    offer,
  };
  return data(page, { status: keystone.ok ? (user ? 200 : 404) : statusOf(keystone.reason) });
}

/** Why the link that is there has set no password yet, where that still holds. */
function problemOf(
  link: LinkSummary | undefined,
  user: Parameters<typeof isStillSo>[1] | undefined,
): LinkProblem | null {
  if (!link?.problem || link.status === "completed" || link.status === "revoked") return null;
  return user && !isStillSo(link.problem, user) ? null : link.problem;
}

const statusOf = (reason: "unavailable" | "forbidden") => (reason === "forbidden" ? 403 : 503);

type Answer =
  | {
      ok: true;
      url: string;
      expiresAt: Date;
      mailTo: string | null;
      /** What else is open of the mailbox whose request this answered. */
      others: { count: number; email: string } | null;
    }
  | { ok: false; choices: IssueChoices; errors?: IssueErrors; message?: string };

export async function action(args: ActionFunctionArgs) {
  const session = adminOf(args.context);
  const form = await readForm(args);
  const { services } = args.context;
  const { userId, keystone, request, offer } = await lookUp(args, session);
  const { choices, pin, initialPassword, errors } = readIssueForm(form, offer);

  const refuse = (status: number, words: { errors?: IssueErrors; message?: string }) =>
    data<Answer>({ ok: false, choices, ...words }, { status });
  if (!keystone.ok) return refuse(statusOf(keystone.reason), { message: keystone.message });
  const user = keystone.value;
  if (!user) return refuse(404, { message: "Keystone knows no such user any more." });
  if (errors) return refuse(400, { errors });
  const permit = await requirePermitFor(args, userId);
  if (!permit.ok) return refuse(permit.status, { message: permit.message });
  const { initiator } = permit;

  const chosenPin = await pinFor(args, choices, { pin, requestId: request?.id });
  if (chosenPin === "closed")
    return refuse(409, { message: "The request was closed meanwhile. Type the PIN." });
  const password = await passwordFor(args, choices, initiator, {
    userId,
    initialPassword,
    adminToken: session.keystoneToken,
  });
  if (!password.ok) return refuse(password.status, { message: password.message });

  const { enabled: _enabled, passwordLocked: _passwordLocked, ...described } = user;
  const result = await issueLink(
    services,
    {
      userId,
      pin: chosenPin,
      initialPassword: password.value,
      initialPasswordIsSet: choices.password === "random",
      via: "console",
      user: described,
      ...(choices.mailTo !== "" && { mailTo: choices.mailTo }),
    },
    initiator,
  );
  if (!result.ok) return refuse(409, REFUSALS[result.reason]);
  if (request)
    await closeAnswered(services, { id: request.id, userId, linkId: result.link.id }, initiator);
  return data(issued(result.link, choices, request), { status: 200 });
}

const REFUSALS: Record<
  Exclude<IssueResult, { ok: true }>["reason"],
  { errors?: IssueErrors; message?: string }
> = {
  "pin-exhausted": {
    errors: { pin: "This PIN was guessed wrong too often. Ask the user for a new one." },
  },
  incomplete: {
    message:
      "The current link has ended meanwhile, so nothing of it can be kept. Type the PIN and choose a password.",
  },
  "in-progress": {
    message:
      "The current link is being redeemed: the right PIN was typed, and Keystone is setting the user's own password. Nothing was changed. Try again in a moment, or let setpass set a random password: that ends it.",
  },
};

const issued = (
  link: IssuedLinkAnswer,
  choices: IssueChoices,
  request: ResetRequestSummary | undefined,
): Answer => ({
  ok: true,
  url: link.url,
  expiresAt: link.expiresAt,
  mailTo: choices.mailTo === "" ? null : choices.mailTo,
  others:
    request && request.openOfMailbox > 1
      ? { count: request.openOfMailbox - 1, email: request.email }
      : null,
});

/** @returns the PIN, undefined to keep the link's, or `closed` where the request's is gone */
async function pinFor(
  { context }: Args,
  choices: IssueChoices,
  given: { pin: string; requestId: string | undefined },
): Promise<string | "closed" | undefined> {
  if (choices.pin === "keep") return undefined;
  if (choices.pin === "typed") return given.pin;
  const pin = given.requestId && (await openRequestPin(context.services, { id: given.requestId }));
  return pin || "closed";
}

type PasswordAnswer =
  | { ok: true; value: string | undefined }
  | { ok: false; status: number; message: string };

/** @returns the initial password, undefined to keep the link's, or why there is none */
async function passwordFor(
  args: ActionFunctionArgs,
  choices: IssueChoices,
  initiator: PermittedInitiator,
  given: { userId: string; initialPassword: string; adminToken: string },
): Promise<PasswordAnswer> {
  if (choices.password === "keep") return { ok: true, value: undefined };
  if (choices.password === "typed") return { ok: true, value: given.initialPassword };
  const { services } = args.context;
  const answer = await withKeystone(args, () => setRandomPassword(services, given, initiator));
  if (!answer.ok) return { ok: false, status: statusOf(answer.reason), message: answer.message };
  const outcome = answer.value;
  if (outcome.ok) return { ok: true, value: outcome.password };
  return { ok: false, ...refusalOfRandomPassword(outcome) };
}

export default function UserPage() {
  const page = useLoaderData<typeof loader>();
  const answer = useLastAnswer(useActionData<typeof action>());
  const { user, link, request, offer, problem, ownAccount, standing } = page;
  useRevalidateWhile(answer?.ok === true && link?.mail?.state === "queued");
  const renewing = offer.keepPassword;
  const usual = usualChoices({ offer, email: user?.email ?? null, problem, ownAccount, standing });
  const back = request
    ? `/admin/users?q=${encodeURIComponent(request.name)}&request=${request.id}`
    : "/admin/users";
  return (
    <div className="max-w-3xl">
      <PageHeading
        above={
          <Link className="link" to={back}>
            Users
          </Link>
        }
        below={user?.domainName ? `Domain ${user.domainName}` : undefined}
      >
        {user?.name ?? page.userId}
      </PageHeading>
      <div className="mt-6 space-y-6">
        {answer?.ok ? (
          <>
            <FreshLink
              url={answer.url}
              expiresAt={answer.expiresAt}
              mailTo={answer.mailTo}
              mail={link?.mail ?? null}
            />
            {answer.others ? (
              <Notice tone="wait" heading="The same mailbox has asked more than once">
                {answer.others.count === 1
                  ? "Another request of it is still open"
                  : `${answer.others.count} other requests of it are still open`}
                : it may be for another account, or not be needed any more.{" "}
                <Link
                  className="link"
                  to={`/admin/requests?q=${encodeURIComponent(answer.others.email)}`}
                >
                  Look at them
                </Link>
              </Notice>
            ) : null}
            <p className="flex flex-wrap gap-3">
              {link ? (
                <Link className="button button-quiet" to={`/admin/links/${link.id}`}>
                  Details of this link
                </Link>
              ) : null}
              <Link className="button button-quiet" to="/admin/users">
                Another user
              </Link>
            </p>
          </>
        ) : (
          <>
            {page.trouble ? (
              <Notice tone="bad" heading="The user cannot be shown">
                {page.trouble}{" "}
                <Link className="link" to=".">
                  Try again
                </Link>
              </Notice>
            ) : null}
            {!page.trouble && !user ? (
              <Notice tone="bad" heading="Keystone knows no such user">
                The account may have been deleted.{" "}
                <Link className="link" to="/admin/users">
                  Find another user
                </Link>
              </Notice>
            ) : null}
            {user ? <UserFacts user={user} userId={page.userId} link={link} /> : null}
            {request ? <RequestNotice request={request} knownEmail={user?.email ?? null} /> : null}
            {ownAccount ? (
              <Notice tone="wait" heading="This is the account you are signed in with">
                A random initial password ends your own at once, and your session with it: you may
                not even see the link. To try setpass out, take another account.
              </Notice>
            ) : null}
            {user && !ownAccount ? (
              <WhatARandomPasswordEnds
                standing={standing}
                adminProject={page.adminProject}
                completedAt={link?.completedAt ?? null}
              />
            ) : null}
            {page.problemWords ? (
              <Notice tone="bad" heading="The current link could set no password">
                {page.problemWords}
              </Notice>
            ) : null}
            {user && !user.enabled && problem !== "account-disabled" ? (
              <Notice tone="wait" heading="This account is disabled">
                A link can be issued, but it sets no password until the account is enabled.
              </Notice>
            ) : null}
            {user?.passwordLocked && problem !== "password-locked" ? (
              <Notice tone="wait" heading="This user may not change the password">
                Keystone's option lock_password says so. A link can be issued, but it sets no
                password until the option is taken away.
              </Notice>
            ) : null}
            {link?.pinExhausted ? (
              <Notice tone="wait" heading="This PIN was guessed wrong too often">
                Ask the user for a new PIN and type it below.
              </Notice>
            ) : null}
            {user || answer ? (
              <>
                <div className="pt-2">
                  <h2 className="text-xl font-semibold">
                    {renewing ? "Renew the link" : "Issue a link"}
                  </h2>
                  {renewing ? (
                    <p className="mt-1 text-muted">
                      The current link stops working, and a new one with a new lifetime takes its
                      place.
                    </p>
                  ) : null}
                </div>
                <IssueForm
                  offer={offer}
                  choices={answer?.choices ?? usual}
                  errors={answer?.errors}
                  message={answer?.message}
                  knownEmail={user?.email ?? null}
                  renewing={renewing}
                  adviseRandom={usual.password === "random"}
                />
              </>
            ) : null}
          </>
        )}
      </div>
    </div>
  );
}

/** Said where the account is more than a new one that nobody uses yet; nothing where it is not known. */
function WhatARandomPasswordEnds(props: {
  standing: Standing;
  adminProject: string;
  /** When the user set a password with a link of ours. */
  completedAt: LinkSummary["completedAt"];
}) {
  const { standing, adminProject, completedAt } = props;
  const ends =
    "a random initial password ends the present one at once, with all tokens and sessions of the account, and every service that is configured with it stops working. Application credentials survive. So does everything where you type the present password, until the link is used.";
  if (standing === "privileged")
    return (
      <Notice tone="wait" heading="This account has rights over the cloud">
        It has the role admin, or a role on the project {adminProject}. For such an account, of a
        person or of a service, {ends}
      </Notice>
    );
  if (standing === "unknown")
    return (
      <Notice tone="wait" heading="Keystone does not tell which roles this account has">
        If it is an administrator's or a service's, {ends}
      </Notice>
    );
  if (!completedAt) return null;
  return (
    <Notice tone="wait" heading="This user has a password of their own">
      They set it <When at={completedAt} />. A random initial password ends it at once, with all
      tokens and sessions of the account.
    </Notice>
  );
}

/** Which request is answered here, and what is known of who asks. */
function RequestNotice(props: { request: ResetRequestSummary; knownEmail: string | null }) {
  const { request, knownEmail } = props;
  const isKnown = isSameMailbox(knownEmail, request.email);
  const mailbox = <span className="wrap-anywhere">{request.email}</span>;
  const code = request.code ? ` ${request.code}` : "";
  return (
    <Notice tone="wait" heading={`This answers the request${code} of ${request.name}`}>
      {!request.confirmedAt ? (
        <>
          They gave the address {mailbox}, which nobody has checked: mail the link to Keystone's
          address unless you know better.
        </>
      ) : isKnown ? (
        <>It was confirmed from {mailbox}, the address Keystone has.</>
      ) : (
        <>
          It was confirmed from {mailbox}, which is not the address Keystone has: the account may be
          somebody else's. Mail the link to Keystone's address unless you know better.
        </>
      )}{" "}
      {request.openOfMailbox > 1
        ? `${request.openOfMailbox} requests of this mailbox are open: have its owner read the code out to you. `
        : null}
      The request is closed when the link is issued.
    </Notice>
  );
}

function UserFacts(props: {
  user: { email: string | null; enabled: boolean };
  userId: string;
  link: LinkSummary | null;
}) {
  const { user, userId, link } = props;
  return (
    <div className="card">
      <Facts>
        <Fact name="Account">
          <UserBadge state={user.enabled ? "enabled" : "disabled"} />
        </Fact>
        <Fact name="E-mail">
          {user.email ?? <span className="text-muted">None in Keystone</span>}
        </Fact>
        <Fact name="User id">
          <span className="font-mono text-sm wrap-anywhere">{userId}</span>
        </Fact>
        <Fact name="Current link">
          {link ? (
            <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <StatusBadge status={link.status} />
              <span className="text-muted">
                issued <When at={link.issuedAt} />
              </span>
              <Link className="link" to={`/admin/links/${link.id}`}>
                Details
              </Link>
            </span>
          ) : (
            <span className="text-muted">None</span>
          )}
        </Fact>
      </Facts>
    </div>
  );
}
