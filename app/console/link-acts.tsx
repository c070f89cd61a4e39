import { Form } from "@remix-run/react";
import { ErrorSummary } from "../components/error-summary";
import { Field } from "../components/field";
import { SubmitButton } from "../components/submit-button";
import type { LinkSummary } from "../links/list-links.server";
import type { LinkAnswer } from "./link-answer";
import { nameOf } from "./name-of-link";

export function Resend({ link, answer }: { link: LinkSummary; answer: LinkAnswer | undefined }) {
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
export function End({ link }: { link: LinkSummary }) {
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
export function Revoke({ link }: { link: LinkSummary }) {
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
