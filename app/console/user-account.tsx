import { Link } from "@remix-run/react";
import type { Standing } from "../accounts/privileged-user.server";
import { Fact, Facts } from "../components/facts";
import { Notice } from "../components/notice";
import { When } from "../components/when";
import type { LinkSummary } from "../links/list-links.server";
import type { LinkProblem } from "../links/redeem/link-problem";
import { StatusBadge, UserBadge } from "./status-badge";

/** A user as Keystone tells. */
export interface ShownUser {
  name: string;
  domainName: string | null;
  email: string | null;
  enabled: boolean;
  passwordLocked: boolean;
}

/** The account at a glance, with the link there is. */
export function UserFacts(props: { user: ShownUser; userId: string; link: LinkSummary | null }) {
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

/** What stands in the way of a link, or is to be known before one is issued. */
export function AccountNotices(props: {
  user: ShownUser | null;
  link: LinkSummary | null;
  problem: LinkProblem | null;
  problemWords: string | null;
  ownAccount: boolean;
  standing: Standing;
  adminProject: string;
}) {
  const { user, link, problem, problemWords, ownAccount, standing, adminProject } = props;
  return (
    <>
      {ownAccount ? (
        <Notice tone="wait" heading="This is the account you are signed in with">
          A random initial password ends your own at once, and your session with it: you may not
          even see the link. To try setpass out, take another account.
        </Notice>
      ) : null}
      {user && !ownAccount ? (
        <WhatARandomPasswordEnds
          standing={standing}
          adminProject={adminProject}
          completedAt={link?.completedAt ?? null}
        />
      ) : null}
      {problemWords ? (
        <Notice tone="bad" heading="The current link could set no password">
          {problemWords}
        </Notice>
      ) : null}
      {user && !user.enabled && problem !== "account-disabled" ? (
        <Notice tone="wait" heading="This account is disabled">
          A link can be issued, but it sets no password until the account is enabled.
        </Notice>
      ) : null}
      {user?.passwordLocked && problem !== "password-locked" ? (
        <Notice tone="wait" heading="This user may not change the password">
          Keystone's option lock_password says so. A link can be issued, but it sets no password
          until the option is taken away.
        </Notice>
      ) : null}
      {link?.pinExhausted ? (
        <Notice tone="wait" heading="This PIN was guessed wrong too often">
          Ask the user for a new PIN and type it below.
        </Notice>
      ) : null}
    </>
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
