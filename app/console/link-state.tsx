import { Fact, Facts } from "../components/facts";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import { ExactTime, When } from "../components/when";
import type { AuditEvent, LinkSummary } from "../links/list-links.server";
import { describeEvent } from "./event-words";
import { MailState } from "./mail-state";
import { StatusBadge, UserBadge } from "./status-badge";

/** @returns what the user of a link is called */
export const nameOf = (link: Pick<LinkSummary, "userName" | "userId">) =>
  link.userName ?? link.userId;

/** @returns what a redemption came to whose link was revoked: in force, or nobody knows yet */
export function outcomeAfterRevocation(link: LinkSummary): "inForce" | "unsettled" | undefined {
  if (link.status === "completed" && link.revokedAt) return "inForce";
  return link.status === "revoked" && link.unsettled ? "unsettled" : undefined;
}

export function WhatBecameOfIt({ link }: { link: LinkSummary }) {
  const words = useWords();
  const outcome = outcomeAfterRevocation(link);
  if (!outcome) return null;
  return (
    <Notice
      tone={outcome === "inForce" ? "bad" : "wait"}
      heading={words(`console.link.${outcome}.heading`)}
    >
      {words(`console.link.${outcome}.message`, { name: nameOf(link) })}
    </Notice>
  );
}

export function LinkFacts({ link }: { link: LinkSummary }) {
  const words = useWords();
  const name = link.issuedByName;
  const ended = link.completedAt ?? link.revokedAt;
  return (
    <section className="card" aria-label={words("console.link.state")}>
      <Facts>
        <Fact name={words("console.column.status")}>
          <span className="flex flex-wrap items-center gap-2">
            <StatusBadge status={link.status} />
            {link.userFound === false ? <UserBadge state="unknown" /> : null}
          </span>
        </Fact>
        {ended ? (
          <Fact name={words(link.completedAt ? "console.link.completed" : "console.link.revoked")}>
            <When at={ended} />
          </Fact>
        ) : (
          <Fact name={words("console.column.expires")}>
            <When at={link.expiresAt} />
            <span className="block text-sm text-muted">
              <ExactTime at={link.expiresAt} />
            </span>
          </Fact>
        )}
        {link.status === "pending" || link.status === "expired" ? (
          <Fact name={words("console.link.attemptsLeft")}>{link.attemptsLeft}</Fact>
        ) : null}
        {link.status === "locked" ? (
          <Fact name={words("console.link.pin")}>
            {words(link.pinExhausted ? "console.link.pinExhausted" : "console.link.pinLocked")}
          </Fact>
        ) : null}
        <Fact name={words("console.column.email")}>
          {link.mail ? <span className="block wrap-anywhere">{link.mail.recipient}</span> : null}
          <MailState mail={link.mail} />
        </Fact>
        <Fact name={words("console.column.issued")}>
          {words.rich("console.link.issuedHow", {
            when: () => <When at={link.issuedAt} />,
            named: name ? "yes" : "no",
            name: name ?? "",
            via: link.issuedVia,
          })}
        </Fact>
        <Fact name={words("console.column.userId")}>
          <span className="font-mono text-sm wrap-anywhere">{link.userId}</span>
        </Fact>
      </Facts>
    </section>
  );
}

export function History({ events, link }: { events: readonly AuditEvent[]; link: LinkSummary }) {
  const words = useWords();
  return (
    <section>
      <h2 className="text-lg font-semibold">{words("console.link.history")}</h2>
      <p className="text-sm text-muted">
        {words("console.link.historyIntro", { name: nameOf(link) })}
      </p>
      <ol className="mt-3 ms-1.5 space-y-4 border-s-2 border-line ps-5">
        {events.map((event) => (
          <li key={event.id} className="history-item">
            <p>{describeEvent(words, event)}</p>
            <p className="text-sm text-muted">
              <When at={event.at} />
              {event.actorName
                ? ` · ${words("console.shared.by", { name: event.actorName })}`
                : null}
              {event.credential === "service" ? ` · ${words("console.shared.ownRights")}` : null}
              {event.clientAddress
                ? ` · ${words("console.shared.fromAddress", { address: event.clientAddress })}`
                : null}
            </p>
          </li>
        ))}
      </ol>
    </section>
  );
}
