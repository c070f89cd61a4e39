import { ExactTime, When } from "../components/when";
import type { LinkMail } from "../links/list-links.server";
import { CopyButton } from "./copy-button";
import { MailState } from "./mail-state";

/** A link that was made just now: the one time its address is shown. */
export function FreshLink(props: {
  url: string;
  expiresAt: Date;
  /** Null: nobody asked for a mail. */
  mailTo: string | null;
  mail: LinkMail | null;
}) {
  return (
    <div className="rounded-xl border border-good bg-good-soft p-4 sm:p-5" role="status">
      <p className="text-lg font-semibold">The link is ready</p>
      <p className="mt-0.5">
        This is the only time it is shown. It works until <ExactTime at={props.expiresAt} /> (
        <When at={props.expiresAt} />
        ), once, and only with the PIN.
      </p>
      <div className="mt-3 flex flex-col gap-2 sm:flex-row">
        <input
          className="input font-mono text-sm"
          aria-label="The link"
          readOnly
          value={props.url}
          onFocus={(event) => event.currentTarget.select()}
        />
        <CopyButton text={props.url}>Copy link</CopyButton>
      </div>
      <div className="mt-3">
        {props.mailTo === null ? (
          "It is not mailed: hand it over yourself, and not on the way the PIN went."
        ) : (
          <>
            Mail to <span className="wrap-anywhere">{props.mailTo}</span>:{" "}
            {props.mail ? <MailState mail={props.mail} /> : "being sent"}
          </>
        )}
      </div>
    </div>
  );
}
