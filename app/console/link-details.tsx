import { Link } from "@remix-run/react";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import type { AuditEvent, LinkSummary } from "../links/list-links.server";
import { describeProblem } from "../messages/problem-words";
import { PageHeading } from "./console-page";
import { FreshLink } from "./fresh-link";
import { useLastAnswer } from "./last-answer";
import { AskOnce, Resend } from "./link-acts";
import type { LinkAnswer } from "./link-answer";
import { History, LinkFacts, nameOf, outcomeAfterRevocation, WhatBecameOfIt } from "./link-state";
import { useRevalidateWhile } from "./revalidate-while";

export function LinkDetails(props: {
  link: LinkSummary;
  events: readonly AuditEvent[];
  answer: LinkAnswer | undefined;
}) {
  const words = useWords();
  const { link, events } = props;
  const answer = useLastAnswer(props.answer);
  useRevalidateWhile(link.mail?.state === "queued");
  const open = link.status === "pending" || link.status === "expired" || link.status === "locked";
  const underWay = answer?.intent === "none" && answer.underWay === true;
  const endable = underWay || outcomeAfterRevocation(link) !== undefined;
  return (
    <>
      <PageHeading
        above={
          <Link className="link" to="/admin">
            {words("console.title.links")}
          </Link>
        }
        below={
          link.userDomainName
            ? words("console.shared.domain", { name: link.userDomainName })
            : undefined
        }
        action={
          <Link
            className={`button ${link.status === "pending" ? "button-quiet" : "button-primary"}`}
            to={`/admin/users/${encodeURIComponent(link.userId)}`}
          >
            {words(link.renewable ? "console.link.renew" : "console.link.issueNew")}
          </Link>
        }
      >
        {nameOf(link)}
      </PageHeading>
      <div className="mt-6 grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_22rem] lg:grid-rows-[auto_1fr]">
        <div className="min-w-0 space-y-6">
          <Outcome answer={answer} link={link} />
          <WhatBecameOfIt link={link} />
          {link.problem && open ? (
            <Notice tone="bad" heading={words("console.link.problem")}>
              {describeProblem(words, link.problem)}
            </Notice>
          ) : null}
          <LinkFacts link={link} />
        </div>
        {open || endable ? (
          <div className="space-y-6 lg:col-start-2 lg:row-span-2 lg:row-start-1">
            {endable ? <AskOnce act="end" link={link} /> : null}
            {open ? (
              <>
                <Resend link={link} answer={answer} />
                <AskOnce act="revoke" link={link} />
              </>
            ) : null}
          </div>
        ) : null}
        <History events={events} link={link} />
      </div>
    </>
  );
}

function Outcome({ answer, link }: { answer: LinkAnswer | undefined; link: LinkSummary }) {
  const words = useWords();
  if (!answer) return null;
  if (answer.intent === "none")
    return (
      <Notice tone="bad" heading={words("console.link.nothingChanged")} announce>
        {answer.message}
      </Notice>
    );
  if (!answer.ok) return null;
  if (answer.intent !== "resend")
    return (
      <Notice tone="good" heading={words(`console.link.${answer.intent}.done`)} announce>
        {words(`console.link.${answer.intent}.doneMessage`, { name: nameOf(link) })}
      </Notice>
    );
  return (
    <FreshLink
      url={answer.url}
      expiresAt={link.expiresAt}
      mailTo={answer.mailTo}
      mail={link.mail}
    />
  );
}
