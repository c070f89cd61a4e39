import { Form } from "@remix-run/react";
import { ErrorSummary } from "../components/error-summary";
import { Field } from "../components/field";
import { useWords } from "../components/render-context";
import { SubmitButton } from "../components/submit-button";
import type { LinkSummary } from "../links/list-links.server";
import type { LinkAnswer } from "./link-answer";
import { nameOf } from "./link-state";

export function Resend({ link, answer }: { link: LinkSummary; answer: LinkAnswer | undefined }) {
  const words = useWords();
  const refused = answer?.intent === "resend" && !answer.ok ? answer : undefined;
  if (link.status !== "pending" || !link.renewable) return null;
  const again = link.mail ? "yes" : "no";
  return (
    <section className="card p-5">
      <h2 className="text-lg font-semibold">{words("console.link.send.heading", { again })}</h2>
      <p className="mt-1 text-sm text-muted">{words("console.link.send.intro", { again })}</p>
      <Form method="post" className="mt-4 space-y-4">
        <ErrorSummary errors={refused ? { mail_to: refused.error } : undefined} />
        <Field
          key={link.mailTo}
          name="mail_to"
          label={words("console.link.send.to")}
          error={refused?.error}
          defaultValue={refused?.mailTo ?? link.mailTo ?? ""}
          type="email"
          autoComplete="off"
          maxLength={254}
          required
        />
        <SubmitButton
          intent="resend"
          tone="quiet"
          pending={words("console.link.send.pending")}
          className="w-full"
        >
          {words("console.link.send.submit", { again })}
        </SubmitButton>
      </Form>
    </section>
  );
}

/**
 * Asks once: opening the question is the first step, and needs no script. `revoke` ends the link, and
 * `end` a redemption as well.
 */
export function AskOnce({ act, link }: { act: "end" | "revoke"; link: LinkSummary }) {
  const words = useWords();
  return (
    <details className="card p-5">
      <summary className="font-semibold text-bad">{words(`console.link.${act}.question`)}</summary>
      <p className="mt-3 text-sm">{words(`console.link.${act}.advice`, { name: nameOf(link) })}</p>
      <Form method="post" className="mt-4">
        <SubmitButton
          intent={act}
          tone="bad"
          pending={words(`console.link.${act}.pending`)}
          className="w-full"
        >
          {words(`console.link.${act}.submit`)}
        </SubmitButton>
      </Form>
    </details>
  );
}
