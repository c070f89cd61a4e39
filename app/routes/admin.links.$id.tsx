import {
  type ActionFunctionArgs,
  data,
  type LoaderFunctionArgs,
  type MetaFunction,
} from "@remix-run/node";
import { Form, Link, useActionData, useLoaderData } from "@remix-run/react";
import { endLink } from "../accounts/end-link.server";
import { ErrorSummary } from "../components/error-summary";
import { Fact, Facts } from "../components/facts";
import { Field } from "../components/field";
import { looksLikeEmail, NOT_AN_EMAIL, readLine } from "../components/form-text";
import { Notice } from "../components/notice";
import { pageHeaders } from "../components/page-headers";
import { pageTitle } from "../components/page-title";
import { SubmitButton } from "../components/submit-button";
import { ExactTime, When } from "../components/when";
import { PageHeading } from "../console/console-page";
import { describeEvent } from "../console/event-words";
import { FreshLink } from "../console/fresh-link";
import { useLastAnswer } from "../console/last-answer";
import { MailState } from "../console/mail-state";
import { useRevalidateWhile } from "../console/revalidate-while";
import { isRowId } from "../console/row-id";
import { StatusBadge, UserBadge } from "../console/status-badge";
import { readForm } from "../http/form.server";
import { adminOf } from "../http/guard-console.server";
import { withKeystone } from "../http/keystone-trouble.server";
import { refusalOfRandomPassword } from "../http/random-password.server";
import { requirePermitFor } from "../http/require-permit.server";
import type { AuditEvent } from "../links/list-links.server";
import { getLink, type LinkSummary } from "../links/list-links.server";
import { describeProblem } from "../links/redeem/redeem-link.server";
import { resendLink } from "../links/resend-link.server";
import { revokeLink } from "../links/revoke-link.server";

export const headers = pageHeaders;

export const meta: MetaFunction<typeof loader> = ({ data, matches }) =>
  pageTitle(data ? `Link of ${nameOf(data.link)}` : "Link", matches);

const nameOf = (link: Pick<LinkSummary, "userName" | "userId">) => link.userName ?? link.userId;

/** The link of the address. @throws {Response} 404 */
async function findLink({ params, context }: LoaderFunctionArgs | ActionFunctionArgs) {
  const found = isRowId(params.id) ? await getLink(context.services, params.id) : undefined;
  if (!found)
    throw new Response("This link is not in the list any more, or never was.", { status: 404 });
  return found;
}

export async function loader(args: LoaderFunctionArgs) {
  const { link, events } = await findLink(args);
  const problem = link.problem && describeProblem(link.problem);
  return { link, events, problem };
}

type Answer =
  | { intent: "resend"; ok: true; url: string; mailTo: string }
  | { intent: "resend"; ok: false; mailTo: string; error: string }
  | { intent: "revoke"; ok: true }
  | { intent: "end"; ok: true }
  /** `underWay`: what ends a redemption is offered. */
  | { intent: "none"; ok: false; message: string; underWay?: true };

/** Why a link is not revoked. */
const NOT_REVOKED = {
  "not-pending": "This link has ended meanwhile: it was used, renewed or revoked.",
  "in-progress":
    "This link is being redeemed: the right PIN was typed, and Keystone is setting the user's own password. Try again in a moment. If the user must not get in, set a random password: that ends it.",
} as const;
/** Why it is not mailed. */
const NOT_MAILED = {
  "not-pending":
    "This link cannot be used any more: it was used or revoked meanwhile, or it has expired or is locked. Renew it to mail it.",
  "in-progress": NOT_REVOKED["in-progress"],
} as const;

const refused = (reason: "not-pending" | "in-progress", words: Record<typeof reason, string>) =>
  data<Answer>(
    {
      intent: "none",
      ok: false,
      message: words[reason],
      ...(reason === "in-progress" && { underWay: true }),
    },
    { status: 409 },
  );

