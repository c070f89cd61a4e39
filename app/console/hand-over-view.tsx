import { Link } from "@remix-run/react";
import type { Standing } from "../accounts/privileged-user.server";
import { Notice } from "../components/notice";
import type { LinkSummary } from "../links/list-links.server";
import type { LinkProblem } from "../links/redeem/link-problem";
import type { ResetRequestSummary } from "../reset-requests/handle-requests.server";
import { PageHeading } from "./console-page";
import type { HandOverAnswer } from "./hand-over-answer";
import { type IssueOffer, usualChoices } from "./issue-choices";
import { IssueForm } from "./issue-form";
import { IssuedLink } from "./issued-link";
import { RequestNotice } from "./request-notice";
import { AccountNotices, type ShownUser, UserFacts } from "./user-account";

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
  problemWords: string | null;
  /** The request that is answered here. */
  request: ResetRequestSummary | null;
  offer: IssueOffer;
}

/** A user, what is to be known of them, and the form that hands the account over. */
export function HandOverView(props: { page: HandOverPage; answer: HandOverAnswer | undefined }) {
  const { page, answer } = props;
  const { user, link, request, offer } = page;
  const renewing = offer.keepPassword;
  const usual = usualChoices({ ...page, email: user?.email ?? null });
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
          <IssuedLink answer={answer} link={link} />
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
            <AccountNotices {...page} />
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
