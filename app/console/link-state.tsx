import { Fact, Facts } from "../components/facts";
import { Notice } from "../components/notice";
import { ExactTime, When } from "../components/when";
import type { AuditEvent, LinkSummary } from "../links/list-links.server";
import { describeEvent } from "./event-words";
import { MailState } from "./mail-state";
import { nameOf } from "./name-of-link";
import { StatusBadge, UserBadge } from "./status-badge";

/** @returns what a redemption came to whose link was revoked: in force, or nobody knows yet */
export function outcomeAfterRevocation(link: LinkSummary): "in-force" | "unknown" | undefined {
  if (link.status === "completed" && link.revokedAt) return "in-force";
  return link.status === "revoked" && link.unsettled ? "unknown" : undefined;
}

export function WhatBecameOfIt({ link }: { link: LinkSummary }) {
  switch (outcomeAfterRevocation(link)) {
    case "in-force":
      return (
        <Notice tone="bad" heading="The user's own password came into force">
          Keystone had it already when this link was revoked. If {nameOf(link)} must not get in, set
          a random password.
        </Notice>
      );
    case "unknown":
      return (
        <Notice tone="wait" heading="Whether the user's own password is in force is not known yet">
          It was typed before the link was revoked, and Keystone's answer was lost. setpass asks
          again, which can take up to forty minutes, and this page will say how it ended. If{" "}
          {nameOf(link)} must not get in, set a random password now.
        </Notice>
      );
    case undefined:
      return null;
  }
}

export function LinkFacts({ link }: { link: LinkSummary }) {
  const ended = link.completedAt ?? link.revokedAt;
  return (
    <section className="card" aria-label="State of the link">
      <Facts>
        <Fact name="Status">
          <span className="flex flex-wrap items-center gap-2">
            <StatusBadge status={link.status} />
            {link.userFound === false ? <UserBadge state="unknown" /> : null}
          </span>
        </Fact>
        {ended ? (
          <Fact name={link.completedAt ? "Completed" : "Revoked"}>
            <When at={ended} />
          </Fact>
        ) : (
          <Fact name="Expires">
            <When at={link.expiresAt} />
            <span className="block text-sm text-muted">
              <ExactTime at={link.expiresAt} />
            </span>
          </Fact>
        )}
        {link.status === "pending" || link.status === "expired" ? (
          <Fact name="PIN tries left">{link.attemptsLeft}</Fact>
        ) : null}
        {link.status === "locked" ? (
          <Fact name="PIN">
            {link.pinExhausted
              ? "Guessed wrong too often over several links: renewing takes a new PIN."
              : "Typed wrong too often. Renewing the link gives new tries."}
          </Fact>
        ) : null}
        <Fact name="Mail">
          {link.mail ? <span className="block wrap-anywhere">{link.mail.recipient}</span> : null}
          <MailState mail={link.mail} />
        </Fact>
        <Fact name="Issued">
          <When at={link.issuedAt} />
          {link.issuedByName ? ` by ${link.issuedByName}` : ""}
          {link.issuedVia === "api" ? ", through the API" : ", in the console"}
        </Fact>
        <Fact name="User id">
          <span className="font-mono text-sm wrap-anywhere">{link.userId}</span>
        </Fact>
      </Facts>
    </section>
  );
}

export function History({ events, link }: { events: readonly AuditEvent[]; link: LinkSummary }) {
  return (
    <section>
      <h2 className="text-lg font-semibold">History</h2>
      <p className="text-sm text-muted">Everything about {nameOf(link)}, newest first.</p>
      <ol className="mt-3 ml-1.5 space-y-4 border-l-2 border-line pl-5">
        {events.map((event) => (
          <li key={event.id} className="history-item">
            <p>{describeEvent(event)}</p>
            <p className="text-sm text-muted">
              <When at={event.at} />
              {event.clientAddress ? <> · from {event.clientAddress}</> : null}
            </p>
          </li>
        ))}
      </ol>
    </section>
  );
}