export async function action(args: ActionFunctionArgs) {
  const session = adminOf(args.context);
  const form = await readForm(args);
  const { link } = await findLink(args);
  const permit = await requirePermitFor(args, link.userId);
  if (!permit.ok)
    return data<Answer>(
      { intent: "none", ok: false, message: permit.message },
      { status: permit.status },
    );
  const { initiator } = permit;
  const { services } = args.context;
  switch (form.get("intent")) {
    case "resend": {
      const mailTo = readLine(form, "mail_to");
      if (!looksLikeEmail(mailTo))
        return data<Answer>(
          { intent: "resend", ok: false, mailTo, error: NOT_AN_EMAIL },
          { status: 400 },
        );
      const result = await resendLink(services, { linkId: link.id, mailTo }, initiator);
      if (!result.ok) return refused(result.reason, NOT_MAILED);
      if (result.ownerUntold)
        services.userLookup.enqueue({
          userId: link.userId,
          token: session.keystoneToken,
          checkedAt: null,
          requestId: initiator.requestId,
        });
      return data<Answer>({ intent: "resend", ok: true, url: result.url, mailTo }, { status: 200 });
    }
    case "revoke": {
      const result = await revokeLink(services, { linkId: link.id }, initiator);
      return result.ok
        ? data<Answer>({ intent: "revoke", ok: true }, { status: 200 })
        : refused(result.reason, NOT_REVOKED);
    }
    case "end": {
      const about = { linkId: link.id, userId: link.userId, adminToken: session.keystoneToken };
      const answer = await withKeystone(args, () => endLink(services, about, initiator));
      if (!answer.ok) {
        const status = answer.reason === "forbidden" ? 403 : 503;
        return data<Answer>({ intent: "none", ok: false, message: answer.message }, { status });
      }
      if (answer.value.ok) return data<Answer>({ intent: "end", ok: true }, { status: 200 });
      const { status, message } = refusalOfRandomPassword(answer.value);
      return data<Answer>({ intent: "none", ok: false, message }, { status });
    }
    default:
      return data<Answer>(
        { intent: "none", ok: false, message: "The form did not say what to do. Try again." },
        { status: 400 },
      );
  }
}

export default function LinkPage() {
  const { link, events, problem } = useLoaderData<typeof loader>();
  const answer = useLastAnswer(useActionData<typeof action>());
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

function Outcome({ answer, link }: { answer: Answer | undefined; link: LinkSummary }) {
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

/** @returns what a redemption came to whose link was revoked: in force, or nobody knows yet */
function outcomeAfterRevocation(link: LinkSummary): "in-force" | "unknown" | undefined {
  if (link.status === "completed" && link.revokedAt) return "in-force";
  return link.status === "revoked" && link.unsettled ? "unknown" : undefined;
}

function WhatBecameOfIt({ link }: { link: LinkSummary }) {
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

function LinkFacts({ link }: { link: LinkSummary }) {
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

function Resend({ link, answer }: { link: LinkSummary; answer: Answer | undefined }) {
  const refused = answer?.intent === "resend" && !answer.ok ? answer : undefined;
  if (link.status !== "pending" || !link.renewable) return null;
  const again = link.mail !== null;
  return (
    <section className="card p-5">
      <h2 className="text-lg font-semibold">{again ? "Mail it again" : "Mail it"}</h2>
      <p className="mt-1 text-sm text-muted">
        The mail brings a new address of the link; the one{" "}
        {again ? "mailed before" : "handed out when it was issued"} stops working. Its lifetime
        stays as it is.
      </p>
      <Form method="post" className="mt-4 space-y-4">
        <ErrorSummary errors={refused ? { mail_to: refused.error } : undefined} />
        <Field
          key={link.mailTo}
          name="mail_to"
          label="To"
          error={refused?.error}
          defaultValue={refused?.mailTo ?? link.mailTo ?? ""}
          type="email"
          autoComplete="off"
          maxLength={254}
          required
        />
        <SubmitButton intent="resend" tone="quiet" pending="Sending…" className="w-full">
          {again ? "Send again" : "Send"}
        </SubmitButton>
      </Form>
    </section>
  );
}

/** What really ends a redemption. Asks once, as revoking does. */
function End({ link }: { link: LinkSummary }) {
  return (
    <details className="card p-5">
      <summary className="font-semibold text-bad">Set a random password…</summary>
      <p className="mt-3 text-sm">
        The account of {nameOf(link)} gets a password that nobody knows: no password set through
        this link lets anybody in, and whoever has signed in is signed out. The link is revoked. To
        let {nameOf(link)} in again, issue a new link. Application credentials made meanwhile stay
        in force: look for them in Keystone.
      </p>
      <Form method="post" className="mt-4">
        <SubmitButton intent="end" tone="bad" pending="Setting it…" className="w-full">
          Yes, set a random password
        </SubmitButton>
      </Form>
    </details>
  );
}

/** Asks once: opening the question is the first step, and needs no script. */
function Revoke({ link }: { link: LinkSummary }) {
  return (
    <details className="card p-5">
      <summary className="font-semibold text-bad">Revoke this link…</summary>
      <p className="mt-3 text-sm">
        {nameOf(link)} can no longer use it, and the initial password and the PIN kept with it are
        erased. This cannot be undone; you can issue a new link.
      </p>
      <Form method="post" className="mt-4">
        <SubmitButton intent="revoke" tone="bad" pending="Revoking…" className="w-full">
          Yes, revoke it
        </SubmitButton>
      </Form>
    </details>
  );
}

function History({ events, link }: { events: readonly AuditEvent[]; link: LinkSummary }) {
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
