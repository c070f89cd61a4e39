import { Form, Link } from "@remix-run/react";
import type { Standing } from "../accounts/privileged-user.server";
import { Fact, Facts } from "../components/facts";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import { SubmitButton } from "../components/submit-button";
import { When } from "../components/when";
import type { LinkSummary } from "../links/list-links.server";
import type { LinkProblem } from "../messages/problem-words";
import { describeProblem } from "../messages/problem-words";
import type { EnableAnswer } from "./hand-over-answer";
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
  const words = useWords();
  const { user, userId, link } = props;
  return (
    <div className="card">
      <Facts>
        <Fact name={words("console.column.account")}>
          <UserBadge state={user.enabled ? "enabled" : "disabled"} />
        </Fact>
        <Fact name={words("console.column.address")}>
          {user.email ?? <span className="text-muted">{words("console.user.noAddress")}</span>}
        </Fact>
        <Fact name={words("console.column.userId")}>
          <span className="font-mono text-sm wrap-anywhere">{userId}</span>
        </Fact>
        <Fact name={words("console.user.currentLink")}>
          {link ? (
            <span className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <StatusBadge status={link.status} />
              <span className="text-muted">
                {words.rich("console.user.issued", { when: () => <When at={link.issuedAt} /> })}
              </span>
              <Link className="link" to={`/admin/links/${link.id}`}>
                {words("console.user.details")}
              </Link>
            </span>
          ) : (
            <span className="text-muted">{words("console.none.link")}</span>
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
  ownAccount: boolean;
  standing: Standing;
  adminProject: string;
}) {
  const words = useWords();
  const { user, link, problem, ownAccount, standing, adminProject } = props;
  return (
    <>
      {ownAccount ? <Warning about="own" /> : null}
      {user && !ownAccount ? (
        <WhatARandomPasswordEnds
          standing={standing}
          adminProject={adminProject}
          completedAt={link?.completedAt ?? null}
        />
      ) : null}
      {problem ? (
        <Notice tone="bad" heading={words("console.user.problem")}>
          {describeProblem(words, problem)}
        </Notice>
      ) : null}
      {user && !user.enabled ? <Disabled /> : null}
      {user?.passwordLocked && problem !== "password-locked" ? (
        <Warning about="passwordLocked" />
      ) : null}
      {link?.pinExhausted ? <Warning about="pinExhausted" /> : null}
    </>
  );
}

/** @param props.answer of the last try to enable it */
export function EnableOutcome({ answer, user }: { answer: EnableAnswer; user: ShownUser | null }) {
  const words = useWords();
  if (!answer.ok)
    return (
      <Notice tone="bad" heading={words("console.user.enable.refused")} announce>
        {answer.message}
      </Notice>
    );
  // Disabled again meanwhile: the page shows what Keystone says now.
  if (!user?.enabled) return null;
  return <Notice tone="good" heading={words("console.user.enable.done")} announce />;
}

/** One click enables it: nothing is lost by it that disabling again does not bring back. */
function Disabled() {
  const words = useWords();
  return (
    <Notice tone="wait" heading={words("console.user.disabled.heading")}>
      <p>{words("console.user.disabled.message")}</p>
      <Form method="post" className="mt-3">
        <SubmitButton intent="enable" tone="quiet" pending={words("console.user.enable.pending")}>
          {words("console.user.enable.submit")}
        </SubmitButton>
      </Form>
    </Notice>
  );
}

function Warning(props: { about: "own" | "passwordLocked" | "pinExhausted" | "standingUnknown" }) {
  const words = useWords();
  return (
    <Notice tone="wait" heading={words(`console.user.${props.about}.heading`)}>
      {words(`console.user.${props.about}.message`)}
    </Notice>
  );
}

/** Said where the account is more than a new one that nobody uses yet; nothing where it is not known. */
function WhatARandomPasswordEnds(props: {
  standing: Standing;
  adminProject: string;
  /** When the user set a password with a link of ours. */
  completedAt: LinkSummary["completedAt"];
}) {
  const words = useWords();
  const { standing, adminProject: project, completedAt } = props;
  if (standing === "privileged")
    return (
      <Notice tone="wait" heading={words("console.user.privileged.heading")}>
        {words("console.user.privileged.message", { project })}
      </Notice>
    );
  if (standing === "unknown") return <Warning about="standingUnknown" />;
  if (!completedAt) return null;
  return (
    <Notice tone="wait" heading={words("console.user.hasPassword.heading")}>
      {words.rich("console.user.hasPassword.message", { when: () => <When at={completedAt} /> })}
    </Notice>
  );
}
