import { useWords } from "../components/render-context";
import { When } from "../components/when";
import type { LinkMail } from "../links/list-links.server";
import { mailFailureWords } from "../messages/mail-failure-words";

/** How a link's mail stands, with the mail server's words where it did not get through. */
export function MailState({ mail }: { mail: LinkMail | null }) {
  const words = useWords();
  if (!mail)
    return <span className="whitespace-nowrap text-muted">{words("console.email.none")}</span>;
  const { state, sentAt, nextAttemptAt, attempts } = mail;
  switch (state) {
    case "sent":
      return (
        <span>
          {sentAt
            ? words.rich("console.email.sentAt", { when: () => <When at={sentAt} /> })
            : words("console.email.sent")}
        </span>
      );
    case "queued":
      return (
        <span>
          {mail.lastError
            ? words.rich("console.email.waiting", {
                wait: (text) => <span className="text-wait">{text}</span>,
                when: () => <When at={nextAttemptAt} />,
              })
            : words("console.email.sending")}
          <ServerWords mail={mail} />
        </span>
      );
    case "failed":
      return (
        <span>
          {words.rich("console.email.failed", {
            count: attempts,
            bad: (text) => <span className="font-medium text-bad">{text}</span>,
          })}
          <ServerWords mail={mail} />
        </span>
      );
    case "cancelled":
      return <span className="text-muted">{words("console.email.cancelled")}</span>;
  }
}

function ServerWords({ mail }: { mail: LinkMail }) {
  const words = useWords();
  return mail.lastError ? (
    <span className="mt-0.5 block text-sm wrap-anywhere text-muted">
      {mailFailureWords(words, mail.lastError)}
    </span>
  ) : null;
}
