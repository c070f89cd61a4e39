import { useWords } from "../components/render-context";
import { ExactTime, When } from "../components/when";
import type { LinkMail } from "../links/list-links.server";
import { CopyButton } from "./copy-button";
import { MailState } from "./mail-state";
import { address } from "./text-elements";

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
