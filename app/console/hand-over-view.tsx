import type { Standing } from "../accounts/privileged-user.server";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import type { LinkSummary } from "../links/list-links.server";
import { isSameMailbox } from "../links/same-mailbox";
import type { LinkProblem } from "../messages/problem-words";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { userListHref } from "./addresses";
import { PageHeading } from "./console-page";
import { IssuedLink } from "./fresh-link";
import type { EnableAnswer, HandOverAnswer } from "./hand-over-answer";
import { type IssueOffer, usualChoices } from "./issue-choices";
import { IssueForm } from "./issue-form";
import { address, linkTo } from "./text-elements";
import { AccountNotices, EnableOutcome, type ShownUser, UserFacts } from "./user-account";

export interface HandOverPage {
  userId: string;
  user: ShownUser | null;
  /** Why Keystone told nothing of the user, in words. */
  trouble: string | null;
  ownAccount: boolean;
  standing: Standing;
  adminProject: string;
  link: LinkSummary | null;
  /** Why the link has set no password, where that still holds. */
  problem: LinkProblem | null;
  request: ResetRequestSummary | null;
  offer: IssueOffer;
}

/** A user, what is to be known of them, and the form that hands the account over. */
export function HandOverView(props: {
  page: HandOverPage;
  answer: HandOverAnswer | undefined;
  enabling: EnableAnswer | undefined;
}) {
  const words = useWords();
  const { page, answer, enabling } = props;
  const { user, link, request, offer } = page;
  const act = offer.keepPassword ? "renew" : "new";
  const usual = usualChoices({ ...page, email: user?.email ?? null });
  const back = userListHref({ search: request?.name ?? "", requestId: request?.id });
  return (
    <div className="max-w-3xl">
      <PageHeading
        above={linkTo(back)(words("console.title.users"))}
        below={
          user?.domainName ? words("console.shared.domain", { name: user.domainName }) : undefined
        }
      >
        {user?.name ?? page.userId}
      </PageHeading>
      <div className="mt-6 space-y-6">
        {answer?.ok ? (
          <IssuedLink answer={answer} link={link} />
        ) : (
          <>
            {page.trouble ? (
              <Notice tone="bad" heading={words("console.user.trouble")}>
                {page.trouble} {linkTo(".")(words("console.shared.tryAgain"))}
              </Notice>
            ) : null}
            {!page.trouble && !user ? (
              <Notice tone="bad" heading={words("console.user.unknown")}>
                {words.rich("console.user.unknownAdvice", { users: linkTo("/admin/users") })}
              </Notice>
            ) : null}
            {enabling ? <EnableOutcome answer={enabling} user={user} /> : null}
            {user ? <UserFacts user={user} userId={page.userId} link={link} /> : null}
            {request ? <RequestNotice request={request} knownEmail={user?.email ?? null} /> : null}
            <AccountNotices {...page} />
            {user || answer ? (
              <>
                <div className="pt-2">
                  <h2 className="text-xl font-semibold">{words(`console.issue.${act}.heading`)}</h2>
                  {act === "renew" ? (
                    <p className="mt-1 text-muted">{words("console.issue.renew.intro")}</p>
                  ) : null}
                </div>
                <IssueForm
                  offer={offer}
                  choices={answer?.choices ?? usual}
                  errors={answer?.errors}
                  message={answer?.message}
                  knownEmail={user?.email ?? null}
                  act={act}
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

/** Which request is answered here, and what is known of who asks. */
function RequestNotice(props: { request: ResetRequestSummary; knownEmail: string | null }) {
  const words = useWords();
  const { request, knownEmail } = props;
  const { name, email, openOfMailbox: count } = request;
  const isKnown = isSameMailbox(knownEmail, email);
  const mailbox = request.confirmedAt ? (isKnown ? "known" : "unknown") : "unconfirmed";
  const heading = words("console.issue.request.heading", { name, code: request.code ?? "none" });
  return (
    <Notice tone="wait" heading={heading}>
      {words.rich(`console.issue.request.${mailbox}`, { email, address })}{" "}
      {count > 1 ? `${words("console.issue.request.several", { count })} ` : null}
      {words("console.issue.request.closes")}
    </Notice>
  );
}
