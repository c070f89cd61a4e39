import { Link } from "@remix-run/react";
import { Notice } from "../components/notice";
import type { AuditEvent, LinkSummary } from "../links/list-links.server";
import { PageHeading } from "./console-page";
import { FreshLink } from "./fresh-link";
import { useLastAnswer } from "./last-answer";
import { End, Resend, Revoke } from "./link-acts";
import type { LinkAnswer } from "./link-answer";
import { History, LinkFacts, outcomeAfterRevocation, WhatBecameOfIt } from "./link-state";
import { nameOf } from "./name-of-link";
import { useRevalidateWhile } from "./revalidate-while";

export function LinkDetails(props: {
  link: LinkSummary;
  events: readonly AuditEvent[];
  /** Why no password could be set yet, in words. */
  problem: string | null;
  answer: LinkAnswer | undefined;
}) {
  const { link, events, problem } = props;
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
            Links
          </Link>
        }
        below={link.userDomainName ? `Domain ${link.userDomainName}` : undefined}
        action={
          <Link
            className={`button ${link.status === "pending" ? "button-quiet" : "button-primary"}`}
            to={`/admin/users/${encodeURIComponent(link.userId)}`}
          >
            {link.renewable ? "Renew link" : "Issue a new link"}
          </Link>
        }
      >
        {nameOf(link)}
      </PageHeading>
      <div className="mt-6 grid items-start gap-6 lg:grid-cols-[minmax(0,1fr)_22rem] lg:grid-rows-[auto_1fr]">
        <div className="min-w-0 space-y-6">
          <Outcome answer={answer} link={link} />
          <WhatBecameOfIt link={link} />
          {problem && open ? (
            <Notice tone="bad" heading="The user could not set a password">
              {problem}
            </Notice>
          ) : null}
          <LinkFacts link={link} />
        </div>
        {open || endable ? (
          <div className="space-y-6 lg:col-start-2 lg:row-span-2 lg:row-start-1">
            {endable ? <End link={link} /> : null}
            {open ? (
              <>
                <Resend link={link} answer={answer} />
                <Revoke link={link} />
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
  if (!answer) return null;
  if (answer.intent === "none")
    return (
      <Notice tone="bad" heading="Nothing was changed" announce>
        {answer.message}
      </Notice>
    );
  if (!answer.ok) return null;
  if (answer.intent === "revoke")
    return (
      <Notice tone="good" heading="The link is revoked" announce>
        It no longer works. The PIN and the initial password kept with it are erased.
      </Notice>
    );
  if (answer.intent === "end")
    return (
      <Notice tone="good" heading="A random password is set" announce>
        Nobody knows it, and whoever had signed in as {nameOf(link)} is signed out. If Keystone was
        setting another password at the same moment, this page says so within a few minutes.
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
