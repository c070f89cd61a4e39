import { Link } from "@remix-run/react";
import { useEffect, useState } from "react";
import { Notice } from "../components/notice";
import { useWords } from "../components/render-context";
import { ExactTime, When } from "../components/when";
import type { LinkMail, LinkSummary } from "../links/list-links.server";
import type { Issued } from "./hand-over-answer";
import { MailState } from "./mail-state";
import { address, linkTo } from "./text-elements";

/** A link that was made just now: the one time its address is shown. */
export function FreshLink(props: {
  url: string;
  expiresAt: Date;
  /** Null: nobody asked for a mail. */
  mailTo: string | null;
  mail: LinkMail | null;
}) {
  const words = useWords();
  const { expiresAt, mailTo, mail } = props;
  return (
    <div className="rounded-xl border border-good bg-good-soft p-4 sm:p-5" role="status">
      <p className="text-lg font-semibold">{words("console.link.ready.heading")}</p>
      <p className="mt-0.5">
        {words.rich("console.link.ready.intro", {
          exact: () => <ExactTime at={expiresAt} />,
          when: () => <When at={expiresAt} />,
        })}
      </p>
      <div className="mt-3 flex flex-col gap-2 sm:flex-row">
        <input
          className="input font-mono text-sm"
          aria-label={words("console.link.ready.label")}
          readOnly
          value={props.url}
          onFocus={(event) => event.currentTarget.select()}
        />
        <CopyButton text={props.url}>{words("console.link.ready.copy")}</CopyButton>
      </div>
      <div className="mt-3">
        {mailTo === null
          ? words("console.link.ready.byHand")
          : words.rich("console.link.ready.emailTo", {
              recipient: mailTo,
              address,
              state: () => (mail ? <MailState mail={mail} /> : words("console.email.sending")),
            })}
      </div>
    </div>
  );
}

/** What an administrator is shown once a link is there, and where to go from here. */
export function IssuedLink({ answer, link }: { answer: Issued; link: LinkSummary | null }) {
  const words = useWords();
  const { others } = answer;
  return (
    <>
      <FreshLink
        url={answer.url}
        expiresAt={answer.expiresAt}
        mailTo={answer.mailTo}
        mail={link?.mail ?? null}
      />
      {others ? (
        <Notice tone="wait" heading={words("console.issue.others.heading")}>
          {words("console.issue.others.message", { count: others.count })}{" "}
          {linkTo(`/admin/requests?q=${encodeURIComponent(others.email)}`)(
            words("console.issue.others.show"),
          )}
        </Notice>
      ) : null}
      <p className="flex flex-wrap gap-3">
        {link ? (
          <Link className="button button-quiet" to={`/admin/links/${link.id}`}>
            {words("console.issue.details")}
          </Link>
        ) : null}
        <Link className="button button-quiet" to="/admin/users">
          {words("console.issue.another")}
        </Link>
      </p>
    </>
  );
}

/** Copies a text. There is none without a script, nor where the browser forbids it: no dead button. */
function CopyButton({ text, children }: { text: string; children: string }) {
  const words = useWords();
  const [state, setState] = useState<"absent" | "ready" | "copied" | "failed">("absent");
  useEffect(() => {
    if ("clipboard" in navigator) setState("ready");
  }, []);
  useEffect(() => {
    if (state !== "copied") return;
    const timer = setTimeout(() => setState("ready"), 2500);
    return () => clearTimeout(timer);
  }, [state]);
  if (state === "absent") return null;
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setState("copied"),
      () => setState("failed"),
    );
  return (
    <>
      <button type="button" className="button button-primary shrink-0" onClick={copy}>
        {state === "copied" ? words("console.link.ready.copied") : children}
      </button>
      <span className="sr-only" role="status">
        {state === "copied" ? words("console.link.ready.copied") : null}
        {state === "failed" ? words("console.link.ready.notCopied") : null}
      </span>
    </>
  );
}
